"""What a person declares: an agency's attributes, a crawl's arguments. Mistakes are named at once."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from govcrawl.errors import BadAgency, UsageMistake
from govcrawl.recrawl.policy import check_parameter
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from govcrawl.spider import DisclosureSpider

MODES = ("incremental", "full")


def read_arguments(mode: str, since: str | None, limit: str | None) -> tuple[str, str | None, int | None]:
    """Return (mode, since, limit) as values.

    Raises:
        UsageMistake: naming the argument, what was given and what is accepted.
    """
    if mode not in MODES:
        raise UsageMistake(
            say(
                f"mode={mode!r} 不认识，可用：{', '.join(MODES)}",
                f"mode={mode!r} is not known; accepted: {', '.join(MODES)}",
            )
        )
    if since is not None:
        try:
            since = date.fromisoformat(since).isoformat()
        except ValueError:
            raise UsageMistake(
                say(
                    f"since={since!r} 不是日期，应写作 YYYY-MM-DD，如 since=2024-01-31",
                    f"since={since!r} is no date; expected YYYY-MM-DD, e.g. since=2024-01-31",
                )
            ) from None
    if limit is None:
        return mode, since, None
    if not (limit.isascii() and limit.isdigit() and int(limit) > 0):
        raise UsageMistake(
            say(
                f"limit={limit!r} 不是份数，应为从 1 起的整数",
                f"limit={limit!r} is no count of documents; expected a whole number from 1",
            )
        )
    return mode, since, int(limit)


def check_agency(cls: type[DisclosureSpider]) -> None:
    """Check what an agency declares.

    Raises:
        BadAgency: naming the class, the attribute, what it is and what it must be.
    """
    where = f"{cls.__module__}.{cls.__name__}"
    if cls.name != cls.__name__ or not re.fullmatch(r"[a-z][a-z0-9_]*", cls.name):
        raise BadAgency(
            f"{where}: name is {cls.name!r}; it must equal the class name and be lower-case letters, digits and _"
        )
    if not re.search("[\u4e00-\u9fff]", cls.agency):
        raise BadAgency(f"{where}: agency is {cls.agency!r}; expected the official Chinese name in full")
    base = urlsplit(cls.base_url)
    if base.scheme not in {"http", "https"} or not base.hostname:
        raise BadAgency(f"{where}: base_url is {cls.base_url!r}; expected an absolute http(s) URL")
    if unknown := [channel for channel in cls.browser_channels if channel not in cls.channels]:
        raise BadAgency(f"{where}: browser_channels names {unknown}; expected names that channels has")
    if not cls.channels:
        raise BadAgency(f"{where}: channels is empty; expected printed channel name → seed path, at least one")
    if not _is_hours(cls.every_hours):
        raise BadAgency(
            f"{where}: every_hours is {cls.every_hours!r}; expected hours between two crawls, e.g. 6 or 168"
        )
    _check_recrawl(where, cls.recrawl)
    for channel, path in cls.channels.items():
        if urlsplit(urljoin(cls.base_url, path)).scheme not in {"http", "https"} or not channel.strip():
            raise BadAgency(
                f"{where}: channel {channel!r} has seed {path!r}; expected a printed name and an http(s) URL or path"
            )


def _is_hours(value: object) -> bool:
    return isinstance(value, int | float) and value >= 0


def _check_recrawl(where: str, parameters: Mapping[str, float]) -> None:
    for name, value in parameters.items():
        try:
            check_parameter(name, value)
        except ValueError as error:
            raise BadAgency(f"{where}: recrawl: {error}") from None
