"""What several commands ask for alike: an agency that is there, days and instants, changes by kind."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from archive import catalog_reads as reads
from archive.catalog_changes import CHANGES
from archive.catalog_walks import LOCAL, midnight
from archive.change_words import CHANGE_WORDS
from archive.rows import instant
from govcrawl.errors import UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from archive.catalog import Catalog

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
DAY_OR_INSTANT = "YYYY-MM-DD[THH:MM:SSZ]"

change_option = click.option(
    "--change",
    "kinds",
    multiple=True,
    type=click.Choice(CHANGES),
    help=say(
        "只要这些变动(可重复):" + "、".join(f"{name} {zh}" for name, (zh, _) in CHANGE_WORDS.items()) + "。",
        "Only these kinds of change; may be given several times.",
    ),
)


def check_agency(catalog: Catalog, agency: str | None) -> None:
    """Raise unless the agency is in the catalog, or none was asked for.

    Raises:
        UsageMistake: it is not; the message names the nearest.
    """
    names = [row["name"] for row in reads.agencies(catalog)]
    if agency is None or agency in names:
        return
    near = difflib.get_close_matches(agency, names, n=3) or names[:5]
    raise UsageMistake(
        say(
            f"目录库里没有机构 {agency!r};最接近的: {', '.join(near) or '(还没有机构)'}",
            f"the catalog has no agency {agency!r}; the nearest: {', '.join(near) or '(there is none yet)'}",
        )
    )


def check_channel(catalog: Catalog, agency: str | None, channel: str | None) -> None:
    """Raise unless an agency of the catalog has the channel, or none was asked for.

    Raises:
        UsageMistake: none has; the message names the nearest.
    """
    names = reads.channel_names(catalog, agency)
    if channel is None or channel in names:
        return
    near = difflib.get_close_matches(channel, names, n=3, cutoff=0.3) or names[:8]
    raise UsageMistake(
        say(
            f"没有栏目 {channel!r};最接近的: {', '.join(near) or '(还没有栏目)'}",
            f"there is no channel {channel!r}; the nearest: {', '.join(near) or '(there is none yet)'}",
        )
    )


def parse_since(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A local day (its beginning) or an instant, as the catalog writes instants."""
    del ctx
    return None if value is None else instant(_moment(parameter, value))


def parse_until(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A local day (to its end) or an instant, excluded, as the catalog writes instants."""
    del ctx
    return None if value is None else instant(_moment(parameter, value, days_later=1))


as_of_option = click.option(
    "--as-of",
    callback=parse_until,
    metavar=DAY_OR_INSTANT,
    help=say(
        "当时（该日结束时）所知的版本和状态。",
        "The version and state that were known then (at the end of that day in China).",
    ),
)


def _moment(parameter: click.Parameter, value: str, *, days_later: int = 0) -> datetime:
    """The instant that is meant, of a day its beginning or that of a later one; the agencies' days are China's."""
    try:
        if _DAY.fullmatch(value):
            return midnight(date.fromisoformat(value), days_later)
        return _in_utc(value)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            say(
                f"{value!r} 不是时间,应写作 YYYY-MM-DD(北京时间的一天)或 YYYY-MM-DDTHH:MM:SSZ",
                f"{value!r} is no time; expected YYYY-MM-DD (a day in China) or YYYY-MM-DDTHH:MM:SSZ",
            ),
            param=parameter,
        ) from None


def _in_utc(value: str) -> datetime:
    """An instant that is written with its zone, or in UTC."""
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def local_minute(at: str) -> str:
    """An instant of the catalog as clocks in China show it, to the minute, with how far they are from UTC."""
    return f"{datetime.fromisoformat(at).astimezone(LOCAL):%Y-%m-%d %H:%M}+08:00"


def parse_day(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A calendar day, ``YYYY-MM-DD``."""
    del ctx
    if value is None:
        return None
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise click.BadParameter(
        say(f"{value!r} 不是日期,应写作 YYYY-MM-DD", f"{value!r} is no day; expected YYYY-MM-DD"), param=parameter
    )


def parse_moment(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A UTC day, or an instant with its zone, in the form the catalog compares with."""
    if value is None or _DAY.fullmatch(value):
        return parse_day(ctx, parameter, value)
    try:
        return instant(_in_utc(value))
    except (ValueError, OverflowError):
        raise click.BadParameter(
            say(
                f"{value!r} 不是时间,应写作 YYYY-MM-DD 或 YYYY-MM-DDTHH:MM:SSZ",
                f"{value!r} is no instant; expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ",
            ),
            param=parameter,
        ) from None
