"""Recrawls of a small site: what lists no longer show, lists that come empty, and documents whose turn it is."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from small_site import SmallSite, crawl, declare, document, listing, paragraphs

from archive.catalog import Catalog
from archive.export import export_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LIST = "/zwgk/gsgg/"


def row(number: int) -> tuple[str, str, str]:
    """The list's line of a document."""
    return f"./202403/t20240305_{number}.htm", f"小城市司法局关于第{number}项工作的通知", "2024-03-05"


def page(number: int, body: str = "") -> Any:
    """The page of a document."""
    return document(row(number)[1], paragraphs(f"第{number}号通知", 5) + body, ident=number)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SmallSite]:
    """Four documents in one channel that were crawled once; what was asked for since then is what ``targets`` tells."""
    declare(tmp_path)
    routes: dict[str, Any] = {LIST: listing([row(n) for n in (1, 2, 3, 4)])}
    routes |= {f"{LIST}202403/t20240305_{n}.htm": page(n) for n in (1, 2, 3, 4)}
    with SmallSite(routes) as running:
        assert crawl(tmp_path, running).returncode == 0
        running.asked.clear()
        yield running


def states(folder: Path) -> dict[int, str]:
    """Document → state."""
    with Catalog.open_read_only(folder / "data" / "catalog.db") as catalog:
        return {int(re.findall(r"_(\d+)", doc["url"])[0]): doc["state"] for doc in export_documents(catalog)}


def documents(site: SmallSite) -> list[int]:
    """Documents that were asked for."""
    return sorted(int(found[0]) for target in site.targets() if (found := re.findall(r"_(\d+)[.]htm", target)))


def test_a_document_that_its_list_lost_is_looked_at_in_the_same_crawl(site: SmallSite, tmp_path: Path) -> None:
    """One that is not there is suspected, one that answers is unlisted; nothing else is asked for, and a crawl right after asks no more."""
    site.routes[LIST] = listing([row(n) for n in (1, 2)])
    del site.routes[f"{LIST}202403/t20240305_4.htm"]
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert documents(site) == [3, 4]
    assert states(tmp_path) == {1: "live", 2: "live", 3: "unlisted", 4: "suspected"}
    site.asked.clear()
    assert crawl(tmp_path, site).returncode == 0
    assert documents(site) == []


def test_a_list_that_comes_empty_changes_nothing(site: SmallSite, tmp_path: Path) -> None:
    """It is asked for again; then the crawl is incomplete, says so, and no document is suspected; the next one is whole."""
    whole, site.routes[LIST] = site.routes[LIST], listing([])
    done = crawl(tmp_path, site)
    assert done.returncode == 1, done.stdout
    assert "showed 4 entries before, 0 were read" in done.stdout
    assert site.targets().count(LIST) == 3
    assert set(states(tmp_path).values()) == {"live"}
    site.routes[LIST] = whole
    site.asked.clear()
    assert crawl(tmp_path, site).returncode == 0
    assert documents(site) == []
    assert set(states(tmp_path).values()) == {"live"}


def test_a_list_that_is_empty_for_a_moment_is_read_when_it_is_back(site: SmallSite, tmp_path: Path) -> None:
    """The second answer counts: the crawl is complete and nothing is looked at."""
    whole, empty = site.routes[LIST], [listing([])]

    def answer(_: Mapping[str, str]) -> Any:
        return empty.pop() if empty else whole

    site.routes[LIST] = answer
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert documents(site) == []
    assert set(states(tmp_path).values()) == {"live"}


def test_documents_are_looked_at_when_it_is_their_turn(site: SmallSite, tmp_path: Path) -> None:
    """A month after the last look an edit that no list shows is found."""
    with closing(sqlite3.connect(tmp_path / "data" / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE crawls SET started_at = '2024-04-01T00:00:00.000000Z'")
        catalog.execute("UPDATE documents SET last_checked_at = '2024-04-01T00:00:00.000000Z'")
    site.routes[f"{LIST}202403/t20240305_2.htm"] = page(2, "<p>　　本通知自印发之日起施行，有效期五年。</p>")
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert documents(site) == [1, 2, 3, 4]
    assert "changed 1" in done.stdout
