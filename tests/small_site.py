"""A small site of the trt family on loopback, and crawls of it in processes of their own, for tests of the crawl loop."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST = "sfj.small.test"
ROOT = Path(__file__).resolve().parent.parent

Answer = tuple[int, dict[str, str], bytes]


def document(title: str, body: str, *, day: str = "2024-03-05", files: str = "", ident: int = 1) -> Answer:
    """A document page in the family's shape."""
    text = f"""<!DOCTYPE html><html ms-controller="windowRoot"><head><meta charset="utf-8"><title>公告公示_小城市司法局</title>
<meta name="ArticleTitle" content="{title}"><meta name="PubDate" content="{day} 09:30"><meta name="DocId" content="{ident}">
<link rel="stylesheet" href="/images/trt_ui_v2.css"></head><body><div class="main">
<div class="article_title_group"><div class="article_title">{title}</div><div class="article_title_sec"></div></div>
<div class="article_extend"><span class="article_time">时间：{day} 09:30</span>
<span class="article_source">来源：小城市司法局</span></div>
<div class="article_area"><div class="article_content"><div class="TRS_Editor">{body}</div></div></div>{files}
</div><script>var SiteInfo = {{ searchId: 229105, siteMsgType: "govSite" }};</script></body></html>"""
    return 200, {"Content-Type": "text/html; charset=utf-8"}, text.encode()


def paragraphs(seed: str, count: int = 6) -> str:
    """Body paragraphs long enough to be a document."""
    return "".join(
        f"<p>　　{seed}第{n}段：各区司法局应当按照通知要求做好有关工作，按时报送情况，确保落实到位。</p>"
        for n in range(count)
    )


def listing(rows: list[tuple[str, str, str]], *, total: int | None = None) -> Answer:
    """A list page: rows of (href, title, date), five to a static group."""
    groups = []
    for start in range(0, len(rows), 5):
        lines = "".join(
            f'<li><a href="{href}" title="{title}">{title}</a><em id="rel_{re.findall(r"_([0-9]+)[.]", href)[0]}"></em><span class="bf-pass">{day}</span></li>'
            for href, title, day in rows[start : start + 5]
        )
        groups.append(f'<div ms-visible="$showStatic({start + 1})"><ul>{lines}</ul></div>')
    count = len(rows) if total is None else total
    info = json.dumps(
        {"chnlId": 10, "prepage": 10, "staticPages": 5, "pageCount": -(-count // 10), "recordCount": count}
    )
    text = f"""<!DOCTYPE html><html ms-controller="windowRoot"><head><meta charset="utf-8"><title>公告公示</title></head><body>
<div class="list_base" ms-controller="list"><div ms-visible="showStatic">{"".join(groups)}</div></div>
<script>var pageChnlInfo = {info}; var SiteInfo = {{ searchId: 229105, siteMsgType: "govSite" }};</script></body></html>"""
    return 200, {"Content-Type": "text/html; charset=utf-8"}, text.encode()


@dataclass
class SmallSite:
    """Routes by target; a value may be a function of the request headers. Unknown targets answer 404."""

    routes: dict[str, Answer | Callable[[Mapping[str, str]], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                site.asked.append((self.path, dict(self.headers.items())))
                answer = site.routes.get(
                    self.path, (404, {"Content-Type": "text/html"}, b"<html><body>404 Not Found</body></html>")
                )
                status, headers, body = answer(dict(self.headers.items())) if callable(answer) else answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the base looks for this name

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
                """Keep quiet; ``asked`` is the log."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [target for target, _ in self.asked]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that was killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


AGENCY = '''"""小城市司法局, invented."""
from spiders.templates.trt import FujianTrt


class small_sfj(FujianTrt):
    """小城市司法局."""

    name = "small_sfj"
    agency = "小城市司法局"
    base_url = "http://{host}"
    channels = {channels!r}
'''


def declare(folder: Path, channels: Mapping[str, str] | None = None) -> None:
    """Write the agency's file into a package ``smallspiders`` in ``folder``."""
    package = folder / "smallspiders"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    (package / "small_sfj.py").write_text(
        AGENCY.format(host=HOST, channels=dict(channels or {"公告公示": "/zwgk/gsgg/"})), "utf-8"
    )


def command(
    folder: Path, site: SmallSite | None, *arguments: str, **environment: str
) -> tuple[list[str], dict[str, str]]:
    """Return the command line and environment of ``scrapy crawl small_sfj`` against the site."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
        "GOVCRAWL_DATA": str(folder / "data"),
        "GOVCRAWL_CONNECT_TO": f"{HOST}:80:127.0.0.1:{site.port}" if site else "",
        "GOVCRAWL_LANG": "en",
        **environment,
    }
    line = [sys.executable, "-m", "scrapy", "crawl", "small_sfj", "-s", "SPIDER_MODULES=smallspiders"]
    return [*line, "-s", "DOWNLOAD_DELAY=0", "-s", "GOVCRAWL_READERS=1", *arguments], env


def crawl(
    folder: Path, site: SmallSite | None, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Crawl the small agency to its end; stdout and stderr together."""
    line, env = command(folder, site, *arguments, **environment)
    return subprocess.run(
        line, env=env, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False
    )
