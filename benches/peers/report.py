"""The table: medians with the least and the most, and the ratio of each round. Standard library only."""
from dataclasses import dataclass, field
from statistics import median

HEAD = ["work", "content-portal", "peer", "ratio", "bar", "memory here / peer", "measured how"]


@dataclass
class Row:
    """One comparison: what was measured here and of the peer, round by round.

    `bar` is the least ratio that is wanted, or None. `why_not` takes the place of numbers that could not be had.
    """

    work: str
    against: str
    ours: list = field(default_factory=list)
    peer: list = field(default_factory=list)
    unit: str = "s"
    more_is_better: bool = False
    bar: float | None = None
    ours_mb: list = field(default_factory=list)
    peer_mb: list = field(default_factory=list)
    note: str = ""
    why_not: str = ""

    def ratios(self):
        """How many times better than the peer, within each round."""
        pairs = zip(self.ours, self.peer, strict=False)
        return [ours / peer if self.more_is_better else peer / ours for ours, peer in pairs if ours and peer]


def figure(value):
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def scaled(values, unit):
    """Seconds below one as milliseconds."""
    if unit == "s" and median(values) < 1:
        return [1000 * value for value in values], "ms"
    return values, unit


def spread(values, unit):
    """`median (least–most) unit`."""
    if not values:
        return "–"
    values, unit = scaled(values, unit)
    range_of = f" ({figure(min(values))}–{figure(max(values))})" if len(values) > 1 else ""
    return f"{figure(median(values))}{range_of}{' ' + unit if unit != '×' else ' ×'}"


def bar_of(row):
    if row.bar is None:
        return "–"
    ratios = row.ratios()
    met = "" if not ratios else ": met" if median(ratios) >= row.bar else ": **missed**"
    return f"≥ {row.bar:g} ×{met}"


def cells(row):
    memory = f"{spread(row.ours_mb, 'MB')} / {spread(row.peer_mb, 'MB')}" if row.ours_mb or row.peer_mb else "–"
    if row.why_not:
        return [row.work, "not measured", row.against, "–", bar_of(row), "–", row.why_not]
    peer = f"{spread(row.peer, row.unit)}<br>{row.against}" if row.peer else row.against
    return [row.work, spread(row.ours, row.unit), peer, spread(row.ratios(), "×"), bar_of(row), memory, row.note or "–"]


def line(values):
    return "| " + " | ".join(value.replace("|", "\\|").replace("\n", " ") for value in values) + " |"


def markdown(rows, machine, asked, notes):
    """The whole of results.md."""
    said = [
        "# Side by side with the peers", "",
        f"Made by `{asked}`. Machine: {machine}.", "",
        "Each figure is the median of the rounds with the least and the most; here and there take turns, and a ratio "
        "is taken within a round: how many times better this project is. Memory is the peak of the process, with its "
        "children where it has any.", "",
        line(HEAD), line(["---"] * len(HEAD)), *(line(cells(row)) for row in rows), "",
    ]
    return "\n".join(said + [f"- {note}" for note in notes]) + "\n"
