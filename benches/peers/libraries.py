"""What only the library's own benches measure: the peers' seconds here, criterion's medians from `target/criterion`.

The two are not one run unless --benches runs cargo's benches in between. Standard library only.
"""
import json
import os
import subprocess
from pathlib import Path

from bench import HERE
from report import Row

ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def medians(group, words):
    """Seconds of criterion's last run of the benches of `group` whose names hold all of `words`, commas aside."""
    found = {}
    for file in (TARGET / "criterion" / group).glob("*/new/estimates.json"):
        if all(word in file.parent.parent.name.replace(",", "") for word in words):
            found[file.parent.parent.name] = json.loads(file.read_text())["median"]["point_estimate"] / 1e9
    return found


def cargo_bench(name):
    subprocess.run(["cargo", "bench", "--locked", "--bench", name], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def row(work, against, named, seconds, bar):
    """A row beside criterion's median, or one that says which bench is missing."""
    group, words = named
    found = medians(group, words)
    command = f"`cargo bench --bench {group}`"
    if not found:
        return Row(work, f"{against}: {seconds:.2f} s", bar=bar, why_not=f"{command} has left no median for it")
    name, ours = sorted(found.items())[0]
    return Row(work, against, [ours], [seconds], bar=bar, note=f"here {command}, `{name}`, its last run; there warm")


def libraries(bench, run_benches=False):
    """The fits and the transform that no route and no command does alone."""
    if run_benches:
        for name in ("umap", "hdbscan"):
            cargo_bench(name)
    blobs = bench.peer("umap_blobs.py", 50_000).json()["fit_s"][-1]
    said = bench.peer("retrain_as_original.py", bench.sheet(5000, 1), bench.folder("libraries"), "--warm",
                      bench.sheet(2000, 2)).json()
    rows = [
        row("UMAP transform of 1,000 new rows", "umap-learn, warm", ("umap", ["transform", "1000"]),
            said["transform_1000_warm_s"], 3),
        row("UMAP fit, 50,000 × 64 blobs, 15 neighbours", "umap-learn, unseeded, 2 threads, warm",
            ("umap", ["50000"]), blobs, 2),
    ]
    for count in (50_000, 200_000):
        seconds = bench.peer("hdbscan_blobs.py", count).json()["fit_s"][-1]
        rows.append(row(f"HDBSCAN fit, {count:,} × 10", "fast_hdbscan, 2 threads, warm", ("hdbscan", [str(count)]), seconds, 4))
    return rows
