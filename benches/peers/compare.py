#!/usr/bin/env python3
"""Builds content-portal as shipped, runs it beside its peers and writes one table, `benches/peers/results.md`.

    python3 benches/peers/compare.py [--quick] [--only NAME …]

Needs Linux, Python 3.11 or newer and a quiet machine. It installs the peers (requirements.txt) below this folder and
writes generated data to `.cache`. --quick takes fewer rounds and 100,000 rows instead of a million. --only runs the
named comparisons and writes `results-NAME.md` instead: `--only upload` compares an upload with the Flask service's.
The table names what could not be installed or run. Requests are sent by `wrk` where it is on the PATH.
"""
import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from bench import HERE, Bench
from comparisons import COMPARISONS
from environment import machine, peers_python
from libraries import LIBRARIES
from processes import Unavailable
from report import Row, markdown

ROOT = HERE.parent.parent
WORK = {**COMPARISONS, **LIBRARIES}
NOTES = [
    "Data are generated with a seed (`data.py`); all settings of content-portal are the defaults but for folders and "
    "writer.",
    "The Flask peer (`flask_service.py`) does the original's steps under favourable conditions: canned or kept "
    "upstream connections, no log, no image.",
    "`benches/side_by_side.rs` times the map, the transform, the clusters and the bare cell stream on the peers' own "
    "arrays, because no route or command runs them alone.",
]


def log(text):
    print(f"· {text}", file=sys.stderr, flush=True)


def options():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="fewer rounds, 100,000 rows")
    arguments.add_argument("--only", action="append", choices=[*WORK], help="this comparison; may be repeated")
    arguments.add_argument("--binary", type=Path, help="this binary instead of the one that is built")
    arguments.add_argument("--out", type=Path, help="where the table goes")
    asked = arguments.parse_args()
    asked.out = asked.out or HERE / f"{'-'.join(['results', *(asked.only or [])])}.md"
    return asked


def built():
    """Builds the binary, benches/side_by_side.rs and benches/load as shipped; their paths."""
    names = ["content-portal", "side_by_side", "load"]
    command = ["cargo", "build", "--profile", "dist", "--features", "jemalloc", "--locked", "--message-format", "json"]
    command += ["--bin", names[0], "--bench", names[1], "--bench", names[2]]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    built = [json.loads(line) for line in said.splitlines()]
    places = {one["target"]["name"]: Path(one["executable"]) for one in built if one.get("executable")}
    return [places[name] for name in names]


def prepared(asked, python):
    cache = HERE / ".cache"
    cache.mkdir(exist_ok=True)
    sizes = {"rounds": 5, "slow_rounds": 3, "rows": 1_000_000, "seconds_of_load": 8}
    if asked.quick:
        sizes = {"rounds": 2, "slow_rounds": 1, "rows": 100_000, "seconds_of_load": 3}
    binary, *benches = built()
    return Bench((asked.binary or binary).resolve(), *benches, python, cache, **sizes)


def measured(name, compare):
    """The rows of one comparison, or one row with the reason why it could not run."""
    log(name)
    try:
        return compare()
    except (Unavailable, OSError, http.client.HTTPException, subprocess.CalledProcessError) as reason:
        return [Row(name, "–", why_not=f"{type(reason).__name__}: {reason}")]


def table(asked, rows, before, missing):
    """The table so far. It is written after each comparison: a run that ends early loses one at most."""
    load = "load over 1, 5 and 15 minutes as it ended: " + ", ".join(f"{value:.1f}" for value in os.getloadavg())
    chosen = ["--quick"] * asked.quick + [word for name in asked.only or () for word in ("--only", name)]
    command = " ".join(["python3 benches/peers/compare.py", *chosen])
    return markdown(rows, f"{before}; {load}", command, [*missing, *NOTES])


def main():
    asked = options()
    # SystemExit unwinds, which also ends the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended early"))
    before = machine()
    python, missing = peers_python(log)
    bench = prepared(asked, python)
    rows = []
    for name in asked.only or WORK:
        rows += measured(name, lambda work=WORK[name]: work(bench))
        asked.out.write_text(table(asked, rows, before, missing))
    print(asked.out.read_text())


if __name__ == "__main__":
    main()
