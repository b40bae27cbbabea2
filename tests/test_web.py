"""The pages of the archive: read-only, under their own name only, in both languages, and what they say is what is stored."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import lxml.etree
import pytest
from catalogs import Sample, fetched, read_document
from exhibits import PAGE_URL, PDF, make_archive
from web_site import Site, served

from archive import catalog_reads as reads
from archive.catalog import CATALOG_NAME, Catalog
from archive.search import search
from archive.search_query import parse_query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a few documents."""
    folder = tmp_path_factory.mktemp("data")
    sample = Sample.make(folder)
    sample.put(
        read_document("t1", title="政务公开条例", text="第一条 为了公开。", publish_date="2023-05-01", source="样例市司法局",
                      document_number="样司〔2023〕14号", origins={"source": "label"})
    )  # fmt: skip
    sample.put(read_document("t2", title="转发", text="根据样司〔2023〕14号办理。"))
    sample.put(
        read_document("t3", title=HOSTILE, text=HOSTILE),
        attachments=[fetched("http://sfj.sample.test/a.pdf", None, label=HOSTILE)],
    )
    sample.begin()
    sample.put(read_document("t1", title="政务公开条例", text="第一条 为了公开，制定。", publish_date="2023-05-01"))
    sample.catalog.close()
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    """The pages over it."""
    with served(folder) as site:
        yield site


def ids(folder: Path) -> dict[str, str]:
    """Document ids by title."""
    with Catalog.open_read_only(folder / CATALOG_NAME) as catalog:
        page = search(catalog, parse_query(""), limit=100)
    return {"".join(piece.text for piece in hit.title): hit.document_id for hit in page.hits}


