"""The replay index: keys, order, what is in it and what is left out."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from datadirs import URL, begin, finish, make_data, told
from hypothesis import given
from hypothesis import strategies as st
from warcs import AGENCY, STARTED_AT, context_of, exchange_of, fields_of, response_of

from archive.catalog import CATALOG_NAME, Catalog
from archive.cdxj import SortedLines, export_cdxj
from archive.errors import CatalogError
from archive.store import Store
from archive.surt import surt
from archive.verify import Counts, silent, verify_paths
from govcrawl.cli import main

if TYPE_CHECKING:
    from pathlib import Path

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def index_lines(data: Path, **options: Any) -> list[bytes]:
    """The lines of the index of a data directory."""
    target = data / "index.cdxj"
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog, target.open("wb") as file:
        count = export_cdxj(catalog, data, file, **options)
    lines = target.read_bytes().splitlines()
    assert len(lines) == count
    return lines


def entry_of(line: bytes) -> dict[str, str]:
    """The fields of a line, its key and timestamp among them."""
    key, timestamp, said = line.decode().split(" ", 2)
    fields: dict[str, str] = json.loads(said)
    return {"key": key, "timestamp": timestamp, **fields}


# Expected keys: what cdxj-indexer 1.5.0 and pywb 2.10.0 give for the same address.
@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://www.Example.cn/", "cn,example)/"),
        ("https://www2.example.cn", "cn,example)/"),
        ("https://example.cn:443/a/", "cn,example)/a"),
        ("http://example.cn:8080/a", "cn,example:8080)/a"),
        ("http://example.cn/A/B/../c/./d.htm?B=2&a=1", "cn,example)/a/c/d.htm?a=1&b=2"),
        ("http://example.cn//a///b", "cn,example)/a/b"),
        ("http://example.cn/公告.htm", "cn,example)/%e5%85%ac%e5%91%8a.htm"),
        ("http://example.cn/%B9%AB%B8%E6.htm", "cn,example)/%b9%ab%b8%e6.htm"),
        ("http://example.cn/a%20b%2Fc%25d%2525e", "cn,example)/a%20b/c%25d%25e"),
        ("http://example.cn/a?x=%2f&y=%26z=1", "cn,example)/a?x=/&y=&z=1"),
        ("http://example.cn/?", "cn,example)/"),
        ("http://example.cn/?b=1&b=0&a=2&&c", "cn,example)/?&a=2&b=0&b=1&c"),
        ("http://example.cn/a?a=1&a-b=2&a.b=3&aa=4", "cn,example)/a?a=1&a-b=2&a.b=3&aa=4"),
        ("http://example.cn/a?sid=0123456789abcdef0123456789abcdef&b=1", "cn,example)/a?b=1"),
        ("http://user:pw@example.cn/a", "cn,example)/a"),
        ("http://127.0.0.1:8080/a", "1,0,0,127:8080)/a"),
        ("http://[::1]:8080/a", "::1:8080)/a"),
        ("http://example.cn./a#frag", "cn,example)/a"),
        ("http://example.cn/a%23frag", "cn,example)/a%23frag"),
        ("http://www.www.example.cn/a", "cn,example,www)/a"),
        ("http://中文.cn/a", "cn,xn--fiq228c)/a"),
        ("http://example.cn/a%zz%4?x=%", "cn,example)/a%25zz%254?x=%25"),
        ("urn:X", "urn:x"),
    ],
)
def test_key_of_an_address(url: str, key: str) -> None:
    """An address has the key that replay tools look it up by."""
    assert surt(url) == key


@given(st.text())
def test_a_key_is_one_word(rest: str) -> None:
    """Whatever stands in an address, its key has no blank or line end that would break the index."""
    assert len(surt(f"http://{rest}").split()) == 1


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"") + b"\n")), st.integers(1, 60))
def test_lines_come_back_sorted(lines: list[bytes], run_bytes: int) -> None:
    """Lines that do not fit in memory come back as sorted as those that do, none lost."""
    with SortedLines(run_bytes) as kept:
        for line in lines:
            kept.put(line)
        assert list(kept) == sorted(lines)
        assert kept.count == len(lines)


def test_index_of_a_data_directory(tmp_path: Path) -> None:
    """Every answer but the 304s has a line; lines are sorted by bytes and each leads to its record."""
    data = make_data(tmp_path / "data")
    lines = index_lines(data)
    assert lines == sorted(lines)
    entries = [entry_of(line) for line in lines]
    assert len(entries) == 3 * 4 - 2, "two of the crawls were answered 304 once"
    assert {entry["mime"] for entry in entries} == {"unk", "application/pdf", "warc/revisit"}
    for entry in entries:
        start, length = int(entry["offset"]), int(entry["length"])
        member = (data / entry["filename"]).read_bytes()[start : start + length]
        fields = fields_of(zlib.decompressobj(31).decompress(member))
        assert fields["WARC-Target-URI"] == entry["url"]
        assert fields["WARC-Payload-Digest"] == entry["digest"]
        assert fields["WARC-Date"].translate({ord(c): None for c in "-:T"})[:14] == entry["timestamp"]
        assert (fields["WARC-Type"] == "revisit") == (entry["mime"] == "warc/revisit")
        assert all(isinstance(value, str) for value in entry.values())


def test_a_304_never_stands_before_the_page(tmp_path: Path) -> None:
    """Of a page that was confirmed by 304 later, the index has the page only."""
    data = make_data(tmp_path / "data")
    entries = [entry for line in index_lines(data) if (entry := entry_of(line))["url"] == URL.format(1)]
    assert [(entry["status"], entry["mime"]) for entry in entries] == [("200", "unk")]


def test_posted_forms_and_what_no_replay_asks_for(tmp_path: Path) -> None:
    """A posted form is keyed with its fields, its revisit too; other methods, other bodies and no HTTP are left out."""
    data = tmp_path / "data"
    url = "https://sfj.haidao.test/search"
    form = b"POST /search HTTP/1.1\r\n" + FORM + b"\r\nb=%E5%85%AC+x&a=1"
    posted = [
        exchange_of(response_of(b"[1]"), url=url, method="POST", request=form),
        exchange_of(
            response_of(b"[1]"), url=url, method="POST", request=form, started_at=STARTED_AT + timedelta(days=1)
        ),
        exchange_of(response_of(b"[2]"), url=url, method="POST", request=b"POST / HTTP/1.1\r\n\r\n{}"),
        exchange_of(response_of(b""), url=url, method="HEAD", request=b"HEAD / HTTP/1.1\r\n\r\n"),
        exchange_of(b"\x15\x03\x01", url=url),
    ]
    with Store.open(data) as store:
        begin(store, 1)
        for exchange in posted:
            store.put_captures([(exchange, context_of(crawl_id="crawl-1"))])
        finish(store, 1)
    entries = [entry_of(line) for line in index_lines(data)]
    assert [entry["mime"] for entry in entries] == ["unk", "warc/revisit"]
    for entry in entries:
        assert entry["key"] == "test,haidao,sfj)/search?__wb_method=post&a=1&b=%e5%85%ac%20x"
        assert (entry["url"], entry["method"], entry["requestBody"]) == (url, "POST", "b=公 x&a=1")


def test_no_finding_on_the_own_index(tmp_path: Path) -> None:
    """The verifier has nothing to say about an index that lies in its data directory."""
    data = make_data(tmp_path / "data")
    assert index_lines(data, agency=AGENCY.name)
    findings = verify_paths([data / "index.cdxj"], deep=True, counts=Counts(), progress=silent)
    assert told(list(findings)) == set()


def test_unknown_agency(tmp_path: Path) -> None:
    """An agency that is not in the catalog is an error that names those that are."""
    data = make_data(tmp_path / "data", 1)
    with pytest.raises(CatalogError, match=AGENCY.name):
        index_lines(data, agency="nobody")


def test_command(tmp_path: Path) -> None:
    """``govcrawl export cdxj`` writes the index and says how many lines."""
    data = make_data(tmp_path / "data", 1)
    target = tmp_path / "index.cdxj"
    result = CliRunner(env={"GOVCRAWL_LANG": "en"}).invoke(
        main, ["export", "cdxj", "--data", str(data), "--output", str(target)], catch_exceptions=False
    )
    assert (result.exit_code, "4 index lines" in result.stderr) == (0, True)
    assert len(target.read_bytes().splitlines()) == 4
