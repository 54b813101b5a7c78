#!/usr/bin/env python3
"""deploy/nginx.conf, run by an nginx of its own in front of a service that is played here.

    tests/nginx/run.py

What it must do: send a browser's pages on to https and refuse calls of the API there, never with a redirect; hand on
the client's address; hold a client to 64 connections and to its rate, each with 429, and let it go on afterwards;
answer in the service's format while the service is away. Needs nginx and openssl, and no privilege.
"""

import http.client
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
HOST = "content.example.com"
# As the site has it: limit_conn, and the burst of limit_req.
CONNECTIONS = 64
BURST = 100
# Nothing here takes longer, unless it never ends.
PATIENCE_S = 60
# Debian puts nginx where only root looks.
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


class Service(BaseHTTPRequestHandler):
    """Says what reached it. `/held` waits until it is let go. Once it is away, it closes what is still open."""

    protocol_version = "HTTP/1.1"
    let_go = threading.Event()
    arrived = threading.Semaphore(0)
    is_away = False

    def answer(self):
        if Service.is_away:
            self.close_connection = True
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/held":
            Service.arrived.release()
            Service.let_go.wait(PATIENCE_S)
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Request-Id", "of-the-service")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Upstream(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configuration(work, plain, tls, upstream):
    """The site with a certificate of its own, ports that need no privileges, and the service's port."""
    site = SITE.read_text()
    if not Path("/proc/net/if_inet6").exists():
        site = re.sub(r"^ *listen \[::\].*\n", "", site, flags=re.MULTILINE)
    for pattern, instead in [
        (r"/etc/ssl/content\.example\.com", str(work)),
        (r"listen (\[::\]:)?80;", rf"listen \g<1>{plain};"),
        (r"listen (\[::\]:)?443 ", rf"listen \g<1>{tls} "),
        (r"server 127\.0\.0\.1:5000;", f"server 127.0.0.1:{upstream};"),
    ]:
        site, n_found = re.subn(pattern, instead, site)
        assert n_found > 0, pattern
    (work / "site.conf").write_text(site)
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    folders = "".join(f"{kind}_temp_path {work}/{kind};" for kind in kinds)
    # Started by root, nginx would otherwise serve as a user who may not read the folder.
    user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else ""
    path = work / "nginx.conf"
    path.write_text(
        f"{user} pid {work}/nginx.pid; error_log {work}/error.log info; worker_processes 1; daemon off;\n"
        f"events {{ worker_connections 1024; }}\nhttp {{ access_log off; {folders} include {work}/site.conf; }}\n"
    )
    return path


