"""A labelled set of silent failures of a small site, and whether a crawl's verdict names each: in one run, with the cause.

The test suite runs a sample (``test_monitors.py``); all of them, with a table::

    python3 run.py python tests/monitor_faults.py

Each fault: a healthy crawl, then one of the same site with the fault and a few new documents.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from small_site import HOST, SmallSite, crawl, declare, document, listing, paragraphs

if TYPE_CHECKING:
    from collections.abc import Callable

    from small_site import Answer

CHANNELS = {"公告公示": "/zwgk/gsgg/", "政策文件": "/zwgk/zcwj/"}
HTML = {"Content-Type": "text/html; charset=utf-8"}
BEFORE, NEW = 16, 4  # documents a channel
PDF = b"%PDF-1.4\n" + b"1 0 obj << >> endobj\n" * 40

Routes = dict[str, Any]


def day_of(number: int) -> str:
    """Each document has a day of its own."""
    return f"2024-{number // 28 + 1:02d}-{number % 28 + 1:02d}"


def rows_of(channel: int, count: int) -> list[tuple[str, str, str]]:
    """A channel's lines, the newest first."""
    return [
        (f"./t2024_{channel}{number:03d}.htm", f"小城市司法局关于第{channel}{number:03d}项工作的通知", day_of(number))
        for number in range(count, 0, -1)
    ]


def page_of(row: tuple[str, str, str]) -> Answer:
    """The page of a line, with an attachment."""
    number = int(row[0].partition("_")[2].partition(".")[0])
    files = f'<div class="article_attachment"><ul><li><a href="./P{number}.pdf">附件{number}</a></li></ul></div>'
    return document(row[1], paragraphs(f"第{number}号通知", 8), day=row[2], files=files, ident=number)


