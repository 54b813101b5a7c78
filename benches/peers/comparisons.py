"""The comparisons: each takes turns between content-portal and its peer, and returns rows. Standard library only."""
from contextlib import ExitStack
from statistics import median

import load
from bench import take_turns
from processes import TreeMemory, descendants, free_port, resident_mb, serving
from report import Row

PROMO = {"Content-Type": "application/json"}


def retrain(bench):
    """A training on 5,000 rows, and the fit within it."""
    sheet, new = bench.sheet(5000, 1), bench.sheet(2000, 2)
    base = bench.base_data("retrain-base", sheet)
    ours, reports, placed, peer, said, faithful = [], [], [], [], [], []

    def train(_):
        folder = bench.folder("retrain")
        finished, report = bench.retrain(folder, base)
        ours.append(finished)
        reports.append(report)
        map_file = folder / "model_dir" / "current" / "umap.safetensors"
        faithful.append(bench.peer("trustworthiness.py", map_file).json()["trustworthiness"])

    def train_as_original(_):
        out = bench.folder("retrain-peer")
        finished = bench.peer("retrain_as_original.py", sheet, out, "--warm", new)
        peer.append(finished)
        said.append(finished.json())
        placed.append(bench.alone("transform", out / "distinct.npy", out / "asked.npy"))

    take_turns(bench.slow_rounds, train, train_as_original)
    fitting = [report["seconds"]["fitting"] for report in reports]
    trust = (f"trustworthiness of the distinct profiles' map {faithful[0]:.4f} here, "
             f"{said[0]['trustworthiness']:.4f} there")
    here = ("here the map, the clusters, their scores and the second fit that judges them, by report.json; "
            "there the map alone")
    alone_ms = [1000 * median(one[key] for one in placed) for key in ("alone_s", "slowest_alone_s")]
    late = "" if alone_ms[0] <= 1 else ", **missed**"

    def fit_against(work, against, key, bar, note):
        return Row(work, against, fitting, [one[key] for one in said], bar=bar, note=note)

    return [
        Row("`retrain` on 5,000 rows, whole process", "Python that starts, reads, fits, writes pickles",
            [one.seconds for one in ours],
            [one["done_at"] - run.started for one, run in zip(said, peer, strict=True)],
            ours_mb=[one.peak_mb for one in ours], peer_mb=[one["peak_mb"] for one in said], note="fresh processes"),
        fit_against("fit of the 5,000 rows", "umap-learn, seeded, fresh process", "umap_cold_s", 25, here),
        fit_against("the same", "umap-learn, seeded, numba warm", "umap_warm_s", 8, here),
        fit_against(f"fit of the {said[0]['distinct']:,} distinct profiles",
                    "umap-learn, seeded, the same profiles, warm", "umap_distinct_warm_s", 5, f"{here}; {trust}"),
        Row("UMAP transform of 1,000 new rows, 100 epochs", "umap-learn, warm", [one["together_s"] for one in placed],
            [one["transform_1000_warm_s"] for one in said], bar=3,
            note=f"one row alone here: median {alone_ms[0]:.2f} ms, slowest {alone_ms[1]:.2f} ms; "
                 f"wanted besides: ≤ 1 ms{late}"),
    ]


def start(bench):
    """Time to the first answer, resident memory then, and the first request."""
    model, body = bench.trained("start"), load.forms(1, 1)[0]
    measured = {"ours": [], "peer": []}

    def first_steps(server, worker, kept):
        idle = resident_mb(worker(server))
        _, first = server.ask_well("POST", "/generate-promo", body=body, headers=PROMO)
        kept.append((server.ready_s, idle, first))

    def ours(_):
        with bench.portal(model) as server:
            first_steps(server, lambda one: one.process.pid, measured["ours"])

    def peer(_):
        with bench.flask(1) as server:
            first_steps(server, lambda one: max(descendants(one.process.pid)[1:], key=resident_mb), measured["peer"])

    bench.pickles()
    take_turns(bench.rounds, ours, peer)
    (ours_ready, ours_idle, ours_first), (peer_ready, peer_idle, peer_first) = (
        zip(*kept, strict=True) for kept in measured.values())
    late = "" if median(ours_ready) <= 0.05 else ", **missed**"
    return [
        Row("start to ready, a model on disk", "Flask behind gunicorn, one worker", ours_ready, peer_ready, bar=50,
            note=f"process made to the first 200; wanted besides: ≤ 50 ms here{late}"),
        Row("resident memory, idle with a model", "one Flask worker", ours_idle, peer_idle, "MB", bar=8,
            note="when ready"),
        Row("the first `/generate-promo` after a start", "one Flask worker, numba compiling", ours_first, peer_first,
            note="here the offline writer, there a canned answer"),
    ]


