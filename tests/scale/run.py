#!/usr/bin/env python3
"""The way of a hundred million customers, with fewer: grouped in DuckDB, trained on, placed, joined, compared.

    ROWS=10000000 tests/scale/run.py target/release/content-portal

Every row's segment by the join must be the one that `assign` gives the row itself. Then the wrapper for Spark is handed
programs that cut their output: it must fail. Needs the packages of requirements.txt beside this file.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "spark"))
import content_portal  # noqa: E402

ROWS = int(os.environ.get("ROWS", "1000000"))
BINARY = str(Path(sys.argv[1]).resolve())
BEGAN = time.monotonic()

# Four kinds of customers, told apart by town, tier and month; some cells are empty, wrong, or in the future. A tenth
# has an older row, which must not count.
CUSTOMERS = f'''
COPY (
    WITH drawn AS (
        SELECT i, hash(i) % 4 AS kind, hash(i + 1000000007) AS a, hash(i + 2000000011) AS b, hash(i + 3000000019) AS c
        FROM range({ROWS}) AS t(i)
    ), whole AS (
        SELECT
            'C' || (CASE WHEN i % 10 = 9 THEN i - 1 ELSE i END) AS id,
            CASE WHEN a % 997 = 0 THEN NULL WHEN a % 991 = 0 THEN ' ' ELSE
                list_extract(['Bedok', 'tampines', 'Yishun', 'WOODLANDS', 'Clementi', ' Queenstown', 'Punggol',
                    'Straße 1', 'O''Hara, "Inn"'], (1 + kind * 2 + a % 3)::INT) END AS "town ""raw""",
            list_extract(['F', 'Female', 'm', NULL, ''], (1 + b % 5)::INT) AS "Gender",
            DATE '2021-01-01' + INTERVAL 1 DAY * (kind * 365 + 90 * (c % 3) + b % 60)::INT
                + CASE WHEN c % 1999 = 0 THEN INTERVAL 900 YEAR ELSE INTERVAL 0 YEAR END AS "Date Joined",
            CASE WHEN c % 1009 = 0 THEN 'Bronze' ELSE
                list_extract(['Silver', 'gold', 'Platinum'], (1 + (kind + a % 2) % 3)::INT) END AS "Loyalty Tier",
            CASE WHEN i % 10 = 9 THEN TIMESTAMP '2024-01-01' ELSE TIMESTAMP '2025-01-01' END AS seen
        FROM drawn
    )
    SELECT * REPLACE ("Date Joined"::DATE AS "Date Joined") FROM whole
) TO 'customers.parquet'
'''
TABLE = ["--dialect", "duckdb", "--table", "read_parquet('customers.parquet')", "--column", 'Location=town "raw"']
NEWEST = ["--identifier", "id", "--newest-by", "seen"]


def run(*args, **streams):
    return subprocess.run([BINARY, *args], check=True, **streams).stdout


def statement(*args):
    return run("sql", *args, stdout=subprocess.PIPE, text=True)


def step(text):
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


def place_rows():
    """Each row by itself: through the program, batch by batch."""
    source = pq.ParquetFile("customers.parquet")
    names = ["id", "Location", *source.schema_arrow.names[2:]]
    batches = (batch.rename_columns(names) for batch in source.iter_batches(65536))
    command = [BINARY, "assign", "--keep", "id,seen"]
    return pa.Table.from_batches(content_portal.placed(batches, command))


def compare(db, rows):
    db.register("rows", rows)
    answer = "cluster_id, strength, nearest_id, is_new, row_fault IS NULL AS is_usable"
    differing = db.execute(f"""
        SELECT COUNT(*) FROM (
            SELECT id, seen, {answer} FROM 'joined.parquet' EXCEPT ALL SELECT id, seen, {answer} FROM rows
        )""").fetchone()[0]
    n_joined, segments, faults = db.execute(
        "SELECT COUNT(*), COUNT(DISTINCT cluster_id), COUNT(row_fault) FROM 'joined.parquet'"
    ).fetchone()
    assert n_joined == rows.num_rows == ROWS, (n_joined, rows.num_rows)
    assert segments > 2 and 0 < faults < ROWS / 100, (segments, faults)
    assert differing == 0, f"{differing} rows have another place by the join than by themselves"
    step(f"{n_joined} rows the same, {segments} segments, {faults} rows that cannot be used")


def must_fail(batches, command, why):
    try:
        for _ in content_portal.placed(iter(batches), command):
            pass
    except RuntimeError as error:
        assert why in str(error), error
    else:
        raise AssertionError(f"{command} was taken for whole")


def cut_outputs(rows):
    """A program whose output ends at a batch's end, with and without an exit code that says so."""
    batches = rows.slice(0, 3000).to_batches(1000)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema) as stream:
        stream.write_batch(batches[0])
        at = sink.tell()
    Path("cut.arrows").write_bytes(sink.getvalue().to_pybytes()[:at])
    must_fail(batches, ["sh", "-c", "cat cut.arrows; cat >/dev/null"], "3000 rows in, 1000 out")
    must_fail(batches, ["sh", "-c", "cat cut.arrows; cat >/dev/null; exit 4"], "exit code 4")
    must_fail(batches, ["sh", "-c", "cat cut.arrows; kill -9 $$"], "exit code -9")
    must_fail(batches, [BINARY, "assign", "--model", "nowhere"], "exit code 3")
    assert list(content_portal.placed(iter([]), ["false"])) == [], "an empty partition starts nothing"

    def failing():
        yield batches[0]
        raise ValueError("the partition could not be read")

    must_fail(failing(), ["cat"], "the partition could not be read")
    step("cut, killed and starved programs fail the job")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        db = duckdb.connect()
        db.execute(CUSTOMERS)
        step(f"{ROWS} rows written")
        db.execute(f"COPY ({statement('group', *TABLE, *NEWEST)}) TO 'profiles.csv'")
        step(f"{len(Path('profiles.csv').read_text().splitlines()) - 1} profiles grouped")
        run("retrain", "--profiles", "profiles.csv", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        step("trained")
        # All rows are to be joined, the older ones as well.
        db.execute(f"COPY ({statement('group', *TABLE)}) TO 'all_profiles.csv'")
        with open("all_profiles.csv", "rb") as profiles, open("segments.csv", "wb") as segments:
            run("assign", "--csv", stdin=profiles, stdout=segments)
        joined = statement("join", *TABLE, "--segments", "read_csv('segments.csv')")
        db.execute(f"COPY ({joined}) TO 'joined.parquet'")
        step("joined")
        rows = place_rows()
        step("placed row by row")
        compare(db, rows)
        cut_outputs(rows)


main()
