"""What is given to ``scrapy crawl``, checked before anything begins, and what it says when it is interrupted."""

from __future__ import annotations

import difflib
import gc
import logging
from typing import TYPE_CHECKING

from scrapy.settings import SETTINGS_PRIORITIES, default_settings

import govcrawl.settings
from govcrawl.errors import UsageMistake
from govcrawl.notices import Notifier
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.settings import BaseSettings

_FLAGS = {"True", "true", "False", "false", "1", "0"}  # what Scrapy reads as a truth value
_ENGINE = ("scrapy", "scrapy-playwright")

COLLECTOR_THRESHOLDS = (20_000, 20, 100)
"""For :func:`gc.set_threshold`."""


def check_arguments(args: Sequence[str]) -> None:
    """Raise where something else than one agency was named.

    Raises:
        UsageMistake: no agency, several, or an option that there is not.
    """
    option = next((arg for arg in args if arg.startswith("-")), None)
    if option is not None:
        raise UsageMistake(
            say(
                f"没有选项 {option}；全部选项：scrapy crawl --help",
                f"there is no option {option}; scrapy crawl --help lists all",
            )
        )
    if len(args) != 1:
        raise UsageMistake(
            say(
                f"请给出一个机构名（给了 {len(args)} 个），例如：scrapy crawl xiamen_sfj；全部机构：scrapy list",
                f"name one agency (got {len(args)}), e.g. scrapy crawl xiamen_sfj; scrapy list names all",
            )
        )


def check_settings(settings: BaseSettings) -> None:
    """Raise where a setting of the command line (``-s``) cannot be what is meant.

    Raises:
        UsageMistake: a number was expected, the name is that of no setting but close to one, or nobody can be notified so.
    """
    known = {name for module in (default_settings, govcrawl.settings) for name in vars(module) if name.isupper()}
    for name in settings:
        if settings.getpriority(name) != SETTINGS_PRIORITIES["cmdline"]:
            continue
        value = settings[name]
        if name not in known and (near := difflib.get_close_matches(name, known, n=1, cutoff=0.8)):
            raise UsageMistake(
                say(f"没有设置 {name}；是否指 {near[0]}？", f"there is no setting {name}; is {near[0]} meant?")
            )
        default = vars(govcrawl.settings).get(name, vars(default_settings).get(name))
        if isinstance(default, bool) and str(value) not in _FLAGS:
            raise UsageMistake(
                say(f"设置 {name}={value!r} 应为 True 或 False", f"{name}={value!r}: expected True or False")
            )
        if isinstance(default, int | float) and not isinstance(default, bool) and not _is_number(value):
            raise UsageMistake(
                say(
                    f"设置 {name}={value!r} 不是数；如 {name}={default}",
                    f"{name}={value!r} is no number; e.g. {name}={default}",
                )
            )

    Notifier.of(settings)


def _is_number(value: object) -> bool:
    try:
        return float(str(value)) >= 0
    except ValueError:
        return False


class _Interrupts(logging.Filter):
    """Lets pass warnings and what Scrapy says of Ctrl-C, the latter in the user's language."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide, and translate."""
        said = str(record.msg)
        if not said.startswith("Received "):
            return record.levelno >= logging.WARNING
        record.args = ()
        record.msg = (
            say("已中断：立即结束", "interrupted again: ending at once")
            if "twice" in said
            else say(
                "已中断：收好正在进行的请求即结束；再按一次 Ctrl-C 立即结束",
                "interrupted: ending when what is under way is archived; Ctrl-C again ends at once",
            )
        )
        return True


_INTERRUPTS = _Interrupts()  # one for all: a logger takes the same filter once only


def calm_collector() -> None:
    """Let the cyclic garbage collector look at what pages bring, and seldom; to be called when everything is loaded.

    What is loaded by then stays, and is not walked again and again. Requests and responses make some hundred objects each
    that end without it: at Python's own thresholds it takes a tenth of a crawl's CPU time. What of it is garbage already is
    little, and looking for it takes a quarter of a second.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def quiet_engine(settings: BaseSettings) -> None:
    """Leave the engine's own notices out of the log, unless a level was asked for (``-L``)."""
    if (settings.getpriority("LOG_LEVEL") or 0) >= SETTINGS_PRIORITIES["cmdline"]:
        logging.getLogger("scrapy").setLevel(settings["LOG_LEVEL"])  # it has a dozen things to say of each crawl
        return
    for part in _ENGINE:
        logging.getLogger(part).setLevel(logging.WARNING)
    for name in ("scrapy.utils.log", "scrapy.crawler"):  # a filter outlives that Scrapy configures its loggers anew
        logging.getLogger(name).addFilter(_INTERRUPTS)
    logging.getLogger("scrapy.crawler").setLevel(logging.INFO)
