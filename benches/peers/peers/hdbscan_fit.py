"""Fits fast_hdbscan, on the threads there are, to the points of a file, cold and warm.

    python hdbscan_fit.py POINTS.npy LABELS.npy
    python hdbscan_fit.py POINTS.npy LABELS.npy --exact    the hdbscan package instead, its tree exact; once

Prints seconds as JSON and writes the labels.
"""
import json
import sys
import time
import warnings

import fast_hdbscan
import hdbscan
import numpy as np

warnings.simplefilter("ignore")
PARAMS = {"min_cluster_size": 50, "min_samples": 5}
points, out, *rest = np.load(sys.argv[1]), *sys.argv[2:]
exact = "--exact" in rest


def fit():
    if exact:
        exactly = {"algorithm": "boruvka_kdtree", "approx_min_span_tree": False, "core_dist_n_jobs": 1}
        return hdbscan.HDBSCAN(**PARAMS, **exactly).fit(points)
    return fast_hdbscan.HDBSCAN(**PARAMS).fit(points)


times = []
for _ in range(1 if exact else 2):
    started = time.monotonic()
    fitted = fit()
    times.append(time.monotonic() - started)
np.save(out, fitted.labels_)
print(json.dumps({"fit_s": times, "rows": len(points)}))
