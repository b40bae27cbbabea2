"""What is withheld is nowhere shown: every command, page, feed and export walked over; the log, its mirror, its damage."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING

import click
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from datadirs import EXTRACTION, begin, finish
from exhibits import file_of, html
from warcs import AGENCY, STARTED_AT, context_of, exchange_of, response_of
from web_site import served

from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_walks import Finding
from archive.errors import CatalogError
from archive.model import Document, Listing
from archive.store import Store
from archive.verify import Counts, silent, verify_paths
from archive.withheld import LOG_NAME, mirror, read_log, release, withhold
from govcrawl.cli import main
from govcrawl.command_table import COMMANDS
from govcrawl.notices import without_withheld
from govcrawl.web.app import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.model import Capture, File

MARKER = "zq7731marker"
BASE = "https://sfj.haidao.test/"
HIDDEN, SHOWN, FILE, LIST = f"{BASE}h.htm", f"{BASE}s.htm", f"{BASE}h.txt", f"{BASE}tzgg/"
NUMBER = "海司〔2023〕7号"
CHANNEL = AGENCY.channels[0].name


def put_crawl(folder: Path, number: int) -> None:
    """One crawl: a list, the page with the marker (another text each time), its file, a page that cites it."""
    at = STARTED_AT + timedelta(days=number)
    secret = f"{MARKER} 第{number}次".encode()
    lines = [
        Listing(
            url=url,
            url_key=url.removeprefix("https://"),
            key=None,
            title=title,
            publish_date=None,
            date_text=None,
            position=position,
        )
        for position, (url, title) in enumerate(((HIDDEN, f"{MARKER} 决定"), (SHOWN, "通知")))
    ]
    with Store.open(folder) as store:
        begin(store, number)
        bodies = (
            (LIST, html(f"<li>{MARKER} 决定</li>"), "list"),
            (HIDDEN, html(f"<p>{MARKER} 第{number}次</p>"), "document"),
            (FILE, response_of(secret, b"Content-Type: text/plain"), "attachment"),
            (SHOWN, html(f"<p>依据{NUMBER}，第{number}次</p>"), "document"),
        )
        made = store.put_captures(
            [
                (
                    exchange_of(response, url=url, started_at=at + timedelta(seconds=n)),
                    context_of(crawl_id=f"crawl-{number}", kind=kind, channel=CHANNEL),
                )
                for n, (url, response, kind) in enumerate(bodies)
            ]
        )
        store.put_failure(context_of(crawl_id=f"crawl-{number}"), HIDDEN, "GET", "not-a-page", MARKER, at)
        store.catalog.put_listings(f"crawl-{number}", AGENCY.name, CHANNEL, lines, made[0].id, at)
        documents: tuple[tuple[Document, Capture, list[File]], ...] = (
            (
                Document(
                    url=HIDDEN, title=f"{MARKER} 决定", text=f"{MARKER} 第{number}次", document_number=NUMBER,
                    tables=(((MARKER, "1"), (f"{MARKER} 行", str(number))),), extraction=EXTRACTION,
                ),
                made[1],
                [file_of(FILE, secret, made[2], f"{MARKER} 附件")],
            ),
            (
                Document(url=SHOWN, title="通知", text=f"依据{NUMBER}，第{number}次", cites=(NUMBER,), extraction=EXTRACTION),
                made[3],
                [],
            ),
        )  # fmt: skip
        for document, capture, files in documents:
            store.catalog.put_document(
                f"crawl-{number}", AGENCY.name, document, url_key=document.url.removeprefix("https://"),
                capture_id=capture.id, attachments=files, images=[], at=at + timedelta(minutes=1),
            )  # fmt: skip
        finish(store, number)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory after two crawls."""
    folder = tmp_path / "data"
    for number in (1, 2):
        put_crawl(folder, number)
    return folder


def id_of(data: Path, url: str) -> str:
    """The id of a document, withheld or not."""
    with Catalog.open_read_only(data / CATALOG_NAME, include_withheld=True) as catalog:
        return next(one.document_id for one in catalog.known_documents(AGENCY.name) if one.url == url)


def run(data: Path, *arguments: str) -> tuple[int, str]:
    """Run a command in this process; exit code and all it said."""
    environment = {"GOVCRAWL_DATA": str(data), "GOVCRAWL_LANG": "en", "GOVCRAWL_STATE": str(data.parent / "state")}
    result = CliRunner(env=environment).invoke(main, arguments, catch_exceptions=False)
    return result.exit_code, result.output


