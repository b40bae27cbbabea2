"""What a crawl decides is said in the WARC so that reading it gives the same again, whatever sites print."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from catalogs import Sample
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.decisions import decide_document, decide_listings, read_document_note, read_listings
from archive.events import read_fields
from archive.model import Document, Extraction, File, Listing
from archive.records import dump_json, one_line, warc_fields

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = st.text(st.characters(), max_size=60)  # lone surrogates, controls and line separators too
MAYBE = st.none() | TEXT
LINES = st.lists(
    st.builds(
        Listing,
        url=TEXT,
        url_key=TEXT,
        key=MAYBE,
        title=TEXT,
        publish_date=MAYBE,
        date_text=MAYBE,
        position=st.integers(0, 10**6),
        pinned=st.booleans(),
        offsite=st.booleans(),
    ),
    max_size=5,
)
FILES = st.lists(
    st.builds(
        File,
        url=TEXT,
        label=MAYBE,
        filename=MAYBE,
        media_type=MAYBE,
        bytes=st.none() | st.integers(0, 10**12),
        sha256=MAYBE,
        capture_id=st.none(),
        error=MAYBE,
    ),
    max_size=3,
)
ONE_LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1).filter(
    lambda text: text == text.strip(" ")
)


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """An open catalog with its first crawl begun."""
    made = Sample.make(tmp_path)
    yield made
    made.catalog.close()


def told(fields: dict[str, str | None]) -> dict[str, str]:
    """Fields after they went through a block of the WARC."""
    return read_fields(warc_fields(fields))


@given(LINES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_the_lines_of_a_list_are_told_whole(sample: Sample, lines: list[Listing]) -> None:
    """Every field of every line comes back as it was."""
    decision = decide_listings("crawl-1", "haidao_sfj", "公示公告", lines, None, sample.now)
    assert decision.name == "put_listings"
    assert read_listings(told(decision.fields(sample.catalog))) == lines


@given(
    files=FILES,
    aliases=st.lists(st.tuples(TEXT, TEXT), max_size=3),
    entry=st.none() | st.dictionaries(TEXT, MAYBE, max_size=4),
    moved=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_a_document_that_is_put_is_told_whole(
    sample: Sample, files: list[File], aliases: list[tuple[str, str]], entry: dict[str, Any] | None, *, moved: bool
) -> None:
    """Addresses, files with what was got of each, and the list's line come back as they were."""
    extraction = Extraction(
        method="container",
        extractor_version="7",
        trafilatura_version=None,
        encoding=None,
        container=None,
        agreement=None,
    )
    document = Document(url="http://a.test/1.htm", title=None, key="a.test/1", extraction=extraction)
    capture = sample.capture()
    decision = decide_document(
        "crawl-1",
        "haidao_sfj",
        document,
        url_key="//a.test/1.htm",
        capture_id=capture.id,
        attachments=files,
        images=(),
        aliases=aliases,
        at=sample.now,
        moved=moved,
        entry=entry,
    )
    note = read_document_note(told(decision.fields(sample.catalog)))
    assert (note.url, note.url_key, note.key) == ("http://a.test/1.htm", "//a.test/1.htm", "a.test/1")
    assert (note.capture, note.extractor, note.moved) == (capture.record_id, "7", moved)
    assert note.id_if_new == sample.catalog.new_document_id("haidao_sfj", "//a.test/1.htm")
    assert list(note.aliases) == aliases
    assert note.entry == entry
    assert [dict(facts) for facts in note.attachments] == [
        {name: value for name, value in asdict(file).items() if value is not None} for file in files
    ]


@given(TEXT)
def test_a_sentence_on_one_line_stays_as_it_is(text: str) -> None:
    """What the row says of a reason is what the WARC can say: once brought onto a line it is told to the letter."""
    said = one_line(text)
    assert told({"reason": said}).get("reason", "") == said
    assert one_line(said) == said


@given(ONE_LINE)
def test_an_ordinary_sentence_is_not_touched(text: str) -> None:
    """Bringing it onto one line changes nothing of a sentence that is on one."""
    assert one_line(text) == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner, max_size=3)))
def test_json_in_a_field_is_on_one_line_and_whole(value: object) -> None:
    """Nothing in a JSON value is lost to the rules of a warc-fields block."""
    assert json.loads(told({"value": dump_json(value)})["value"]) == value
