"""The fictional agency on its two days: what it lists, what it changes, and what a crawl must know of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

from govcrawl.demo.model import Draft, Truth, TruthFile, resolve_spans
from govcrawl.demo.notices import APPEARS, NOTICES
from govcrawl.demo.policies import ACCOUNTS, PLANS, POLICIES, budget_table

NAME = "demo_sfj"
TITLE = "云岭市司法局"
HOST = "sfj.yunling.example"  # 'example' is reserved (RFC 2606): no such host can exist
BASE_URL = f"http://{HOST}"

Day = Literal[1, 2]
DAYS: tuple[Day, ...] = (1, 2)
LISTED_PER_PAGE = 10
_STATIC_PAGES = 1  # pages of a list that stand in the HTML; the search endpoint has the rest

BODY_CHANGES, TITLE_CHANGES, FILE_CHANGES, GOES_AWAY = 5200714, 5100466, 5400188, 5100328
BUSY_ONCE, NEEDS_COOKIE = 5100655, 5100580


@dataclass(frozen=True, slots=True)
class Section:
    """A channel of the agency's site."""

    code: str
    name: str
    number: int  # the CMS's ChnlId


SECTIONS: tuple[Section, ...] = (
    Section("gsgg", "公告公示", 70101),
    Section("zcwj", "政策文件", 70102),
    Section("ghjh", "规划计划", 70103),
    Section("czxx", "财政信息", 70104),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a list page, as the CMS knows it."""

    id: int
    title: str
    url: str  # what the list line links to
    published_url: str  # the CMS's main address of the document
    date: str
    time: str | None = None
    pinned: bool = False
    number: str | None = None
    source: str | None = None
    index_number: str | None = None


_OFFSITE = Row(
    id=9000011,
    title="云岭市人民政府关于纸鸢节期间交通管制的通告（市政府网站）",
    url="http://www.yunling.example/zwgk/tg/202406/t20240612_9000011.htm",
    published_url="http://www.yunling.example/zwgk/tg/202406/t20240612_9000011.htm",
    date="2024-06-12",
)
"""A line that leads to another host: kept as a line, never fetched."""


def section(code: str) -> Section:
    """Return the channel with this code."""
    return next(one for one in SECTIONS if one.code == code)


def documents(day: Day) -> tuple[Draft, ...]:
    """Everything that can be found on ``day``; the document that goes away is left out of day 2."""
    base = (*NOTICES, *POLICIES, *PLANS, *ACCOUNTS)
    if day == 1:
        return base
    kept = tuple(_edited(draft) for draft in base if draft.id != GOES_AWAY)
    return (*kept, APPEARS)


def gone(day: Day) -> tuple[Draft, ...]:
    """Documents whose address answers with a soft 404 on ``day``."""
    return tuple(draft for draft in NOTICES if draft.id == GOES_AWAY) if day > 1 else ()


def _edited(draft: Draft) -> Draft:
    if draft.id == BODY_CHANGES:
        return replace(draft, body=draft.body.replace("十五日内结束", "二十日内结束"))
    if draft.id == TITLE_CHANGES:
        return replace(draft, title="云岭市律师事务所2022年度检查考核结果公告（更正）")
    if draft.id == FILE_CHANGES:
        return replace(draft, files=(replace(draft.files[0], content=budget_table(1592.5)),))
    return draft


def rows(code: str, day: Day) -> tuple[Row, ...]:
    """Return the lines of one channel's list in order: pinned ones first, then by date, then by id."""
    listed = [_row(draft, code) for draft in documents(day) if code in (draft.channel, draft.second_channel)]
    if code == "gsgg":
        listed.append(_OFFSITE)
    return tuple(sorted(listed, key=lambda row: (row.pinned, row.date, row.id), reverse=True))


def static_rows(listed: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the lines that stand in the list page's HTML."""
    return listed[: LISTED_PER_PAGE * _STATIC_PAGES]


def _row(draft: Draft, code: str) -> Row:
    return Row(
        id=draft.id,
        title=draft.title,
        url=BASE_URL + draft.listed_path(code),
        published_url=BASE_URL + draft.listed_path(draft.channel),
        date=draft.date,
        time=draft.time,
        pinned=draft.pinned,
        number=draft.number,
        source=draft.source,
        index_number=draft.index_number,
    )


def expected(day: Day) -> tuple[Truth, ...]:
    """Return what a crawl that saw all days up to ``day`` must know, ordered by address."""
    truths = [_truth(draft, _change(draft, day)) for draft in documents(day)]
    truths += [replace(_truth(draft, "gone"), state="suspected") for draft in gone(day)]
    return tuple(sorted(truths, key=lambda truth: truth.url))


def _change(draft: Draft, day: Day) -> Literal["new", "body", "title", "attachment"] | None:
    if day == 1:
        return None
    changes: dict[int, Literal["new", "body", "title", "attachment"]] = {
        APPEARS.id: "new",
        BODY_CHANGES: "body",
        TITLE_CHANGES: "title",
        FILE_CHANGES: "attachment",
    }
    return changes.get(draft.id)


def _truth(draft: Draft, change: Literal["new", "body", "title", "attachment", "gone"] | None) -> Truth:
    folder = BASE_URL + draft.path.rsplit("/", 1)[0]
    found = [
        (file.image, TruthFile(url=f"{folder}/{file.name}", label=file.label, sha256=_sha256(file.content)))
        for file in draft.files
    ]
    aliases = {draft.listed_path(code) for code in (draft.channel, draft.second_channel) if code} - {draft.path}
    spoken = "\n".join(block.text for block in draft.blocks if block.kind not in {"table", "image"})
    return Truth(
        url=BASE_URL + draft.path,
        aliases=tuple(sorted(BASE_URL + path for path in aliases)),
        channels=tuple(section(code).name for code in (draft.channel, draft.second_channel) if code),
        title=draft.title,
        publish_date=draft.date,
        publish_time=draft.time,
        source=draft.source,
        index_number=draft.index_number,
        document_number=draft.number,
        written_date=draft.written_date,
        text=None if draft.skin == "file" else spoken,
        tables=tuple(resolve_spans(block.rows) for block in draft.blocks if block.kind == "table"),
        attachments=tuple(file for image, file in found if not image),
        images=tuple(file for image, file in found if image),
        state="live",
        change=change,
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