def hide(data: Path) -> str:
    """Withhold the document with the marker; returns its id."""
    name = id_of(data, HIDDEN)
    assert run(data, "withhold", name, "--reason", "personal data", "--by", "keeper") == (0, f"{name} is withheld\n")
    return name


def texts(content: bytes) -> Iterator[bytes]:
    """Everything that stands in a file, unpacked."""
    yield content
    if content[:2] == b"\x1f\x8b":
        with gzip.open(io.BytesIO(content)) as file:
            yield from texts(file.read())
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from texts(archive.read(name))
    elif content[:4] == b"PAR1":
        yield str(pq.read_table(io.BytesIO(content)).to_pylist()).encode()


def has_marker(said: str, out: Path) -> bool:
    """Whether the marker stands in what was said, in a written file, or in the name of one."""
    paths = [path for path in out.rglob("*") if path.is_file()] if out.exists() else []
    pieces = (piece for path in paths for piece in (str(path).encode(), *texts(path.read_bytes())))
    return MARKER in said or any(MARKER.encode() in piece for piece in pieces)


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that does something, by its words."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))
    else:
        yield path


TABLE = ("jsonl", "csv", "parquet", "xlsx")
SHOWING: dict[tuple[str, ...], list[list[str]]] = {
    ("search",): [[MARKER], [NUMBER, "--json"], ["--json"]],
    ("show",): [["ID"], ["ID", "--json"], ["ID", "--as", "text"], [HIDDEN], ["ID", "--version", "1"]],
    ("changes",): [["--diff"], ["--json", "--diff"], ["--document", "ID"]],
    ("diff",): [["ID"], ["ID", "--json"]],
    ("feed",): [
        ["--output", "OUT/all.atom"],
        ["--agency", AGENCY.name, "--output", "OUT/a.atom"],
        ["--query", "决定 OR 通知", "--output", "OUT/q.atom"],
    ],
    ("status",): [[], ["--json"], ["--html", "OUT/status.html"]],
    ("savepage",): [["ID", "--case", "hidden-page", "--template", "trt", "--kind", "document", "--into", "OUT/pages"]],
    ("export", "documents"): [["--format", form, "--output", f"OUT/d.{form}"] for form in TABLE],
    ("export", "versions"): [["--format", form, "--output", f"OUT/v.{form}"] for form in TABLE],
    ("export", "attachments"): [["--format", form, "--output", f"OUT/a.{form}"] for form in TABLE],
    ("export", "changes"): [["--format", form, "--output", f"OUT/c.{form}"] for form in TABLE],
    ("export", "captures"): [["--format", "jsonl", "--output", "OUT/captures.jsonl"]],
    ("export", "coverage"): [["--format", form, "--output", f"OUT/coverage.{form}"] for form in TABLE],
    ("export", "package"): [["--output", "OUT/package", "--with-files"]],
    ("export", "sqlite"): [["--output", "OUT/copy.db"]],
    ("export", "dataset"): [["--output", "OUT/dataset"]],
    ("export", "crawls"): [["--format", "jsonl", "--output", "OUT/crawls.jsonl"]],
    ("export", "citations"): [["--format", form, "--output", f"OUT/e.{form}"] for form in ("jsonl", "csv", "graphml")],
    ("export", "tables"): [["--format", "jsonl", "--output", "OUT/t.jsonl"]],
    ("export", "figures"): [["--format", "jsonl", "--output", "OUT/f.jsonl"]],
    ("export", "report-findings"): [["--format", "jsonl", "--output", "OUT/rf.jsonl"]],
    ("export", "bodies"): [["--as", "text", "--output", "OUT/bodies"]],
    ("export", "bag"): [["--agency", AGENCY.name, "--output", "OUT/bag"]],
    ("export", "wacz"): [["--output", "OUT/all.wacz"], ["--document", "ID", "--output", "OUT/one.wacz"]],
    ("export", "warc"): [["--document", "ID", "--output", "OUT/one.warc.gz"]],
    ("export", "cdxj"): [["--output", "OUT/index.cdxj"]],
}
"""Every command that can show a document, with what it is called with here; ``ID`` is the withheld one's."""

WITHOUT_MARKER = {("status",), ("export", "crawls"), ("export", "captures"), ("export", "cdxj"), ("savepage",)} | {
    ("export", name) for name in ("coverage", "figures", "report-findings", "citations", "bodies")
}
"""Of these, the ones whose output never had a title or a text of this archive's document."""

