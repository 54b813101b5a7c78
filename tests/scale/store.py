#!/usr/bin/env python3
"""Several machines over one object store: moto's S3, in this process, and the real binary.

    tests/scale/store.py target/release/content-portal

A version is pushed and pulled; a stale `If-Match` is refused; of two trainings at once one wins; two servers follow an
activation within ten seconds, answer alike and share what marketers add and what was drawn; eight servers spend a day's
budget together and no more. Needs the packages of requirements-store.txt beside this file.
"""

import base64
import filecmp
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parents[2]
BINARY = str(Path(sys.argv[1]).resolve())
BEGAN = time.monotonic()
KEY = "a-key-of-the-administrators"
STORE = "s3://marketing/portal"
SECRET = "a-secret-access-key"
FOLLOWED_WITHIN_S = 10
# Lines of servers' logs that hold the secret.
TOLD = []
JSON = {"Content-Type": "application/json"}
CAMPAIGN = {"objective": "More visits", "industry": "Retail"}
BUDGET_USD = 0.2
# Of each call to the mock model, and what a million of them cost by src/content/prices.json (gpt-4o-mini).
TOKENS = (900, 100)
PRICES = (0.15, 0.60)
# One transparent pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def say(what):
    print(f"{time.monotonic() - BEGAN:5.1f} s  {what}", flush=True)


class Machine:
    """A folder of its own, with the settings of the store."""

    def __init__(self, work, name, endpoint):
        self.folder = work / name
        (self.folder / "base_data").mkdir(parents=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "1",
            "AWS_ACCESS_KEY_ID": "an-access-key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "ADMIN_KEY": KEY,
            "PORT": "0",
            "WRITER": "offline",
        }

    def with_data(self, file):
        shutil.copy(file, self.folder / "base_data")
        return self

    def start(self, *args, **settings):
        return subprocess.Popen(
            [BINARY, *args],
            cwd=self.folder,
            env=self.environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args, fails=False, **settings):
        """Standard output of a command; of one that should fail, what it said."""
        process = self.start(*args, **settings)
        out, err = process.communicate(timeout=120)
        assert (process.returncode != 0) == fails, f"{args}: {process.returncode}\n{out}\n{err}"
        assert SECRET not in out + err
        return err if fails else out

    def current(self):
        return os.readlink(self.folder / "models" / "current").removeprefix("versions/")

    def version(self, version):
        return self.folder / "models" / "versions" / version


class Server:
    """A server until the end of the block."""

    def __init__(self, machine):
        self.machine = machine

    def __enter__(self):
        self.process = self.machine.start("serve", STORE_URL=STORE)
        self.events, listening = [], threading.Event()

        def read():
            for line in self.process.stderr:
                if SECRET in line:
                    TOLD.append(line)
                entry = json.loads(line)
                self.events.append(entry)
                if entry.get("event") == "listening":
                    self.address = entry["address"]
                if entry.get("event") == "ready":
                    listening.set()
            listening.set()

        threading.Thread(target=read, daemon=True).start()
        listening.wait(60)
        assert self.process.poll() is None and hasattr(self, "address"), self.events
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(40) == 0, self.events

    def call(self, path, method="GET", body=None, headers=None):
        request = urllib.request.Request(f"http://{self.address}{path}", data=body, method=method)
        for name, value in {"Authorization": f"Bearer {KEY}", **(headers or {})}.items():
            request.add_header(name, value)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def live(self):
        return self.call("/readyz")["model_version"]

    def upload(self, file):
        boundary = uuid.uuid4().hex
        field = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
        body = b"".join(
            [
                field.format(boundary, "objective", "").encode() + b"More visits\r\n",
                field.format(boundary, "file", '; filename="customers.xlsx"').encode() + file.read_bytes() + b"\r\n",
                f"--{boundary}--\r\n".encode(),
            ]
        )
        kind = f"multipart/form-data; boundary={boundary}"
        return self.call("/upload-excel", "POST", body, {"Content-Type": kind})

    def logged(self, event):
        return [entry for entry in self.events if entry.get("event") == event]


