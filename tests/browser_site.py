"""An invented site whose lists only a browser shows, and the agency that declares it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from small_site import HOST, declare

if TYPE_CHECKING:
    from pathlib import Path

HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json; charset=utf-8"}
SIGNED = "/zwgk/qmlb/"
RENDERED = "/zwgk/xrlb/"
ROBOTS = (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /nbxx/\n")
AGENCY = '''"""小城市司法局, invented."""
from spiders.templates.p8 import P8


class small_sfj(P8):
    """小城市司法局."""

    name = "small_sfj"
    agency = "小城市司法局"
    base_url = "{base}"
    channels = {channels!r}
    browser_channels = tuple(channels)
'''

# The list of this page is asked for with a number that only its script makes; with it go requests that must not be sent.
FRAME = """<html><head><meta http-equiv="Content-Type" content="text/html; charset=gb2312"><title>签名列表_小城市司法局</title>
<link rel="icon" href="/favicon.ico"><link rel="stylesheet" href="/images/style.css">
<script src="http://tongji.tracker.test/t.js"></script></head>
<body><div class="wz">当前位置：首页 &gt; 签名列表，共享镕、喆、䶮等字的页面须按国标读</div><img src="/images/banner.png">
<div class="ny_list"><ul id="zwgk_list"></ul><div id="zwgk_page"></div></div>
<script>
function load(page) {
  fetch('/zwgk/list.php?cid=1&page=' + page + '&s=' + (page * 7919 % 97)).then(r => r.json()).then(d => {
    zwgk_list.innerHTML = d.list.map(x => '<li><a href="' + x.url + '">' + x.title + '</a><span>' + x.time + '</span></li>').join('');
    zwgk_page.innerHTML = [1, 2].map(n => '<a href="#" onclick="load(' + n + '); return false">' + n + '</a>').join(' ');
  });
}
fetch('/zwgk/count.php', {method: 'POST', headers: {'Content-Type': 'application/x-www-form-urlencoded'}, body: 'id=7&t=\u4e2d'});
fetch('/nbxx/secret.json').catch(() => 0);
fetch('http://tongji.tracker.test/beacon').catch(() => 0);
navigator.sendBeacon('/beacon', 'x');
try { new WebSocket('ws://' + location.host + '/socket'); } catch (e) {}
try { new Worker('/worker.js'); } catch (e) {}
window.open('/popup.html');
load(1);
</script></body></html>"""


def rows(*numbers: int) -> list[dict[str, Any]]:
    """Rows that lead to another host: the list is what is looked at."""
    return [
        {"id": n, "title": f"第{n}号决定", "url": f"http://other.test/content-{n}.html", "time": "2024-03-05"}
        for n in numbers
    ]


def answer(page: int, *numbers: int) -> tuple[int, dict[str, str], bytes]:
    """One page of the list's endpoint, of two."""
    told = {"code": 0, "total": 4, "pages": 2, "page": page, "list": rows(*numbers)}
    return 200, JSON, json.dumps(told, ensure_ascii=False).encode()


def show(folder: Path, channels: dict[str, str], base: str = f"http://{HOST}", more: str = "") -> None:
    """Declare an agency whose channels all need a browser."""
    declare(folder)
    text = AGENCY.format(base=base, channels=channels) + more
    (folder / "smallspiders" / "small_sfj.py").write_text(text, "utf-8")