NOT_SHOWING = {
    *(("agency", name) for name in ("add", "check", "list", "probe")),
    *((name,) for name in ("attachments", "audit", "completion", "demo", "doctor", "extract", "rebuild", "recrawl", "reextract")),
    *((name,) for name in ("merge", "reindex", "release", "schedule", "timestamp", "verify", "withhold")),
    ("open",),  # below, by what it says
    ("serve",),  # below, route by route
}  # fmt: skip
"""Commands that show no document: they fetch, check, make again, or speak of files and machines."""


def test_every_command_is_looked_at() -> None:
    """A new command must be said to show documents or not, before anything can slip through it."""
    assert set(leaves(main)) - NOT_SHOWING == set(SHOWING)


def test_no_command_shows_a_withheld_document(data: Path, tmp_path: Path) -> None:
    """Before, the marker stands in what every showing command gives; afterwards in none, and each says that something is withheld."""
    name = id_of(data, HIDDEN)

    def walk(stage: str) -> Iterator[tuple[tuple[str, ...], list[str], int, str, Path]]:
        for path, calls in SHOWING.items():
            for number, call in enumerate(calls):
                out = tmp_path / stage / "-".join(path) / str(number)
                out.mkdir(parents=True)
                words = [word.replace("OUT", str(out)).replace("ID", name) for word in call]
                code, said = run(data, *path, *words)
                yield path, call, code, said, out

    for path, call, code, said, out in walk("before"):
        if path not in WITHOUT_MARKER:
            assert code == 0, (path, call, said)
            assert has_marker(said, out), (path, call)
    hide(data)
    for path, call, code, said, out in walk("after"):
        shown = said.replace(" ".join(call), "")
        assert not has_marker(shown, out), (path, call)
        meant = "ID" in call or HIDDEN in call
        assert code == (1 if meant or call == [MARKER] else 0), (path, call, said)
        assert "withheld" in said, (path, call, said)


def test_open_says_that_it_is_withheld(data: Path) -> None:
    """No page is served of it: the command says since when and why, and that the archive keeps it."""
    name = hide(data)
    code, said = run(data, "open", name, "--no-browser")
    assert code == 1
    assert "withheld since" in said
    assert "personal data" in said


def test_the_archivist_may_export_it(data: Path, tmp_path: Path) -> None:
    """``export --include-withheld`` has what no other export has."""
    hide(data)
    for path in (("documents", "--format", "jsonl"), ("wacz",)):
        out = tmp_path / path[0]
        out.mkdir()
        code, said = run(data, "export", "--include-withheld", *path, "--output", str(out / "x"))
        assert code == 0, said
        assert has_marker("", out)


def test_cited_withheld_document_stays_as_text(data: Path, tmp_path: Path) -> None:
    """Who cites it cites a number that leads to no document."""
    out = tmp_path / "edges.jsonl"
    run(data, "export", "citations", "--format", "jsonl", "--output", str(out))
    assert json.loads(out.read_text())["cited_document_id"] == id_of(data, HIDDEN)
    hide(data)
    run(data, "export", "citations", "--format", "jsonl", "--output", str(out))
    edge = json.loads(out.read_text())
    assert edge["cited_document_id"] is None
    assert "7" in edge["printed"]


