"""Reads a sheet with pandas (calamine engine) twice; prints seconds and rows as JSON."""
import json
import sys
import time

import pandas

times = []
for _ in range(2):
    started = time.monotonic()
    frame = pandas.read_excel(sys.argv[1], engine="calamine")
    times.append(time.monotonic() - started)
    rows = len(frame)
    if "--once" in sys.argv:
        break
print(json.dumps({"read_s": times, "rows": rows}))
