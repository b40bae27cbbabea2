"""What a text cites: document numbers (文号: 机关代字〔年〕序号), orders (令), titles in 《》.

The bracketed year is looked for first, then the agency's code before it (:mod:`govcrawl.agency_codes`) and the serials behind it.
"""

from __future__ import annotations

import re
from bisect import bisect
from typing import TYPE_CHECKING

from archive.mentions import Mention, normal_number, title_key
from archive.text import nfkc
from govcrawl.agency_codes import LONGEST_RUN, pick_code
from govcrawl.orders import find_organ, read_orders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.mentions import CitedKind

__all__ = ["is_document_number", "normal_number", "read_citations", "read_mentions"]

_OPEN, _CLOSE = "〔\\[［(（【〖﹝{｛〈", "〕\\]］)）】〗﹞}｝〉"
_DIGIT = r"[0-9０-９]"
_SERIAL = rf"{_DIGIT}(?:\s?{_DIGIT}){{0,6}}"
_NO_PLACE = "(?!\\s?[楼线院室房门栋窗路街桌机车库仓井站闸泵桥台坑船厅座单泊码令樓線門棟機車庫橋])"
_YEAR = re.compile(
    rf"[{_OPEN}]\s{{0,3}}(?P<year>(?:[1１]\s?[9９]|[2２]\s?[0０])\s?{_DIGIT}\s?{_DIGIT})\s{{0,3}}年?\s{{0,3}}[{_CLOSE}]\s{{0,4}}(?P<nth>第?)\s{{0,3}}"
    rf"(?P<serials>{_SERIAL}(?:\s?(?:[、,，和与及至到~～—–-]|以及)\s?第?\s?{_SERIAL}){{0,30}})\s{{0,3}}[号號]{_NO_PLACE}"
)
_MORE = re.compile(
    rf"\s?(?:文件|文)?\s?(?P<joint>[、,，和与及至到~～—–-]|以及)\s?第?\s?(?P<serials>{_SERIAL})\s?[号號]{_NO_PLACE}"
)
_BETWEEN = re.compile(r"\s?(?:文件|文)?\s?(?:[、,，和与及或]|以及|\s)\s?")
_PIECE = re.compile(rf"(?P<joint>[、,，和与及至到~～—–-]|以及|^)\s?第?\s?(?P<serial>{_SERIAL})")
_UNTIL = frozenset("至到~～—–-")
_LONGEST_RANGE = 50
_RUN = re.compile(r"(?:[\u3400-\u9fff\uf900-\ufaff\u2f00-\u2fdf〇]\s{0,2}|(?<=\n))*$")
_INSERT = re.compile(r"[(（](?P<inside>[\u3400-\u9fff]{1,6})[)）](?P<tail>[\u3400-\u9fff]{0,4})$")
_INSERT_TAILS = re.compile(
    "行?罚|行?罚字|行?罚决|行?罚决字|行?决字|审|审字|函|发|字|办|规|许|许准字|许决字|强|责改|责改字|改|表|书|验|批|复|听告字|告字|"
)
_WHOLE = re.compile(
    rf"[\u3400-\u9fff]{{1,24}}(?:[(（][\u3400-\u9fff]{{1,6}}[)）][\u3400-\u9fff]{{0,6}})?\s*[{_OPEN}]\s*(?:19|20)\d\d\s*年?\s*[{_CLOSE}]\s*第?\s*\d{{1,7}}(?:-\d{{1,6}})?\s*[号號]"
)

_MARKS = re.compile("[《》]")
_LONGEST_TITLE, _NEAR = 160, 20
_BEFORE_NUMBER = re.compile(
    r"\s?(?:[（(][\u3400-\u9fff]{1,8}[)）])?\s?[（(〔\[【]?\s?(?:[\u3400-\u9fff]{0,6}[:：]|见|即|文号)?\s?"
)
_AFTER_NUMBER = re.compile(
    r"\s?[）)]?\s?(?:文件|文)?\s?(?:印发的|发布的|公布的|颁布的|转发的|下发的|印发|发布|公布|颁布|转发|下发)?\s?"
)
_SAME_BRACKET = re.compile(r"[、,，;；和及与\s]{1,3}")
_LAW = re.compile(
    r"(?:法|法典|条例|宪法|规定|办法|细则|规则|通则|修正案|條例|規定|辦法|細則)(?:[(（](?:试行|暂行|修订|草案|[^()（）]{0,12}修[订正][^()（）]{0,4})[)）])?$"
)


def read_citations(text: str | None, own: str | None = None) -> tuple[str, ...]:
    """Return the document numbers cited in a text, in order, each once, in the form 国办发〔2017〕47号.

    Brackets of any kind are given as 〔〕, full-width digits as ASCII, blanks and line ends dropped; 14号、15号 and 14-16号 after one code
    and year are two and three numbers. The document's own number is left out. Orders are none of these: :func:`read_mentions`.

    Args:
        own: the document's own number, as printed.
    """
    if not text:
        return ()
    mine = normal_number(own) if own else None
    return tuple(dict.fromkeys(found.normal for found in _read_numbers(text) if found.normal != mine))