def upload(bench):
    """A sheet of 5,000 rows over HTTP: one that was trained on, and one drawn anew."""
    trained_on, drawn_anew = bench.sheet(5000, 1), bench.sheet(5000, 3)
    known, new, stream, first_peer = [], [], [], []
    known_peer, new_peer = [], []
    with ExitStack() as servers:
        portal = servers.enter_context(bench.portal(bench.trained("upload")))
        flask = servers.enter_context(bench.flask(1))
        first = bench.upload(portal, drawn_anew, -1)
        first_peer.append(bench.upload(flask, drawn_anew))

        def ours(number):
            known.append(median(bench.upload(portal, trained_on, 10 * number + k) for k in range(10)))
            stream.append(bench.alone("cells", trained_on)["read_s"])
            new.append(median(bench.upload(portal, drawn_anew, 10 * number + k) for k in range(10)))

        def peer(number):
            known_peer.append(bench.upload(flask, trained_on, 2 * number))
            new_peer.append(bench.upload(flask, drawn_anew, 2 * number + 1))

        take_turns(bench.slow_rounds, ours, peer)
    against = "Flask, which maps the sheet by the trained map and clusters the result; a canned answer writes"
    how = "offline writer; warm, here the median of ten a round, there one"
    remembered = "there umap-learn recognises the rows of its fit and maps nothing"
    return [
        Row("upload of the 5,000 rows trained on, whole request", against, known, known_peer, bar=75,
            note=f"{how}; {remembered}"),
        Row("the same", "calamine's bare cell stream of the file, in one process", known, stream, bar=0.5,
            note="the least that reading by calamine costs; wanted: at most twice that for the whole request"),
        Row("upload of 5,000 rows drawn anew", against, new, new_peer, bar=75, note=how),
        Row("the first upload after a start", against, [first], first_peer, note="one round; there numba compiles"),
    ]


def large_upload(bench):
    """A large sheet over HTTP, beside polars that reads the file and does nothing else.

    Two models: one that trained on the sheet, and one of 5,000 rows, which has to place thousands of profiles anew.
    """
    sheet = bench.sheet(bench.rows, 4, slim=True)
    known, new = bench.trained("large-known", sheet), bench.trained("large-new")
    cold, warm, unseen, peak, reads = [], [], [], [], []

    def ours(number):
        with bench.portal(known) as server, TreeMemory(server.process.pid) as memory:
            cold.append(bench.upload(server, sheet, 2 * number))
            warm.append(bench.upload(server, sheet, 2 * number + 1))
        with bench.portal(new) as server:
            unseen.append(bench.upload(server, sheet, 2 * number))
        peak.append(memory.peak_mb)

    take_turns(bench.rounds, ours, lambda _: reads.append(bench.peer("read_polars.py", sheet)))
    whole = [read.seconds - sum(read.json()["read_s"][1:]) for read in reads]
    first, second = zip(*(read.json()["read_s"] for read in reads), strict=True)
    bar_mb = f"wanted besides: ≤ 300 MB here, server and reader together{'' if median(peak) <= 300 else ', **missed**'}"
    work = f"upload of {bench.rows:,} rows, whole request, first of a server"
    against = "polars (fastexcel) reads the file"
    return [
        Row(work, f"{against}, first read of a process", cold, first, bar=1, ours_mb=peak,
            peer_mb=[read.peak_mb for read in reads], note=f"offline writer, a model of these rows; {bar_mb}"),
        Row("the same, the second", "polars, second read", warm, second, bar=1, note="everything warm"),
        Row("the same, the first", "polars, whole process with its imports", cold, whole,
            note="the server had been started"),
        Row("the same, the first, by a model of 5,000 rows", f"{against}, first read of a process", unseen, first,
            note="here thousands of profiles that training never met are put on the map"),
    ]


