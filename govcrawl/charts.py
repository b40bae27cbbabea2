"""Charts as SVG made on the server: no script, colours by the page's style sheet, and every figure also as text; pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from govcrawl.replay import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEIGHT = 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 10, 26
_MOST_LABELS = 12
_WIDEST = 60  # pixels of one bar with its gap: a single month is no wall


class Bar(NamedTuple):
    """One bar: what stands under it, how high it is in parts from the bottom, what is said of it."""

    label: str
    parts: tuple[int, ...]
    said: str


def bars(values: Sequence[Bar], *, title: str, description: str, names: Sequence[str] = (), width: int = 720) -> str:
    """Return a bar chart as SVG; parts of a bar are stacked and have the classes ``part0`` and so on.

    Args:
        values: the bars from left to right.
        title: what is shown, read out first.
        description: the gist in words, read out after it.
        names: what the parts are, for the legend; nothing is told by colour alone, each bar says its figures.
        width: in pixels of the drawing; it scales with the page.
    """
    top = _round_up(max((sum(bar.parts) for bar in values), default=0))
    inner_width, inner_height = width - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    step = min(inner_width / max(1, len(values)), _WIDEST)
    pieces = [_grid(top, width, inner_height)]
    every = max(1, math.ceil(len(values) / _MOST_LABELS))
    for number, bar in enumerate(values):
        left = _LEFT + number * step
        low: float = _TOP + inner_height
        drawn = []
        for part, value in enumerate(bar.parts):
            height = inner_height * value / top
            low -= height
            if value:
                drawn.append(
                    f'<rect class="part{part}" x="{left + step * 0.1:.1f}" y="{low:.1f}" width="{step * 0.8:.1f}"'
                    f' height="{height:.1f}"/>'
                )
        pieces.append(f"<g><title>{escape(bar.said)}</title>{''.join(drawn)}</g>")
        if number % every == 0:
            pieces.append(
                f'<text x="{left + step / 2:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(bar.label)}</text>'
            )
    legend = "".join(f'<li><span class="key part{n}"></span>{escape(name)}</li>' for n, name in enumerate(names))
    listed = f'<ul class="legend">{legend}</ul>' if legend else ""
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {width} {_HEIGHT}" aria-labelledby="{_name(title)}">'
        f'<title id="{_name(title)}">{escape(title)}</title><desc>{escape(description)}</desc>{"".join(pieces)}</svg>{listed}'
    )


def _grid(top: int, width: int, inner_height: int) -> str:
    """Return three lines with their figures."""
    lines = []
    for share in (0, 0.5, 1):
        value = top * share
        if value != int(value):
            continue
        y = _TOP + inner_height * (1 - share)
        lines.append(
            f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{int(value)}</text>'
        )
    return "".join(lines)


def _round_up(value: int) -> int:
    """Return the next figure that reads well: 1, 2, 4, 5, 10, 20, and so on."""
    if value <= 0:
        return 1
    unit: int = 10 ** int(math.log10(value))
    return next(step * unit for step in (1, 2, 4, 5, 10) if step * unit >= value)


def _name(title: str) -> str:
    """Return an id for a title, the same for equal ones."""
    return f"chart-{sum(ord(char) * (place + 1) for place, char in enumerate(title)) % 1_000_003}"
