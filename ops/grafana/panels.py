"""What a dashboard is made of. Grafana's JSON and the pictures of the docs are made from these."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

Kind = Literal["lines", "heatmap"]

Unit = Literal["reqps", "s", "percentunit", "short", "ops", "bytes", "none"]
"""Grafana's own names of units."""


class Query(NamedTuple):
    """A PromQL expression, and the name of each of its lines."""

    expr: str
    legend: str
    """Text with labels in double braces, as Grafana writes them: ``{{route}}``."""


class Panel(NamedTuple):
    """One picture with a title, a sentence on how to read it, and its queries."""

    title: str
    about: str
    unit: Unit
    queries: Sequence[Query]
    kind: Kind = "lines"
    signed: bool = False
    """Values may be below 0; else the axis begins there."""
    needs: str = ""
    """A job that may be left out of an installation, and this panel's data with it."""


class Row(NamedTuple):
    """Panels under a common heading, three side by side."""

    title: str
    panels: Sequence[Panel]


class Dashboard(NamedTuple):
    """A page of rows. ``uid`` is its place in Grafana's addresses and the name of its files."""

    uid: str
    title: str
    about: str
    rows: Sequence[Row]

    def panels(self) -> Iterator[Panel]:
        """All panels, from the top."""
        for row in self.rows:
            yield from row.panels


def quantiles(bucket: str, by: str = "", at: Sequence[float] = (0.5, 0.95, 0.99)) -> list[Query]:
    """Quantiles of a histogram over a minute; ``bucket`` may have a selector.

    ``by`` is a label that keeps its own quantiles, and shows in the legend.
    """
    labels = f"le, {by}" if by else "le"
    suffix = f" {{{{{by}}}}}" if by else ""
    return [
        Query(
            f"histogram_quantile({q:g}, sum by ({labels}) (rate({bucket}[1m])))",
            f"p{q * 100:g}{suffix}",
        )
        for q in at
    ]


def mean(histogram: str, legend: str) -> Query:
    """The mean of a histogram's observations over a minute."""
    return Query(
        f"sum(rate({histogram}_sum[1m])) / sum(rate({histogram}_count[1m]))",
        legend,
    )