def test_no_page_shows_a_withheld_document(data: Path) -> None:
    """Every route of ``serve``: those of the document answer 410 with since when and why, the others are without it and say so."""
    name = id_of(data, HIDDEN)
    place = {
        "search": ["/", f"/?q={MARKER}"],
        "api_search": ["/api/search", f"/api/search?q={MARKER}"],
        "agencies": ["/agencies"],
        "agency": [f"/agency/{AGENCY.name}"],
        "document": [f"/document/{name}", f"/document/{name}?version=1"],
        "cite": [f"/document/{name}/cite.{form}" for form in ("txt", "bib", "json", "ris")],
        "compare": [f"/compare/{name}?from=1&to=2"],
        "changes": ["/changes"],
        "feed_agency": ["/feed/agency/all.atom", f"/feed/agency/{AGENCY.name}.atom"],
        "feed_search": ["/feed/search.atom"],
        "replay": [f"/replay/{name}"],
        "replay_part": [f"/replay/{name}/2/page"],
        "file": [f"/file/{name}/2/1"],
        "memento": [f"/web/2024/{HIDDEN}"],
        "timemap": [f"/timemap/{HIDDEN}"],
        "static": ["/static/style.css"],
        "language": ["/language/en"],
        "status": ["/status"],
        "data": [f"/document/{name}/data.json"],
        "download": ["/export/search.csv", "/export/search.jsonl"],
        "badge": [f"/badge/{AGENCY.name}.svg"],
    }
    own = {"document", "data", "cite", "compare", "replay", "replay_part", "file", "memento", "timemap"}
    routes = make_app(data, hosts=["x"])._app.routes  # type: ignore[attr-defined]
    assert {route.name for route in routes} <= set(place), "a new route: say here how it is asked for"
    names = {route.name for route in routes}
    with served(data) as site:
        before = {path: site.get(path) for route in names & own for path in place[route]}
        assert all(answer.status in {200, 302} for answer in before.values()), before
        assert MARKER in before[f"/replay/{name}/2/page"].text
        hide(data)  # while the server runs, and has laid the page out already
        for route in names:
            for path in place[route]:
                answer = site.get(path)
                assert MARKER not in answer.text.replace(f'value="{MARKER}"', "").replace(f"q={MARKER}", "").replace(
                    f"<title>{MARKER}", ""
                ).replace(f"q%3D{MARKER}", ""), path
                if route in own:
                    assert answer.status == 410, path
                    assert "personal data" in answer.shown
                    assert "2026" in answer.shown or "withheld since" in answer.shown
                elif route == "download":
                    assert answer.headers["Withheld-Documents"] == "1"
                elif route not in {"static", "language", "badge"}:
                    assert "withheld" in answer.text, path
        assert json.loads(site.get("/api/search").body)["withheld"] == 1
        assert site.get(f"/document/{id_of(data, SHOWN)}").status == 200


def test_the_archive_keeps_it(data: Path) -> None:
    """Not a byte of a WARC file changes, the checker finds nothing, and it can be shown again."""
    warcs = {path: path.read_bytes() for path in (data / "warc").rglob("*.gz")}
    name = hide(data)
    assert {path: path.read_bytes() for path in (data / "warc").rglob("*.gz")} == warcs
    assert [
        one for one in verify_paths([data], deep=True, counts=Counts(), progress=silent) if one.severity != "note"
    ] == []
    assert run(data, "withhold", "--list")[1].startswith(f"{name}  20")
    assert json.loads(run(data, "withhold", "--list", "--json")[1])[0]["by"] == "keeper"
    assert run(data, "release", HIDDEN, "--reason", "reviewed") == (
        0,
        f"1 document is withheld and left out (govcrawl withhold --list)\n{name} is shown again\n",
    )
    assert run(data, "show", name)[0] == 0
    said = [json.loads(line) for line in (data / LOG_NAME).read_text().splitlines()]
    assert [(one["action"], one["reason"], one["urls"][0]) for one in said] == [
        ("withhold", "personal data", HIDDEN),
        ("release", "reviewed", HIDDEN),
    ]


def test_usage(data: Path) -> None:
    """Without a reason nothing is withheld; twice is an error, and so is releasing what is shown."""
    name = id_of(data, HIDDEN)
    assert run(data, "withhold", name)[0] == 2
    assert run(data, "withhold", name, "--reason", " ")[0] == 2
    assert run(data, "withhold", "--list", "--reason", "x")[0] == 2
    assert run(data, "release", name, "--reason", "x")[0] == 1
    hide(data)
    code, said = run(data, "withhold", name, "--reason", "again")
    assert (code, "withheld already, since" in said) == (1, True)
    assert len((data / LOG_NAME).read_text().splitlines()) == 1


def test_the_log_counts_and_not_the_catalog(data: Path) -> None:
    """A catalog that knows nothing of it (an older copy) hides it all the same; opening the store puts the table right."""
    name = hide(data)
    with sqlite3.connect(data / CATALOG_NAME) as db:
        db.execute("DELETE FROM withheld")
    db.close()
    assert run(data, "show", name)[0] == 1
    Store.open(data).close()
    with sqlite3.connect(data / CATALOG_NAME) as db:
        assert db.execute('SELECT document_id, reason, "by" FROM withheld').fetchall() == [
            (name, "personal data", "keeper")
        ]
    db.close()


def test_a_lost_log_lifts_nothing(data: Path) -> None:
    """Where the log is gone, the catalog's table still hides."""
    name = hide(data)
    (data / LOG_NAME).unlink()
    Store.open(data).close()
    assert run(data, "show", name)[0] == 1


