"""Fits StepMix, a latent class model, to the customers of a sheet, or writes their codes.

    python latent_fit.py codes SHEET.xlsx ROWS.npy    (n, 4) u32: town, gender, tier and month of joining
    python latent_fit.py fit ROWS.npy CLASSES         prints seconds and the nats of all rows as JSON
"""
import json
import sys
import time
import warnings

import numpy as np
import original
from stepmix.stepmix import StepMix

warnings.simplefilter("ignore")
COLUMNS = ["Location", "Gender", "Loyalty Tier", "Join_Month"]
STARTS, GAIN, SEED = 10, 1e-7, 42


def write_codes(sheet, out):
    table = original.clean(original.read(sheet))
    codes = [table[title].astype("category").cat.codes for title in COLUMNS]
    np.save(out, np.ascontiguousarray(np.column_stack(codes).astype("uint32")))


def fit(file, classes):
    rows = np.load(file).astype("int64")
    model = StepMix(n_components=int(classes), measurement="categorical", n_init=STARTS, abs_tol=GAIN,
                    random_state=SEED, progress_bar=0, verbose=0)
    started = time.monotonic()
    model.fit(rows)
    seconds = time.monotonic() - started
    print(json.dumps({"fit_s": seconds, "log_likelihood": float(model.score(rows) * len(rows))}))


{"codes": write_codes, "fit": fit}[sys.argv[1]](*sys.argv[2:])
