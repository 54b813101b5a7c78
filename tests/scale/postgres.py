#!/usr/bin/env python3
"""The statements of `sql --dialect postgres`, run by a PostgreSQL of its own: grouped, placed, joined, compared.

    tests/scale/postgres.py target/release/content-portal

The profiles must be those that DuckDB finds, and each row's segment the one that the join in DuckDB and `assign` give
it. The server has no network, only a socket in a folder that goes with it. Needs Debian's package postgresql, and those
of requirements.txt beside this file.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

BINARY = str(Path(sys.argv[1]).resolve())
ROWS = int(os.environ.get("ROWS", "20000"))
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))[-1]
BEGAN = time.monotonic()

# Names that have to be quoted; text that is nothing, or holds quotes, commas, lines and backslashes; dates that are
# nothing, to come, and without an end; a tenth of the customers twice, some without an identifier.
CUSTOMERS = f'''
CREATE SCHEMA crm;
CREATE TABLE crm."Kunden 1" AS
WITH drawn AS (
    SELECT i, hash(i) % 4 AS kind, hash(i + 1000000007) AS a, hash(i + 2000000011) AS b, hash(i + 3000000019) AS c
    FROM range({ROWS}) AS t(i)
)
SELECT
    i AS n,
    CASE WHEN i % 101 = 0 THEN NULL WHEN i % 103 = 0 THEN ' ' ELSE
        'C' || (CASE WHEN i % 10 = 9 THEN i - 1 ELSE i END) END AS "Kunden-Nr.",
    CASE WHEN a % 97 = 0 THEN NULL WHEN a % 89 = 0 THEN '  ' ELSE
        list_extract(['Bedok', 'tampines', 'Yishun', 'WOODLANDS', ' Clementi', 'Queenstown ', 'Straße 1',
            'O''Hara, "Inn"', 'two' || chr(10) || 'lines', 'back\\slash \\N', chr(9) || 'Punggol'],
            (1 + kind * 2 + a % 5)::INT) END AS "town ""raw""",
    list_extract(['F', 'Female', 'm', NULL, ''], (1 + b % 5)::INT) AS "Geschlecht?",
    CASE WHEN c % 83 = 0 THEN NULL WHEN c % 79 = 0 THEN DATE '-infinity' WHEN c % 73 = 0 THEN DATE 'infinity' ELSE
        DATE '2021-01-01' + INTERVAL 1 DAY * (kind * 365 + 90 * (c % 3) + b % 60)::INT
            + CASE WHEN c % 71 = 0 THEN INTERVAL 900 YEAR ELSE INTERVAL 0 YEAR END END::DATE AS "Date Joined",
    CASE WHEN c % 67 = 0 THEN 'Bronze' ELSE
        list_extract(['Silver', 'gold', 'Platinum'], (1 + (kind + a % 2) % 3)::INT) END AS "Loyalty Tier",
    CASE WHEN i % 107 = 0 THEN NULL ELSE TIMESTAMP '2024-01-01' + INTERVAL 1 SECOND * i::INT END AS seen
