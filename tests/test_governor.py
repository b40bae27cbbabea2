"""The governor on real servers: what counts is what the server saw, of several processes and of one run after the other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from polite_load import CountingServer, start_worker
from protego import Protego
from scrapy.http import Response
from small_site import HOST, SmallSite, crawl, declare, document, listing, paragraphs

from govcrawl.cli import main
from govcrawl.opening_hours import Hours
from govcrawl.robots import PARSED_BYTES, read_promise, read_robots

if TYPE_CHECKING:
    from pathlib import Path

LIST = "/zwgk/gsgg/"
ROBOTS = "http://a.test/robots.txt"


@pytest.fixture
def routes(tmp_path: Path) -> dict[str, Any]:
    """A site with three documents."""
    declare(tmp_path)
    names = [f"{LIST}202403/t20240305_{n}.htm" for n in (1, 2, 3)]
    rows = [(name.removeprefix(LIST), f"关于第{n}号事项的公告", "2024-03-05") for n, name in enumerate(names)]
    pages = {name: document(f"关于第{n}号事项的公告", paragraphs(str(n)), ident=n) for n, name in enumerate(names)}
    return {"/robots.txt": robots(""), LIST: listing(rows), **pages}


def robots(rules: str) -> tuple[int, dict[str, str], bytes]:
    """A robots.txt with these lines for everybody."""
    return 200, {"Content-Type": "text/plain"}, f"User-agent: *\n{rules}\n".encode()


def audited(*arguments: str) -> dict[str, Any]:
    """What ``govcrawl audit`` says of the one server that was asked."""
    done = CliRunner().invoke(main, ["audit", "--json", *arguments])
    (found,) = json.loads(done.output)
    assert (done.exit_code == 0) == found["kept"]
    return dict(found)


def test_eight_processes_keep_the_pace_of_one(tmp_path: Path) -> None:
    """The server sees one request at a time, none closer than the delay, none while it asked for quiet."""
    with CountingServer(refuse_every=9) as server:
        workers = [start_worker(server, tmp_path, 0.1, n, "--requests", "3") for n in range(8)]
        assert [worker.wait(60) for worker in workers] == [0] * 8
    assert len(server.visits) == 24
    assert sum(visit.status == 429 for visit in server.visits) == 2
    assert server.smallest_gap() >= 0.1 - 0.001
    assert server.side_by_side == 0
    assert server.inside_quiet() == 0


def test_a_killed_process_does_not_keep_the_server_to_itself(tmp_path: Path) -> None:
    """One process dies in the middle of its request; the next has its turn."""
    with CountingServer() as server:
        first = start_worker(server, tmp_path, 0.1, 1, "--path", "/hold")
        assert server.holding.wait(60)
        second = start_worker(server, tmp_path, 0.1, 2, "--requests", "1")
        first.kill()
        assert first.wait(60) == -9
        assert second.wait(60) == 0
    assert [visit.worker for visit in server.visits] == [1, 2]


def test_request_rate_is_a_gap_and_robots_txt_is_asked_once(routes: dict[str, Any], tmp_path: Path) -> None:
    """Request-rate and Crawl-delay hold where DOWNLOAD_DELAY is lifted; a second run takes robots.txt from the first."""
    routes["/robots.txt"] = robots("Request-rate: 4/1s\nCrawl-delay: 0.1")
    with SmallSite(routes) as site:
        assert crawl(tmp_path, site).returncode == 0
        assert len(site.asked) == 5
        found = audited()
        assert found["smallest_gap_seconds"] >= 0.25 - 0.001
        assert (found["requests"], found["most_1s"], found["kept"]) == (5, 4, True)
        assert found["group"] == f"{HOST} via 127.0.0.1:{site.port}"
        site.asked.clear()
        done = crawl(tmp_path, site, "-a", "mode=full")
        assert done.returncode == 0
        assert "/robots.txt" not in site.targets()
        assert audited()["smallest_gap_seconds"] >= 0.25 - 0.001, "the stated gap holds in the second run, too"


def test_outside_of_visit_time_nothing_is_asked(routes: dict[str, Any], tmp_path: Path) -> None:
    """The crawl ends after robots.txt and says when the site opens; the next one does not even begin."""
    start, end = (datetime.now(UTC) + timedelta(hours=hours) for hours in (3, 5))
    routes["/robots.txt"] = robots(f"Visit-time: {start:%H%M}-{end:%H%M}")
    with SmallSite(routes) as site:
        done = crawl(tmp_path, site)
        assert done.returncode == 1
        assert "not complete (window): robots.txt of sfj.small.test allows visits at" in done.stdout
        assert f"it opens at {start + timedelta(hours=8):%Y-%m-%d %H:%M} UTC+8" in done.stdout
        assert site.targets() == ["/robots.txt"]
        again = crawl(tmp_path, site)
        assert again.returncode == 1
        assert "not begun (window)" in again.stdout
        assert site.targets() == ["/robots.txt"]


def test_while_robots_txt_is_refused_nothing_is_asked_by_nobody(routes: dict[str, Any], tmp_path: Path) -> None:
    """A challenge in place of robots.txt is named and ends the crawl; a second run right after does not ask again."""
    routes["/robots.txt"] = (
        521,
        {"Content-Type": "text/html"},
        b"<script>document.cookie='__jsl_clearance=1'</script>",
    )
    with SmallSite(routes) as site:
        done = crawl(tmp_path, site)
        assert done.returncode == 1
        assert "not complete (blocked)" in done.stdout
        assert "加速乐" in done.stdout
        assert site.targets() == ["/robots.txt"]
        assert crawl(tmp_path, site).returncode == 1
        assert site.targets() == ["/robots.txt"]


def test_a_spent_budget_ends_the_crawl_in_order(routes: dict[str, Any], tmp_path: Path) -> None:
    """Exactly as many requests as the day allows, then the sentence and exit code 1; with more the crawl goes on."""
    with SmallSite(routes) as site:
        done = crawl(tmp_path, site, GOVCRAWL_DAILY_REQUESTS="3")
        assert done.returncode == 1
        assert "not complete (budget): GOVCRAWL_DAILY_REQUESTS is 3 for server group" in done.stdout
        assert len(site.asked) == 3
        assert crawl(tmp_path, site, GOVCRAWL_DAILY_REQUESTS="30").returncode == 0


@pytest.mark.parametrize(
    ("status", "body", "text", "reason"),
    [
        (200, b"\xef\xbb\xbfUser-agent: *\nDisallow: /x", "User-agent: *\nDisallow: /x", None),
        (200, b"", "", None),
        (404, b"<html><body>404 Not Found</body></html>", "", None),
        (401, b"", "", None),
        (403, b"<html><body>Forbidden</body></html>", "", None),
        (500, b"", "", "robots_unavailable"),
        (503, b"busy", "", "robots_unavailable"),
        (412, b"<script>$_ts=window['$_ts']</script>", "", "blocked"),
        (200, "<html><title>访问验证</title><body>请完成滑动验证</body></html>".encode(), "", "blocked"),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, text: str, reason: str | None) -> None:
    """2xx is parsed, 4xx allows, 5xx disallows for minutes, a challenge is none of them (RFC 9309 2.3.1)."""
    rules = read_robots(ROBOTS, Response(ROBOTS, status=status, body=body), 1000.0)
    if reason is None:
        assert (rules.text, rules.problem, rules.valid_until) == (text, None, 87_400.0)
    else:
        assert (rules.reason, rules.valid_until) == (reason, 1120.0)
        assert rules.problem is not None


def test_a_long_robots_txt_is_read_to_the_end_of_a_line() -> None:
    """At least 500 KiB are parsed (RFC 9309 2.5), and no half of a rule."""
    line = b"Disallow: /a-path-that-is-not-for-us/\n"
    body = b"User-agent: *\n" + line * 20_000
    rules = read_robots(ROBOTS, Response(ROBOTS, body=body), 0.0)
    assert 500 * 1024 <= len(rules.text) <= PARSED_BYTES
    assert rules.text.endswith(line.decode())


@pytest.mark.parametrize(
    ("rules", "gap", "visit"),
    [
        ("Crawl-delay: 3", 3.0, None),
        ("Request-rate: 1/10m", 600.0, None),
        ("Request-rate: 10", 0.0, None),
        ("Request-rate: 2/1s\nCrawl-delay: 2", 2.0, None),
        ("Visit-time: 0000-1200", 0.0, Hours(0, 43_200)),
        ("Visit-time: 2200-0600", 0.0, Hours(79_200, 21_600)),
        ("Crawl-delay: soon", 0.0, None),
    ],
)
def test_what_robots_txt_promises(rules: str, gap: float, visit: Hours | None) -> None:
    """Of Crawl-delay and Request-rate the longer distance holds; what is malformed is no rule."""
    assert read_promise(Protego.parse(f"User-agent: *\n{rules}\n"), "govcrawl/0.1") == (gap, visit)
