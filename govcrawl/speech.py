"""The language of the user interface: Chinese or English."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

Language = Literal["zh", "en"]
Say = Callable[[str, str], str]
"""Picks the Chinese or the English text."""


def say(zh: str, en: str) -> str:
    """The Chinese or the English text, by ``GOVCRAWL_LANG`` (zh or en), else by the locale.

    The locale is the first of ``LC_ALL``, ``LC_MESSAGES`` and ``LANG`` that is set (POSIX, 'Environment Variables');
    one that begins with ``zh`` means Chinese, everything else English.
    """
    return zh if language() == "zh" else en


def say_in(chosen: Language) -> Say:
    """Return what picks the text of a language that a reader chose."""
    return (lambda zh, _: zh) if chosen == "zh" else (lambda _, en: en)


def in_words(error: Exception) -> str:
    """Return what an error says, in the user's language where it knows both."""
    return say(getattr(error, "zh", None) or str(error), str(error))


def many(count: int, one: str, more: str | None = None) -> str:
    """Return a number with its English noun."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"


def language() -> Language:
    """``zh`` or ``en``."""
    chosen = os.environ.get("GOVCRAWL_LANG", "").strip().lower()
    if chosen in {"zh", "en"}:
        return "zh" if chosen == "zh" else "en"
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for value in (os.environ.get(name) for name in names) if value), "")
    return "zh" if locale.lower().startswith("zh") else "en"
