#!/usr/bin/env python3
"""Runs content-portal's release binary and its peers side by side and writes one table, `benches/peers/results.md`.

    cargo build --profile dist --features jemalloc && python3 benches/peers/compare.py [--quick] [--only NAME …]

Needs Python 3.11 or newer and Linux; the peers (requirements.txt) go into an environment of their own below this
folder, generated data into `.cache`. --quick takes fewer rounds and 100,000 rows in place of a million.
What cannot be installed or run is said in the table. `wrk` on the PATH makes the load for requests, if it is there.
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
    "The Flask peer (`flask_service.py`) does the original's steps and is given what favours it: canned or kept "
    "upstream connections, no log, no image.",
    "What no route and no command does alone (a map, a transform, clusters, the bare cell stream) is timed by "
    "`benches/side_by_side.rs` on the peers' own arrays.",
]


def say(text):
    print(f"· {text}", file=sys.stderr, flush=True)


def options():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="fewer rounds, 100,000 rows")
    arguments.add_argument("--only", action="append", choices=[*WORK], help="this comparison; may be repeated")
    arguments.add_argument("--binary", type=Path, default=ROOT / "target" / "dist" / "content-portal")
    arguments.add_argument("--out", type=Path, default=HERE / "results.md")
    return arguments.parse_args()


def built_benches():
    """Builds benches/side_by_side.rs and benches/load as released, and says where they are."""
    names = ["side_by_side", "load"]
    command = ["cargo", "build", "--profile", "dist", "--features", "jemalloc", "--locked", "--message-format", "json"]
    command += [word for name in names for word in ("--bench", name)]
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
    return Bench(asked.binary.resolve(), *built_benches(), python, cache, **sizes)


def measured(name, compare):
    """The rows of one comparison; where it cannot be run, one row that says why."""
    say(name)
    try:
        return compare()
    except (Unavailable, OSError, http.client.HTTPException, subprocess.CalledProcessError) as reason:
        return [Row(name, "–", why_not=f"{type(reason).__name__}: {reason}")]


def table(asked, rows, before, missing):
    """The table as far as it is: written after each comparison, so that what ends a run early loses one at the most."""
    load = "load over 1, 5 and 15 minutes as it ended: " + ", ".join(f"{value:.1f}" for value in os.getloadavg())
    chosen = ["--quick"] * asked.quick + [word for name in asked.only or () for word in ("--only", name)]
    command = " ".join(["python3 benches/peers/compare.py", *chosen])
    return markdown(rows, f"{before}; {load}", command, [*missing, *NOTES])


def main():
    asked = options()
    # An end by signal unwinds like any other, which ends the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended early"))
    if not asked.binary.exists():
        sys.exit(f"There is no {asked.binary}: run `cargo build --profile dist --features jemalloc` first.")
    before = machine()
    python, missing = peers_python(say)
    bench = prepared(asked, python)
    rows = []
    for name in asked.only or WORK:
        rows += measured(name, lambda: WORK[name](bench))
        asked.out.write_text(table(asked, rows, before, missing))
    print(asked.out.read_text())


if __name__ == "__main__":
    main()
