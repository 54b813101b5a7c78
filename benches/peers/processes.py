"""Processes that are measured: their time, the peak of their memory, servers and their answers. Standard library only.

Whoever imports this should stay small: Linux counts what a process held before its `exec` towards its peak.
"""
import http.client
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE_EVERY_S = 0.02


class Unavailable(Exception):
    """Why something cannot be measured: a sentence."""


@dataclass
class Finished:
    seconds: float
    peak_mb: float
    stdout: str
    started: float

    def json(self):
        """What the process's last line says."""
        return json.loads(self.stdout.strip().splitlines()[-1])


def parents():
    """The parent of every process."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            found[int(entry)] = int(stat.rsplit(")", 1)[1].split()[1])
    return found


def descendants(pid):
    children = {}
    for child, parent in parents().items():
        children.setdefault(parent, []).append(child)
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def resident_mb(pid):
    """Resident memory of one process, 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20
    except (OSError, IndexError):
        return 0.0


class TreeMemory:
    """Watches a process and its children: the highest sum of their resident memory, looked at every 20 ms.

    Pages that they share count once for each, so the sum is no lower than what they hold together.
    """

    def __init__(self, pid):
        self.pid, self.peak_mb = pid, 0.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.over.wait(SAMPLE_EVERY_S):
            self.peak_mb = max(self.peak_mb, sum(map(resident_mb, descendants(self.pid))))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def run(command, env=None, cwd=None, whole_tree=False):
    """Runs a command to its end. `whole_tree` counts memory over its children too.

    Raises Unavailable with the last line of its standard error where it fails.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.monotonic()
        child = subprocess.Popen(list(map(str, command)), stdout=out, stderr=err, env=env, cwd=cwd)
        if whole_tree:
            with TreeMemory(child.pid) as memory:
                _, status, usage = os.wait4(child.pid, 0)
        else:
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        for file in (out, err):
            file.seek(0)
        if child.returncode != 0:
            said = err.read().strip().splitlines()
            last = said[-1] if said else "no output"
            raise Unavailable(f"`{Path(command[0]).name} …` ended with {child.returncode}: {last}")
        peak_mb = memory.peak_mb if whole_tree else usage.ru_maxrss / 1024
        return Finished(seconds, peak_mb, out.read(), started)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    process: subprocess.Popen
    port: int
    ready_s: float

    def ask(self, method, path, body=None, headers=None):
        """Status and body of one request on a connection of its own, and the seconds it took."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1800, blocksize=1 << 20)
        started = time.monotonic()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        return response.status, answer, time.monotonic() - started

    def ask_well(self, *request, **named):
        """The same; an answer other than 200 is an end to the comparison."""
        status, answer, seconds = self.ask(*request, **named)
        if status != 200:
            start = answer[:200].decode(errors="replace")
            raise Unavailable(f"`{request[0]} {request[1]}` was answered with {status}: {start}")
        return answer, seconds


@contextmanager
def serving(command, port, ready_path, env, cwd=None):
    """A server from its start to its end, once `ready_path` has been answered with 200."""
    with tempfile.TemporaryFile("w+") as err:
        started = time.monotonic()
        process = subprocess.Popen(list(map(str, command)), env=env, cwd=cwd, stdout=subprocess.DEVNULL, stderr=err)
        try:
            server = Server(process, port, 0.0)
            await_ready(server, ready_path, err)
            server.ready_s = time.monotonic() - started
            yield server
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_ready(server, path, err):
    """Asks every millisecond; a server that listens before it can answer is waited for."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            err.seek(0)
            said = err.read().strip().splitlines()
            raise Unavailable(f"the server ended as it began: {said[-1] if said else 'no word'}")
        try:
            if server.ask("GET", path)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.001)
    raise Unavailable("the server was not ready within five minutes")
