"""Places the rows of a Spark DataFrame in their segments, by `content-portal assign` on the workers.

    placed = assign(customers, binary="/opt/content-portal", model_dir="/opt/model")

Needs nothing but this file, the program and a folder with a model version on every worker. A job fails unless every row
that went into the program came out of it.
"""

import itertools
import subprocess
import threading

import pyarrow as pa

ADDED = "cluster_id int, strength float, nearest_id int, is_new boolean, row_fault string"


def assign(df, binary, model_dir, keep=None):
    """`df` (or its columns `keep`) with the columns of ADDED."""
    from pyspark.sql.types import StructType, _parse_datatype_string

    kept = df.schema if keep is None else df.select(*keep).schema
    command = [binary, "assign", "--model", model_dir]
    command += [] if keep is None else ["--keep", ",".join(keep)]
    schema = StructType(kept.fields + _parse_datatype_string(ADDED).fields)
    return df.mapInArrow(lambda batches: placed(batches, command), schema)


def placed(batches, command):
    """The batches that `command` makes of `batches`. An empty partition starts nothing."""
    first = next((batch for batch in batches if batch.num_rows), None)
    if first is None:
        return
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    fed, came, errors = [0], 0, []

    def feed():
        try:
            stream = pa.ipc.new_stream(process.stdin, first.schema)
            for batch in itertools.chain([first], batches):
                stream.write_batch(batch)
                fed[0] += batch.num_rows
            stream.close()
            process.stdin.close()
        except BaseException as error:
            # Without the end mark: the program must not take what it got for all there is.
            errors.append(error)
            process.kill()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        try:
            for batch in pa.ipc.open_stream(process.stdout):
                came += batch.num_rows
                yield batch
        except (pa.ArrowException, OSError) as error:
            errors.append(error)
        code = process.wait()
        feeder.join()
        if code or errors or came != fed[0]:
            said = process.stderr.read().decode(errors="replace").strip()
            raise RuntimeError(f"assign: exit code {code}, {fed[0]} rows in, {came} out, {errors}: {said}")
    finally:
        process.kill()
        process.wait()
        feeder.join(10)
