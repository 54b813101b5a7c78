"""Both ways of README.md, tried in a local Spark, and the ways in which a job must fail; then what each way
costs beside others. `check` runs it."""

import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import content_portal
import pandas
from pyspark.sql import SparkSession, functions

PROGRAM = sys.argv[1]
ROWS = int(os.environ.get("ROWS", "4000000"))
CUSTOMERS = f"""
    WITH drawn AS (
        SELECT id, pmod(hash(id), 4) AS kind, pmod(hash(id, 1), 997) AS a, pmod(hash(id, 2), 991) AS b
        FROM range({ROWS})
    )
    SELECT
        id,
        CASE WHEN a = 0 THEN NULL ELSE
            element_at(
                array('Bedok', 'tampines', 'Yishun', 'WOODLANDS', 'Clementi', 'Queenstown', 'Punggol', 'Sengkang'),
                int(1 + (kind * 2 + a % 2) % 8)) END AS Location,
        element_at(array('F', 'Female', 'm', NULL), int(1 + b % 4)) AS Gender,
        date_add(date'2021-01-01', int(kind * 365 + 90 * (b % 3) + a % 60)) AS `Date Joined`,
        CASE WHEN b = 0 THEN 'Bronze' ELSE
            element_at(array('Silver', 'gold', 'Platinum'), int(1 + (kind + a % 2) % 3)) END AS `Loyalty Tier`,
        array(named_struct('visits', int(a), 'note', cast(b AS string))) AS history
    FROM drawn
"""
ANSWER = ["id", "cluster_id", "strength", "nearest_id", "is_new", "row_fault"]


def statement(*args):
    command = [PROGRAM, "sql", *args, "--dialect", "spark", "--table", "customers"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def step(text, work):
    began = time.monotonic()
    result = work()
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)
    return result


def by_join(spark):
    spark.sql(statement("group")).toPandas().to_csv("profiles.csv", index=False)
    subprocess.run([PROGRAM, "retrain", "--profiles", "profiles.csv"], check=True, stdout=subprocess.DEVNULL)
    with open("profiles.csv") as given, open("segments.csv", "w") as placed:
        subprocess.run([PROGRAM, "assign", "--csv"], stdin=given, stdout=placed, check=True)
    segments = pandas.read_csv("segments.csv", dtype=str, keep_default_na=False).replace("", None)
    spark.createDataFrame(segments).createOrReplaceTempView("segments")
    spark.sql(statement("join", "--segments", "segments")).write.parquet("joined")
    return spark.read.parquet("joined")


def by_file(spark):
    """What the program says of the same rows without Spark."""
    columns = "id, Location, Gender, `Date Joined`, `Loyalty Tier`"
    spark.sql(f"SELECT {columns} FROM customers").coalesce(1).write.csv("given", header=True)
    given = next(Path("given").glob("*.csv"))
    with open(given) as rows, open("placed.csv", "w") as placed:
        command = [PROGRAM, "assign", "--csv", "--keep", "id"]
        subprocess.run(command, stdin=rows, stdout=placed, check=True)
    schema = f"id long, {content_portal.ADDED}"
    return spark.read.csv("placed.csv", header=True, schema=schema)


def same(expected, found, what):
    missing, other = found.exceptAll(expected).count(), expected.exceptAll(found).count()
    assert missing == other == 0, f"{what}: {missing} and {other} rows differ"
    assert found.count() == ROWS, what


def must_fail(customers, script, why):
    """A job whose program is this script."""
    program = Path("program").resolve()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    try:
        content_portal.assign(customers, str(program), "models").write.format("noop").mode("overwrite").save()
    except Exception as error:
        assert "exit code" in str(error), error
    else:
        raise AssertionError(f"the job succeeded: {why}")


def failures(spark, customers):
    half = f'{PROGRAM} "$@"'
    must_fail(customers, f"{half} | head -c 2000000; cat >/dev/null", "the output was cut")
    must_fail(customers, f"head -c 2000000 | {half}; cat >/dev/null", "the input was cut")
    must_fail(customers, f"{half} & sleep 1; kill -9 $!; wait", "the program was killed")
    must_fail(customers, "cat >/dev/null", "there was no output")


