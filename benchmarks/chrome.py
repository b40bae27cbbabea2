"""What stands round the content of every page: head, menus, related lists, scripts, footer; about 25 KB."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from benchmarks.words import OBJECTS, OFFICES, VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHARE = '<div class="share_box"><a href="javascript:void(0);" title="分享到微信">微信</a><a href="javascript:void(0);" title="分享到新浪微博">微博</a></div>'

_HEAD = """<!DOCTYPE html>
<html ms-controller="windowRoot" ms-class="slb:isSlb">
<head>
<meta charset="utf-8" name="viewport" content="width=device-width, initial-scale=1.0, maximum-scale=1.0">
<meta http-equiv="X-UA-Compatible" content="IE=Edge,Chrome=1" />
{metas}
<title>
\t{title}
</title>
<link rel="stylesheet" type="text/css" href="/images/trt_iconfont_v2.css">
<link rel="stylesheet" type="text/css" href="/images/trt_ui_v2.css">
<style type="text/css">
{style}
</style>
<script src="/images/trt_avalon.js"></script>
</head>
<body>
<div class="wrap">
<!--头部开始-->
<div class="header menu_hov"><div class="row">
<div class="header_link_02"><!-- <a href="#">繁体版</a> --><a href="javascript:;">移动版</a><p>闽政通APP</p></div>
<form action="/ssp/main/index.html" method="get"><input name="key"><input type="hidden" name="siteId" value="57"></form>
<em ms-visible="isLogin" style="display:none;"><a href="/uc/indexs/index">你好，<font ms-text="loginInfo.showname"></font></a></em>
<ul role="navigation" des="站点主目录">{navigation}</ul>
</div></div>
<div class="banner_header"><p><font ms-text="now|date('yyyy年MM月dd日 EEEE')"></font></p></div>
<!--头部结束-->
"""

_FOOT = """<!--底部开始-->
<div class="footer"><div class="row">
<div class="friend_links">{links}</div>
<div class="website_info"><p><span>网站标识码：0000000000</span>
<span><a href="https://www-beian-gov-cnx{token}.ipv6best.example/portal/registerSystemInfo?recordcode=0">公安备案号：00000000000000</a></span></p>
<p><span>版权所有：{agency}</span> <span>主办单位：{agency}</span></p></div>
<p>为确保最佳浏览效果，建议您使用以下浏览器版本：IE浏览器9.0版本及以上。</p>
</div></div>
<!--底部结束-->
<div class="outlink_modal" style="display:none"><p>您访问的链接即将离开“{agency}”门户网站，是否继续？</p><a href="javascript:;">继续访问</a><a href="javascript:;">放弃</a></div>
</div>
<script>
var SiteInfo = {{ itpSiteId: 57, searchId: 229105, defaultPgTemp: "pgBar.html", siteMsgType: "govSite", siteWriteList: [], initPageview: true }};
{script}
</script>
</body>
</html>
"""


def frame(
    title: str, metas_text: str, middle: str, channels: Mapping[str, tuple[str, int]], agency: str, token: str
) -> str:
    """Return a whole page round its middle."""
    menu = _navigation(tuple((code, name) for code, (name, _) in channels.items()))
    head = _HEAD.format(metas=metas_text, title=title, style=_style(), navigation=menu)
    return head + middle + _FOOT.format(links=_friend_links(), token=token, agency=agency, script=_script())


def metas(agency: str, host: str, column: str, number: int, article: Iterable[tuple[str, str]]) -> str:
    """Return the official meta tags of a page."""
    pairs = [("SiteName", agency), ("SiteDomain", host), ("SiteIDCode", "0000000000"), ("ColumnName", column)]
    pairs += [
        ("ColumnDescription", ""),
        ("ColumnKeywords", ""),
        ("ColumnType", column),
        ("ChnlId", str(number)),
        *article,
    ]
    return "\n".join(f'<meta name="{name}" content="{escape(value)}"/>' for name, value in pairs)


def crumb(code: str, name: str) -> str:
    """Return the line that says where one is."""
    return (
        '<div class="breadcrumb" role="navigation" des="当前位置"><span>当前位置：</span><ul><li><a href="/" title="首页">首页</a></li>'
        f' &gt; <li><a href="/zwgk/" title="政务公开">政务公开</a></li> &gt; <li><a href="/zwgk/{code}/" title="{name}">{name}</a></li></ul></div>'
    )


def related(others: Iterable[tuple[str, str, str]]) -> str:
    """Return the box of related documents: (path, title, day) each."""
    lines = "\n".join(
        f'<li><a href="{path}" target="_blank" title="{escape(title)}">{escape(title)}</a><span class="bf-pass">{day}</span></li>'
        for path, title, day in others
    )
    return (
        '<div class="trt-col-6"><div class="article_relalinks"><div class="title_base"><div class="title_name">相关链接</div></div>'
        f'<div class="list_base list_base_date_02"><ul>{lines}</ul></div></div></div>'
    )


@lru_cache(1)
def _navigation(channels: tuple[tuple[str, str], ...]) -> str:
    items = ['<li ms-class="on:RootPath==\'\'"><a href="/">首页</a></li>']
    items += [
        f'<li class="parentNode"><a href="/zwgk/{code}/" title="{name}">{name}</a></li>' for code, name in channels
    ]
    for number, office in enumerate(OFFICES[:8]):
        below = "".join(
            f'<li><a href="/bm/{number}/{place}/" target="_blank" title="{name}">{name}</a></li>'
            for place, name in enumerate(OBJECTS[number * 5 : number * 5 + 5])
        )
        items.append(
            f'<li class="parentNode"><a href="/bm/{number}/" title="{office}">{office}</a><ul class="subNav">{below}</ul></li>'
        )
    return "\n".join(items)


@lru_cache(1)
def _friend_links() -> str:
    blocks = []
    for number, heading in enumerate(("市直部门", "各区政府", "常用网站")):
        names = [verb + OFFICES[(place + number) % len(OFFICES)] for place, verb in enumerate(VERBS[:12])]
        lines = "".join(
            f'<li><a href="http://www.link{number}{place}.example/" target="_blank" title="{name}">{name}</a></li>'
            for place, name in enumerate(names)
        )
        blocks.append(f'<div class="friend"><span>{heading}</span><ul>{lines}</ul></div>')
    return "\n".join(blocks)


@lru_cache(1)
def _style() -> str:
    parts = ("header", "banner", "menu", "article", "list", "footer", "share", "qrcode")
    return "\n".join(
        f".{part}_{number:02d} {{ margin: {number}px auto; padding: 0 {number * 2}px; line-height: {20 + number}px; color: #33{number:02d}66; }}"
        for part in parts
        for number in range(3)
    )


@lru_cache(1)
def _script() -> str:
    names = (
        "initNavigation",
        "showStatic",
        "loadPageViews",
        "setDetailFont",
        "shareTo",
        "openOutlink",
        "renderQrcode",
        "readSpeech",
    )
    return "\n".join(
        f"""function {name}(el, options) {{
  var vm = avalon.vmodels["windowRoot"], settings = $.extend({{ speed: {200 + 50 * number}, target: ".{name}_box", once: true }}, options || {{}});
  if (!vm || !el) {{ return window.setTimeout(function () {{ {name}(el, options); }}, settings.speed); }}
  $(el).on("click", ".js_{name}", function (event) {{
    event.preventDefault();
    var node = $(this).closest("li"), id = node.attr("data-id") || "";
    $.ajax({{ url: "/ssp/{name}/query", type: "post", dataType: "json", data: {{ id: id, siteId: SiteInfo.itpSiteId, type: {number} }},
      success: function (result) {{ if (result && result.code === 200) {{ vm.{name}Data = result.data; node.addClass("on").siblings().removeClass("on"); }} }} }});
  }});
}}"""
        for number, name in enumerate(names)
    )
