"""The archive's state as one HTML file that needs nothing else, and as SVG badges; pure.

In the language that is asked for; no script; colours follow the reader's light or dark setting, and nothing is told by colour alone.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from archive.catalog_walks import LOCAL
from archive.rows import parse_instant
from govcrawl import __version__, finding_words
from govcrawl.charts import Bar, bars
from govcrawl.replay import escape
from govcrawl.speech import many, say_in
from govcrawl.web.words import MODES, OUTCOMES
from govcrawl.web.words import said as said_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.catalog_health import Report
    from govcrawl.speech import Language, Say

SHOWN_DAYS, LEAST_DAYS = 60, 14
_BADGE_COLOURS = {"ok": "#1b6e35", "warning": "#7a4b00", "alarm": "#9c1f1f", None: "#59626d"}
_RADIUS, _STEP, _STRIP_HEIGHT, _STRIP_WIDTH = 8, 24, 46, 720
_ASCII = 128


def write_page(
    reports: Sequence[Report],
    made_at: str,
    *,
    language: Language,
    switch: str | None = None,
    withheld: int = 0,
    invented: Sequence[str] = (),
) -> str:
    """Return the page; ``made_at`` is an instant as the catalog writes it.

    ``switch`` leads to the page in the other language where it is one of a site's, which it then leads back to;
    ``withheld`` documents are left out of its counts; ``invented`` are agencies that are none.
    """
    t = say_in(language)
    template = _environment().get_template("status_report.html")
    return template.render(
        reports=reports,
        made_at=made_at,
        language=language,
        t=t,
        switch=switch,
        withheld=withheld,
        invented=invented,
        many=many,
        version=__version__,
        level=partial(finding_words.level, lang=language),
        name=partial(finding_words.name, lang=language),
        sentence=partial(finding_words.sentence, lang=language),
        timeline=partial(_timeline, language=language),
        changes=partial(_changes, t=t),
        failures=_failures,
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("govcrawl", "web/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=moment, sign=finding_words.sign)
    return environment


def moment(at: str | None) -> str:
    """Return an instant of the catalog in Beijing time, to the minute; a dash for none."""
    return "–" if at is None else parse_instant(at).astimezone(LOCAL).strftime("%Y-%m-%d %H:%M")


def _timeline(report: Report, *, language: Language) -> Markup:
    """Return the crawls as a row of signs, the latest at the right; each says what it was."""
    t = say_in(language)
    most = _STRIP_WIDTH // _STEP
    shown = list(report.crawls)[-most:]
    pieces = []
    for place, crawl in enumerate(shown):
        level = crawl["verdict"]
        x, y = place * _STEP + _STEP / 2, 16
        mode, outcome = said_of(MODES, crawl["mode"], t), said_of(OUTCOMES, crawl["outcome"], t)
        said = f"{moment(crawl['started_at'])} {mode}: {outcome}, {finding_words.level(level, language)}"
        shape = (
            f'<circle cx="{x:g}" cy="{y}" r="{_RADIUS}"/>'
            if level in {"ok", None}
            else f'<rect x="{x - _RADIUS:g}" y="{y - _RADIUS}" width="{2 * _RADIUS}" height="{2 * _RADIUS}"/>'
            if level == "alarm"
            else f'<path d="M{x:g} {y - 9}L{x + 10:g} {y + 8}H{x - 10:g}Z"/>'
        )
        sign = f'<text class="in" x="{x:g}" y="{y + 4}" text-anchor="middle">{finding_words.sign(level)}</text>'
        pieces.append(f'<g class="level-{level or "none"}"><title>{escape(said)}</title>{shape}{sign}</g>')
    for place, anchor in ((0, "start"), (len(shown) - 1, "end")) if shown else ():
        if place == 0 or place > 3:  # noqa: PLR2004 - two dates need room beside each other
            x = 0 if anchor == "start" else place * _STEP + _STEP
            day = shown[place]["started_at"][:10]
            pieces.append(f'<text x="{x:g}" y="{_STRIP_HEIGHT - 4}" text-anchor="{anchor}">{day}</text>')
    counts = ", ".join(
        f"{finding_words.level(level, language)} {sum(one['verdict'] == level for one in shown)}"
        for level in ("ok", "warning", "alarm", None)
    )
    title = f"{report.status.title}{t(f'：最近 {len(shown)} 次抓取', f': latest {len(shown)} crawls')}"
    width = max(len(shown) * _STEP, 8 * _STEP)
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg class="chart strip" role="img" viewBox="0 0 {width} {_STRIP_HEIGHT}" style="max-width:{width}px">'
        f"<title>{escape(title)}</title><desc>{escape(counts)}</desc>{''.join(pieces)}</svg>"
    )


def _changes(report: Report, *, t: Say) -> Markup:
    counted = {day: (new, changed) for day, new, changed in report.days}
    last = date.fromisoformat(report.days[-1][0])
    first = max(date.fromisoformat(report.days[0][0]), last - timedelta(days=SHOWN_DAYS - 1))
    first = min(first, last - timedelta(days=LEAST_DAYS - 1))  # a bar over the whole width says nothing of time
    values = []
    for number in range((last - first).days + 1):
        day = (first + timedelta(days=number)).isoformat()
        new, changed = counted.get(day, (0, 0))
        values.append(
            Bar(day[5:], (new, changed), t(f"{day}：新 {new}，变 {changed}", f"{day}: {new} new, {changed} changed"))
        )
    all_new, all_changed = sum(new for _, new, _ in report.days), sum(one for _, _, one in report.days)
    total = t(f"新 {all_new}，变 {all_changed}", f"{all_new} new, {all_changed} changed")
    title = f"{report.status.title}{t('：每日新增与变更', ': new and changed by day')}"
    return Markup(bars(values, title=title, description=total, names=(t("新", "new"), t("变", "changed"))))  # noqa: S704 - escaped there


def _failures(report: Report) -> list[tuple[str, int, int]]:
    """(reason, how many, per cent of the most frequent) of the last crawl."""
    most = max(report.status.failures.values(), default=1)
    return [(reason, count, round(100 * count / most)) for reason, count in report.status.failures.items()]


def badge(report: Report) -> str:
    """Return a badge of an agency: its name, its verdict and the day it is of."""
    level = report.health.verdict
    day = (report.health.verdict_at or "")[:10]
    left = report.status.agency
    right = f"{finding_words.sign(level)} {finding_words.level(level, 'zh')} {finding_words.level(level, 'en')} {day}".strip()
    widths = [_width(text) + 16 for text in (left, right)]
    total = sum(widths)
    said = escape(f"{report.status.title} ({left}): {right}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" viewBox="0 0 {total} 20" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<rect width="{widths[0]}" height="20" fill="#3a4048"/>'
        f'<rect x="{widths[0]}" width="{widths[1]}" height="20" fill="{_BADGE_COLOURS.get(level, "#59626d")}"/>'
        '<g fill="#fff" font-family="Verdana, DejaVu Sans, Noto Sans CJK SC, Microsoft YaHei, sans-serif" font-size="11">'
        f'<text x="8" y="14">{escape(left)}</text><text x="{widths[0] + 8}" y="14">{escape(right)}</text></g></svg>\n'
    )


def _width(text: str) -> int:
    """About how wide a text is at 11 pixels."""
    return round(sum(7 if ord(letter) < _ASCII else 11.5 for letter in text))