def processor_seconds():
    """Of this process and of all that it started, those that have ended with it."""
    parents, spent, ticks = {}, {}, os.sysconf("SC_CLK_TCK")
    for stat_file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat_file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat_file.parent.name)
        parents[pid], spent[pid] = int(fields[1]), sum(map(int, fields[11:15])) / ticks

    def is_ours(pid):
        while pid > 1:
            if pid == os.getpid():
                return True
            pid = parents.get(pid, 0)
        return False

    return sum(seconds for pid, seconds in spent.items() if is_ours(pid))


def in_python(segments):
    """The look-up of a placed profile, as functions of rows in Python make it: pickled, and by pandas."""
    places = {
        tuple(row[:5]): (int(row.cluster_id or -1), float(row.strength or 0), int(row.nearest_id or -1))
        for row in segments.itertuples(index=False)
    }
    columns = ["Location", "Gender", "Date Joined", "Loyalty Tier"]

    def place(town, gender, day, tier):
        key = (town, gender, day and str(day.year), day and str(day.month), tier)
        return places.get(key, (-1, 0.0, -1))

    def place_series(towns, genders, days, tiers):
        rows = [place(*row) for row in zip(towns, genders, days, tiers, strict=True)]
        return pandas.DataFrame(rows, columns=["cluster_id", "strength", "nearest_id"])

    answer = "cluster_id int, strength float, nearest_id int"
    by_row = functions.udf(place, answer, useArrow=False)(*columns)
    by_pandas = functions.pandas_udf(place_series, answer)(*columns)
    return by_row, by_pandas


def costs(spark, customers, folder):
    """Processor time a million rows, all columns, into nothing: of three times the least."""
    by_row, by_pandas = in_python(pandas.read_csv("segments.csv", dtype=str, keep_default_na=False).replace("", None))
    ways = {
        "read alone": customers,
        "identity by mapInArrow": customers.mapInArrow(lambda batches: batches, customers.schema),
        "assign by mapInArrow": content_portal.assign(customers, PROGRAM, f"{folder}/models"),
        "join": spark.sql(statement("join", "--segments", "segments")),
        "function of pandas": customers.withColumn("placed", by_pandas),
        "function of pickled rows": customers.withColumn("placed", by_row),
    }
    for name, way in ways.items():
        spent = []
        for _ in range(3):
            before = processor_seconds()
            way.write.format("noop").mode("overwrite").save()
            spent.append(processor_seconds() - before)
        print(f"{min(spent) * 1e6 / ROWS:6.2f} CPU-s a million rows  {name}", flush=True)


def left_behind():
    listed = subprocess.run(["pgrep", "-f", f"{PROGRAM} assign"], capture_output=True, text=True, check=False)
    return listed.stdout.split()


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["MODEL_DIR"] = f"{folder}/models"
        builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.sql.session.timeZone", "Asia/Singapore").config("spark.log.level", "OFF")
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        spark = builder.getOrCreate()
        spark.sql(CUSTOMERS).write.parquet("customers")
        spark.read.parquet("customers").createOrReplaceTempView("customers")
        customers = spark.read.parquet("customers")
        joined = step("grouped, trained, joined", lambda: by_join(spark).select(*ANSWER))
        expected = step("placed without Spark", lambda: by_file(spark).select(*ANSWER))
        step("the join compared", lambda: same(expected, joined, "the join"))
        streamed = content_portal.assign(customers, PROGRAM, f"{folder}/models")
        step("mapInArrow", lambda: streamed.write.parquet("streamed"))
        streamed = spark.read.parquet("streamed")
        step("mapInArrow compared", lambda: same(expected, streamed.select(*ANSWER), "mapInArrow"))
        untouched = streamed.select("id", "history").exceptAll(customers.select("id", "history")).count()
        assert untouched == 0, "nested columns pass through"
        step("four ways in which a job must fail", lambda: failures(spark, customers))
        costs(spark, customers, folder)
        few = content_portal.assign(customers, PROGRAM, f"{folder}/models", keep=["id"]).limit(10).collect()
        assert len(few) == 10
        spark.stop()
        deadline = time.monotonic() + 10
        while left_behind() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left_behind(), "limit(10) left a process behind"
        print("passed")


main()
