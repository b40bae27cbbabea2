"""Whether an agency is still read rightly: a few live pages, a verdict for every field.

Nothing is stored and no state changes. What is judged is what a template can be wrong about; that a document prints no number is no
fault of it, that no list has rows is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urldefrag, urlsplit

from govcrawl.browser_view import BrowserView
from govcrawl.errors import BadStatus, BlockedPage, CrawlError
from govcrawl.guard import check
from govcrawl.look import NotFetched
from govcrawl.speech import say
from govcrawl.urls import is_file_url, url_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from archive.model import Document
    from govcrawl.decode import Page
    from govcrawl.items import ListEntry, ListPage
    from govcrawl.look import Looker

Grade = Literal["ok", "suspicious", "missing", "unreached"]
UNREACHED = (NotFetched, BlockedPage, BadStatus)
"""What says something about the site today, and nothing about the template."""

DOCUMENTS = 3
"""How many documents are read where nothing else is asked for."""

_SHORT_TEXT = 30  # characters; shorter bodies without a file or an image are rare and worth a look
_HALF = 0.5
_NOISE = re.compile(r"上一篇|下一篇|扫一扫|打印本页|关闭窗口|字体[:：大]|分享到|网站标识码|主办单位[:：]|浏览次数")
_ATTACHMENT_LINE = re.compile(r"^\s*附件\s*[:：\d一二三]", re.MULTILINE)
_CUT = ("…", "...")
_BODY_FLAGS = ("no_container", "container_wide", "undecodable", "trafilatura_failed", "split_pages")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one thing. ``repair``: the agency or its template must be changed."""

    what: str
    grade: Grade
    sentence: str
    repair: bool = False


@dataclass(slots=True)
class Checkup:
    """One check of one agency."""

    looker: Looker
    agency: Any  # the agency's class
    documents: int = DOCUMENTS
    verdicts: list[Verdict] = field(default_factory=list)
    _read: dict[str, tuple[ListPage, Page]] = field(default_factory=dict)  # channel → its first page
    _pages: dict[str, Page] = field(default_factory=dict)

    async def run(self) -> list[Verdict]:
        """Check lists, paging and documents.

        Raises:
            NotFetched, BlockedPage, BadStatus: the site does not answer, or not with its pages: nothing can be said then.
        """
        for channel, url in self.agency.seeds().items():
            await self._check_list(channel, url)
        await self._check_paging()
        await self._check_documents()
        return self.verdicts

    # --- lists ---

    async def _check_list(self, channel: str, url: str) -> None:
        what = say(f"列表 {channel}", f"list {channel}")
        try:
            listed, page = await self._first_page(channel, url)
        except UNREACHED as error:
            if not self._read:
                raise
            self.verdicts.append(Verdict(what, "unreached", str(error)))
            return
        except CrawlError as error:
            self.verdicts.append(Verdict(what, "missing", str(error), repair=True))
            return
        self._read[channel] = (listed, page)
        self.verdicts.append(_list_verdict(what, listed))

    async def _first_page(self, channel: str, url: str) -> tuple[ListPage, Page]:
        """Read a channel's first page as a crawl does, a frame's rows from where its script gets them."""
        if channel in self.agency.browser_channels:
            view = BrowserView(self.agency.browser_answer)
            try:
                return self._read_list((await self.looker.show(url, view)).page)
            finally:
                await view.close()
        listed, page = self._read_list(await self._page(url))
        if not listed.entries and listed.next is not None:
            looked = await self.looker.fetch(listed.next.url, form=listed.next.form, via=url)
            return self._read_list(looked.page)
        return listed, page

    async def _page(self, url: str) -> Page:
        """Fetch a page once; several channels may begin on one page, at other fragments."""
        address, fragment = urldefrag(url)
        if address not in self._pages:
            self._pages[address] = (await self.looker.fetch(address)).page
        page = self._pages[address]
        return replace(page, url=f"{page.url}#{fragment}") if fragment else page

    def _read_list(self, page: Page) -> tuple[ListPage, Page]:
        check(page)
        return self.agency.read_list(page), page

    async def _check_paging(self) -> None:
        what = say("翻页", "paging")
        short = [
            (channel, listed)
            for channel, (listed, _) in self._read.items()
            if listed.next is None
            and not listed.capped
            and (listed.total or 0) > len(listed.entries) + listed.skipped
            and channel not in self.agency.browser_channels
        ]
        for channel, listed in short:
            sentence = say(
                f"{channel} 共 {listed.total} 条，只读到 {len(listed.entries)} 条，又没有下一页",
                f"{channel} says {listed.total} entries, {len(listed.entries)} were read, and there is no next page",
            )
            self.verdicts.append(Verdict(what, "missing", sentence, repair=True))
        longer = next(
            ((c, r) for c, r in self._read.items() if r[0].next is not None and c not in self.agency.browser_channels),
            None,
        )
        if longer is None:
            if not short and self._read:
                self.verdicts.append(
                    Verdict(what, "ok", say("所有列表都只有一页", "no list goes on after its first page"))
                )
            return
        channel, (listed, page) = longer
        self.verdicts.append(await self._second_page(what, channel, listed, page))

    async def _second_page(self, what: str, channel: str, listed: ListPage, page: Page) -> Verdict:
        following = listed.next
        if following is None:
            raise RuntimeError("only lists that go on are asked for their second page")
        try:
            looked = await self.looker.fetch(following.url, form=following.form, via=page.url)
            more, _ = self._read_list(looked.page)
        except UNREACHED as error:
            return Verdict(what, "unreached", f"{channel}: {error}")
        except CrawlError as error:
            return Verdict(what, "missing", f"{channel}: {error}", repair=True)
        seen = {url_key(entry.url) for entry in listed.entries}
        fresh = [entry for entry in more.entries if url_key(entry.url) not in seen]
        if not fresh:
            return Verdict(
                what,
                "missing",
                say(
                    f"{channel} 的下一页没有新的条目：{following.url}",
                    f"the next page of {channel} has no new entry: {following.url}",
                ),
                repair=True,
            )
        return Verdict(
            what,
            "ok",
            say(
                f"{channel} 的下一页有 {len(fresh)} 条新条目",
                f"the next page of {channel} has {len(fresh)} new entries",
            ),
        )

    # --- documents ---

    def _wanted(self) -> Iterator[ListEntry]:
        """Yield documents to read: the first of each list, then the second of each …, pages of the agency's own host."""
        host = urlsplit(self.agency.base_url).hostname
        lists = [
            [entry for entry in listed.entries if urlsplit(entry.url).hostname == host and not is_file_url(entry.url)]
            for listed, _ in self._read.values()
        ]
        seen: set[str] = set()
        for place in range(max(map(len, lists), default=0)):
            for entries in lists:
                if place < len(entries) and url_key(entries[place].url) not in seen:
                    seen.add(url_key(entries[place].url))
                    yield entries[place]

    async def _check_documents(self) -> None:
        from govcrawl.extract import read_page  # noqa: PLC0415 - trafilatura takes half a second to import

        read: list[Document] = []
        for asked, entry in enumerate(self._wanted()):
            if asked >= self.documents:
                break
            try:
                looked = await self.looker.fetch(self.agency.canonical(entry.url))
                read.append(read_page(self.agency, looked.page, entry))
            except UNREACHED as error:
                self.verdicts.append(Verdict(say("文件", "document"), "unreached", str(error)))
            except CrawlError as error:
                self.verdicts.append(Verdict(say("文件", "document"), "missing", str(error), repair=True))
        if read:
            self.verdicts += judge_documents(read, self.agency.agency)
        elif self._read and not any(listed.entries for listed, _ in self._read.values()):
            self.verdicts.append(
                Verdict(say("文件", "document"), "suspicious", say("所有列表都是空的", "every list is empty"))
            )


