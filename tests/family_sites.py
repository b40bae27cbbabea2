"""Small sites of the Hanweb, UCAP and VSB families on loopback, each with its real way of paging, and crawls of them.

Thirteen documents in one list of three or more pages; one of them is a file, some have attachments. A site answers only what the
family's own scripts would ask.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parent.parent
COUNT = 13
FILE_NUMBER = 7  # the one that is a file
_SIZE = 5  # lines on a page, where a family does not count by groups
HTML, XML, JSON, PDF = (
    "text/html; charset=utf-8",
    "text/xml;charset=UTF-8",
    "application/json;charset=UTF-8",
    "application/pdf",
)

Answer = tuple[int, str, bytes]
NOTHING: Answer = (404, HTML, b"<html><body>404 Not Found</body></html>")


@dataclass(frozen=True)
class Asked:
    """One request: path, query, form."""

    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    method: str


def title(number: int) -> str:
    """The title of document ``number``."""
    return f"泉山区司法局关于第{number}号公共法律服务事项的公告"


def day(number: int) -> str:
    """The publication day of document ``number``; 1 is the newest."""
    return f"2026-0{1 + (COUNT - number) // 4}-{10 + (COUNT - number) % 4:02d}"


def body(number: int) -> str:
    """The body's paragraphs."""
    return "".join(
        f"<p>　　第{number}号公告第{n}段：各司法所应当按照要求做好有关工作，并按时报送情况。</p>" for n in range(4)
    )


def pdf(number: int) -> bytes:
    """A file's bytes."""
    return b"%%PDF-1.4 file %d" % number


def ok(text: str, media_type: str = HTML) -> Answer:
    """A page."""
    return 200, media_type, text.encode()


# --- Hanweb: six records in the page, the others from the proxy, three to a page, two pages to an answer ---

HANWEB = "sfj.hanweb.test"
_FORM = {"columnid": "1204", "unitid": "297301", "webid": "7", "appid": "1", "path": "/", "permissiontype": "0"}


def _hanweb_url(number: int) -> str:
    if number == FILE_NUMBER:
        return f"/module/download/downfile.jsp?classid=0&filename=26010{number}.pdf"
    return f"/art/{day(number).replace('-0', '-').replace('-', '/')}/art_1204_{88000 + number}.html"


def _record(number: int) -> str:
    return f'<record><![CDATA[<li><a href="{_hanweb_url(number)}" title="{title(number)}">{title(number)[:9]}...</a><span>{day(number)}</span></li>]]></record>'


def hanweb(asked: Asked) -> Answer:
    """Answer as a Hanweb site does."""
    documents = {_hanweb_url(n).partition("?")[0]: n for n in range(1, COUNT + 1) if n != FILE_NUMBER}
    if asked.path == "/col/col1204/index.html":
        records = "".join(map(_record, range(1, 7)))
        return ok(
            f"""<html><head><meta charset="utf-8"><title>公告公示</title></head><body><div id="297301"><script type="text/xml"><datastore>
<nextgroup><![CDATA[<a href="/module/web/jpage/dataproxy.jsp?page=1&webid=7&path=/&columnid=1204&unitid=297301"></a>]]></nextgroup>
<recordset>{records}</recordset></datastore></script></div><script>$('#297301').jpage({{totalRecord:{COUNT},perPage:3,groupSize:2,
proxyUrl:'/module/web/jpage/dataproxy.jsp',ajaxParam:{{col:1,appid:1,webid:7,path:'/',columnid:1204,sourceContentType:1,unitid:'297301',
webname:'泉山区司法局',permissiontype:0}}}});</script></body></html>"""
        )
    if asked.path == "/module/web/jpage/dataproxy.jsp":
        if asked.method != "POST" or any(asked.form.get(name) != value for name, value in _FORM.items()):
            return ok("<datastore>\n<recordset>\n</recordset>\n</datastore>     \n", XML)
        first, last = int(asked.query["startrecord"]), int(asked.query["endrecord"])
        records = "".join(map(_record, range(first, min(last, COUNT) + 1)))
        return ok(f"<datastore><totalrecord>{COUNT}</totalrecord><recordset>{records}</recordset></datastore>", XML)
    if asked.path == "/module/download/downfile.jsp":
        return 200, PDF, pdf(int(asked.query["filename"][5:].removesuffix(".pdf")))
    if asked.path in documents:
        n = documents[asked.path]
        return ok(
            f"""<html><head><meta charset="utf-8"><title>{title(n)}</title><meta name="ArticleTitle" content="{title(n)}">
<meta name="PubDate" content="{day(n)} 09:30"><meta name="Maketime" content="2026-06-01 00:00:00"></head><body><div class="main">
<div class="tit">{title(n)}</div><div>发布日期：{day(n)} 浏览次数：{os.urandom(1)[0]} 信息来源：<!--<$[信息来源]>begin-->公证科<!--<$[信息来源]>end--></div>
<div id="zoom"><!--ZJEG_RSS.content.begin--><meta name="ContentStart">{body(n)}<meta name="ContentEnd"><!--ZJEG_RSS.content.end--></div>
<a href="/module/download/downfile.jsp?classid=0&amp;filename=26020{n}.pdf">附件：名单</a></div></body></html>"""
        )
    return NOTHING


