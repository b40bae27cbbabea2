"""Crawls of a site that walls, refuses and hides: nothing of it is content, and no document is called gone for it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from small_site import SmallSite, crawl, declare, document, listing, paragraphs

from archive.catalog import Catalog
from archive.export import export_documents
from benchmarks.genuine import CHROME, FOOT
from govcrawl.breaker import BREAKERS
from govcrawl.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from small_site import Answer

LIST = "/zwgk/gsgg/"
HTML = {"Content-Type": "text/html; charset=utf-8"}
JSL: Answer = (521, HTML, b"<script>document.cookie=('_')+('_')+('j')+('s')+('l');location.reload()</script>")
FORBIDDEN: Answer = (403, HTML, b"<html><body><h1>403 Forbidden</h1></body></html>")
MISSING: Answer = (404, HTML, b"<html><body>404 Not Found</body></html>")
FULL = ("-a", "mode=full")


def path(number: int) -> str:
    """The address of document ``number``."""
    return f"{LIST}202403/t20240305_{number}.htm"


def page(number: int) -> Answer:
    """The page of document ``number``."""
    title = f"小城市司法局关于第{number}项工作的通知"
    return document(title, paragraphs(f"第{number}号通知", 5), ident=number)


def styled() -> Answer:
    """The site's own error page: 200, its navigation and footer, a sentence that no pattern knows."""
    text = f"<html><head><title>小城市司法局</title></head><body>{CHROME * 4}<div>您访问的内容找不到了，去别处看看吧</div>{FOOT}</body></html>"
    return 200, HTML, text.encode()


class Routes(dict[str, Any]):
    """Routes of a site that may turn to something else for everything, or from some request on."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.instead: Answer | None = None
        self.after = 0
        self.unknown: Answer = MISSING
        self.robots: Answer = MISSING

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002 - the base's signature
        """Return the answer for a target."""
        if key == "/robots.txt":
            return self.robots
        if self.instead and self.after <= 0:
            return self.instead
        self.after -= 1
        return super().get(key, self.unknown)


def healthy() -> Routes:
    """Eight documents in one channel, and a home page."""
    rows = [(f"./202403/t20240305_{n}.htm", f"小城市司法局关于第{n}项工作的通知", "2024-03-05") for n in range(1, 9)]
    routes = Routes({LIST: listing(rows), "/": (200, HTML, f"<html><body>{CHROME}{FOOT}</body></html>".encode())})
    routes |= {path(n): page(n) for n in range(1, 9)}
    return routes


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the archive of a first crawl while all was well."""
    folder = tmp_path_factory.mktemp("crawled")
    declare(folder)
    with SmallSite(healthy()) as running:
        status, said = run(folder, running)
    assert status == 0, said
    return folder


@pytest.fixture
def site(crawled: Path, tmp_path: Path) -> Iterator[SmallSite]:
    """The site again, and a copy of the archive for this test alone."""
    shutil.copytree(crawled, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("state"))
    with SmallSite(healthy()) as running:
        yield running


def run(folder: Path, site: SmallSite, *arguments: str, **environment: str) -> tuple[int, str]:
    """Crawl with a state folder of its own; return exit status and output."""
    done = crawl(folder, site, *arguments, GOVCRAWL_STATE=str(folder / "state"), **environment)
    return done.returncode, done.stdout


def states(folder: Path) -> dict[int, str]:
    """Document number → state."""
    with Catalog.open_read_only(folder / "data" / "catalog.db") as catalog:
        return {int(re.findall(r"_(\d+)\.htm", doc["url"])[0]): doc["state"] for doc in export_documents(catalog)}