def certificate(work):
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", work / "privkey.pem"]
    command = ["openssl", "req", "-x509", *key, "-days", "1", "-subj", f"/CN={HOST}", "-out", work / "fullchain.pem"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


class Site:
    def __init__(self, work, plain, tls):
        self.work, self.plain, self.tls = work, plain, tls
        self.trust = ssl.create_default_context(cafile=work / "fullchain.pem")
        self.trust.check_hostname = False

    def connection(self, tls=True):
        if tls:
            return http.client.HTTPSConnection("127.0.0.1", self.tls, timeout=PATIENCE_S, context=self.trust)
        return http.client.HTTPConnection("127.0.0.1", self.plain, timeout=PATIENCE_S)

    def ask(self, method, path, tls=True, connection=None, **headers):
        connection = connection or self.connection(tls)
        body = b"a=b" if method == "POST" else None
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Host": HOST, **headers})
        answer = connection.getresponse()
        return answer, answer.read()

    def log(self):
        return (self.work / "error.log").read_text()

    def is_up(self):
        try:
            self.connection(tls=False).connect()
        except ConnectionRefusedError:
            return False
        return True


def problem(answer, body, status, code):
    told = json.loads(body)
    assert answer.status == told["status"] == status and told["code"] == code, (answer.status, told)
    assert told["request_id"] and told["error"] == told["detail"], told


def plain_http(site):
    for path in ["/upload-excel", "/generate-promo", "/retrain", "/upload-excel/", "/docs/"]:
        problem(*site.ask("POST", path, tls=False), 403, "https_only")
    for path in ["/status", "/segments", "/images/x.png", "/upload-excel"]:
        problem(*site.ask("GET", path, tls=False), 403, "https_only")
    # A key has been sent in the clear: whoever follows a redirect would do so every time.
    problem(*site.ask("GET", "/docs/", tls=False, Authorization="Bearer of-a-client"), 403, "https_only")
    for path in ["/", "/docs/", "/console/app.js"]:
        answer, _ = site.ask("GET", path, tls=False)
        assert (answer.status, answer.headers["Location"]) == (308, f"https://{HOST}{path}"), (path, answer.status)
    answer, _ = site.ask("GET", "/docs/", tls=False, Host="evil.example")
    assert answer.headers["Location"] == f"https://{HOST}/docs/", "only to the site's own name"


def what_passes(site):
    for method, path in [("POST", "/upload-excel"), ("POST", "/upload-excel/"), ("GET", "/docs"), ("GET", "/segments")]:
        answer, body = site.ask(method, path, X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="http")
        told = json.loads(body)
        headers = told["headers"]
        assert (answer.status, told["path"]) == (200, path), (answer.status, told)
        assert (headers["X-Forwarded-For"], headers["X-Forwarded-Proto"]) == ("127.0.0.1", "https"), headers
        assert headers["Host"] == HOST, headers
        assert answer.headers.get_all("X-Request-Id") == ["of-the-service"], answer.headers


def limit_of_connections(site):
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        held = [pool.submit(site.ask, "GET", "/held") for _ in range(CONNECTIONS)]
        for _ in held:
            assert Service.arrived.acquire(timeout=PATIENCE_S), "fewer connections reach the service"
        answer, body = site.ask("GET", "/one-too-many")
        problem(answer, body, 429, "too_often")
        assert answer.headers["Retry-After"] == "5", answer.headers
        assert "limiting connections by zone" in site.log()
        Service.let_go.set()
        assert {one.result()[0].status for one in held} == {200}
    assert site.ask("GET", "/status")[0].status == 200


def limit_of_requests(site):
    """Fewer clients than connections are allowed, each asking again at once, until one is refused for its rate."""
    is_over, statuses = threading.Event(), set()

    def ask_on():
        connection = site.connection()
        while not is_over.is_set():
            answer, body = site.ask("GET", "/status", connection=connection)
            statuses.add(answer.status)
            if answer.status == 429:
                problem(answer, body, 429, "too_often")
                is_over.set()

    with ThreadPoolExecutor(CONNECTIONS - 4) as pool:
        for asking in [pool.submit(ask_on) for _ in range(CONNECTIONS - 4)]:
            asking.result()
    assert statuses == {200, 429}, statuses
    excess = [float(found) for found in re.findall(r"limiting requests, excess: ([0-9.]+)", site.log())]
    assert excess and min(excess) > BURST, excess
    assert site.ask("GET", "/status")[0].status == 200, "a rate is no ban"


def main():
    if NGINX is None:
        sys.exit("nginx is not installed: apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        certificate(work)
        upstream = Upstream(("127.0.0.1", 0), Service)
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        site = Site(work, free_port(), free_port())
        path = configuration(work, site.plain, site.tls, upstream.server_address[1])
        command = [NGINX, "-p", work, "-c", path, "-e", "stderr"]
        subprocess.run([*command, "-t", "-q"], check=True)
        nginx = subprocess.Popen(command)
        try:
            while not site.is_up():
                assert nginx.poll() is None, "nginx has ended"
                time.sleep(0.01)
            for check in [plain_http, what_passes, limit_of_connections, limit_of_requests]:
                check(site)
            Service.is_away = True
            upstream.shutdown()
            upstream.server_close()
            problem(*site.ask("GET", "/status"), 502, "service_away")
        finally:
            nginx.terminate()
            nginx.wait()


if __name__ == "__main__":
    main()
