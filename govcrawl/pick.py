"""Selectors that state how many matches they expect."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import lxml.etree
from cssselect import HTMLTranslator

from govcrawl.decode import Page
from govcrawl.errors import TemplateMismatch


def pick_one(node: Any, selector: str, what: str) -> Any:
    """Return the only match of a CSS or XPath selector under a page or element.

    Args:
        node: a Page, or an lxml element.
        selector: XPath where it starts with ``/``, ``./``, ``..`` or ``(``, CSS otherwise.
        what: what it is, for the message.

    Raises:
        TemplateMismatch: there is not exactly one match.
    """
    return pick_some(node, selector, what, least=1, most=1)[0]


def pick_some(node: Any, selector: str, what: str, *, least: int = 1, most: int | None = None) -> list[Any]:
    """Return the matches of a CSS or XPath selector, of which there must be ``least`` to ``most``.

    Raises:
        TemplateMismatch: there are fewer or more; the message names page, selector, got and expected.
    """
    element = node.root if isinstance(node, Page) else node
    found = compiled(selector)(element)
    matches: list[Any] = found if isinstance(found, list) else [found]
    if len(matches) < least or (most is not None and len(matches) > most):
        expected = f"{least}" if most == least else f"at least {least}" if most is None else f"{least} to {most}"
        url = node.url if isinstance(node, Page) else element.getroottree().docinfo.URL or "a page without address"
        raise TemplateMismatch(
            f"{url}: {what}: {selector!r} found {len(matches)}, expected {expected}; the page is of another family or was redesigned"
        )
    return matches


@lru_cache(maxsize=512)
def compiled(selector: str) -> lxml.etree.XPath:
    """Compile a CSS or XPath selector, once per process."""
    if selector.startswith(("/", "./", "..", "(", "string(")):
        return lxml.etree.XPath(
            selector, smart_strings=False
        )  # plain strings cost a third of those that know their parent
    return lxml.etree.XPath(HTMLTranslator().css_to_xpath(selector))