def ask(folder: Path, sql: str) -> list[Any]:
    """Rows of the catalog."""
    with sqlite3.connect(f"file:{folder / 'data' / 'catalog.db'}?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def let_time_pass(folder: Path) -> None:
    """Let every breaker's time be over."""
    machine = Machine.open(folder / "state")
    machine.ensure(BREAKERS)
    machine.transact_now(lambda db: db.execute("UPDATE breakers SET until = 1").rowcount)
    machine.close()


ALL_LIVE = dict.fromkeys(range(1, 9), "live")


def test_a_host_that_turns_to_challenges_changes_nothing_and_is_left_alone(site: SmallSite, tmp_path: Path) -> None:
    """Walled in mid-crawl: exit 1 with the cause, no state changed, the next crawl asks for nothing, one page later, and all is whole again."""
    versions = ask(tmp_path, "SELECT COUNT(*) FROM versions")
    site.routes[path(1)] = MISSING  # seen before the wall comes: still no absence
    routes: Any = site.routes
    routes.instead, routes.after = JSL, 4
    status, said = run(tmp_path, site, *FULL, "-s", "CONCURRENT_REQUESTS=1")
    assert status == 1
    assert "blocked" in said
    assert "加速乐" in said
    assert states(tmp_path) == ALL_LIVE
    assert ask(tmp_path, "SELECT COUNT(*) FROM versions") == versions

    asked = len(site.asked)
    status, said = run(tmp_path, site, *FULL)
    assert (status, len(site.asked)) == (1, asked)
    assert re.search(r"left alone since .*status 521 加速乐 at http.* tried again", said)

    let_time_pass(tmp_path)
    status, said = run(tmp_path, site, *FULL)
    assert status == 1
    assert [target for target in site.targets()[asked:] if target != "/robots.txt"] == [LIST]

    let_time_pass(tmp_path)
    routes.instead = None
    status, said = run(tmp_path, site, *FULL)
    assert status == 0, said
    assert states(tmp_path) == ALL_LIVE | {1: "suspected"}
    assert ask(tmp_path, "SELECT COUNT(*) FROM versions") == versions
    walls = "SELECT COUNT(*) FROM captures WHERE status = 521"
    assert ask(tmp_path, walls)[0][0] > 0  # kept as captures, of which no version comes
    assert ask(
        tmp_path, "SELECT COUNT(*) FROM versions v JOIN captures c ON c.id = v.capture_id WHERE c.status = 521"
    ) == [(0,)]


def test_one_refused_document_is_suspected_and_a_refusing_site_is_blocked(site: SmallSite, tmp_path: Path) -> None:
    """A 403 of one document among healthy ones is how agencies withdraw; a 403 of everything is a wall."""
    site.routes[path(3)] = FORBIDDEN
    assert run(tmp_path, site, *FULL)[0] == 0
    assert states(tmp_path) == ALL_LIVE | {3: "suspected"}
    (reason,) = ask(tmp_path, "SELECT reason FROM states WHERE state = 'suspected'")[0]
    assert len(re.findall(r"urn:uuid:", reason)) == 2
    assert "403" in reason

    routes: Any = site.routes
    routes.instead = FORBIDDEN
    status, said = run(tmp_path, site, *FULL)
    assert status == 1
    assert "blocked" in said
    assert "403" in said
    assert states(tmp_path) == ALL_LIVE | {3: "suspected"}


def test_a_hosts_own_error_page_is_learned_and_is_never_content(site: SmallSite, tmp_path: Path) -> None:
    """Where no pattern fits, one address that does not exist shows what the host answers for a withdrawn document."""
    routes: Any = site.routes
    del routes[path(5)]
    routes.unknown = styled()
    before = len(site.asked)
    status, said = run(tmp_path, site, *FULL)
    assert status == 0, said
    assert states(tmp_path) == ALL_LIVE | {5: "suspected"}
    unused = [t for t in site.targets()[before:] if re.fullmatch(rf"{LIST}202403/t20240305_9\d{{11}}\.htm", t)]
    assert len(unused) == 1
    assert not ask(tmp_path, "SELECT id FROM versions WHERE text LIKE '%找不到了%'")


def test_a_tiny_page_of_one_document_is_unread_and_nothing_more(site: SmallSite, tmp_path: Path) -> None:
    """Two bytes where the host answers otherwise: no state, no wall, the crawl goes on."""
    site.routes[path(2)] = (200, HTML, b"\r\n")
    site.routes[path(7)] = MISSING
    status, said = run(tmp_path, site, *FULL)
    assert status == 0, said
    assert states(tmp_path) == ALL_LIVE | {7: "suspected"}
    assert ask(tmp_path, "SELECT reason FROM failures WHERE kind = 'document'") == [("unreadable",)]


def test_unchanged_sites_are_asked_nothing_more(site: SmallSite, tmp_path: Path) -> None:
    """Where nothing is doubtful there is no control request and no address that does not exist."""
    assert run(tmp_path, site)[0] == 0
    assert set(site.targets()) <= {"/robots.txt", LIST}


def test_walls_of_single_addresses_are_kept_apart(site: SmallSite, tmp_path: Path) -> None:
    """A document sent to a log-in page and a file that is a challenge: captures, neither content nor absence; the rest is crawled."""
    link = '<div class="article_attachment"><ul><li><a href="./P020240305.pdf">附件.pdf</a></li></ul></div>'
    title = "小城市司法局关于第6项工作的通知"
    site.routes[path(6)] = document(title, paragraphs("第6号通知", 6), files=link, ident=6)
    site.routes[f"{LIST}202403/P020240305.pdf"] = JSL
    site.routes[path(4)] = (302, {"Location": "/sso/login?service=x"}, b"")
    site.routes["/sso/login?service=x"] = (
        200,
        HTML,
        "<title>统一身份认证</title><form>账号<input><input type='password'></form>".encode(),
    )
    status, said = run(tmp_path, site, *FULL)
    assert status == 0, said
    assert states(tmp_path) == ALL_LIVE
    assert ask(tmp_path, "SELECT kind, reason FROM failures ORDER BY kind") == [
        ("attachment", "blocked"),
        ("document", "blocked"),
    ]
    assert ask(tmp_path, "SELECT sha256 FROM files WHERE url LIKE '%P020240305.pdf'") == [(None,)]


def test_a_walled_robots_txt_is_the_hosts_wall(site: SmallSite, tmp_path: Path) -> None:
    """The crawl ends as blocked, the wall named, and the next one asks for nothing."""
    routes: Any = site.routes
    routes.robots = JSL
    status, said = run(tmp_path, site)
    assert status == 1
    assert re.search(r"not complete \(blocked\): .*robots\.txt.*521.*left alone since", said)
    assert site.targets() == ["/robots.txt"]
    routes.robots = MISSING
    status, said = run(tmp_path, site)
    assert (status, site.targets()) == (1, ["/robots.txt"])
    assert "not begun (blocked)" in said


def test_a_walled_list_ends_the_crawl(site: SmallSite, tmp_path: Path) -> None:
    """A challenge in the place of a list is a blocked crawl even where the home page answers."""
    site.routes[LIST] = JSL
    status, said = run(tmp_path, site, *FULL)
    assert status == 1
    assert re.search(r"not complete \(blocked\): .*公告公示.*521", said)
    assert site.targets()[-1] == "/"
    assert states(tmp_path) == ALL_LIVE