def large_retrain(bench):
    """A training on a large sheet, beside pandas that reads the file and does nothing else."""
    sheet = bench.sheet(bench.rows, 4, slim=True)
    base = bench.base_data("large-retrain-base", sheet)
    trainings, parts, reads = [], [], []

    def ours(_):
        finished, report = bench.retrain(bench.folder("large-retrain"), base)
        trainings.append(finished)
        parts.append(report["seconds"])

    take_turns(bench.slow_rounds, ours, lambda _: reads.append(bench.peer("read_pandas.py", sheet, "--once")))
    share = "; ".join(f"{name} {median(part[name] for part in parts):.1f} s" for name in parts[0])
    return [
        Row(f"`retrain` on {bench.rows:,} rows, whole process", "pandas (calamine) reads the file, whole process",
            [one.seconds for one in trainings], [one.seconds for one in reads], bar=1,
            ours_mb=[one.peak_mb for one in trainings], peer_mb=[one.peak_mb for one in reads], note=f"here: {share}"),
        Row("the same", "pandas, the read alone", [one.seconds for one in trainings],
            [one.json()["read_s"][0] for one in reads], note="imports left out there"),
    ]


def assign(bench):
    """The rows of an Arrow stream in their segments, by a model of 5,000 rows."""
    model = bench.trained("assign") / "model_dir" / "current"
    rows, folder, pickles = bench.cache / f"rows-{bench.rows}.arrows", bench.folder("assign-out"), bench.pickles()
    if not rows.exists():
        bench.peer("place_as_original.py", "write", bench.sheet(bench.rows, 4, slim=True), rows)
    ours, peer = [], []
    out = folder / "ours.arrows", folder / "peer.arrows"
    take_turns(bench.slow_rounds, lambda _: ours.append(bench.assign(model, rows, out[0])),
               lambda _: peer.append(bench.peer("place_as_original.py", "place", pickles, rows, out[1])))
    return [Row(
        f"`assign`, an Arrow stream of {bench.rows:,} rows, whole process",
        "the original's steps, once for each distinct profile, whole process",
        [one.seconds for one in ours], [one.seconds for one in peer], ours_mb=[one.peak_mb for one in ours],
        peer_mb=[one.peak_mb for one in peer], note="on one thread here; the stream's file is in the page cache")]


def warm_up(server, bodies):
    """Asks until ten answers in a row come within a second: by then every worker has compiled what it needs."""
    quick = 0
    for body in bodies:
        _, seconds = server.ask_well("POST", "/generate-promo", body=body, headers=PROMO)
        quick = quick + 1 if seconds < 1 else 0
        if quick == 10:
            return


def promo(bench):
    """Requests a second of /generate-promo, one upstream for both."""
    bodies = {"customers trained on": load.forms(1), "customers drawn anew": load.forms(5)}
    upstream_port, folder = free_port(), bench.trained("promo")
    url = f"http://127.0.0.1:{upstream_port}/v1"
    openai = {"WRITER": "openai", "OPENAI_API_KEY": "none-needed", "OPENAI_BASE_URL": url}
    with ExitStack() as servers:
        command = [bench.load, "upstream", upstream_port]
        servers.enter_context(serving(command, upstream_port, "/", None))
        portal = servers.enter_context(bench.portal(folder, **openai))
        offline = servers.enter_context(bench.portal(folder))
        flask = servers.enter_context(bench.flask(2, UPSTREAM_URL=url))
        for server in (portal, offline, flask):
            warm_up(server, bodies["customers drawn anew"])
        rows = [promo_row(bench, kind, asked, portal, flask) for kind, asked in bodies.items()]
        row = promo_row(bench, "customers drawn anew", bodies["customers drawn anew"], offline, flask)
    row.work, row.bar = "the same, offline writer", None
    row.note = "here the text is put together in the process; there the upstream as above"
    return [*rows, row]


def promo_row(bench, kind, bodies, portal, flask):
    ours, peer = [], []

    def rate(server):
        return load.requests_a_second(server.port, bodies, bench.seconds_of_load, bench.cache)

    take_turns(bench.rounds, lambda _: ours.append(rate(portal)), lambda _: peer.append(rate(flask)))
    note = (f"{load.name()}, {load.CONNECTIONS} connections, {bench.seconds_of_load} s a round; "
            "load and upstream on the same cores")
    return Row(f"`/generate-promo`, instant upstream, {kind}", "Flask behind gunicorn, 2 workers", ours, peer,
               "requests/s", more_is_better=True, bar=80, note=note)


COMPARISONS = {
    "start": start, "promo": promo, "upload": upload, "large-upload": large_upload, "large-retrain": large_retrain,
    "retrain": retrain, "assign": assign,
}
