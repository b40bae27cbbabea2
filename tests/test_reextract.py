"""Stored captures read again: readings change in their place, and nothing says that the site did."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from small_site import SmallSite, crawl, declare, document, listing, paragraphs
from whole_catalogs import content

from archive.catalog import CATALOG_NAME, Catalog
from archive.export import export_documents
from archive.store import Store

ROOT = Path(__file__).parent.parent
LIST = "/zwgk/gsgg/"
SETTINGS = 'from govcrawl.settings import *\nSPIDER_MODULES = ["smallspiders", "spiders"]\nGOVCRAWL_READERS = 1\n'
WITHOUT_SOURCE = '''"""A later template of the family."""
from dataclasses import replace

from spiders.templates.trt import FujianTrt


class LaterTrt(FujianTrt):
    """Reads no source."""

    template_name = "later_trt"

    @classmethod
    def read_document(cls, page):
        """Read all but the source."""
        found = FujianTrt.read_document.__func__(cls, page)
        drop = lambda fields: {name: value for name, value in fields.items() if name != "source"}
        return replace(found, fields=drop(found.fields), index_fields=drop(found.index_fields), metas=drop(found.metas))
'''


def row(number: int) -> tuple[str, str, str]:
    """The list's line of document ``number``."""
    return f"./202403/t20240305_{number}.htm", f"小城市司法局关于第{number}项工作的通知", "2024-03-05"


def page(number: int, *, source: str = "小城市司法局", files: str = "") -> Any:
    """The page of document ``number``."""
    status, headers, body = document(row(number)[1], paragraphs(f"第{number}号通知", 5), files=files, ident=number)
    return status, headers, body.replace("来源：小城市司法局".encode(), f"来源：{source}".encode())


@pytest.fixture(scope="module")
def crawled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two full crawls; between them document 1 got another source and document 2 another file."""
    folder = tmp_path_factory.mktemp("crawled")
    declare(folder)
    (folder / "smallsettings.py").write_text(SETTINGS, "utf-8")
    block = '<div class="article_attachment"><ul><li><a href="./P2.xlsx">附表.xlsx</a></li></ul></div>'
    routes: dict[str, Any] = {
        LIST: listing([row(1), row(2), ("./202403/P_7.pdf", "小城市司法局年度报告", "2024-03-01")])
    }
    routes |= {f"{LIST}202403/t20240305_1.htm": page(1), f"{LIST}202403/t20240305_2.htm": page(2, files=block)}
    routes[f"{LIST}202403/P2.xlsx"] = 200, {"Content-Type": "application/vnd.ms-excel"}, b"PK\x03\x04 first"
    routes[f"{LIST}202403/P_7.pdf"] = 200, {"Content-Type": "application/pdf"}, b"%PDF-1.4\n" + b"% filling\n" * 40
    with SmallSite(routes) as site:
        assert crawl(folder, site).returncode == 0
        site.routes[f"{LIST}202403/t20240305_1.htm"] = page(1, source="小城市人民政府")
        site.routes[f"{LIST}202403/P2.xlsx"] = 200, {"Content-Type": "application/vnd.ms-excel"}, b"PK\x03\x04 second"
        done = crawl(folder, site, "-a", "mode=full")
        assert "changed 2" in done.stdout, done.stdout
    return folder


@pytest.fixture
def crawled(crawled_once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(crawled_once, tmp_path, dirs_exist_ok=True)
    return tmp_path


def govcrawl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program with the small agency."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "SCRAPY_SETTINGS_MODULE": "smallsettings",
        "GOVCRAWL_DATA": str(folder / "data"),
        "GOVCRAWL_LANG": "en",
    }
    line = [sys.executable, "-c", "from govcrawl.cli import main; main()", *arguments]
    return subprocess.run(line, env=env, cwd=folder, text=True, capture_output=True, timeout=120, check=False)


def catalog_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Everything the catalog says."""
    return content(folder / "data" / CATALOG_NAME)


def execute(folder: Path, sql: str) -> None:
    """Change the catalog behind the program's back."""
    with closing(sqlite3.connect(folder / "data" / CATALOG_NAME)) as db, db:
        db.execute(sql)


def exported(folder: Path) -> list[dict[str, Any]]:
    """The exported documents."""
    with Catalog.open_read_only(folder / "data" / CATALOG_NAME) as catalog:
        return list(export_documents(catalog))


def test_the_same_extractor_reads_the_same(crawled: Path) -> None:
    """Every version is read again and no row changes."""
    before = catalog_of(crawled)
    done = govcrawl(crawled, "reextract")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "5 versions of 3 documents read again, 0 read differently\n"
    assert catalog_of(crawled) == before