def site_of(count: int) -> Routes:
    """The healthy site with so many documents in each channel."""
    routes: Routes = {"/robots.txt": (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /admin/\n")}
    routes["/"] = (200, HTML, "<html><head><title>小城市司法局</title></head><body><p>首页</p></body></html>".encode())
    for channel, path in enumerate(CHANNELS.values()):
        rows = rows_of(channel + 1, count)
        routes[path] = listing(rows)
        for row in rows:
            routes[path + row[0][2:]] = page_of(row)
            number = row[0].partition("_")[2].partition(".")[0]
            routes[f"{path}P{number}.pdf"] = (200, {"Content-Type": "application/pdf"}, PDF + number.encode())
    return routes


def is_new(path: str) -> bool:
    """Whether a document's or file's address is one of the new ones."""
    digits = "".join(filter(str.isdigit, path.rpartition("/")[2].removeprefix("t2024_")))
    return bool(digits) and int(digits[-3:]) > BEFORE


def _lists(routes: Routes, answer: Callable[[Answer], Answer]) -> None:
    routes.update({path: answer(routes[path]) for path in CHANNELS.values()})


def _documents(routes: Routes, answer: Callable[[Answer], Answer], *, ending: str = ".htm") -> None:
    routes.update({path: answer(routes[path]) for path in routes if path.endswith(ending) and is_new(path)})


def _text(change: Callable[[str], str], answer: Answer) -> Answer:
    return 200, HTML, change(answer[2].decode()).encode()


def _page(html: str, status: int = 200) -> Callable[[Answer], Answer]:
    return lambda _: (status, HTML, html.encode())


def _replace(old: str, new: str) -> Callable[[Answer], Answer]:
    return partial(_text, lambda html: html.replace(old, new))


def _twice_encoded(html: str) -> str:
    """What a gateway makes of UTF-8 that it takes for Latin-1."""
    head, _, body = html.partition('<div class="TRS_Editor">')
    inner, _, rest = body.partition("</div>")
    return f'{head}<div class="TRS_Editor">{inner.encode().decode("latin-1")}</div>{rest}'


def _one_list_gone(routes: Routes) -> None:
    del routes[CHANNELS["政策文件"]]


def _all_gone(routes: Routes) -> None:
    for path in CHANNELS.values():
        del routes[path]


def _redirected(routes: Routes) -> None:
    _lists(routes, lambda _: (302, {"Location": "/wh/index.html"}, b""))
    routes["/wh/index.html"] = (
        200,
        HTML,
        f"<html><head><title>网站迁移公告</title></head><body>{paragraphs('迁移', 12)}</body></html>".encode(),
    )


def _robots(status: int, body: str, routes: Routes) -> None:
    routes["/robots.txt"] = (status, {"Content-Type": "text/plain"}, body.encode())


def _fewer(total: int | None, rows: int, routes: Routes) -> None:
    for channel, path in enumerate(CHANNELS.values()):
        routes[path] = listing(rows_of(channel + 1, BEFORE)[:rows], total=total)


def _relisted(change: Callable[[tuple[str, str, str]], tuple[str, str, str]], routes: Routes) -> None:
    for channel, path in enumerate(CHANNELS.values()):
        routes[path] = listing([change(row) for row in rows_of(channel + 1, BEFORE + NEW)])


def _short(routes: Routes) -> None:
    """Both lists say 12 more than they give, and their search service has nothing."""
    for channel, path in enumerate(CHANNELS.values()):
        routes[path] = listing(rows_of(channel + 1, BEFORE), total=BEFORE + 12)
    routes["/fjdzapp/search"] = (
        200,
        {"Content-Type": "application/json"},
        json.dumps({"count": 28, "pageCount": 1, "data": []}).encode(),
    )


CAPTCHA = "<html><head><title>访问验证</title></head><body><p>请完成验证后继续访问</p></body></html>"
LOGIN = "<html><head><title>统一身份认证</title></head><body><form><input name='u'><input type='password' name='p'></form>请登录</body></html>"
NEW_SKIN = (
    "<html><head><title>公告公示</title></head><body><div id='app'><section class='news-grid'>"
    + "".join(f"<article><h3><a href='/n/{n}'>通知{n}</a></h3><time>2024-05-01</time></article>" for n in range(20))
    + "</section></div></body></html>"
)


@dataclass(frozen=True)
class Fault:
    """One silent failure: what is done to the site, which kinds of finding name its cause."""

    name: str
    kinds: frozenset[str]
    change: Callable[[Routes], None]
    arguments: tuple[str, ...] = ()
    reachable: bool = True


def fault(name: str, kinds: str, change: Callable[[Routes], None], *arguments: str) -> Fault:
    """Make a fault."""
    return Fault(name, frozenset(kinds.split()), change, tuple(arguments))


FULL = ("-a", "mode=full")
QUICK = ("-s", "RETRY_TIMES=0", "-s", "GOVCRAWL_BACKOFF_SECONDS=0.01", "-s", "GOVCRAWL_TEXTS=False")
FAULTS = (
    fault("one channel's address changed", "list_gone", _one_list_gone),
    fault("every channel's address changed", "site_gone", _all_gone),
    fault("lists redesigned", "redesigned", lambda r: _lists(r, _page(NEW_SKIN))),
    fault("lists redirected to one page", "redirected", _redirected),
    fault("captcha on lists", "blocked", lambda r: _lists(r, _page(CAPTCHA))),
    fault("521 on lists", "blocked", lambda r: _lists(r, _page("<script>document.cookie='__jsl_clearance=1'</script>", 521))),
    fault("captcha on documents", "blocked", lambda r: _documents(r, _page(CAPTCHA))),
    fault("log-in wall on lists", "login_wall", lambda r: _lists(r, _page(LOGIN))),
    fault("empty answers", "empty_answer", lambda r: _lists(r, lambda _: (200, HTML, b""))),
    fault("lists emptied", "list_empty", lambda r: _fewer(0, 0, r)),
    fault("lists lost most lines and say so", "list_shrank", lambda r: _fewer(3, 3, r)),
    fault("list shows fewer than it says", "list_short", _short, *FULL),
    fault("server errors on lists", "site_down", lambda r: _lists(r, _page("<html>error</html>", 500))),
    fault("robots.txt disallows all", "robots_refuses", partial(_robots, 200, "User-agent: *\nDisallow: /\n")),
    fault("robots.txt answers 500", "robots_unavailable", partial(_robots, 500, "")),
    fault("dates of lists in another form", "dates_unread fields_missing", lambda r: _relisted(lambda row: (row[0], row[1], f"贰零贰肆·{row[2][5:]}"), r)),
    fault("dates of lists gone", "fields_missing dates_unread", lambda r: _relisted(lambda row: (row[0], row[1], ""), r)),
    fault("dates of lists all today's", "dates_same", lambda r: _relisted(lambda row: (row[0], row[1], "2024-06-01"), r)),
    fault("dates of lists in the future", "dates_future", lambda r: _relisted(lambda row: (row[0], row[1], row[2].replace("2024", "2091")), r)),
    fault("titles of lists garbled", "garbled", lambda r: _relisted(lambda row: (row[0], row[1].replace("司法局", "\ufffd\ufffd\ufffd"), row[2]), r)),
    fault("dates of documents in another form", "dates_unread", lambda r: _documents(r, partial(_text, _odd_dates))),
    fault("dates of documents gone", "fields_missing", lambda r: _documents(r, partial(_text, _no_dates))),
    fault("sources of documents gone", "fields_missing", lambda r: _documents(r, _replace("来源：小城市司法局", ""))),
    fault("texts twice encoded", "garbled", lambda r: _documents(r, partial(_text, _twice_encoded))),
    fault("bodies emptied", "text_collapsed", lambda r: _documents(r, partial(_text, _no_body))),
    fault("body's container renamed", "body_moved documents_unreadable", lambda r: _documents(r, partial(_text, _new_container))),
    fault("documents redesigned", "documents_unreadable body_moved", lambda r: _documents(r, _page(NEW_SKIN))),
    fault("documents answer 500", "many_failed", lambda r: _documents(r, _page("<html>error</html>", 500))),
    fault("documents answer 404", "many_failed", lambda r: _documents(r, _page("<html><body>404 Not Found</body></html>", 404))),
    fault("attachments answer 404", "attachments_failed", lambda r: _documents(r, _page("gone", 404), ending=".pdf")),
    Fault("server refuses connections", frozenset({"site_gone", "site_down"}), lambda _: None, reachable=False),
    fault("only a part was asked for", "partial", lambda _: None, "-a", "limit=1"),
)  # fmt: skip
"""Name, kinds that name the cause rightly, what is done."""


def _odd_dates(html: str) -> str:
    return _no_dates(html).replace(
        '<span class="article_time"></span>', '<span class="article_time">时间：昨天上午</span>'
    )


def _no_dates(html: str) -> str:
    head, _, rest = html.partition('<meta name="PubDate"')
    html = head + rest.partition(">")[2]
    head, _, rest = html.partition('<span class="article_time">')
    return head + '<span class="article_time">' + "</span>" + rest.partition("</span>")[2]


def _no_body(html: str) -> str:
    head, _, rest = html.partition('<div class="TRS_Editor">')
    tail = rest.partition("</div></div></div>")[2]
    start, _, end = tail.partition('<div class="article_attachment">')
    return f'{head}<div class="TRS_Editor"></div></div></div>{start}{end.partition("</div>")[2]}'


def _new_container(html: str) -> str:
    return (
        html.replace("article_area", "detail-wrap")
        .replace("article_content", "detail-body")
        .replace("TRS_Editor", "rich-text")
    )


def prepare(folder: Path) -> None:
    """Declare the agency and crawl the healthy site once, in full."""
    declare(folder, CHANNELS)
    with SmallSite(site_of(BEFORE)) as site:
        done = crawl(folder, site, *QUICK)
    if done.returncode:
        raise AssertionError(done.stdout)


def inject(folder: Path, one: Fault) -> tuple[int, str | None, list[dict[str, Any]], str]:
    """Crawl with the fault; returns exit code, verdict, findings with the worst first, and what was printed."""
    routes = site_of(BEFORE + NEW)
    one.change(routes)
    with SmallSite(routes) as site:
        target = {} if one.reachable else {"GOVCRAWL_CONNECT_TO": f"{HOST}:80:127.0.0.1:9"}
        done = crawl(folder, site, *QUICK, *one.arguments, **target)
    with sqlite3.connect(folder / "data" / "catalog.db") as db:
        db.row_factory = sqlite3.Row
        last = db.execute("SELECT id, verdict FROM crawls ORDER BY started_at DESC LIMIT 1").fetchone()
        found = [
            dict(row) for row in db.execute("SELECT * FROM findings WHERE crawl_id = ? ORDER BY id", (last["id"],))
        ]
    db.close()
    return done.returncode, last["verdict"], found, done.stdout


def main() -> int:
    """Run all and print the table; exit code 1 where less than 90 % have the right cause or one was not found."""
    found = right = 0
    with tempfile.TemporaryDirectory() as name:
        healthy = Path(name) / "healthy"
        healthy.mkdir()
        prepare(healthy)
        wanted = [
            one
            for one in (*FAULTS, Fault("nothing", frozenset(), lambda _: None))
            if not sys.argv[1:] or any(arg in one.name for arg in sys.argv[1:])
        ]
        for number, one in enumerate(wanted):
            folder = Path(name) / str(number)
            shutil.copytree(healthy, folder)
            code, verdict, findings, printed = inject(folder, one)
            kinds = [
                f"{finding['severity']} {finding['kind']}" + (f" [{finding['channel']}]" if finding["channel"] else "")
                for finding in findings
            ]
            first = findings[0]["kind"] if findings else None
            noticed = verdict != "ok" if one.kinds else verdict == "ok"
            cause = first in one.kinds if one.kinds else noticed
            found, right = found + noticed, right + cause
            sys.stdout.write(f"{'ok ' if cause else 'NO '} exit {code} {verdict!s:8} {one.name}: {'; '.join(kinds)}\n")
            if sys.argv[1:] and not cause:
                sys.stdout.write(printed + "\n" + "\n".join(f["facts"] for f in findings) + "\n")
    sys.stdout.write(f"found {found}/{len(wanted)}, cause right {right}/{len(wanted)}\n")
    return 0 if found == len(wanted) and right / len(wanted) >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