def until(what, servers, version):
    """Waits until every server serves `version`; no longer than it may take."""
    began = time.monotonic()
    while any(server.live() != version for server in servers):
        took = time.monotonic() - began
        assert took <= FOLLOWED_WITHIN_S, f"{what}: {[server.live() for server in servers]} after {took:.1f} s"
        time.sleep(0.1)
    say(f"{what}: live on {len(servers)} servers after {time.monotonic() - began:.1f} s")


def same_files(a, b):
    names = sorted(path.name for path in a.iterdir())
    assert names == sorted(path.name for path in b.iterdir())
    assert filecmp.cmpfiles(a, b, names, shallow=False) == (names, [], []), (a, b)


def push_and_pull(trainer, server, s3):
    trainer.run("retrain")
    first = trainer.current()
    said = server.run("models", "pull", STORE, fails=True)
    assert "no current version yet" in said and STORE in said, said
    trainer.run("models", "push", STORE)
    server.run("models", "pull", STORE)
    assert server.current() == first
    same_files(trainer.version(first), server.version(first))
    say("pushed and pulled, byte for byte")

    held = s3.get_object(Bucket="marketing", Key="portal/current")
    assert json.loads(held["Body"].read())["version"] == first
    trainer.run("retrain", "--force")
    trainer.run("models", "push", STORE)
    try:
        s3.put_object(Bucket="marketing", Key="portal/current", Body=b"{}", IfMatch=held["ETag"])
        raise AssertionError("a stale If-Match was taken")
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 412, refused
    now = json.loads(s3.get_object(Bucket="marketing", Key="portal/current")["Body"].read())
    assert (now["version"], now["before"]) == (trainer.current(), first), now
    say("a stale If-Match is refused")
    said = trainer.run("check", STORE_URL=STORE)
    assert f"{STORE}: an object was written, replaced and removed" in said, said
    assert "Contents" not in s3.list_objects_v2(Bucket="marketing", Prefix="portal/checks/")
    say("a check writes, and leaves nothing")