# --- jpaas, the newer Hanweb: a frame whose list is built by the page service ---

JPAAS = "sfj.jpaas.test"
_UNIT = "/api-gateway/jpaas-publish-server/front/page/build/unit"


def _jpaas_url(number: int) -> str:
    return f"/attach/{number}.pdf" if number == FILE_NUMBER else f"/art/{day(number)[:4]}/art_{number:032x}.html"


def jpaas(asked: Asked) -> Answer:
    """Answer as a jpaas site does: the number of a page counts within ``paramJson`` only."""
    documents = {_jpaas_url(n): n for n in range(1, COUNT + 1)}
    if asked.path == "/col/col1229/index.html":
        units = "".join(
            f"""<script src="/AuthorizedRead/unitbuild.js" url="{_UNIT}" queryData="{{'webId':'w1','tplSetId':'t1','pageType':'column','tagId':'{tag}','pageId':'1229'}}"></script>"""
            for tag in ("导航", "信息列表")
        )
        return ok(
            f'<html><head><meta charset="utf-8"><title>公告</title></head><body>{units}<p>泉山区司法局 公告公示 信息列表由页面服务生成。</p></body></html>'
        )
    if asked.path == _UNIT and asked.query.get("tagId") == "信息列表":
        number = int(json.loads(asked.query.get("paramJson", '{"pageNo": 1}'))["pageNo"])
        shown = range((number - 1) * _SIZE + 1, min(number * _SIZE, COUNT) + 1)
        lines = "".join(
            f"<li><a href='{_jpaas_url(n)}' title='{title(n)}'>{title(n)[:9]}...</a><span>{day(n)}</span></li>"
            for n in shown
        )
        return ok(json.dumps({"success": True, "data": {"html": f"<ul>{lines}</ul>"}}), JSON)
    if asked.path in documents and asked.path.endswith(".html"):
        n = documents[asked.path]
        return ok(
            f"""<html><head><meta charset="utf-8"><title>{title(n)}</title></head><body><div class="w"><h2 class="bt-title">{title(n)}</h2>
<div class="info">发布日期：{day(n)} 信息来源：公证科</div><div class="bt-content">{body(n)}<p><a href="/attach/{100 + n}.pdf">附件</a></p></div></div></body></html>"""
        )
    if asked.path.startswith("/attach/"):
        return 200, PDF, pdf(int(Path(asked.path).stem))
    return NOTHING


# --- UCAP: a frame that names its channel, and the search service ---

UCAP = "sft.ucap.test"
_CHANNEL = "817052cbb3a94d0d8217824e7a3aca53"


def _ucap_url(number: int) -> str:
    if number == FILE_NUMBER:
        return f"/sft/c1/files/{number}.pdf"
    return f"/sft/c1/{day(number)[:4]}{day(number)[5:7]}/{number:032x}.shtml"


def ucap(asked: Asked) -> Answer:
    """Answer as a UCAP site does."""
    documents = {_ucap_url(n): n for n in range(1, COUNT + 1)}
    if asked.path == "/sft/c1/zfxxgk.shtml":
        script = f'var channelId = "{_CHANNEL}"; load("/common/search/{_CHANNEL}?_isAgg=true&_isJson=true&page=1");'
        return ok(
            f'<html><head><meta charset="utf-8"><title>公告</title></head><body><div id="app"></div><p>泉山区司法局政府信息公开，公告公示栏目。</p><script>{script}</script></body></html>'
        )
    if asked.path == f"/common/search/{_CHANNEL}" and asked.query.get("_isJson") == "true":
        number = int(asked.query["page"])
        shown = range((number - 1) * _SIZE + 1, min(number * _SIZE, COUNT) + 1)
        results = [
            {
                "title": f"<span>{title(n)}</span>",
                "url": f"//{UCAP}{_ucap_url(n)}",
                "publishedTimeStr": f"{day(n)} 10:00:00",
            }
            for n in shown
        ]
        return ok(json.dumps({"data": {"page": number, "rows": _SIZE, "total": COUNT, "results": results}}), JSON)
    if asked.path in documents and asked.path.endswith(".shtml"):
        n = documents[asked.path]
        return ok(
            f"""<html><head><meta charset="utf-8"><title>{title(n)}</title><meta name="ArticleTitle" content="{title(n)}"></head><body>
<div class="box"><h1><UCAPTITLE>{title(n)}</UCAPTITLE></h1><div><span>发布时间：<PUBLISHTIME>{day(n)} 10:00</PUBLISHTIME></span><span>来源：公证科</span></div>
<UCAPCONTENT>{body(n)}</UCAPCONTENT><div class="appendix"><a href="/sft/c1/files/{100 + n}.pdf">附件.pdf</a></div></div></body></html>"""
        )
    if asked.path.startswith("/sft/c1/files/"):
        return 200, PDF, pdf(int(Path(asked.path).stem))
    return NOTHING