def test_what_an_older_extractor_read_is_brought_up_to_date_in_its_place(crawled: Path) -> None:
    """Texts, fields, files and what changed between versions are as the present extractor reads them; numbers, captures and dates stay."""
    before = catalog_of(crawled)
    execute(
        crawled,
        "UPDATE versions SET text = text || '页脚', author = '旧', extractor_version = '0', changed_fields = '[\"text\"]'",
    )
    execute(crawled, "UPDATE files SET label = '旧' WHERE kind = 'attachment'")
    execute(crawled, "UPDATE versions SET version_digest = 'sha256:0'")
    done = govcrawl(crawled, "reextract")
    assert done.returncode == 0, done.stderr
    assert "version 1: attachments, author, text" in done.stdout
    assert done.stdout.endswith("5 versions of 3 documents read again, 5 read differently\n")
    after = catalog_of(crawled)
    assert {version.pop("reextracted_at") is not None for version in after["versions"]} == {True}
    assert {version.pop("reextracted_at") for version in before["versions"]} == {None}
    for table, rows in before.items():
        assert sorted(after[table], key=repr) == sorted(rows, key=repr), table


def test_a_reading_that_only_says_how_it_was_made_is_no_difference(crawled: Path) -> None:
    """The extractor's version is brought up to date without a word."""
    execute(crawled, "UPDATE versions SET extractor_version = '0', agreement = 0.5")
    done = govcrawl(crawled, "reextract")
    assert done.stdout.endswith("0 read differently\n")
    assert "0" not in {version["extractor_version"] for version in catalog_of(crawled)["versions"]}


def test_another_template_reads_the_history_anew_and_a_rebuild_reads_the_same(crawled: Path) -> None:
    """A later template: same versions, other fields; a change it cannot see is not one, and the export is a rebuild's."""
    (crawled / "smallspiders" / "templates").mkdir()
    (crawled / "smallspiders" / "templates" / "__init__.py").touch()
    (crawled / "smallspiders" / "templates" / "later.py").write_text(WITHOUT_SOURCE, "utf-8")
    agency = crawled / "smallspiders" / "small_sfj.py"
    text = agency.read_text("utf-8").replace(
        "spiders.templates.trt import FujianTrt", "smallspiders.templates.later import LaterTrt"
    )
    agency.write_text(text.replace("(FujianTrt)", "(LaterTrt)"), "utf-8")
    numbers = {(version["document_id"], version["number"]) for version in catalog_of(crawled)["versions"]}
    states = catalog_of(crawled)["states"]
    assert {one["source"] for one in exported(crawled)} == {"小城市司法局", "小城市人民政府", None}
    done = govcrawl(crawled, "reextract", "--agency", "small_sfj")
    assert done.returncode == 0, done.stderr
    found = catalog_of(crawled)
    assert {(version["document_id"], version["number"]) for version in found["versions"]} == numbers
    assert {version["changed_fields"] for version in found["versions"]} == {"[]", '["attachments"]'}
    assert found["states"] == states
    reread = exported(crawled)
    assert {one["source"] for one in reread} == {None}
    assert govcrawl(crawled, "rebuild").returncode == 0
    rebuilt = exported(crawled)
    # A rebuild compares every look with the one before it: what nobody can tell apart is one version there.
    assert [one.pop("version_count") for one in reread] != [one.pop("version_count") for one in rebuilt]
    for one in (*reread, *rebuilt):
        one.pop("capture")
    assert reread == rebuilt


def test_what_is_read_again_can_be_chosen(crawled: Path) -> None:
    """By agency and by the day of the capture; an agency that is not there is named."""
    assert govcrawl(crawled, "reextract", "--since", "2999-01-01").stdout.startswith("0 versions of 0 documents")
    assert govcrawl(crawled, "reextract", "--since", "2000-01-01").stdout.startswith("5 versions of 3 documents")
    done = govcrawl(crawled, "reextract", "--agency", "nobody")
    assert done.returncode == 2
    assert "has no agency 'nobody': it knows small_sfj" in done.stderr


def test_a_capture_that_cannot_be_read_leaves_its_version_as_it_is(crawled: Path) -> None:
    """It is named with its reason, every other version is read; exit 1."""
    execute(crawled, "UPDATE versions SET text = '旧' WHERE text IS NOT NULL")
    execute(
        crawled,
        "UPDATE captures SET block_digest = 'sha256:0' WHERE id = (SELECT capture_id FROM versions WHERE source = '小城市人民政府')",
    )
    done = govcrawl(crawled, "reextract")
    assert done.returncode == 1
    assert "left as it is, its capture cannot be read now" in done.stderr
    assert [version["text"] for version in catalog_of(crawled)["versions"]].count("旧") == 1
    assert "Traceback" not in done.stderr


