"""Document numbers cited in a text (文号: 机关代字〔年〕序号)."""

from __future__ import annotations

import re

from archive.text import nfkc

_OPEN, _CLOSE = "〔\\[［(（【〖", "〕\\]］)）】〗"
_NUMBER = re.compile(
    rf"(?P<prefix>[\u3400-\u9fff]{{1,24}})\s*[{_OPEN}]\s*(?P<year>(?:19|20)\d\d)\s*年?\s*[{_CLOSE}]\s*(?P<nth>第?)\s*(?P<serial>\d{{1,6}})\s*[号號](?![楼线院室房门栋樓線門])"
)

# What leads up to a number in running text and is no part of it. None of these stands inside the 代字 of an agency.
_LEADS = re.compile(
    "根据|根據|按照|依据|依照|遵照|参照|对照|贯彻|落实|执行|印发|转发|下发|发布|公布|颁布|制定|废止|替代|代替|修订|修改|详见|参见|"
    "现将|文件|通知|精神|文号|发文字号|字号|规定|要求|意见|批复|方案|办法|以及|并与|并由|或者|同时|结合|属于|包括|其中|分别|有关|关于|附件|原件|"
    "[与及或对由以从为的了在被见该据]"
)
_JOINS = re.compile("^[和并]+")
_SHORTEST_PREFIX, _LONGEST_PREFIX = 2, 12


def read_citations(text: str | None, own: str | None = None) -> tuple[str, ...]:
    """Return the document numbers cited in a text, in order, each once, in the form 国办发〔2017〕47号.

    Brackets of any kind are given as 〔〕, full-width digits as ASCII, blanks dropped. The document's own number is left out.

    Args:
        own: the document's own number, as printed.
    """
    if not text:
        return ()
    plain = nfkc(text)
    mine = normal_number(own) if own else None
    found: dict[str, None] = {}
    for match in _NUMBER.finditer(plain):
        prefix = _prefix(
            match["prefix"], joined=plain[: match.start()].rstrip()[-1:] in {"号", "號", "》", ")", "〕", "”"}
        )
        if prefix:
            number = f"{prefix}〔{match['year']}〕{match['nth']}{match['serial']}号"
            if number != mine:
                found.setdefault(number)
    return tuple(found)


def normal_number(number: str) -> str:
    """Return a document number with 〔〕 brackets, ASCII digits and no blanks, for comparison."""
    plain = re.sub(r"\s+", "", nfkc(number))
    return plain.translate(str.maketrans("[(【〖])】〗號", "〔〔〔〔〕〕〕〕号"))


def is_document_number(text: str) -> bool:
    """Tell whether a printed line is wholly a document number."""
    return _NUMBER.fullmatch(nfkc(text).strip()) is not None


def _prefix(run: str, *, joined: bool) -> str:
    """Return the agency's 代字 at the end of the characters before the year."""
    ends = [lead.end() for lead in _LEADS.finditer(run)]
    tail = run[ends[-1] :] if ends else run
    if joined and not ends:
        tail = _JOINS.sub("", tail)
    return tail if _SHORTEST_PREFIX <= len(tail) <= _LONGEST_PREFIX else ""