def _list_verdict(what: str, listed: ListPage) -> Verdict:
    rows = len(listed.entries)
    if not rows:
        return Verdict(what, "ok", say("网页说明目前是空的", "the page says that it is empty"))
    dated = sum(entry.publish_date is not None or entry.date_text is not None for entry in listed.entries)
    cut = sum(entry.title.endswith(_CUT) for entry in listed.entries)
    counted = "" if listed.total is None else say(f"，共 {listed.total} 条", f", {listed.total} in all")
    sentence = say(f"{rows} 行，{dated} 行有日期{counted}", f"{rows} rows, {dated} of them dated{counted}")
    if dated < _HALF * rows:
        return Verdict(what, "suspicious", sentence + say("；多数行没有读到日期", "; most rows have no date"))
    if cut > _HALF * rows:
        return Verdict(what, "suspicious", sentence + say("；多数标题被截断", "; most titles are cut off"))
    return Verdict(what, "ok", sentence)


def judge_documents(documents: Sequence[Document], agency: str) -> list[Verdict]:
    """Return a verdict for each field of some documents of an agency."""
    return [
        _judge_title(documents, agency),
        _judge_date(documents),
        _judge_optional(documents, say("来源", "source"), lambda one: one.source or one.publisher, "source_differs"),
        _judge_optional(
            documents, say("索引号、文号", "numbers"), lambda one: one.index_number or one.document_number, None
        ),
        _judge_body(documents),
        _judge_attachments(documents),
    ]


