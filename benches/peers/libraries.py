"""Fits of points that both sides read from one file, outside any route or command. Standard library only."""
import math
from statistics import median

from bench import take_turns
from report import Row

GROWING = [10_000, 50_000, 200_000]


def points(bench, kind, rows, *columns):
    """A file of points, made once."""
    path = bench.cache / f"{'-'.join(map(str, [kind, rows, *columns]))}.npy"
    if not path.exists():
        bench.peer("blobs.py", kind, rows, path, *columns)
    return path


def large_map(bench):
    """A map of 50,000 continuous rows."""
    data, folder = points(bench, "map", 50_000), bench.folder("large-map")
    files = folder / "ours.npy", folder / "peer.npy"
    ours, peer, faithful = [], [], []

    def fit(_):
        ours.append(bench.alone("umap", data, 15, files[0])["fit_s"])

    def fit_as_peer(_):
        peer.append(bench.peer("umap_fit.py", data, 15, files[1]).json()["fit_s"][-1])

    take_turns(bench.slow_rounds, fit, fit_as_peer)
    faithful = bench.peer("judge.py", "map", data, *files).json()
    note = "trustworthiness {:.4f} here, {:.4f} there; wanted besides: no lower than 0.005 less{}"
    late = "" if faithful[0] >= faithful[1] - 0.005 else ", **missed**"
    return [Row("UMAP fit, 50,000 × 64 blobs, 15 neighbours, 10-D", "umap-learn, unseeded, 2 threads, warm", ours, peer,
                bar=2, note=note.format(*faithful, late))]


def clusters(bench, count=50_000):
    """HDBSCAN on continuous rows, and its labels beside the peer's."""
    data, folder = points(bench, "clusters", count), bench.folder(f"clusters-{count}")
    files = [folder / f"{name}.npy" for name in ("ours", "peer", "exact")]
    ours, peer = [], []
    # Of the larger one the peer takes minutes.
    rounds = bench.slow_rounds if count == 50_000 else 1
    take_turns(rounds, lambda _: ours.append(bench.alone("hdbscan", data, files[0])["fit_s"]),
               lambda _: peer.append(bench.peer("hdbscan_fit.py", data, files[1]).json()["fit_s"][-1]))
    alike = bench.peer("judge.py", "labels", files[0], files[1]).json()
    note = f"labels: adjusted Rand index {alike[0]:.5f} with fast_hdbscan's"
    if count == 50_000:
        seconds = bench.peer("hdbscan_fit.py", data, files[2], "--exact").json()["fit_s"][0]
        alike = bench.peer("judge.py", "labels", files[0], files[2]).json()
        note += f", {alike[0]:.5f} with those of hdbscan and its exact tree ({seconds:.0f} s)"
    return [Row(f"HDBSCAN fit, {count:,} × 10", "fast_hdbscan, 2 threads, warm", ours, peer, bar=4, note=note)]


def large_clusters(bench):
    """The same on 200,000 rows."""
    return clusters(bench, 200_000)


def latent(bench):
    """Latent classes of 5,000 customers, six classes."""
    file, ours, peer = bench.cache / "codes-5000.npy", [], []
    if not file.exists():
        bench.peer("latent_fit.py", "codes", bench.sheet(5000, 1), file)
    # A fit of the peer takes a minute or more.
    take_turns(1, lambda _: ours.append(bench.alone("latent", file, 6)),
               lambda _: peer.append(bench.peer("latent_fit.py", "fit", file, 6).json()))
    nats = [one[0]["log_likelihood"] for one in (ours, peer)]
    return [Row("latent classes of 5,000 customers, six classes", "StepMix, ten starts as here",
                [one["fit_s"] for one in ours], [one["fit_s"] for one in peer], bar=20,
                note=f"log-likelihood {nats[0]:,.1f} here, {nats[1]:,.1f} there; "
                     "there each start climbs to its end, here the best three of ten")]


def growth(bench):
    """How cost grows with the rows: over 10,000, 50,000 and 200,000 rows of 10 numbers."""
    def fits(kind, *arguments, columns=()):
        out = bench.folder("growth") / "out.npy"
        files = [points(bench, kind, count, *columns) for count in GROWING]
        kind_of_fit, *sizes = arguments

        def once(file):
            return bench.alone(kind_of_fit, file, *sizes, out)["fit_s"]
        return [median(once(file) for _ in range(bench.slow_rounds)) for file in files]

    rows = []
    epochs = "; up to 10,000 rows take 500 epochs, more take 200"
    for name, seconds, and_so in [("UMAP", fits("map", "umap", 15, columns=[10]), epochs),
                                  ("HDBSCAN", fits("clusters", "hdbscan"), "")]:
        said = ", ".join(f"{count:,}: {took:.2f} s" for count, took in zip(GROWING, seconds, strict=True))
        steps = [f"{slope(GROWING[k:k + 2], seconds[k:k + 2]):.2f}" for k in range(len(GROWING) - 1)]
        rows.append(Row(f"{name} fit of growing data, × 10", "–", seconds[-1:], note=(
            f"{said}; from step to step it grows with these powers of the rows: {', '.join(steps)} (n log n: 1.09)"
            f"{and_so}")))
    return rows


def slope(sizes, values):
    """The exponent: least squares of log(value) on log(size)."""
    xs, ys = [math.log(n) for n in sizes], [math.log(value) for value in values]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


LIBRARIES = {
    "large-map": large_map, "clusters": clusters, "large-clusters": large_clusters, "growth": growth,
    "latent-classes": latent,
}