FROM drawn
'''
TABLE_OF_POSTGRES = '''
CREATE SCHEMA crm;
CREATE TABLE crm."Kunden 1" (
    n bigint, "Kunden-Nr." varchar(20), "town ""raw""" text, "Geschlecht?" text, "Date Joined" date,
    "Loyalty Tier" varchar(20), seen timestamptz
)
'''
OPTIONS = ["--table", 'crm."Kunden 1"', "--column", 'Location=town "raw"', "--column", "Gender=Geschlecht?"]
NEWEST = ["--identifier", "Kunden-Nr.", "--newest-by", "seen"]
ADDED = "cluster_id::INT, strength::FLOAT, nearest_id::INT, is_new::BOOLEAN, row_fault IS NULL"


def say(what):
    print(f"{time.monotonic() - BEGAN:5.1f} s  {what}", flush=True)


def run(*args, **streams):
    return subprocess.run([BINARY, *args], check=True, **streams).stdout


def statement(dialect, *args):
    return run("sql", *args, "--dialect", dialect, *OPTIONS, stdout=subprocess.PIPE, text=True)


class Postgres:
    """A server until the end of the block. It refuses to run as root, so root's runs as nobody."""

    def __init__(self, folder):
        self.folder = folder
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def command(self, program, *args):
        switch = []
        if self.user:
            switch = ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups"]
        return [*switch, str(PROGRAMS / program), *args]

    def __enter__(self):
        self.folder.mkdir()
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        data = str(self.folder / "data")
        made = ["-D", data, "-U", "portal", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(self.command("initdb", *made), check=True, stdout=subprocess.DEVNULL, cwd="/")
        settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "TimeZone=UTC"]
        self.log = open("postgres.log", "w")
        started = self.command("postgres", "-D", data, "-k", str(self.folder), *settings)
        self.process = subprocess.Popen(started, cwd="/", stdout=self.log, stderr=self.log)
        ready = [str(PROGRAMS / "pg_isready"), "-q", "-h", str(self.folder)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self.process.poll() is None and time.monotonic() - BEGAN < 60, Path("postgres.log").read_text()
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def psql(self, sql, **streams):
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U", "portal", "postgres"]
        subprocess.run([*command, "-c", sql], check=True, **streams)

    def load(self, table, file):
        with open(file) as rows:
            self.psql(f"COPY {table} FROM STDIN WITH (FORMAT csv, HEADER)", stdin=rows)

    def save(self, sql, file):
        with open(file, "w") as rows:
            self.psql(f"COPY ({sql}) TO STDOUT WITH (FORMAT csv, HEADER)", stdout=rows)


def same(db, what, one, other):
    """Two selections have the same rows, as often."""
    counts = [
        db.execute(f"SELECT COUNT(*) FROM (({a}) EXCEPT ALL ({b}))").fetchone()[0]
        for a, b in ((one, other), (other, one))
    ]
    n_rows = db.execute(f"SELECT COUNT(*) FROM ({one})").fetchone()[0]
    assert counts == [0, 0] and n_rows > 0, f"{what}: of {n_rows} rows {counts} are on one side alone"
    say(f"{what}: {n_rows} rows, all the same")


def text(file):
    return f"read_csv('{file}', header = true, all_varchar = true)"


def place(profiles, segments):
    with open(profiles) as given, open(segments, "w") as placed:
        run("assign", "--csv", stdin=given, stdout=placed)


def compare(db, postgres):
    db.execute(CUSTOMERS)
    postgres.psql(TABLE_OF_POSTGRES)
    # DuckDB quotes empty text and not nothing, as PostgreSQL reads it.
    db.execute("COPY crm.\"Kunden 1\" TO 'customers.csv' (HEADER)")
    postgres.load('crm."Kunden 1"', "customers.csv")
    say(f"{ROWS} rows in both")

    for name, options in (("all profiles", []), ("profiles of the newest rows", NEWEST)):
        postgres.save(statement("postgres", "group", *options), "profiles.csv")
        db.execute(f"COPY ({statement('duckdb', 'group', *options)}) TO 'profiles_of_duckdb.csv'")
        same(db, name, f"FROM {text('profiles.csv')}", f"FROM {text('profiles_of_duckdb.csv')}")
    run("retrain", "--profiles", "profiles.csv", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    postgres.save(statement("postgres", "group"), "profiles.csv")
    place("profiles.csv", "segments.csv")
    with open("segments.csv") as segments:
        columns = segments.readline().strip().split(",")
    quoted = ", ".join('"' + column.replace('"', '""') + '" text' for column in columns)
    postgres.psql(f"CREATE TABLE segments ({quoted})")
    postgres.load("segments", "segments.csv")
    db.execute(f"CREATE TABLE segments AS FROM {text('segments.csv')}")
    postgres.save(statement("postgres", "join"), "joined.csv")
    db.execute(f"CREATE TABLE joined AS {statement('duckdb', 'join')}")
    rows = f'SELECT n::BIGINT, NULLIF(TRIM("Loyalty Tier"), \'\'), {ADDED}'
    same(db, "the join", f"{rows} FROM {text('joined.csv')}", f"{rows} FROM joined")

    # Each row by itself.
    raw = 'n, "town ""raw""" AS Location, "Geschlecht?" AS Gender, "Date Joined", "Loyalty Tier"'
    db.execute(f"COPY (SELECT {raw} FROM crm.\"Kunden 1\") TO 'rows.csv'")
    place("rows.csv", "placed.csv")
    rows = f"SELECT n::BIGINT, {ADDED}"
    same(db, "rows placed one by one", f"{rows} FROM {text('joined.csv')}", f"{rows} FROM {text('placed.csv')}")
    n_segments, n_faults = db.execute(
        "SELECT COUNT(DISTINCT cluster_id), COUNT(row_fault) FROM joined"
    ).fetchone()
    assert n_segments > 2 and 0 < n_faults < ROWS / 2, (n_segments, n_faults)


def main():
    # A socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        os.chdir(folder)
        db = duckdb.connect()
        db.execute("SET TimeZone = 'UTC'")
        with Postgres(Path(folder) / "postgres") as postgres:
            say(f"PostgreSQL of {PROGRAMS.parent.name} is up")
            compare(db, postgres)
        shutil.rmtree(Path(folder) / "postgres")
    say("all of it")


if __name__ == "__main__":
    main()