def _judge_title(documents: Sequence[Document], agency: str) -> Verdict:
    what = say("标题", "title")
    titles = [one.title for one in documents]
    without = next((one for one in documents if not one.title), None)
    if without is not None:
        return Verdict(
            what, "missing", say(f"没有读到标题：{without.url}", f"no title was read: {without.url}"), repair=True
        )
    if len(titles) > 1 and len(set(titles)) == 1:
        same = say(
            f"{len(titles)} 份文件的标题相同：{titles[0]}", f"{len(titles)} documents have the same title: {titles[0]}"
        )
        return Verdict(what, "missing", same, repair=True)
    if agency in titles:
        return Verdict(what, "suspicious", say("标题就是机构名称", "a title is just the agency's name"))
    differs = next((one for one in documents if "title_differs" in one.extraction.flags), None)
    if differs is not None:
        sentence = say(
            f"页面、meta 和列表的标题不一致：{differs.url}",
            f"page, meta tag and list give different titles: {differs.url}",
        )
        return Verdict(what, "suspicious", sentence)
    return Verdict(what, "ok", f"{titles[0]}")


def _judge_date(documents: Sequence[Document]) -> Verdict:
    what = say("日期", "date")
    missing = [one for one in documents if one.publish_date is None]
    if missing:
        sentence = say(
            f"{len(documents)} 份文件中 {len(missing)} 份没有日期，如 {missing[0].url}",
            f"{len(missing)} of {len(documents)} documents have no date, e.g. {missing[0].url}",
        )
        return Verdict(what, "missing", sentence, repair=len(missing) == len(documents))
    only_listed = [one for one in documents if one.publish_date_source == "list"]
    if only_listed:
        sentence = say(
            f"{len(only_listed)} 份的日期只见于列表，如 {only_listed[0].url}",
            f"{len(only_listed)} have their date from the list only, e.g. {only_listed[0].url}",
        )
        return Verdict(what, "suspicious", sentence)
    differs = next(
        (one for one in documents if {"list_date_differs", "publish_date_unreadable"} & set(one.extraction.flags)), None
    )
    if differs is not None:
        sentence = say(
            f"与列表的日期不一致或读不出：{differs.url}", f"differs from the list's or is not readable: {differs.url}"
        )
        return Verdict(what, "suspicious", sentence)
    return Verdict(what, "ok", ", ".join(str(one.publish_date) for one in documents))


def _judge_optional(
    documents: Sequence[Document], what: str, value: Callable[[Document], str | None], flag: str | None
) -> Verdict:
    """Judge what not every document prints: only a disagreement is suspicious."""
    found = [text for text in map(value, documents) if text]
    if not found:
        sentence = say(
            f"{len(documents)} 份都没有印出；请看一眼 {documents[0].url}",
            f"none of {len(documents)} documents prints one; look at {documents[0].url}",
        )
        return Verdict(what, "missing", sentence)
    differs = next((one for one in documents if flag and flag in one.extraction.flags), None)
    if differs is not None:
        return Verdict(
            what, "suspicious", say(f"页面与 meta 不一致：{differs.url}", f"page and meta tag differ: {differs.url}")
        )
    return Verdict(
        what,
        "ok",
        say(f"{len(documents)} 份中 {len(found)} 份：{found[0]}", f"{len(found)} of {len(documents)}: {found[0]}"),
    )


def _judge_body(documents: Sequence[Document]) -> Verdict:
    what = say("正文", "body")
    for one in documents:
        text = one.text or ""
        if not text and not (one.attachments or one.images or one.tables):
            return Verdict(what, "missing", say(f"没有正文：{one.url}", f"no body: {one.url}"), repair=True)
        flags = [flag for flag in one.extraction.flags if flag in _BODY_FLAGS]
        noise = _NOISE.search(text)
        if flags or noise:
            said = ", ".join(flags) or (noise.group() if noise else "")
            return Verdict(what, "suspicious", say(f"{said}：{one.url}", f"{said}: {one.url}"))
        if len(text) < _SHORT_TEXT and not (one.attachments or one.images or one.tables):
            sentence = say(f"只有 {len(text)} 字：{one.url}", f"{len(text)} characters only: {one.url}")
            return Verdict(what, "suspicious", sentence)
    lengths = ", ".join(str(len(one.text or "")) for one in documents)
    return Verdict(what, "ok", say(f"字数 {lengths}", f"characters: {lengths}"))


def _judge_attachments(documents: Sequence[Document]) -> Verdict:
    what = say("附件", "attachments")
    lost = next((one for one in documents if not one.attachments and _ATTACHMENT_LINE.search(one.text or "")), None)
    if lost is not None:
        sentence = say(
            f"正文提到附件，却没有找到：{lost.url}", f"the text names an attachment, none was found: {lost.url}"
        )
        return Verdict(what, "suspicious", sentence)
    count = sum(len(one.attachments) for one in documents)
    if not count:
        sentence = say(f"{len(documents)} 份文件都没有附件", f"none of {len(documents)} documents has any")
        return Verdict(what, "ok", sentence)
    return Verdict(what, "ok", say(f"找到 {count} 个", f"{count} found"))
