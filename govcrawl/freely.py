"""A page of which nothing is known: read by the family whose marks it bears, else by what stands on it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from govcrawl.errors import CrawlError, TemplateMismatch
from govcrawl.families import FEWEST_MARKS, rank
from govcrawl.loader import templates

if TYPE_CHECKING:
    from archive.model import Document
    from govcrawl.decode import Page

logger = logging.getLogger(__name__)


def detect_template(page: Page) -> Any | None:
    """Return the template class whose marks stand on the page, the one with most; None where no family has two.

    Raises:
        CrawlError: the page cannot be decoded or is none.
    """
    best = next(iter(rank([page], templates())), None)
    return best.template if best is not None and best.score >= FEWEST_MARKS else None


def read_freely(page: Page) -> Document:
    """Read a page by the family whose marks it bears; without one, or where it has not that family's shape, by what stands on it.

    Raises:
        CrawlError: the page is no document.
    """
    from govcrawl.extract import extract, read_file, read_page  # noqa: PLC0415 - trafilatura takes half a second to import
    from govcrawl.guard import check, is_file  # noqa: PLC0415

    family = detect_template(page)
    if family is None:
        check(page)
        return read_file(page.url, None) if is_file(page) else extract(page)
    try:
        return read_page(family, page)
    except TemplateMismatch as error:
        try:
            document = extract(page)
        except CrawlError:
            raise error from None  # it says more: which family, and what is missing
        logger.info("marks of %s, but not its shape: %s", family.template_name, error)
        return document
