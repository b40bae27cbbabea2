"""What is counted of an agency and kept: never told when it no longer holds, and the same as counted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from catalogs import AGENCY, FIRST_DAY, Sample, fetched, read_document, url_of

from archive.catalog import Catalog
from archive.catalog_counts import count_agency
from archive.catalog_search import put_all
from archive.catalog_summaries import count_writes, put_missing_summaries, put_summary, read_summary
from archive.catalog_texts import put_file_text
from archive.model import FileText
from archive.withheld import withhold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHA = "ab" * 32


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """A catalog with two documents, one with an attachment, and what it comes to."""
    made = Sample.make(tmp_path)
    made.put(read_document("t1"), attachments=[fetched(url_of("f1"), SHA)])
    made.put(read_document("t2"))
    put_summary(made.catalog, AGENCY.name)
    yield made
    made.catalog.close()


def kept(sample: Sample) -> bool:
    """Whether the agency has a summary."""
    sql = "SELECT 1 FROM summaries WHERE agency = ? AND figures IS NOT NULL"
    return bool(sample.catalog.file.rows(sql, (AGENCY.name,)))


def read_text(sample: Sample) -> None:
    """Read the attachment."""
    text = FileText(
        sha256=SHA, media_type="text/plain", status="text", reason=None, pages=None, text="字", reader_version="1"
    )
    put_file_text(sample.catalog, text, FIRST_DAY)


WRITES: dict[str, Callable[[Sample], object]] = {
    "capture": lambda sample: sample.capture(),
    "document": lambda sample: sample.put(read_document("t3")),
    "changed document": lambda sample: sample.put(read_document("t2", text="别的")),
    "text of a file": read_text,
    "crawl": lambda sample: sample.begin(),
    "walk": lambda sample: sample.catalog.finish_channel(
        sample.crawl_id, AGENCY.name, "公示公告", complete=True, pages=1, total=2, at=sample.now
    ),
    "failure": lambda sample: sample.catalog.put_failure(
        sample.crawl_id, AGENCY.name, url_of("t9"), "document", None, "http_500", "no", None, None, sample.now
    ),
    "state": lambda sample: sample.catalog.put_absence(
        sample.crawl_id,
        sample.catalog.known_documents(AGENCY.name)[0].document_id,
        None,
        "404",
        sample.now + timedelta(days=1),
    ),
    "file": lambda sample: sample.catalog.file.execute("UPDATE files SET sha256 = NULL"),
    "version read again": lambda sample: sample.catalog.file.execute("UPDATE versions SET flags = '[\"x\"]'"),
    "index made again": lambda sample: put_all(sample.catalog),
    "channels": lambda sample: sample.catalog.put_agency(AGENCY),
}


@pytest.mark.parametrize("name", sorted(WRITES))
def test_every_write_takes_the_summary_away(sample: Sample, name: str) -> None:
    """After any write of what is counted there is no summary, and what is read is counted anew."""
    assert kept(sample)
    before = count_writes(sample.catalog)[AGENCY.name]
    WRITES[name](sample)
    assert not kept(sample)
    assert count_writes(sample.catalog)[AGENCY.name] > before
    assert read_summary(sample.catalog, AGENCY.name) == count_agency(sample.catalog, AGENCY.name)


def test_a_summary_is_what_is_counted(sample: Sample) -> None:
    """What was kept is read as it was counted, also after JSON; another format's is not read."""
    counted = count_agency(sample.catalog, AGENCY.name)
    assert json.loads(json.dumps(counted)) == counted
    assert read_summary(sample.catalog, AGENCY.name) == counted
    assert counted["documents"] == 2
    sample.catalog.file.execute("UPDATE summaries SET format = 0, figures = '{}'")
    assert read_summary(sample.catalog, AGENCY.name) == counted
    assert put_missing_summaries(sample.catalog) == 1
    assert put_missing_summaries(sample.catalog) == 0
    assert read_summary(sample.catalog, AGENCY.name) == counted


def test_looking_again_keeps_nothing_of_another_agency(sample: Sample) -> None:
    """What is written of one agency leaves the summary of another."""
    other = type(AGENCY)(name="other_sfj", title="别局", base_url="http://o.test/", template="trt", channels=())
    sample.catalog.put_agency(other)
    put_missing_summaries(sample.catalog)
    sample.capture()
    sql = "SELECT agency FROM summaries WHERE figures IS NOT NULL"
    assert [row["agency"] for row in sample.catalog.file.rows(sql)] == ["other_sfj"]


def test_withheld_documents_are_not_in_the_figures(sample: Sample, tmp_path: Path) -> None:
    """A reader from whom a document is withheld gets its agency counted without it, whatever was kept."""
    wanted = sample.catalog.known_documents(AGENCY.name)[0].document_id
    withhold(sample.catalog, tmp_path, wanted, [], reason="个人信息", by="test", at=sample.now)
    put_missing_summaries(sample.catalog)
    with Catalog.open_read_only(sample.path) as reader:
        assert read_summary(reader, AGENCY.name)["documents"] == 1
    with Catalog.open_read_only(sample.path, include_withheld=True) as reader:
        assert read_summary(reader, AGENCY.name)["documents"] == 2