@pytest.mark.parametrize("path", ["/", "/?q=公开", "/nowhere", "/api/search?q=公开", "/static/style.css"])
def test_every_answer_is_closed(site: Site, path: str) -> None:
    """Whatever is asked for, nothing of the answer runs, is loaded from elsewhere or may be framed."""
    answer = site.get(path.replace("公开", "%E5%85%AC%E5%BC%80"))
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(site: Site, method: str) -> None:
    """Every method but GET and HEAD is refused."""
    answer = site.get("/", method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_other_names_are_refused(site: Site) -> None:
    """A name that was made to lead to this machine is not answered."""
    assert site.get("/", headers={"Host": "evil.example"}).status == 421


def test_token(folder: Path) -> None:
    """With a token nothing is shown without it; it is taken from the address into a cookie."""
    with served(folder, token="s3cret-ü") as site:  # noqa: S106 - a test's
        assert site.get("/").status == 401
        assert site.get("/?token=wrong").status == 401
        answer = site.get("/?q=a&token=s3cret-%C3%BC")
        assert (answer.status, answer.headers["Location"]) == (303, "/?q=a")
        assert "HttpOnly" in answer.headers["Set-Cookie"]


def test_search_page_and_json_agree_with_the_command(site: Site, folder: Path) -> None:
    """The page, the JSON answer and the search itself give the same documents."""
    said = json.loads(site.get("/api/search?q=%E5%85%AC%E5%BC%80").body)
    with Catalog.open_read_only(folder / CATALOG_NAME) as catalog:
        assert said == json.loads(json.dumps(search(catalog, parse_query("公开")).as_json()))
    page = site.get("/?q=%E5%85%AC%E5%BC%80")
    assert "<mark>公开</mark>" in page.text
    assert f"/document/{said['hits'][0]['document_id']}" in page.text


@pytest.mark.parametrize("path", ["/?q=%22a", "/?state=gone", "/?page=x", "/?from=2024", "/api/search?limit=9999"])
def test_what_cannot_be_understood_is_said(site: Site, path: str) -> None:
    """A query that cannot be understood is answered 400 with the reason."""
    assert site.get(path).status == 400


def test_document_page(site: Site, folder: Path) -> None:
    """A document's page says text, fields with their origin, versions, record and citation."""
    document_id = ids(folder)["政务公开条例"]
    shown = site.get(f"/document/{document_id}").shown
    for words in ("第一条 为了公开，制定。", "version 2 of 2", "urn:uuid:", "样例市司法局", "GB/T 7714"):
        assert words in shown
    first = site.get(f"/document/{document_id}?version=1").shown
    assert "第一条 为了公开。" in first
    assert "This is an earlier version." in first
    assert "source样例市司法局printed label" in "".join(first.split(" ")).replace("printedlabel", "printed label")
    assert site.get(f"/document/{document_id}?version=9").status == 404
    assert site.get("/document/nobody").status == 404


def test_citations_both_ways(site: Site, folder: Path) -> None:
    """A document's page links to what it cites, and the cited one's page to what cites it."""
    known = ids(folder)
    citing = site.get(f"/document/{known['转发']}")
    assert "Cited here" in citing.shown
    assert "样司〔2023〕14号" in citing.shown


@pytest.mark.parametrize("form", ["txt", "bib", "json", "ris"])
def test_cite(site: Site, folder: Path, form: str) -> None:
    """Each form of reference names title, address and record."""
    answer = site.get(f"/document/{ids(folder)['政务公开条例']}/cite.{form}?version=1")
    assert answer.status == 200
    for words in ("政务公开条例", "http://sfj.sample.test/gsgg/t1.htm", "urn:uuid:"):
        assert words in answer.text


def test_hostile_titles_are_text(site: Site, folder: Path) -> None:
    """What stands in a title, a text or a label stays text."""
    for path in ("/", f"/document/{ids(folder)[HOSTILE]}".replace("<", "%3C")):
        answer = site.get(path)
        assert b"<script" not in answer.body
        assert b"<img" not in answer.body


def test_languages(site: Site) -> None:
    """Chinese first; what the browser asks for, and above it what was chosen."""
    assert 'lang="zh-CN"' in site.get("/", headers={"Accept-Language": "fr"}).text
    assert 'lang="en"' in site.get("/").text
    answer = site.get("/language/zh?back=//evil.example/")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert 'lang="zh-CN"' in site.get("/", headers={"Cookie": "language=zh"}).text


def test_agencies(site: Site) -> None:
    """Every agency has a card, and a page with months, channels, kinds and crawls; figures stand as text beside the chart."""
    assert "样例市司法局" in site.get("/agencies").shown
    page = site.get("/agency/sample_sfj")
    assert '<svg class="chart" role="img"' in page.text
    for words in ("2023-05", "公示公告", "规范性文件", "Last crawls"):
        assert words in page.shown
    assert site.get("/agency/nobody").status == 404


# --- changes ---


def test_comparison(site: Site, folder: Path) -> None:
    """Two versions are compared to the character; whole or changes only, as a page or as data."""
    known = ids(folder)["政务公开条例"]
    page = site.get(f"/compare/{known}?from=1&to=2")
    assert "<ins>，制定</ins>" in page.text
    assert "0 characters out, 3 in" in page.shown
    assert "<del>样司〔2023〕14号</del>" in page.text  # the number is printed no more
    assert site.get(f"/compare/{known}").text.count("<ins>，制定</ins>") == 1
    data = json.loads(site.get(f"/compare/{known}?from=1&to=2&format=json").body)
    assert ["insert", "，制定"] in data["text"]["ops"]
    assert "do not differ" in site.get(f"/compare/{known}?from=2&to=2").shown
    for bad in ("from=0&to=1", "from=1&to=9"):
        assert site.get(f"/compare/{known}?{bad}").status == 404
    assert site.get(f"/compare/{known}?from=x").status == 400


def test_changes_and_feeds(site: Site, folder: Path) -> None:
    """The latest changes by day; the feeds of an agency and of a search hold the same events."""
    shown = site.get("/changes").shown
    assert "changed" in shown
    assert "new 转发" in shown
    assert "new" not in site.get("/changes?change=withdrawn").shown.partition("Atom")[2]
    assert site.get("/changes?since=2024-05-02&agency=sample_sfj").text.count("/document/") == 1
    for path, status in (("/changes?change=gone", 400), ("/changes?since=x", 400), ("/changes?agency=nobody", 404)):
        assert site.get(path).status == status
    atom = site.get("/feed/agency/sample_sfj.atom")
    assert atom.headers["Content-Type"].startswith("application/atom+xml")
    entries = lxml.etree.fromstring(atom.body).findall("{http://www.w3.org/2005/Atom}entry")
    assert len(entries) == 4
    found = site.get("/feed/search.atom?q=%E8%BD%AC%E5%8F%91")
    assert len(lxml.etree.fromstring(found.body).findall("{http://www.w3.org/2005/Atom}entry")) == 1
    assert site.get("/feed/agency/nobody.atom").status == 404
    assert f"/document/{ids(folder)['转发']}" in site.get("/changes").text


def test_status_and_badge(site: Site) -> None:
    """The status page names every agency, in one language, and leads back; its badge is a drawing."""
    page = site.get("/status", headers={"Accept-Language": "zh-CN"})
    assert "样例市司法局" in page.shown
    assert 'href="/"' in page.text
    assert ("存档概况" in page.text, "Archive status" in page.text) == (True, False)
    assert 'href="/language/en?back=/status"' in page.text
    english = site.get("/status")
    assert ("存档概况" in english.text, "Archive status" in english.text) == (False, True)
    assert english.headers["Vary"] == "Accept-Language, Cookie"
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert site.get("/badge/sample_sfj.svg").headers["Content-Type"] == "image/svg+xml"
    assert site.get("/badge/nobody.svg").status == 404


# --- replay ---


def test_replay(tmp_path: Path) -> None:
    """A page, its parts and its files come from the archive: sandboxed, files as downloads, with Memento headers."""
    data = make_archive(tmp_path)
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        (known,) = reads.find_ids(catalog, PAGE_URL, None)
    with served(data) as site:
        assert '<iframe sandbox="allow-downloads"' in site.get(f"/replay/{known}").text
        page = site.get(f"/replay/{known}/1/page")
        assert page.headers["Content-Security-Policy"].startswith("sandbox")
        assert page.headers["Memento-Datetime"].endswith("GMT")
        assert "正文在此" in page.text
        assert "<script" not in page.text
        assert "正文已改" in site.get(f"/replay/{known}/2/page").text
        parts = re.findall(rf'"(/replay/{known}/1/[^"]+)"', page.text)
        assert {site.get(part).status for part in parts} == {200}
        assert len(parts) >= 3
        file = site.get(f"/file/{known}/1/1")
        assert (file.body, file.headers["Content-Type"]) == (PDF, "application/octet-stream")
        assert file.headers["Content-Disposition"].startswith("attachment;")
        for path in (
            f"/file/{known}/1/2",
            f"/file/{known}/1/9",
            f"/replay/{known}/1/nothing",
            f"/replay/{known}/9/page",
        ):
            assert site.get(path).status == 404


def test_an_address_and_a_time(tmp_path: Path) -> None:
    """An address with a time leads to the version captured last before it; its time map lists all versions."""
    data = make_archive(tmp_path)
    with served(data) as site:
        for stamp, number in (("2024", 2), ("1999", 1), ("20240306235959", 1), ("20990101", 2)):
            answer = site.get(f"/web/{stamp}/{PAGE_URL}")
            assert (answer.status, answer.headers["Location"][-1]) == (302, str(number)), stamp
        assert site.get(f"/timemap/{PAGE_URL}").text.count('rel="memento"') == 2
        assert site.get("/web/2024/http://nowhere.test/").status == 404
        assert site.get(f"/web/x/{PAGE_URL}").status == 404