def wrong_keys_and_buckets(machine):
    said = machine.run("models", "pull", "s3://no-such-bucket/portal", fails=True)
    assert "there is no such bucket" in said and "s3://no-such-bucket/portal" in said, said
    said = machine.run("models", "pull", STORE, fails=True, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert "cannot be reached" in said and "AWS_ENDPOINT_URL" in said, said
    say("a bucket that is not there and a server that does not answer are told as such")


def two_trainings_at_once(machines):
    """Of two trainings that began from the same version one wins, whichever is first."""
    for _ in range(5):
        before = machines[0].current()
        trainings = [machine.start("retrain", "--force", "--events", STORE_URL=STORE) for machine in machines]
        ended = [training.communicate(timeout=120) for training in trainings]
        outcomes = [json.loads(out.splitlines()[-1]) for out, _ in ended]
        kinds = sorted(outcome["outcome"] for outcome in outcomes)
        assert "failed" not in kinds, ended
        for machine in machines:
            machine.run("models", "pull", STORE)
        assert machines[0].current() == machines[1].current() != before
        if kinds == ["locked", "published"]:
            assert any("locked: nothing was published" in err for _, err in ended), ended
            say("two trainings at once: one is live, the other ended locked")
            return
    raise AssertionError(f"the trainings never met: {outcomes}")


def servers_as_one(machines, s3, customers):
    with Server(machines[0]) as one, Server(machines[1]) as other:
        servers = [one, other]
        newest = one.live()
        assert other.live() == newest
        listed = [[version["version"] for version in server.call("/models")["versions"]] for server in servers]
        assert listed[0] == listed[1] and len(listed[0]) > 1, listed
        earlier = listed[0][-1]
        one.call(f"/models/{earlier}/activate", "POST")
        until("an activation", servers, earlier)
        answers = [server.upload(customers) for server in servers]
        whole, other_whole = (without_its_own(answer, server) for answer, server in zip(answers, servers, strict=True))
        assert whole == other_whole and answers[0]["segments"], difference(whole, other_whole)
        say("both answer the same workbook alike")

        began = time.monotonic()
        one.call("/segments/0/extras", "PUT", b'{"Interests": "running"}', {"If-Match": "*", **JSON})
        while "running" not in json.dumps(other.call("/segments")):
            assert time.monotonic() - began <= FOLLOWED_WITHIN_S
            time.sleep(0.1)
        say(f"what was added on one is on the other after {time.monotonic() - began:.1f} s")

        poster = one.call("/generate-promo", "POST", json.dumps(CAMPAIGN | {"output": "Image"}).encode(), JSON)
        name = find_image(poster)
        for server in servers:
            with urllib.request.urlopen(f"http://{server.address}/images/{name}", timeout=60) as answer:
                assert answer.read().startswith(b"\x89PNG")
        say("a poster of one is drawn by the other")

        s3.put_object(Bucket="marketing", Key=f"portal/models/{newest}/encoder.json", Body=b"{}")
        shutil.rmtree(machines[1].version(newest))
        one.call(f"/models/{newest}/activate", "POST")
        until("an activation where a file is damaged", [one], newest)
        time.sleep(7)
        assert other.live() == earlier and len(other.logged("shared_current_broken")) == 1, other.events
        machines[0].run("models", "push", STORE)
        say("a damaged version is told once, and the one before stays live")


def a_damaged_version_and_new_machines(work, endpoint, s3, customers):
    """A server that starts from nothing serves what is whole; a training mends what is current."""
    damaged = json.loads(s3.get_object(Bucket="marketing", Key="portal/current")["Body"].read())["version"]
    s3.put_object(Bucket="marketing", Key=f"portal/models/{damaged}/scaler.json", Body=b"{}")
    with Server(Machine(work, "new", endpoint)) as server:
        served = server.live()
        assert served != damaged and server.logged("shared_store_not_followed"), server.events
        trainer = Machine(work, "trainer", endpoint).with_data(customers)
        trainer.run("retrain", "--force", STORE_URL=STORE)
        assert trainer.current() not in (damaged, served)
        until("a training that mends a damaged version", [server], trainer.current())
    # The object itself may hold anything.
    s3.put_object(Bucket="marketing", Key="portal/current", Body=b"<html>")
    trainer.run("retrain", "--force", STORE_URL=STORE)
    now = json.loads(s3.get_object(Bucket="marketing", Key="portal/current")["Body"].read())
    assert now["version"] == trainer.current()
    s3.put_object(Bucket="marketing", Key="portal/current", Body=b"<html>")
    trainer.run("models", "push", STORE)
    now = json.loads(s3.get_object(Bucket="marketing", Key="portal/current")["Body"].read())
    assert now["version"] == trainer.current()
    left = s3.list_objects_v2(Bucket="marketing", Prefix="portal/models/")["Contents"]
    assert not [object["Key"] for object in left if object["Key"].endswith("/unpublished")], left
    say("a current that names nothing is replaced by the next training, and by a push")


def without_its_own(answer, server):
    """An answer without what each server says of itself: its address, its clock, the request."""
    if isinstance(answer, dict):
        own = ("request_id", "timings_ms")
        return {key: without_its_own(value, server) for key, value in answer.items() if key not in own}
    if isinstance(answer, list):
        return [without_its_own(value, server) for value in answer]
    return answer.replace(server.address, "SERVER") if isinstance(answer, str) else answer


def difference(one, other, path=""):
    """The first place where two answers differ."""
    if type(one) is type(other) and isinstance(one, dict) and one.keys() == other.keys():
        found = (difference(one[key], other[key], f"{path}/{key}") for key in one)
    elif type(one) is type(other) and isinstance(one, list) and len(one) == len(other):
        found = (difference(a, b, f"{path}/{n}") for n, (a, b) in enumerate(zip(one, other, strict=True)))
    else:
        return None if one == other else f"{path}: {one!r} and {other!r}"
    return next((place for place in found if place), None)


def a_picture_of_one(machines, s3):
    """What a model draws for one server is served by the other, from the store."""
    models = ThreadingHTTPServer(("127.0.0.1", 0), ModelServer)
    threading.Thread(target=models.serve_forever, daemon=True).start()
    for machine in machines:
        machine.environment |= {"WRITER": "openai", "OPENAI_BASE_URL": f"http://127.0.0.1:{models.server_port}/v1"}
    with Server(machines[0]) as one, Server(machines[1]) as other:
        drawn = one.call("/generate-promo", "POST", json.dumps(CAMPAIGN | {"output": "Both"}).encode(), JSON)
        name = find_image(drawn)
        assert s3.head_object(Bucket="marketing", Key=f"portal/images/{name}")["ContentLength"] == len(PNG)
        assert not (machines[1].folder / "images" / name).exists()
        with urllib.request.urlopen(f"http://{other.address}/images/{name}", timeout=60) as answer:
            assert answer.read() == PNG
    models.shutdown()
    for machine in machines:
        machine.environment |= {"WRITER": "offline"}
        del machine.environment["OPENAI_BASE_URL"]
    say("a picture of one is served by the other")


def find_image(answer):
    text = json.dumps(answer)
    return text.split("/images/", 1)[1].split('"', 1)[0]


class ModelServer(BaseHTTPRequestHandler):
    """Answers every call for texts, and counts the calls."""

    lock = threading.Lock()
    n_calls = 0

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            type(self).n_calls += not self.path.endswith("/images/generations")
        text = json.dumps({"variants": ["A text."], "image_prompt": "A lamp.", "slogan": "Light for later"})
        message = {"role": "assistant", "content": text}
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1], "total_tokens": sum(TOKENS)},
        }
        if self.path.endswith("/images/generations"):
            answer = {"created": 1, "data": [{"b64_json": base64.b64encode(PNG).decode()}]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def a_budget_together(work, endpoint, s3):
    """Eight servers, each with a folder of its own, call a model until nothing of the day is left."""
    ModelServer.n_calls = 0
    models = ThreadingHTTPServer(("127.0.0.1", 0), ModelServer)
    threading.Thread(target=models.serve_forever, daemon=True).start()
    settings = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{models.server_port}/v1",
        "WRITER": "openai",
        "DAILY_BUDGET_USD": str(BUDGET_USD),
    }
    servers = []
    for n in range(8):
        machine = Machine(work, f"writer{n}", endpoint)
        machine.environment |= settings
        servers.append(Server(machine))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(Server.__enter__, servers))
        try:
            spent = list(pool.map(spend_all, servers))
        finally:
            list(pool.map(Server.__exit__, servers))
    usd = ModelServer.n_calls * (TOKENS[0] * PRICES[0] + TOKENS[1] * PRICES[1]) / 1e6
    leased = [
        json.loads(s3.get_object(Bucket="marketing", Key=object["Key"])["Body"].read())["leased_usd"]
        for object in s3.list_objects_v2(Bucket="marketing", Prefix="portal/budget/")["Contents"]
    ]
    assert sum(spent) == ModelServer.n_calls > 8, (spent, ModelServer.n_calls)
    assert all(usd <= BUDGET_USD + 1e-9 for usd in leased), leased
    # Midnight may come between two calls.
    assert BUDGET_USD / 2 < usd <= BUDGET_USD * len(leased) + 1e-9, (usd, leased)
    models.shutdown()
    say(f"8 servers made {ModelServer.n_calls} calls for {usd:.4f} of {BUDGET_USD} USD: {spent}")


def spend_all(server):
    """Writes until the budget is spent; how many texts were written."""
    n_written = 0
    while n_written < 1000:
        try:
            server.call("/generate-promo", "POST", json.dumps(CAMPAIGN | {"objective": f"{n_written}"}).encode(), JSON)
            n_written += 1
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            assert (error.code, problem["code"]) == (503, "budget_spent"), problem
            return n_written
    raise AssertionError("the budget never ended")


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="an-access-key",
        aws_secret_access_key=SECRET,
    )
    s3.create_bucket(Bucket="marketing")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        customers = ROOT / "base_data" / "2026-01-01" / "customers.xlsx"
        a, b = (Machine(work, name, endpoint) for name in "ab")
        a.with_data(customers)
        push_and_pull(a, b, s3)
        wrong_keys_and_buckets(b)
        b.with_data(customers)
        two_trainings_at_once([a, b])
        servers_as_one([a, b], s3, customers)
        a_damaged_version_and_new_machines(work, endpoint, s3, customers)
        a_picture_of_one([a, b], s3)
        a_budget_together(work, endpoint, s3)
    moto.stop()
    assert not TOLD, TOLD
    say("all of it")


if __name__ == "__main__":
    main()