def test_a_crawl_that_is_going_on_is_not_disturbed(crawled: Path) -> None:
    """While the agency is being crawled nothing is read again."""
    with Store.open(crawled / "data") as store:
        lock = store.lock_agency("small_sfj")
        done = govcrawl(crawled, "reextract")
        lock.release()
    assert done.returncode == 1
    assert "small_sfj is being crawled" in done.stderr


def test_without_a_catalog_none_is_made(tmp_path: Path) -> None:
    """A data directory that holds none is left as it is."""
    (tmp_path / "smallsettings.py").write_text(SETTINGS, "utf-8")
    done = govcrawl(tmp_path, "reextract")
    assert done.returncode == 1
    assert "no catalog at" in done.stderr
    assert not (tmp_path / "data").exists()


def test_bodies_from_the_captures(crawled: Path) -> None:
    """A version's body as text, Markdown and HTML is read from its capture; one file a document on request; a file has no body."""
    pages = [version for version in catalog_of(crawled)["versions"] if version["text"]]
    name = pages[0]["document_id"]
    shown = {
        form: govcrawl(crawled, "show", name, "--version", "1", "--as", form) for form in ("text", "markdown", "html")
    }
    assert [done.returncode for done in shown.values()] == [0, 0, 0], shown["html"].stderr
    paragraphs = shown["text"].stdout.splitlines()
    assert len(paragraphs) > 1
    assert shown["markdown"].stdout == "\n\n".join(paragraphs) + "\n"
    assert shown["html"].stdout == "".join(f"<p>{text}</p>\n" for text in paragraphs)
    done = govcrawl(crawled, "export", "bodies", "--as", "html", "--output", str(crawled / "out"))
    assert done.returncode == 0, done.stderr
    files = sorted((crawled / "out" / "small_sfj").iterdir())
    assert {file.stem for file in files} == {version["document_id"] for version in pages}
    assert all("<h1>" in file.read_text("utf-8") for file in files)
    assert govcrawl(crawled, "show", name, "--version", "99", "--as", "text").returncode == 2


def test_a_body_that_was_read_otherwise_is_told(crawled: Path) -> None:
    """Where the stored text is another extractor's, the present reading is shown with a word about it."""
    execute(crawled, "UPDATE versions SET text = '旧' WHERE text IS NOT NULL")
    name = next(version["document_id"] for version in catalog_of(crawled)["versions"] if version["text"])
    done = govcrawl(crawled, "show", name, "--as", "markdown")
    assert done.returncode == 0
    assert "旧" not in done.stdout
    assert "reextract brings the catalog up to date" in done.stderr


def test_what_would_change_is_told_and_nothing_is_changed(crawled: Path) -> None:
    """--report counts by field with examples around the first difference; the catalog stays as it is to the byte of every row."""
    execute(crawled, "UPDATE versions SET source = '旧来源', text = text || '末尾' WHERE text IS NOT NULL")
    before = catalog_of(crawled)
    pages = sum(version["text"] is not None for version in before["versions"])
    done = govcrawl(crawled, "reextract", "--report")
    assert done.returncode == 0, done.stderr
    assert f"source: {pages} versions\n" in done.stdout
    assert "旧来源 → 小城市司法局" in done.stdout
    assert "末尾 → …" in done.stdout
    assert done.stdout.endswith(f"{pages} read differently; nothing was changed\n")
    assert catalog_of(crawled) == before


def test_an_interrupted_run_goes_on(crawled: Path) -> None:
    """--resume passes over documents that the present version of the extractor has read."""
    execute(crawled, "UPDATE versions SET extractor_version = '0' WHERE source = '小城市人民政府'")
    done = govcrawl(crawled, "reextract", "--resume")
    assert " of 1 documents read again" in done.stdout
    assert govcrawl(crawled, "reextract", "--resume").stdout.startswith("0 versions of 0 documents")


def test_attachments_are_read_again_where_the_readers_changed(crawled: Path) -> None:
    """What another version of the readers read is told by --report, read again, and then left alone."""
    execute(
        crawled, "UPDATE file_texts SET reader_version = '0', reason = 'as it was', status = 'text', text = '旧的读法'"
    )
    before = catalog_of(crawled)
    told = govcrawl(crawled, "reextract", "--report")
    assert told.returncode == 0, told.stderr
    files = len(before["file_texts"])
    assert f"attachment.text: {files} attachments\n" in told.stdout
    assert told.stdout.endswith(f"{files} attachments read, {files} differ from what is stored; nothing was changed\n")
    assert catalog_of(crawled) == before
    assert f"{files} attachments read, {files} differ" in govcrawl(crawled, "reextract").stdout
    assert all(row["text"] != "旧的读法" for row in catalog_of(crawled)["file_texts"])
    assert "attachments read" not in govcrawl(crawled, "reextract").stdout
