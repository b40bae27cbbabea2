"""Walks: what a list page adds, when a list is at its end."""

from __future__ import annotations

from typing import Any

from archive.model import Known, Listing
from govcrawl.items import ListEntry, ListPage, NextPage
from govcrawl.spider import DisclosureSpider
from govcrawl.walks import ASK_AGAIN, Taken, Walk, group_walks

HOST = "http://a.test"
NEXT = NextPage(url=f"{HOST}/index_1.htm", number=2)


def page(*paths: str, **more: Any) -> ListPage:
    """A list page with one line for each path."""
    entries = tuple(ListEntry(url=path if "://" in path else HOST + path, title=path) for path in paths)
    return ListPage(entries=entries, **more)


def walk(*, full: bool = True) -> Walk:
    """A walk at its beginning."""
    return Walk("公告", f"{HOST}/", full)


def take(one: Walk, listed: ListPage) -> Taken:
    """Take a page as a crawl does; the walk remembers what it saw, as one in a browser."""
    one.seen = one.seen or set()
    return one.take(listed, one.read_lines(listed, DisclosureSpider.canonical), one.seen)


def known(path: str, *, listed_before: bool) -> Known:
    """What the catalog knows of a line."""
    line = Listing(
        url=HOST + path, url_key=f"a.test{path}", key=None, title="t", publish_date=None, date_text=None, position=0
    )
    return Known(
        listing=line, document_id="d", url=line.url, state="live", listed_before=listed_before, changed_line=False
    )


def test_each_document_is_taken_once_by_its_canonical_address() -> None:
    """A gateway's copy of a line that was seen is no new line; its address is handed on, and the list's count holds it."""
    one = walk()
    taken = take(one, page("/t1.htm", f"{HOST}/gate/big5/a.test/t1.htm", "/t2.htm", total=3))
    assert [entry.url for entry in taken.fresh] == [f"{HOST}/t1.htm", f"{HOST}/t2.htm"]
    assert taken.twins == (("a.test/t1.htm", f"{HOST}/gate/big5/a.test/t1.htm"),)
    assert not one.short


def test_lines_that_are_no_documents_count_towards_the_total() -> None:
    """Skipped lines fill a list's count; a list that counts more is short."""
    one = walk()
    take(one, page("/t1.htm", total=3, skipped=1))
    assert one.short
    take(one, page("/t2.htm"))
    assert not one.short


def test_a_page_that_repeats_is_asked_for_again_a_few_times_and_not_counted() -> None:
    """A repeated page counts as a page only after it stayed so; the counter starts anew with the next page."""
    one = walk()
    take(one, page("/t1.htm", next=NEXT))
    repeated = page("/t1.htm", next=NEXT)
    for _ in range(ASK_AGAIN):
        taken = take(one, repeated)
        assert one.repeats(repeated, taken)
        assert one.ask_again()
        assert one.pages == 1
    taken = take(one, repeated)
    assert not one.ask_again()
    assert one.pages == 2
    assert one.next_page(repeated, taken, [], most_pages=9, since=None) == "repeats"
    take(one, page("/t2.htm"))
    assert one.asked_again == 0


def test_a_frame_without_lines_leads_to_its_list_and_keeps_the_seeds_fragment() -> None:
    """The first page may say only where the list is; templates read the fragment that servers never see, there only."""
    one = Walk("公告", f"{HOST}/gkmlpt/index#721", full=False)
    assert one.page_url(f"{HOST}/gkmlpt/index") == f"{HOST}/gkmlpt/index#721"
    frame = ListPage(entries=(), next=NEXT)
    taken = take(one, frame)
    assert one.next_page(frame, taken, [], most_pages=9, since=None) == NEXT
    assert one.page_url(f"{HOST}/api?page=1") == f"{HOST}/api?page=1"


def test_channels_on_one_page_are_asked_for_once() -> None:
    """Seeds that differ in their fragment follow the first; channels that need a browser stay apart."""
    seeds = {"a": f"{HOST}/i#1", "b": f"{HOST}/i#2", "c": f"{HOST}/j", "d": f"{HOST}/i#3"}
    walks = [Walk(name, seed, full=True) for name, seed in seeds.items()]
    asked = group_walks(walks, {"d"})
    assert [w.channel for w in asked] == ["a", "c"]
    assert [w.channel for w in asked[0].together] == ["b"]


def test_an_incremental_walk_ends_where_everything_is_known() -> None:
    """The first page on which all lines were listed before ends it; a full walk goes on."""
    listed = page("/t1.htm", next=NEXT)
    for full in (True, False):
        one = walk(full=full)
        taken = take(one, listed)
        following = one.next_page(listed, taken, [known("/t1.htm", listed_before=True)], most_pages=9, since=None)
        assert following == (NEXT if full else "known")
