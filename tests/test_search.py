"""Searching: what is found is what stands there, whatever the length, script, width or brackets; and it stays in step."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from catalogs import AGENCY, Sample, fetched, read_document
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.catalog_counts import count_agency
from archive.catalog_find import facets, find_documents, found_ids
from archive.catalog_search import differing_entries, put_all
from archive.catalog_summaries import put_summary, read_summary
from archive.catalog_texts import put_file_text
from archive.errors import BadQuery, CatalogError
from archive.model import FileText
from archive.search import search
from archive.search_query import Query, parse_query
from archive.search_text import BOUNDARY, find_spans, fold

if TYPE_CHECKING:
    from pathlib import Path

WORDS = (
    "关于印发政务公开条例实施办法的通知司法局法律援助行政处罚决定书〔2019〕14号（试行）第一条，为了。AbC 12％國務院令號"
)


def titles(sample: Sample, text: str, **more: object) -> list[str]:
    """Titles that a query finds, sorted."""
    page = search(sample.catalog, replace(parse_query(text), **more), limit=1000)  # type: ignore[arg-type]
    assert page.total == len(page.hits)
    return sorted("".join(piece.text for piece in hit.title) for hit in page.hits)


def library(folder: Path) -> Sample:
    """A catalog with a few documents."""
    sample = Sample.make(folder)
    sample.put(
        read_document(
            "t1", title="政务公开条例", text="第一条 为了公开。\n第二条 法律援助", publish_date="2023-05-01",
            document_number="厦司〔2023〕14号", cites=("国办发〔2019〕14号",),
        )
    )  # fmt: skip
    sample.put(
        read_document("t2", title="保密办法解读", text="公開與保密", publish_date="2024-01-02"),
        attachments=[fetched("http://sfj.sample.test/a.pdf", "a" * 64, label="附件：申请表.pdf")],
    )
    sample.put(
        read_document("t3", title="年度报告", text="Office 365", tables=((("收到申请", "１２ 件"), ("合计", "12")),))
    )
    return sample


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("公开", ["保密办法解读", "政务公开条例"]),  # one of them in traditional characters
        ("公開", ["保密办法解读", "政务公开条例"]),
        ("密", ["保密办法解读"]),
        ("公开 -解读", ["政务公开条例"]),
        ("公开 NOT 解读", ["政务公开条例"]),
        ("条例 OR 报告", ["年度报告", "政务公开条例"]),
        ("条例|报告", ["年度报告", "政务公开条例"]),
        ("(条例 OR 报告) 法律", ["政务公开条例"]),
        ("标题:公开", ["政务公开条例"]),
        ("title:公开", ["政务公开条例"]),
        ("附件:申请表", ["保密办法解读"]),
        ("表格:12件", ["年度报告"]),
        ("fice36", ["年度报告"]),
        ("厦司(2023)14号", ["政务公开条例"]),
        ("厦司[2023]14号", ["政务公开条例"]),
        ("(2023)14号", ["政务公开条例"]),
        ("厦司〔2023〕１４號", ["政务公开条例"]),
        ('"法律 援助"', ["政务公开条例"]),
        ("开。第二", []),  # no phrase reaches across paragraphs
        ("申请１２", []),  # … or cells
        ("引用:国办发[2019]14号", ["政务公开条例"]),
        ("有:附件", ["保密办法解读"]),
        ("从:2024-01-01", ["保密办法解读"]),
        ("到:2023-12-31", ["政务公开条例"]),
        ("从:2023-05-01 到:2023-05-01", ["政务公开条例"]),
        ("类型:年度报告", ["年度报告"]),
        ("类型:政策解读 公开", ["保密办法解读"]),
        ("状态:live 机构:sample_sfj 报告", ["年度报告"]),
        ("机构:nobody 报告", []),
        ("-公开", ["年度报告"]),
        ("", ["保密办法解读", "年度报告", "政务公开条例"]),
        ("！＠＃", []),
    ],
)
def test_queries(tmp_path: Path, query: str, found: list[str]) -> None:
    """Words, phrases, and, or, not, fields and filters find exactly the documents they speak of."""
    with library(tmp_path).catalog as catalog:
        sample = Sample(tmp_path, catalog)
        assert titles(sample, query) == sorted(found)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('"公开', "quotation mark is not closed"),
        ("(公开 OR", "bracket is not closed"),
        ("公开 OR -解读", "what is wanted as well"),
        ("状态:gone", "expected one of live"),
        ("从:2024", "expected YYYY-MM-DD"),
        ("有:图片", "has:attachment"),
        ("机构:", "says nothing"),
        ("公" * 2000, "at most 1000"),
    ],
)
def test_bad_queries(query: str, said: str) -> None:
    """A query that cannot be understood is refused with the part that is wrong and how it is written."""
    with pytest.raises(BadQuery, match=said):
        parse_query(query)


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_text_is_a_query_or_a_refusal(text: str) -> None:
    """Whatever is typed is understood or refused in a sentence."""
    try:
        query = parse_query(text)
    except BadQuery:
        return
    assert all(phrase.folded for phrase in query.phrases())


@given(st.text(max_size=200), st.integers(0, 199), st.integers(1, 8))
@settings(max_examples=300)
def test_folding_a_part_gives_a_part(text: str, start: int, length: int) -> None:
    """The folded form of a part of a text is a part of the folded text: what is seen can be searched for."""
    assert fold(text[start : start + length]) in fold(text)


@given(st.text(alphabet=WORDS + "\n", max_size=120), st.integers(0, 110), st.integers(1, 8))
def test_snippets_mark_what_was_searched_for(text: str, start: int, length: int) -> None:
    """Places found in the original fold to the phrase, at any offset and width."""
    phrase = fold(text[start : start + length]).strip(BOUNDARY)
    spans = find_spans(text, [phrase], 1000)
    assert bool(spans) == bool(phrase and phrase in fold(text))
    assert all(fold(text[span.start : span.end]).strip(BOUNDARY) == phrase for span in spans)


def test_like_truth(tmp_path: Path) -> None:
    """Every query of 1 to 8 characters finds the documents whose folded text contains it, no more and no fewer."""
    dice = random.Random(5)  # noqa: S311 - made-up texts, the same in each run
    sample = Sample.make(tmp_path)
    texts: dict[str, str] = {}
    for number in range(120):
        text = "".join(dice.choices(WORDS, k=dice.randint(5, 80)))
        put = sample.put(read_document(f"d{number}", title=f"甲{number}", text=text))
        texts[put.document_id] = fold(text)
    for length in range(1, 9):
        for _ in range(12):
            source = dice.choice(list(texts.values()))
            start = dice.randrange(max(1, len(source) - length))
            phrase = source[start : start + length]
            wanted = {name for name, text in texts.items() if phrase in text}
            query = parse_query('正文:"' + phrase.replace('"', " ") + '"')
            if '"' in phrase or query.wanted is None:
                continue
            assert set(found_ids(sample.catalog, query)) == wanted, phrase
    sample.catalog.close()


def test_index_follows_the_catalog(tmp_path: Path) -> None:
    """A new version, a text that is read later, a file that comes at last: found at once, the old words no more."""
    sample = library(tmp_path)
    assert titles(sample, "法律援助") == ["政务公开条例"]
    sample.begin()
    sample.put(read_document("t1", title="政务公开条例", text="第一条 为了公开。", publish_date="2023-06-01"))
    assert titles(sample, "法律援助") == []
    assert titles(sample, "从:2023-06-01 到:2023-06-01") == ["政务公开条例"]
    put_file_text(
        sample.catalog,
        FileText(
            sha256="a" * 64, media_type="application/pdf", status="text", reason=None, pages=1, text="滴水石穿",
            members=({"name": "清单.xls", "text": "绳锯木断"},), reader_version="1",
        ),
        sample.now,
    )  # fmt: skip
    assert titles(sample, "附件:水石 木断") == ["保密办法解读"]
    page = search(sample.catalog, parse_query("水石"))
    (snippet,) = page.hits[0].snippets
    assert (snippet.column, snippet.label) == ("files", "附件：申请表.pdf")
    assert [piece.text for piece in snippet.pieces if piece.hit] == ["水石"]
    assert list(differing_entries(sample.catalog)) == []
    sample.catalog.close()


def test_kind_follows_the_channels(tmp_path: Path) -> None:
    """A document that a list shows under another channel has the kind that this channel gives it."""
    sample = Sample.make(tmp_path)
    sample.put(read_document("t9", title="其他事项", text="正文"))
    assert titles(sample, "类型:公文") == []
    sample.list_("政策文件", "t9")
    assert titles(sample, "类型:公文") == ["其他事项"]
    assert titles(sample, "栏目:政策文件") == ["其他事项"]
    sample.catalog.close()


def test_index_is_made_again(tmp_path: Path) -> None:
    """An index that is behind is refused with the command that mends it; made again it is what it was."""
    sample = library(tmp_path)
    before = [dict(row) for row in sample.catalog.rows("SELECT * FROM search_rows ORDER BY document_id")]
    with sample.catalog.atomic():
        sample.catalog.file.execute("DELETE FROM search_rows WHERE document_id LIKE '%'")
    with pytest.raises(CatalogError, match=r"lacks documents .* make it again \(govcrawl reindex\)"):
        search(sample.catalog, parse_query("公开"))
    assert put_all(sample.catalog) == len(before)
    after = [dict(row) for row in sample.catalog.rows("SELECT * FROM search_rows ORDER BY document_id")]
    assert [row["indexed"] for row in after] == [row["indexed"] for row in before]
    sample.catalog.file.execute("INSERT INTO search_index (search_index) VALUES ('integrity-check')")
    assert titles(sample, "公开") == ["保密办法解读", "政务公开条例"]
    sample.catalog.close()


def test_title_outranks_the_body(tmp_path: Path) -> None:
    """What stands in the title comes before what stands in the body; asked for, the newest comes first."""
    sample = Sample.make(tmp_path)
    for name, title, text, day in (
        ("a", "会议", "法律援助" * 2, "2024-02-01"),
        ("b", "法律援助", "会议", "2023-01-01"),
        ("c", "会议", "无", "2025-01-01"),
    ):
        sample.put(read_document(name, title=title, text=text, publish_date=day))
    query = parse_query("法律援助")
    first = search(sample.catalog, query).hits
    assert [hit.publish_date for hit in first] == ["2023-01-01", "2024-02-01"]
    newest = search(sample.catalog, query, newest_first=True)
    assert [hit.publish_date for hit in newest.hits] == ["2024-02-01", "2023-01-01"]
    assert not newest.ranked
    assert facets(sample.catalog, query)["year"] == {"2023": 1, "2024": 1}
    assert facets(sample.catalog, Query())["agency"] == {AGENCY.name: 3}
    total, page = find_documents(sample.catalog, query, limit=1, offset=1)
    assert (total, len(page)) == (2, 1)
    sample.catalog.close()


def test_an_entry_is_put_once_at_the_end_of_its_transaction(tmp_path: Path) -> None:
    """What several steps do to documents reaches the index with the commit, once each; what is taken back leaves no entry."""
    sample = Sample.make(tmp_path)
    with sample.catalog.atomic():
        sample.put(read_document("b", title="旧题", publish_date="2024-02-01"))
        sample.put(read_document("b", title="新题", publish_date="2024-02-01"))
        sample.put(read_document("a", title="早先的", publish_date="2023-02-01"))
        with pytest.raises(KeyError), sample.catalog.atomic():  # noqa: PT012 - a step that fails
            sample.put(read_document("c", title="收回的"))
            raise KeyError
        assert sample.catalog.file.rows("SELECT id FROM search_rows") == []
    assert titles(sample, "题") == ["新题"]
    assert titles(sample, "的") == ["早先的"]
    assert list(differing_entries(sample.catalog)) == []
    sample.catalog.file.execute("INSERT INTO search_index (search_index) VALUES ('integrity-check')")
    with pytest.raises(KeyError), sample.catalog.atomic():  # noqa: PT012 - a transaction that fails
        sample.put(read_document("d", title="收回的"))
        raise KeyError
    sample.put(read_document("e", title="后来的"))
    assert titles(sample, "的") == ["后来的", "早先的"]
    sample.catalog.close()


def test_kinds_are_counted_in_the_transaction_that_puts_them(tmp_path: Path) -> None:
    """A summary that is put together with documents counts their kinds."""
    sample = Sample.make(tmp_path)
    with sample.catalog.atomic():
        sample.put(read_document("a", title="关于印发工作方案的通知"))
        put_summary(sample.catalog, AGENCY.name)
    assert read_summary(sample.catalog, AGENCY.name) == count_agency(sample.catalog, AGENCY.name)
    assert sum(one["documents"] for one in read_summary(sample.catalog, AGENCY.name)["kinds"]) == 1
    sample.catalog.close()
