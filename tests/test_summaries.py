"""What is counted of an agency and kept: never told when it no longer holds, and the same as counted."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from catalogs import AGENCY, FIRST_DAY, Sample, fetched, read_document, url_of

from archive.catalog import Catalog
from archive.catalog_counts import COUNTED_FIELDS, count_agency
from archive.catalog_search import put_all
from archive.catalog_summaries import count_writes, put_missing_summaries, put_summary, read_summary
from archive.catalog_texts import put_file_text
from archive.model import FileText
from archive.withheld import withhold
from benchmarks.made_catalog import Maker, Plan

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


DAMAGES = """\
UPDATE documents SET current_version_id = NULL WHERE id IN (SELECT id FROM documents ORDER BY id DESC LIMIT 1);
UPDATE documents SET state = 'withdrawn' WHERE id IN (SELECT id FROM documents WHERE agency = 'c00_0000' ORDER BY id LIMIT 1);
UPDATE versions SET publish_date = NULL, flags = '["a","b"]', agreement = NULL WHERE id % 7 = 0;
UPDATE versions SET text = NULL, method = 'binary', agreement = 0.5 WHERE id % 5 = 0;
UPDATE versions SET text = NULL, agreement = 1 WHERE id % 11 = 0;
UPDATE listings SET document_id = NULL WHERE rowid % 6 = 0;
UPDATE listings SET document_id = NULL, offsite = 1 WHERE rowid % 13 = 0;
INSERT INTO listings SELECT agency, channel, url, url_key || '#2', key, title, publish_date, date_text, position, pinned,
  offsite, document_id, first_listed_at, last_listed_at, first_crawl_id, last_crawl_id, capture_id FROM listings WHERE rowid % 4 = 0;
INSERT INTO failures (crawl_id, agency, url, kind, reason, message, at) SELECT last_crawl_id, agency, url, 'document',
  CASE rowid % 3 WHEN 0 THEN 'robots' WHEN 1 THEN 'timeout' ELSE 'ending' END, 'no', last_listed_at FROM listings
  WHERE document_id IS NULL AND rowid % 2 = 0"""


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog as several rounds of crawls leave it, with documents gone, files missing and lines that lead nowhere."""
    with Catalog.open(tmp_path_factory.mktemp("years") / "catalog.db") as catalog:
        Maker(catalog, Plan(documents=60, captures=600, agencies=2, rounds=4, characters=40)).make()
        for statement in DAMAGES.split(";\n"):
            catalog.file.execute(statement)
        yield catalog


@pytest.mark.parametrize("agency", ["c00_0000", "c00_0001"])
def test_what_is_counted_is_what_is_there(years: Catalog, agency: str) -> None:
    """Counting in groups comes to the same as going through every row."""
    counted = count_agency(years, agency)
    documents = list(years.rows("SELECT * FROM documents WHERE agency = ?", (agency,)))
    versions = {row["id"]: row for row in years.rows("SELECT * FROM versions")}
    pairs = [(one, versions[one["current_version_id"]]) for one in documents if one["current_version_id"] is not None]
    assert counted["documents"] == len(documents)
    assert counted["states"] == {"unlisted": 0, **Counter(one["state"] for one in documents)} | {
        state: sum(one["state"] == state for one in documents) for state in ("live", "suspected", "withdrawn")
    }
    for name in COUNTED_FIELDS:
        lacking = [row for _, row in pairs if row[name] is None and (name != "text" or row["method"] != "binary")]
        assert counted["missing"][name] == len(lacking), name
    assert counted["flags"] == dict(Counter(flag for _, row in pairs for flag in json.loads(row["flags"])))
    assert counted["methods"] == dict(Counter(row["method"] for _, row in pairs).most_common())
    assert sum(counted["agreement"].values()) == len(pairs)
    assert counted["agreement"].get("none", 0) == sum(row["agreement"] is None for _, row in pairs)
    assert counted["newest_publish_date"] == max(row["publish_date"] for _, row in pairs if row["publish_date"])
    assert counted["last_new_at"] == max(one["first_captured_at"] for one in documents)
    dated = [(row["publish_date"][:7], one["state"]) for one, row in pairs if row["publish_date"]]
    assert counted["months"] == [
        {
            "month": month,
            "documents": sum(month == other for other, _ in dated),
            "gone": sum(month == other and state in {"suspected", "withdrawn"} for other, state in dated),
        }
        for month in sorted({month for month, _ in dated})
    ]
    files = [
        file
        for one in documents
        for file in years.rows(
            "SELECT * FROM files WHERE version_id = ? AND kind = 'attachment'", (one["current_version_id"],)
        )
    ]
    assert counted["attachments"] == len(files)
    assert counted["attachments_missing"] == sum(file["sha256"] is None for file in files)
    assert sum(counted["attachment_texts"].values()) == sum(file["sha256"] is not None for file in files)


@pytest.mark.parametrize("agency", ["c00_0000", "c00_0001"])
def test_channels_are_counted_as_they_are(years: Catalog, agency: str) -> None:
    """Lines and documents of each channel come to the same as going through every row."""
    counted = count_agency(years, agency)
    documents = {row["id"]: row for row in years.rows("SELECT * FROM documents WHERE agency = ?", (agency,))}
    versions = {row["id"]: row for row in years.rows("SELECT * FROM versions")}
    failed = {
        row["url"]: row["reason"]
        for row in years.rows("SELECT * FROM failures WHERE agency = ? ORDER BY id", (agency,))
    }
    assert [row["name"] for row in counted["channels"]] == [row["channel"] for row in counted["coverage"]]
    for channel, covered in zip(counted["channels"], counted["coverage"], strict=True):
        lines = list(years.rows("SELECT * FROM listings WHERE agency = ? AND channel = ?", (agency, channel["name"])))
        had = {line["document_id"] for line in lines if line["document_id"]}
        days = [
            day
            for one in had
            if (number := documents[one]["current_version_id"]) and (day := versions[number]["publish_date"])
        ]
        loose = [line for line in lines if line["document_id"] is None and not line["offsite"]]
        reasons = [failed.get(line["url"]) for line in loose]
        assert (channel["listed"], covered["listed"]) == (len(lines), len(lines))
        assert (channel["archived"] or 0) == sum(line["document_id"] is not None for line in lines)
        assert (channel["missing"] or 0) == len(loose)
        assert covered["off_site"] == sum(line["offsite"] for line in lines)
        assert covered["refused_by_robots"] == reasons.count("robots")
        assert covered["failed_by_reason"] == ({"timeout": reasons.count("timeout")} if "timeout" in reasons else {})
        assert covered["pending"] == len(loose) - covered["refused_by_robots"] - covered["failed"]
        assert (covered["documents"], covered["undated"]) == (len(had), len(had) - len(days))
        assert (covered["first_publish_date"], covered["last_publish_date"]) == (
            min(days, default=None),
            max(days, default=None),
        )
        assert channel["newest"] == max(days, default=None)
        files = [
            file
            for one in had
            for file in years.rows(
                "SELECT * FROM files WHERE version_id = ? AND kind = 'attachment'",
                (documents[one]["current_version_id"],),
            )
        ]
        assert covered["attachments"] == len(files)
        assert covered["attachments_failed"] == sum(file["sha256"] is None for file in files)