def read_mentions(text: str | None, own: str | None = None) -> tuple[Mention, ...]:
    """Return everything that a text cites, by place: document numbers, orders and titles in 《》.

    A number or order has the title that stands beside it: 《…》（国办发〔2019〕14号）, 国务院令第711号公布的《…》. A title of its own is a
    ``law_title`` where it ends as laws and rules do (法, 条例, 规定, 办法 …), else a ``title``; one that stands beside a number somewhere
    in the text is not given again.

    Args:
        own: the document's own number, as printed; it is left out.
    """
    if not text:
        return ()
    orders = list(read_orders(text))
    numbers = [
        number
        for number in _read_numbers(text)
        if not any(order.start < number.end and number.start < order.end for order in orders)
    ]
    mine = normal_number(own) if own else None
    titles = list(_read_titles(text))
    beside: set[str] = set()
    found: list[Mention] = []
    last: tuple[int, str | None] = (-1, None)
    for mention in sorted([*numbers, *orders], key=lambda one: (one.start, one.end)):
        title = _title_beside(text, mention, titles)
        if title is None and last[1] and _SAME_BRACKET.fullmatch(text[last[0] : mention.start]):
            title = last[1]  # 《…》（国发〔2019〕1号、国办发〔2019〕2号）
        last = (mention.end, title)
        if title is not None:
            beside.add(title_key(title))
        if mention.normal != mine:
            found.append(mention._replace(title=title))
    for start, end in titles:
        printed = text[start:end]
        key = title_key(printed[1:-1])
        if key and key not in beside:
            kind: CitedKind = "law_title" if _is_law(key) else "title"
            found.append(Mention(kind, printed, key, printed[1:-1], start, end))
    return tuple(sorted(found, key=lambda one: (one.start, one.end)))


def is_document_number(text: str) -> bool:
    """Tell whether a printed line is wholly a document number."""
    return _WHOLE.fullmatch(nfkc(text).strip()) is not None


# --- numbers ---


def _read_numbers(text: str) -> Iterator[Mention]:
    code, ended = None, -1
    for match in _YEAR.finditer(text):
        start = match.start()
        if code and ended >= 0 and _BETWEEN.fullmatch(text[ended:start]):
            begin = start  # 厦府办〔2018〕43号、〔2019〕12号
        else:
            found = _code_before(text, start)
            if found is None:
                code, ended = None, -1
                continue
            code, begin = found
        year = nfkc("".join(match["year"].split()))
        end = match.end()
        serials = list(_serials(match["serials"]))
        yield from _numbers(text, code, year, match["nth"], serials, begin, end)
        while more := _MORE.match(text, end):
            if more["joint"] in _UNTIL:
                last = _plain_int(more["serials"])
                following = list(_range(int(serials[-1].split("-")[0]), last))[1:]
            else:
                following = [nfkc("".join(more["serials"].split()))]
            yield from _numbers(text, code, year, match["nth"], following, more.start("serials"), more.end())
            serials, end = following or serials, more.end()
        ended = end


def _numbers(text: str, code: str, year: str, nth: str, serials: list[str], begin: int, end: int) -> Iterator[Mention]:
    for serial in serials:
        yield Mention("document_number", text[begin:end], f"{code}〔{year}〕{nth}{serial}号", None, begin, end)


def _serials(text: str) -> Iterator[str]:
    """Yield the serials of 14, 14、15 and 14-16; what is no rising range (6-1) is one serial with a part."""
    last: str | None = None
    for piece in _PIECE.finditer(text):
        serial = nfkc("".join(piece["serial"].split()))
        if last is not None and piece["joint"] in _UNTIL:
            between = list(_range(int(last), int(serial)))
            if between:
                yield from between
            else:
                yield f"{last}-{serial}"
            last = None
            continue
        if last is not None:
            yield last
        last = serial
    if last is not None:
        yield last


def _range(first: int, last: int) -> Iterator[str]:
    if first < last <= first + _LONGEST_RANGE:
        yield from map(str, range(first, last + 1))


def _plain_int(text: str) -> int:
    return int(nfkc("".join(text.split())))


def _code_before(text: str, place: int) -> tuple[str, int] | None:
    """Return the agency's code that ends at a place of the text, and where it begins."""
    head = text[max(0, place - LONGEST_RUN) : place]
    kept = head.rstrip()
    if kept.endswith("令") and find_organ(text, place - len(head) + len(kept) - 1):
        return None  # an order
    insert = _INSERT.search(kept)
    if insert and _INSERT_TAILS.fullmatch(insert["tail"]):
        found = _pick(kept[: insert.start()])
        if found and insert.start() > 0 and (insert["tail"] or found[0][-1] in "环公监"):
            code = f"{found[0]}（{insert['inside']}）{insert['tail']}"
            return code, place - len(head) + found[1]
    found = _pick(kept)
    return (found[0], place - len(head) + found[1]) if found else None


def _pick(head: str) -> tuple[str, int] | None:
    run = _RUN.search(head)
    letters = run.group() if run else ""
    if not letters.strip():
        return None
    before = head[: len(head) - len(letters)].rstrip()[-1:]
    code = pick_code(letters, joined=before in set("号號》)）〕”"))
    if code is None:
        return None
    begin, left = len(head), len(code)
    while left:
        begin -= 1
        left -= not head[begin].isspace()
    return nfkc(code), begin


# --- titles ---


def _read_titles(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each outermost 《…》 begins and ends."""
    depth, start = 0, 0
    for mark in _MARKS.finditer(text):
        if depth and mark.start() - start > _LONGEST_TITLE:
            depth = 0  # never closed
        if mark.group() == "《":
            if depth == 0:
                start = mark.start()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                yield start, mark.end()


def _title_beside(text: str, mention: Mention, titles: list[tuple[int, int]]) -> str | None:
    """Return the title that ends just before a number, else the one that begins just behind it."""
    following = bisect(titles, (mention.start,))
    if following:
        start, end = titles[following - 1]
        if mention.start - end <= _NEAR and _BEFORE_NUMBER.fullmatch(text, end, mention.start):
            return text[start + 1 : end - 1]
    if following < len(titles):
        start, end = titles[following]
        if start - mention.end <= _NEAR and _AFTER_NUMBER.fullmatch(text, mention.end, start):
            return text[start + 1 : end - 1]
    return None


def _is_law(key: str) -> bool:
    return _LAW.search(key) is not None
