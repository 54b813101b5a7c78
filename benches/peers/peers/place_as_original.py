"""Places the rows of an Arrow stream by the original's trained model, each distinct profile once, or writes the stream.

    python place_as_original.py write SHEET.xlsx ROWS.arrows              the sheet's columns as an Arrow stream
    python place_as_original.py place PICKLES ROWS.arrows PLACED.arrows   its rows with cluster and strength

The original has no such command: these are its steps for a form, done once for each distinct profile and joined back.
"""
import sys
from pathlib import Path

import hdbscan
import joblib
import original
import pandas as pd
import pyarrow as pa

ROWS_A_BATCH = 65_536


def write_stream(table, out):
    table = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False)
    with pa.OSFile(out, "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table, max_chunksize=ROWS_A_BATCH)


def write(sheet, out):
    rows = pd.read_excel(sheet, engine="calamine")
    rows["Date Joined"] = pd.to_datetime(rows["Date Joined"]).dt.date
    write_stream(rows, out)


def place(pickles, rows, out):
    names = ["encoder", "scaler", "umap_model", "HDBSCAN_cluster_model"]
    encoder, scaler, trained_map, clusters = (joblib.load(Path(pickles) / f"{name}.pkl") for name in names)
    with pa.memory_map(rows) as file:
        table = pa.ipc.open_stream(file).read_all().to_pandas()
    cleaned = original.clean(table)
    profile = original.CATEGORICAL + original.SCALED
    distinct = cleaned[profile].drop_duplicates().reset_index(drop=True)
    placed = trained_map.transform(original.features(distinct, encoder, scaler))
    distinct["cluster_id"], distinct["strength"] = hdbscan.approximate_predict(clusters, placed)
    write_stream(cleaned.merge(distinct, on=profile, how="left")[[*table.columns, "cluster_id", "strength"]], out)


{"write": write, "place": place}[sys.argv[1]](*sys.argv[2:])
