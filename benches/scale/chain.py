#!/usr/bin/env python3
"""What a hundred million customers cost: grouped in DuckDB, trained on, placed and joined, step by step.

    benches/scale/chain.py target/release/content-portal

Ten links to one Parquet file of ROWS / 10 customers stand for ten files. Each step is a process of its own with two
threads, and its processor time and largest resident memory are those that the kernel counted for it. FOLDER is where
the files go (1.7 GB for 100 million). Needs tests/scale/requirements.txt.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS = int(os.environ.get("ROWS", "100000000"))
LINKS = 10
BINARY = str(Path(sys.argv[1]).resolve())
CUSTOMERS = "read_parquet('customers_*.parquet')"
DUCKDB = "import duckdb, sys; duckdb.execute('SET threads = 2'); duckdb.execute(sys.stdin.read())"

# Four kinds of customers, told apart by town, tier and month.
DRAWN = f'''
COPY (
    WITH drawn AS (
        SELECT i, hash(i) % 4 AS kind, hash(i + 1000000007) AS a, hash(i + 2000000011) AS b, hash(i + 3000000019) AS c
        FROM range({ROWS // LINKS}) AS t(i)
    )
    SELECT
        i AS id,
        list_extract(['Bedok', 'Tampines', 'Yishun', 'Woodlands', 'Clementi', 'Queenstown', 'Punggol', 'Bishan',
            'Novena'], (1 + kind * 2 + a % 3)::INT) AS "Location",
        list_extract(['Female', 'Male'], (1 + b % 2)::INT) AS "Gender",
        (DATE '2021-01-01' + INTERVAL 1 DAY * (kind * 365 + 90 * (c % 3) + b % 60)::INT)::DATE AS "Date Joined",
        list_extract(['Silver', 'Gold', 'Platinum'], (1 + (kind + a % 2) % 3)::INT) AS "Loyalty Tier"
    FROM drawn
) TO 'customers_0.parquet'
'''


def measured(name, command, **streams):
    """Runs one step; its seconds of a processor and its largest resident memory in MB."""
    process = subprocess.Popen(command, **streams)
    if process.stdin:
        process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{name}: exit code {os.waitstatus_to_exitcode(status)}")
    seconds, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024
    print(f"{name:<60} {seconds:7.2f} s  {memory:5} MB", flush=True)
    return seconds, memory


def in_duckdb(name, statement):
    Path("statement.sql").write_text(statement)
    with open("statement.sql", "rb") as text:
        return measured(name, [sys.executable, "-c", DUCKDB], stdin=text)


def statement(*args):
    command = [BINARY, "sql", *args, "--dialect", "duckdb", "--table", CUSTOMERS]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def chain():
    """The steps of docs/scale.md, in their order."""
    yield in_duckdb("group", f"COPY ({statement('group')}) TO 'profiles.csv'")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    yield measured("retrain --profiles", [BINARY, "retrain", "--profiles", "profiles.csv"], **quiet)
    with open("profiles.csv", "rb") as profiles, open("segments.csv", "wb") as segments:
        streams = {"stdin": profiles, "stdout": segments, "stderr": subprocess.DEVNULL}
        yield measured("assign --csv", [BINARY, "assign", "--csv"], **streams)
    joined = statement("join", "--segments", "read_csv('segments.csv')")
    yield in_duckdb(
        "join, identifier and segment", f"COPY (SELECT id, cluster_id FROM ({joined})) TO 'placed.parquet'"
    )
    # Beside the chain: the same with all columns, and what of it is reading and writing them.
    in_duckdb("(join, all columns)", f"COPY ({joined}) TO 'joined.parquet'")
    in_duckdb("(no join, all columns)", f"COPY (SELECT * FROM {CUSTOMERS}) TO 'copied.parquet'")


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("FOLDER")) as folder:
        os.chdir(folder)
        in_duckdb(f"({ROWS // LINKS} customers drawn)", DRAWN)
        for number in range(1, LINKS):
            os.link("customers_0.parquet", f"customers_{number}.parquet")
        steps = list(chain())
        seconds, memory = sum(step[0] for step in steps), max(step[1] for step in steps)
        print(f"{'the chain':<60} {seconds:7.2f} s  {memory:5} MB")


main()
