"""Walks: what a list page adds, when a list is at its end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from archive.facts import ChannelFacts
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


FACTS = ChannelFacts("公告", 0, None, total=38, lines=40, newer=2)
"""A list that printed 38 when it was last walked to its end, and has shown two lines more since."""


def walk(*, full: bool = True, facts: ChannelFacts | None = None) -> Walk:
    """A walk at its beginning."""
    return Walk("公告", f"{HOST}/", full, facts=facts)


def take(one: Walk, listed: ListPage) -> Taken:
    """Take a page as a crawl does; the walk remembers what it saw, as one in a browser."""
    one.seen = one.seen or set()
    return one.take(listed, one.read_lines(listed, DisclosureSpider.canonical), one.seen)


def known(path: str, *, listed_before: bool, pinned: bool = False) -> Known:
    """What the catalog knows of a line."""
    line = Listing(
        url=HOST + path,
        url_key=f"a.test{path}",
        key=None,
        title="t",
        publish_date=None,
        date_text=None,
        position=0,
        pinned=pinned,
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
    assert one.next_page(repeated, taken, most_pages=9, since=None) == "repeats"
    take(one, page("/t2.htm"))
    assert one.asked_again == 0


def test_a_frame_without_lines_leads_to_its_list_and_keeps_the_seeds_fragment() -> None:
    """The first page may say only where the list is; templates read the fragment that servers never see, there only."""
    one = Walk("公告", f"{HOST}/gkmlpt/index#721", full=False)
    assert one.page_url(f"{HOST}/gkmlpt/index") == f"{HOST}/gkmlpt/index#721"
    frame = ListPage(entries=(), next=NEXT)
    taken = take(one, frame)
    assert one.next_page(frame, taken, most_pages=9, since=None) == NEXT
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
        one.note([known("/t1.htm", listed_before=True)])
        assert one.next_page(listed, taken, most_pages=9, since=None) == (NEXT if full else "known")


def test_pinned_lines_neither_end_nor_prolong_a_walk() -> None:
    """A page of known pinned lines alone leads on; an unknown pinned line among known ones does not."""
    alone = ListPage(entries=(ListEntry(url=f"{HOST}/p.htm", title="p", pinned=True),), next=NEXT)
    one = walk(full=False)
    taken = take(one, alone)
    one.note([known("/p.htm", listed_before=True, pinned=True)])
    assert one.next_page(alone, taken, most_pages=9, since=None) == NEXT
    beside = replace(alone, entries=(*alone.entries, ListEntry(url=f"{HOST}/t1.htm", title="t")))
    two = walk(full=False)
    taken = take(two, beside)
    two.note([known("/p.htm", listed_before=False, pinned=True), known("/t1.htm", listed_before=True)])
    assert two.next_page(beside, taken, most_pages=9, since=None) == "known"


def test_a_walk_goes_on_while_the_lists_count_disagrees() -> None:
    """One line more than is known: it is further down, dated back; found there, it explains the count and ends the walk."""
    one = walk(full=False, facts=FACTS)
    first = page("/t1.htm", total=41, next=NEXT)
    taken = take(one, first)
    one.note([known("/t1.htm", listed_before=True)])
    assert one.miscount == 1
    assert one.next_page(first, taken, most_pages=9, since=None) == NEXT
    second = page("/t9.htm", "/t2.htm", number=2, total=41, next=NEXT)
    taken = take(one, second)
    one.note([known("/t9.htm", listed_before=False), known("/t2.htm", listed_before=True)])
    assert one.next_page(second, taken, most_pages=9, since=None) == NEXT
    third = page("/t3.htm", number=3, total=41, next=NEXT)
    taken = take(one, third)
    one.note([known("/t3.htm", listed_before=True)])
    assert one.next_page(third, taken, most_pages=9, since=None) == "known"


def test_an_empty_page_is_asked_for_again_and_never_ends_a_list_as_complete() -> None:
    """A list that had lines and comes without any, whatever count it prints, is doubted; if it stays so it is short."""
    for total in (0, None):
        one = walk(facts=FACTS)
        empty = page(total=total)
        for _ in range(ASK_AGAIN):
            take(one, empty)
            one.note([])
            assert one.doubtful(empty)
            assert one.ask_again(doubted=True)
        take(one, empty)
        assert not one.ask_again(doubted=True)
        one.ending = "end"
        assert (one.ended_as, one.complete) == ("short", False)


def test_an_empty_page_that_is_whole_when_asked_again_leaves_no_trace() -> None:
    """What came the second time counts: the walk goes on to the next page and is not short."""
    one = walk(facts=ChannelFacts("公告", 0, None, lines=2))
    take(one, page())
    assert one.doubtful(page())
    assert one.ask_again(doubted=True)
    whole = page("/t1.htm", "/t2.htm")
    taken = take(one, whole)
    one.note([known("/t1.htm", listed_before=True), known("/t2.htm", listed_before=True)])
    assert not one.doubtful(whole)
    assert one.next_page(whole, taken, most_pages=9, since=None) == "end"
    one.ending = "end"
    assert (one.complete, one.pages) == (True, 1)


def test_a_list_that_lost_lines_without_a_count_is_read_twice() -> None:
    """The second time what it lacked is there: it is complete. What stays lost is believed where it is little."""
    facts = ChannelFacts("公告", 0, None, lines=3)
    for comes_back in (True, False):
        one = walk(facts=facts)
        cut = page("/t1.htm", "/t2.htm")
        for _ in range(1 + ASK_AGAIN):
            taken = take(one, cut)
            one.note([known(f"/t{n}.htm", listed_before=True) for n in (1, 2)])
            if not (one.doubtful(cut) and one.ask_again(doubted=True)):
                break
        again = one.next_page(cut, taken, most_pages=9, since=None)
        assert again == NextPage(url=f"{HOST}/", number=1)
        whole = page("/t1.htm", "/t2.htm", *["/t3.htm"] * comes_back)
        taken = take(one, whole)
        assert not one.repeats(whole, taken)
        assert one.next_page(whole, taken, most_pages=9, since=None) == "end"
        one.ending = "end"
        assert (one.complete, one.lost) == (True, 0 if comes_back else 1)


def test_a_list_whose_count_falls_while_it_is_walked_is_not_complete() -> None:
    """Lines moved up past the page that was read next: nothing is concluded from what was not seen, and nothing is wrong."""
    one = walk()
    take(one, page("/t1.htm", "/t2.htm", total=3, next=NEXT))
    take(one, page(number=2, total=2))
    take(one, page("/t4.htm", number=2, total=2))
    one.ending = "end"
    assert (one.ended_as, one.complete) == ("end", False)


def test_how_far_a_walk_came_is_kept_whole() -> None:
    """A further sitting goes on with what was known, doubted and counted."""
    one = walk(full=False, facts=FACTS)
    take(one, page("/t1.htm", total=41, next=NEXT))
    one.note([known("/t1.htm", listed_before=False)])
    one.ask_again(doubted=True)
    two = walk(full=False)
    two.go_on(json.loads(json.dumps(one.cursor())))
    assert two.cursor() == one.cursor()
    assert (two.miscount, two.lost, two.doubted) == (one.miscount, one.lost, True)