# --- VSB: static pages numbered from the end ---

VSB = "www.vsb.test"
_PAGES = 3


def _vsb_url(number: int) -> str:
    return f"__local/A/B/C/{number}.pdf" if number == FILE_NUMBER else f"info/1021/{4000 + number}.htm"


def vsb(asked: Asked) -> Answer:
    """Answer as a VSB site does."""
    lists = {"/zwgk/tzgg.htm": 1, "/zwgk/tzgg/2.htm": 2, "/zwgk/tzgg/1.htm": 3}
    documents = {f"/{_vsb_url(n)}": n for n in range(1, COUNT + 1)}
    if asked.path in lists:
        number = lists[asked.path]
        up = "../" if number == 1 else "../../"
        shown = list(range((number - 1) * _SIZE + 1, min(number * _SIZE, COUNT) + 1))
        lines = "".join(
            f'<li id="line_u8_{place}"><a href="{up}{_vsb_url(n)}" title="{title(n)}">{title(n)[:10]}...</a><span>{day(n)}</span></li>'
            for place, n in enumerate(shown)
        )
        following = {1: "tzgg/2.htm", 2: "1.htm"}.get(number)
        link = (
            f'<span class="p_next p_fun"><a href="{following}">下页</a></span>'
            if following
            else '<span class="p_next_d p_fun_d">下页</span>'
        )
        aside = "".join(
            f'<li id="line_u3_{n}"><a href="{up}info/1001/{9000 + n}.htm">图片新闻第{n}条</a></li>' for n in range(8)
        )
        return ok(
            f"""<html><head><meta charset="utf-8"><title>通知公告</title></head><body><div class="pic"><ul>{aside}</ul></div><div class="list"><ul>{lines}</ul>
<div class="pb_sys_common"><span class="p_t">共{COUNT}条</span><span class="p_pages">{link}</span><span class="p_t">{number}/{_PAGES}</span></div></div></body></html>"""
        )
    if asked.path in documents and asked.path.endswith(".htm"):
        n = documents[asked.path]
        return ok(
            f"""<html><head><meta charset="utf-8"><title>{title(n)}-泉山区司法局</title><meta name="pageTitle" content="{title(n)}"></head><body>
<form name="_newscontent_fromname"><h2>{title(n)}</h2><p><span>发布时间：{day(n)}</span><span>来源：公证科</span><span>点击：{os.urandom(1)[0]}</span></p>
<div id="vsb_content"><div class="v_news_content">{body(n)}</div></div><ul style="list-style-type:none;"><li>附件【<a
href="/system/_content/download.jsp?urltype=news.DownloadAttachUrl&amp;owner=16&amp;wbfileid={100 + n}">名单.pdf</a>】已下载次</li></ul></form></body></html>"""
        )
    if asked.path == "/system/_content/download.jsp":
        return 200, PDF, pdf(int(asked.query["wbfileid"]))
    if asked.path.startswith("/__local/"):
        return 200, PDF, pdf(int(Path(asked.path).stem))
    return NOTHING


# --- a running site, and a crawl of it ---


@dataclass
class FamilySite:
    """A site that answers by a function of the request."""

    answer: Callable[[Asked], Answer]
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                posted = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                parts = urlsplit(self.path)
                site.asked.append(self.path)
                status, media_type, content = site.answer(
                    Asked(parts.path, dict(parse_qsl(parts.query)), dict(parse_qsl(posted)), self.command)
                )
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 - the base looks for this name

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
                """Keep quiet; ``asked`` is the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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


AGENCY = '''"""泉山区司法局, invented."""
from spiders.templates.{module} import {template}


class small_sfj({template}):
    """泉山区司法局."""

    name = "small_sfj"
    agency = "泉山区司法局"
    base_url = "http://{host}"
    channels = {{"公告公示": "{seed}"}}
'''


def declare(folder: Path, template: tuple[str, str], host: str, seed: str) -> None:
    """Write the agency's file into a package ``familyspiders``; ``template`` is module and class."""
    package = folder / "familyspiders"
    package.mkdir()
    (package / "__init__.py").touch()
    text = AGENCY.format(module=template[0], template=template[1], host=host, seed=seed)
    (package / "small_sfj.py").write_text(text, "utf-8")


def crawl(folder: Path, site: FamilySite, host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Crawl the agency to its end; stdout and stderr together."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
        "GOVCRAWL_DATA": str(folder / "data"),
        "GOVCRAWL_CONNECT_TO": f"{host}:80:127.0.0.1:{site.port}",
        "GOVCRAWL_LANG": "en",
    }
    line = [sys.executable, "-m", "scrapy", "crawl", "small_sfj", "-s", "SPIDER_MODULES=familyspiders"]
    return subprocess.run(
        [*line, "-s", "DOWNLOAD_DELAY=0", "-s", "GOVCRAWL_READERS=1", *arguments],
        env=env,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
