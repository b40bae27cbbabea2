"""Texts of attachments beside a crawl, after it and in the export; children that hang or die cost one file."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from attachment_files import zipped
from click.testing import CliRunner
from datadirs import make_data
from small_site import SmallSite, crawl, declare, document, listing, paragraphs

from archive import catalog_texts
from archive.catalog import CATALOG_NAME, Catalog
from archive.model import FileText
from govcrawl.archived_files import READER_VERSION
from govcrawl.cli import main
from govcrawl.demo.files import docx, pdf, xlsx
from govcrawl.file_workers import FileReaders, ReadersClosed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIST = "/zwgk/gsgg/"
FILES = {
    "P1.docx": docx(["附件一", "申请人须知"]),
    "P2.xls": "项目\t数量\r\n公开\t12\r\n".encode("gb18030"),
    "P3.pdf": pdf(["附件三：关于办理程序的说明"]),
    "P4.rar": b"Rar!\x1a\x07\x01\x00 invented",
    "P5.docx": docx(["附件一", "申请人须知"]),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SmallSite]:
    """One document with attachments, two of them the same bytes."""
    declare(tmp_path)
    links = "".join(f'<li><a href="{LIST}202403/{name}">{name}</a></li>' for name in FILES)
    routes: dict[str, Any] = {
        "/robots.txt": (200, {"Content-Type": "text/plain"}, b""),
        LIST: listing([("./202403/t20240305_1.htm", "关于申请的通知", "2024-03-05")]),
        f"{LIST}202403/t20240305_1.htm": document(
            "关于申请的通知", paragraphs("通知"), files=f'<div class="article_attachment"><ul>{links}</ul></div>'
        ),
        **{
            f"{LIST}202403/{name}": (200, {"Content-Type": "application/octet-stream"}, body)
            for name, body in FILES.items()
        },
    }
    with SmallSite(routes) as running:
        yield running


def govcrawl(folder: Path, *line: str) -> str:
    """What a command prints; it succeeds."""
    done = CliRunner().invoke(main, [*line, "--data", str(folder / "data")], env={"GOVCRAWL_LANG": "en"})
    assert done.exit_code == 0, done.output
    return done.stdout


def exported(folder: Path) -> list[dict[str, Any]]:
    """The attachments of the one document, as exported."""
    line = govcrawl(folder, "export", "documents", "--format", "jsonl", "--output", "-")
    attachments: list[dict[str, Any]] = json.loads(line)["attachments"]
    return attachments


def test_a_crawl_reads_the_attachments_and_the_export_has_their_text(site: SmallSite, tmp_path: Path) -> None:
    """Each attachment has its text, what it really is, and the reason where there is none; equal bytes have one row."""
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    found = {one["filename"] or one["url"].rpartition("/")[2]: one for one in exported(tmp_path)}
    assert found["P1.docx"]["text"] == found["P5.docx"]["text"] == "附件一\n申请人须知"
    assert found["P2.xls"]["media_type_sniffed"] == "text/csv"
    assert found["P2.xls"]["text_tables"] == [[["项目", "数量"], ["公开", "12"]]]
    assert (found["P3.pdf"]["text_status"], found["P3.pdf"]["text_pages"]) == ("text", 1)
    assert (found["P4.rar"]["text_status"], found["P4.rar"]["text"]) == ("unsupported", None)
    assert "RAR" in found["P4.rar"]["text_reason"]
    with sqlite3.connect(tmp_path / "data" / CATALOG_NAME) as db:
        assert db.execute("SELECT COUNT(*), COUNT(DISTINCT sha256) FROM file_texts").fetchone() == (4, 4)
    db.close()
    status = json.loads(govcrawl(tmp_path, "status", "--json"))[0]
    assert status["attachment_texts"] == {"text": 4, "unsupported": 1}
    assert "attachment texts read 4, unsupported formats 1" in " ".join(govcrawl(tmp_path, "status").split())
    document_id = json.loads(govcrawl(tmp_path, "export", "documents", "--format", "jsonl", "--output", "-"))[
        "document_id"
    ]
    shown = govcrawl(tmp_path, "show", document_id)
    assert "“附件一 申请人须知…”" in shown
    assert "a RAR archive is not opened" in shown


def test_what_was_left_unread_is_read_by_the_command_and_by_the_next_crawl(site: SmallSite, tmp_path: Path) -> None:
    """Reading changes no version; it can be left out of a crawl, and is made up for without network."""
    assert crawl(tmp_path, site, "-s", "GOVCRAWL_TEXTS=0").returncode == 0
    assert {one["text_status"] for one in exported(tmp_path)} == {None}
    asked = len(site.asked)
    assert "text 3, unsupported 1" in govcrawl(tmp_path, "attachments")
    assert len(site.asked) == asked
    assert "none" in govcrawl(tmp_path, "attachments")
    first = exported(tmp_path)
    assert "text 3" in govcrawl(tmp_path, "attachments", "--again")
    assert exported(tmp_path) == first
    with sqlite3.connect(tmp_path / "data" / CATALOG_NAME) as db:
        db.execute("DELETE FROM file_texts")
        db.commit()
        versions = db.execute("SELECT version_digest FROM versions").fetchall()
        assert crawl(tmp_path, site).returncode == 0
        assert db.execute("SELECT version_digest FROM versions").fetchall() == versions
    db.close()
    assert exported(tmp_path) == first


def test_a_file_that_the_archive_lost_is_named(tmp_path: Path) -> None:
    """A capture whose WARC file is gone is one line and exit code 1; nothing is put in its place."""
    data = make_data(tmp_path / "data", 1)
    for path in (data / "warc").rglob("*.warc.gz"):
        path.rename(tmp_path / path.name)
    done = CliRunner().invoke(main, ["attachments", "--data", str(data)], env={"GOVCRAWL_LANG": "en"})
    assert done.exit_code == 1
    assert "no such WARC file" in done.output
    assert "missing 1" in done.output


def test_another_version_of_the_readers_reads_again(tmp_path: Path) -> None:
    """A row says which version made it; files read by another one count as unread for the command."""
    data = make_data(tmp_path / "data", 1)
    govcrawl(tmp_path, "attachments")
    with Catalog.open(data / CATALOG_NAME) as catalog:
        assert catalog_texts.unread_files(catalog, reader_version=READER_VERSION) == []
        (file,) = catalog_texts.unread_files(catalog, reader_version="0")
        text = FileText(
            sha256=file.sha256,
            media_type="text/plain",
            status="text",
            reason=None,
            pages=None,
            text="旧",
            reader_version="0",
        )
        catalog_texts.put_file_text(catalog, text, datetime.now(UTC))
        assert catalog_texts.unread_files(catalog) == []
        assert catalog_texts.unread_files(catalog, reader_version=READER_VERSION) == [file]
        assert catalog_texts.unread_files(catalog, agency="other", reader_version=READER_VERSION) == []
    assert "broken 1" in govcrawl(tmp_path, "attachments")


# Children


def put(folder: Path, data: bytes) -> Path:
    """A file to read."""
    path = folder / "file"
    path.write_bytes(data)
    return path


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read(tmp_path: Path) -> None:
    """The child is killed; the reason names the limit."""
    endless = tmp_path / "endless"
    os.mkfifo(endless)
    readers = FileReaders(seconds=0.2, memory_bytes=2 << 30)
    found = readers.read(endless)
    assert (found.status, found.reason) == ("timeout", "reading it took longer than 0.2 s")
    readers.close()
    readers = FileReaders(seconds=30, memory_bytes=2 << 30)
    assert readers.read(put(tmp_path, docx(["正文"]))).text == "正文"
    readers.close()


def test_closing_does_not_wait_for_a_file_that_is_being_read(tmp_path: Path) -> None:
    """Whoever waits for the file is told that nothing is known of it."""
    endless = tmp_path / "endless"
    os.mkfifo(endless)
    readers = FileReaders(seconds=600, memory_bytes=2 << 30)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(readers.read, endless)
        with endless.open("wb"):  # opens once the child reads
            readers.close()
            with pytest.raises(ReadersClosed):
                reading.result(timeout=60)


def test_a_file_that_swells_ends_its_child_only(tmp_path: Path) -> None:
    """A sheet whose only two cells lie at opposite corners would be seventeen thousand million cells."""
    with zipfile.ZipFile(BytesIO(xlsx([["甲"], ["乙"]]))) as package:
        members = {name: package.read(name) for name in package.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"].replace(b'"A2"', b'"XFD1048576"').replace(b'r="2"', b'r="1048576"')
    far = zipped({**members, "xl/worksheets/sheet1.xml": sheet})
    readers = FileReaders(seconds=30, memory_bytes=1 << 30)
    found = readers.read(put(tmp_path, far))
    assert found.status in {"broken", "too_large"}
    assert found.reason
    assert readers.read(put(tmp_path, docx(["正文"]))).text == "正文"
    readers.close()


def test_several_threads_read_side_by_side(tmp_path: Path) -> None:
    """Each gets the text of its own file."""
    readers = FileReaders(seconds=30, memory_bytes=2 << 30)
    texts: dict[int, str | None] = {}

    def read(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        texts[number] = readers.read(put(folder, docx([f"第{number}号"]))).text

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    readers.close()
    assert texts == {number: f"第{number}号" for number in range(4)}


def test_a_file_beyond_the_limit_is_not_opened(tmp_path: Path) -> None:
    """A sparse file of 200 MiB costs nothing."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    readers = FileReaders(seconds=30, memory_bytes=2 << 30)
    assert readers.read(path).status == "too_large"
    readers.close()
