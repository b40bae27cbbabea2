"""Damaged and hostile files: an answer for each, in bounded time and memory."""

from __future__ import annotations

import time
import zipfile
from io import BytesIO

import pytest
from attachment_files import many_pages, ofd, paragraph, saved, word, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govcrawl.attachment_readers import found as bounds
from govcrawl.attachment_readers.read import read_bytes
from govcrawl.demo.files import docx, pdf, xlsx

MEBIBYTE = 1 << 20
FILES = (
    *(saved(name) for name in ("notice.doc", "notice.docx", "notice.odt", "notice.rtf", "sheet.xls", "sheet.xlsx")),
    *(saved(name) for name in ("sheet.ods", "slides.pptx", "slides.odp")),
    ofd([(1, 1, "正文")]),
    pdf(["正文"]),
    zipped({"a.docx": docx(["正文"]), "b.xlsx": xlsx([["甲", 1.0]])}),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_file_of_any_format_gets_an_answer(data: st.DataObject) -> None:
    """Whatever bytes are lost, doubled or overwritten: a status, and a reason where there is no text; never an exception."""
    file = bytearray(data.draw(st.sampled_from(FILES)))
    start = data.draw(st.integers(0, len(file) - 1))
    how = data.draw(st.sampled_from(("cut", "overwrite", "remove", "double")))
    if how == "cut":
        del file[start:]
    elif how == "overwrite":
        file[start : start + 8] = data.draw(st.binary(min_size=1, max_size=8))
    elif how == "remove":
        del file[start : start + 300]
    else:
        file[start:start] = file[start : start + 300] * 4
    found = read_bytes(bytes(file))
    assert found.status in {"text", "empty", "needs_ocr", "image", "encrypted", "broken", "unsupported", "too_large"}
    assert found.reason or found.status in {"text", "image"}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000), st.sampled_from((b"", b"{\\rtf1 ", b"<html>", b"%PDF-1.7\n", b"MIME-Version: 1.0\n")))
def test_any_bytes_get_an_answer(rest: bytes, head: bytes) -> None:
    """Bytes of no format at all are said to be such."""
    assert read_bytes(head + rest).status


def bomb(name: str, size: int) -> bytes:
    """A package whose main part unpacks to so many bytes of nothing."""
    out = BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open(name, "w") as member,
    ):
        for _ in range(size // MEBIBYTE):
            member.write(b" " * MEBIBYTE)
    return out.getvalue()


@pytest.mark.parametrize("name", ["word/document.xml", "xl/workbook.xml", "OFD.xml", "a.txt"])
def test_a_bomb_is_not_unpacked(name: str) -> None:
    """A package that would unpack to 300 MiB is refused by what it says of itself."""
    data = bomb(name, 300 * MEBIBYTE)
    assert len(data) < MEBIBYTE
    began = time.monotonic()
    found = read_bytes(data)
    assert found.status == "too_large"
    assert time.monotonic() - began < 5


def test_a_package_that_lies_about_its_size_is_cut_there() -> None:
    """The unpacker takes no more than the directory tells."""
    data = bytearray(bomb("word/document.xml", 100 * MEBIBYTE))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    assert read_bytes(bytes(data)).status == "broken"


def test_deep_xml_is_told() -> None:
    """Thousands of nested elements are damage, not a crash."""
    deep = "<w:sdt>" * 5000 + paragraph("深") + "</w:sdt>" * 5000
    assert read_bytes(word(deep)).status == "broken"
    nested = "<w:tbl><w:tr><w:tc>" * 80 + paragraph("深") + "</w:tc></w:tr></w:tbl>" * 80
    assert read_bytes(word(nested)).status in {"text", "broken"}


def test_xml_entities_stay_unresolved() -> None:
    """Neither files of this machine nor a billion laughs come out of a document type."""
    laughs = '<!ENTITY a "哈哈">' + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    members = {
        "[Content_Types].xml": "<Types/>",
        "word/document.xml": f'<!DOCTYPE d [{laughs}<!ENTITY f SYSTEM "file:///etc/hostname">]><w:document xmlns:w="urn:w"><w:body>'
        "<w:p><w:r><w:t>文&j;&f;</w:t></w:r></w:p></w:body></w:document>",
    }
    found = read_bytes(zipped(members))
    assert len(found.text or "") <= 1


def test_ten_thousand_pages_are_read_up_to_the_bound() -> None:
    """Pages beyond the bound are left out, and it is said."""
    found = read_bytes(many_pages(10_000))
    assert (found.pages, found.status) == (10_000, "text")
    assert "cut" in found.flags
    assert (found.text or "").count("很多页") == bounds.MAX_PAGES


def test_text_is_cut_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more characters and cells are kept than the bounds say, and it is said."""
    monkeypatch.setattr(bounds, "MAX_CHARACTERS", 1000)
    for data in (docx(["文" * 90] * 20), ("行" * 50 + "\n").encode() * 40):
        found = read_bytes(data)
        assert "cut" in found.flags
        assert 800 < len(found.text or "") <= 1000
    monkeypatch.setattr(bounds, "MAX_CELLS", 100)
    assert "cut" in read_bytes(xlsx([["甲", "乙", "丙"]] * 60)).flags


def test_an_archive_of_many_members_is_cut() -> None:
    """Members beyond the bound are left out, and it is said."""
    found = read_bytes(zipped({f"{n}.txt": f"第{n}号" for n in range(600)}))
    assert len(found.members) == 500
    assert "cut" in found.flags


def test_long_runs_of_blanks_cost_no_more_than_their_length() -> None:
    """Lines of hundreds of thousands of blanks are read in a moment."""
    began = time.monotonic()
    assert read_bytes((("\u3000" * 300_000 + "文\n") * 3).encode()).status == "text"
    assert time.monotonic() - began < 5
