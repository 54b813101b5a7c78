"""Retrains as the Flask service did, in a fresh process; then, warm, fits and maps once more.

    python retrain_as_original.py SHEET.xlsx OUT_DIR [--warm NEW.xlsx]

Prints one line of JSON. `done_at` is the monotonic clock once the pickles are written, so that whoever started the
process knows how long its whole took; `peak_mb` is the peak until then. --warm adds, numba's code being compiled by
then: seconds of one more UMAP fit of all rows and one of the distinct ones, of the second of two transforms of NEW's
first thousand rows, and the trustworthiness (15 neighbours) of the map of the distinct rows; the distinct rows and the
thousand are left in OUT_DIR as distinct.npy and asked.npy, f32.
"""
import json
import resource
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import original
from sklearn.manifold import trustworthiness


def seconds(work):
    """What `work` returns, and how long it took."""
    started = time.monotonic()
    result = work()
    return result, time.monotonic() - started


def retrain(sheet, out):
    """Fits everything, writes the five pickles; the parts that the warm measures go on from."""
    table = original.clean(original.read(sheet))
    encoder, scaler = original.fit_encoders(table)
    points = original.features(table, encoder, scaler)
    reducer, umap_s = seconds(lambda: original.fit_map(points))
    clusterer, hdbscan_s = seconds(lambda: original.fit_clusters(reducer.embedding_))
    artifacts = {
        "encoder": encoder, "scaler": scaler, "umap_model": reducer, "HDBSCAN_cluster_model": clusterer,
        "cluster_personas": original.personas(table, clusterer.labels_),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, artifact in artifacts.items():
        joblib.dump(artifact, out / f"{name}.pkl")
    measured = {
        "done_at": time.monotonic(), "umap_cold_s": umap_s, "hdbscan_cold_s": hdbscan_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "clusters": int(clusterer.labels_.max() + 1),
    }
    return measured, (encoder, scaler, points, reducer)


def warm(out, encoder, scaler, points, reducer, new):
    """The same steps with everything compiled."""
    asked = original.features(original.clean(original.read(new)), encoder, scaler)[:1000]
    distinct = np.unique(points, axis=0)
    for name, rows in [("distinct", distinct), ("asked", asked)]:
        np.save(out / f"{name}.npy", np.ascontiguousarray(rows, dtype="float32"))
    reducer.transform(asked)
    _, transform_s = seconds(lambda: reducer.transform(asked))
    _, all_s = seconds(lambda: original.fit_map(points))
    placed, distinct_s = seconds(lambda: original.fit_map(distinct))
    return {
        "umap_warm_s": all_s, "umap_distinct_warm_s": distinct_s, "transform_1000_warm_s": transform_s,
        "distinct": len(distinct),
        "trustworthiness": float(trustworthiness(distinct, placed.embedding_, n_neighbors=15)),
    }


def main():
    sheet, out, *rest = sys.argv[1:]
    measured, fitted = retrain(sheet, Path(out))
    if rest[:1] == ["--warm"]:
        measured |= warm(Path(out), *fitted, rest[1])
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