@pytest.mark.parametrize("broken", [b'{"at": "2026', b'{"action": "lift"}\n', b"\xff\xfe\n", b"[]\n", b"null"])
def test_a_broken_last_line_lifts_nothing(data: Path, broken: bytes) -> None:
    """It is told and passed over; what is appended after it stands on a line of its own."""
    name = hide(data)
    with (data / LOG_NAME).open("ab") as file:
        file.write(broken)
    log = read_log(data)
    assert list(log.standing()) == [name]
    assert len(log.problems) == 1
    assert "line 2" in log.problems[0]
    assert "line 2" in run(data, "withhold", "--list")[1]
    with Store.open(data) as store:
        release(store.catalog, data, name, [HIDDEN], reason="r", by="b", at=STARTED_AT)
        assert read_log(data).standing() == {}
        withhold(store.catalog, data, name, [HIDDEN], reason="r", by="b", at=STARTED_AT)
        assert mirror(store.catalog, data) == log.problems
    assert list(read_log(data).standing()) == [name]


def test_a_log_that_cannot_be_read_shows_nothing(data: Path) -> None:
    """Where it is not known what is withheld, nothing is shown."""
    hide(data)
    (data / LOG_NAME).unlink()
    (data / LOG_NAME).mkdir()
    with pytest.raises(CatalogError, match="what is withheld is not known"):
        Catalog.open_read_only(data / CATALOG_NAME)


def test_content_that_another_document_shows_is_not_hidden(data: Path) -> None:
    """A file that a shown document has too stays that one's; and the shown document is read from its capture as before."""
    with Store.open(data) as store:
        begin(store, 3)
        at = STARTED_AT + timedelta(days=3)
        secret = f"{MARKER} 第2次".encode()
        made = store.put_captures(
            [
                (
                    exchange_of(response, url=url, started_at=at + timedelta(seconds=n)),
                    context_of(crawl_id="crawl-3", channel=CHANNEL),
                )
                for n, (url, response) in enumerate(
                    ((f"{BASE}o.htm", html("<p>另一份</p>")), (FILE, response_of(secret, b"Content-Type: text/plain")))
                )
            ]
        )
        store.catalog.put_document(
            "crawl-3", AGENCY.name, Document(url=f"{BASE}o.htm", title="另一份", text="另一份", extraction=EXTRACTION),
            url_key=f"{BASE}o.htm".removeprefix("https://"), capture_id=made[0].id,
            attachments=[file_of(FILE, secret, made[1])], images=[], at=at,
        )  # fmt: skip
        finish(store, 3)
    hide(data)
    with served(data) as site:
        assert site.get(f"/file/{id_of(data, f'{BASE}o.htm')}/1/1").body == secret


def test_every_command_name_is_known() -> None:
    """The table of commands and this file's lists agree."""
    assert {path[0] for path in leaves(main)} == set(COMMANDS)


def test_findings_and_notices_do_not_name_it(data: Path, tmp_path: Path) -> None:
    """A verdict that names its address keeps the rest of its sentence: in the status, in a copy, in a crawl's reason, in a notice."""
    said = {"url": HIDDEN, "count": 3, "message": f"{HIDDEN}: a soft 404; {SHOWN} answers"}
    with Store.open(data) as store:
        found = Finding(kind="failed", severity="alarm", facts={"reason": "x", **said})
        store.catalog.put_verdict("crawl-2", AGENCY.name, "alarm", (found,), STARTED_AT)
        store.catalog.file.execute("UPDATE crawls SET reason = ? WHERE id = 'crawl-2'", (said["message"],))
    assert HIDDEN in run(data, "status", "--json")[1]
    hide(data)
    copy = tmp_path / "copy.db"
    run(data, "export", "sqlite", "--output", str(copy))
    with served(data) as site:
        pages = [site.get(path).text for path in ("/status", f"/agency/{AGENCY.name}")]
    for shown in (run(data, "status", "--json")[1], run(data, "status")[1], *pages):
        assert HIDDEN not in shown
    assert "(withheld): a soft 404" in run(data, "status", "--json")[1]
    assert all(SHOWN in page for page in pages)
    with sqlite3.connect(copy) as db:
        (facts,) = db.execute("SELECT facts FROM findings").fetchone()
        (reason,) = db.execute("SELECT reason FROM crawls WHERE id = 'crawl-2'").fetchone()
    db.close()
    assert HIDDEN not in facts + reason
    assert SHOWN in facts
    told = without_withheld(
        data, {"agency": AGENCY.name, "findings": [{"kind": "failed", "facts": said, "zh": said["message"]}]}
    )
    assert HIDDEN not in json.dumps(told)
    assert told["findings"][0]["facts"]["count"] == 3
