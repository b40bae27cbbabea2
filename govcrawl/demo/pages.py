"""The markup of the fictional agency's site: the Fujian "trt" family in its three skins, our own writing.

Counters, clock, session ids and the list of related documents differ at every fetch, as on the real sites: two fetches
of an unchanged document have different bytes and the same text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from govcrawl.demo import agency

if TYPE_CHECKING:
    from govcrawl.demo.model import Attached, Block, Draft

GROUP = 5  # lines per static group

_NOTICE = "<!-- 示例数据：虚构机构的虚构文件，仅用于演示 (demonstration data, nothing here is real) -->"

_TRAPS = """<div class="header_tools hide">
<a href="/rl/index.htm?date=2025-07">公开日历</a>
<a href="/hd/index.htm;jsessionid={token}">互动交流</a>
<a href="/dh/a.htm">网站导航</a>
<a href="/nbzl/index.htm">内部资料</a>
<a href="http://www.yunling.example/">云岭市人民政府</a>
</div>"""

_HEAD = """<!DOCTYPE html>
<html ms-controller="windowRoot">
<head>
{notice}
<meta charset="utf-8">
{metas}
<title>{title}</title>
<link rel="stylesheet" href="/images/trt_base.css">
</head>
<body>
{included}<div class="header"><p class="slogan">云岭市司法局（示例数据）</p><ul role="navigation">{navigation}</ul>
<p class="clock">今天是<font ms-text="now">{clock}</font></p>
{traps}
</div>
"""

_FOOT = """<div class="footer"><p>本站为虚构机构的示例数据</p>
<p><span>主办单位：云岭市司法局</span> <span>网站标识码：0000000000</span></p>
<p><a href="https://www-beian-gov-cnx{token}.ipv6best.example/">公安备案号：00000000000000</a></p></div>
<script>
var SiteInfo = {{ searchId: 229105, siteMsgType: "govSite", initPageview: true }};
</script>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Moving:
    """What differs at every fetch."""

    fetch: int  # how many requests the portal has answered
    clock: str

    @property
    def token(self) -> str:
        """A session id."""
        return f"{self.fetch * 2654435761 % 2**32:08x}"

    @property
    def views(self) -> int:
        """The view counter."""
        return 1000 + 7 * self.fetch


def home_page(moving: Moving) -> str:
    """Write the portal's front page."""
    return _frame(agency.TITLE, _metas(None, None), f'<div class="main"><ul>{_navigation()}</ul></div>', moving)


def list_page(code: str, listed: tuple[agency.Row, ...], moving: Moving) -> str:
    """Write a channel's first page: static groups of five lines, and what a script needs to ask for the rest."""
    section = agency.section(code)
    static = agency.static_rows(listed)
    groups = []
    for start in range(0, len(static), GROUP):
        lines = "\n".join(_list_line(row, code) for row in static[start : start + GROUP])
        groups.append(
            f'<div ms-visible="$showStatic({start + 1})"><ul>\n{lines}\n</ul><div class="border_b_dashed"></div></div>'
        )
    info = {
        "chnlId": section.number,
        "chnlName": section.name,
        "prepage": agency.LISTED_PER_PAGE,
        "pageCount": -(-len(listed) // agency.LISTED_PER_PAGE),
        "recordCount": len(listed),
    }
    middle = f"""<div class="main"><div class="content">{_crumb(code)}
<div class="list_base list_base_date_01" ms-controller="list" role="viewlist" des="{section.name}">
{"".join(groups)}
</div>
<div class="page_area" ms-controller="list"></div>
<script>var pageChnlInfo = {json.dumps(info, ensure_ascii=False)};</script>
<script src="/images/list2.trsapi.js"></script>
</div></div>
"""
    return _frame(f"{section.name}_{agency.TITLE}", _metas(None, code), middle, moving)


def document_page(draft: Draft, code: str, moving: Moving) -> str:
    """Write a document's page under channel ``code``."""
    inner = _word_body(draft) if draft.skin == "box" else f"<div class=TRS_Editor>\n{_body(draft)}\n</div>"
    after = (
        f'<p><span class="article_source">来源：{draft.source}</span></p>'
        if draft.source and draft.source_after
        else ""
    )
    second = f"<font>{draft.number}</font>" if draft.number else ""
    middle = f"""<div class="main"><div class="content">{_crumb(code)}
<div class="article_component">
{_index_box(draft) if draft.skin == "box" else ""}
<div class="article_title">
  {escape(draft.title)}
</div>
<div class="article_title_sec">{second}</div>
<div class="article_extend">{_info_line(draft, moving)}
<div class="share_box">分享到：<a href="javascript:;">微信</a> <a href="javascript:;">微博</a></div></div>
<div class="article_area"><div class="article_content">
{inner}
</div></div>
{after}
{_attachment_block(draft)}
<div class="article_qrcode"><p>扫一扫在手机打开当前页</p></div>
<div class="article_btn_group"><a href="javascript:window.print();">打印</a> <a href="javascript:;">关闭</a></div>
</div>
<div class="article_relalinks"><p>相关稿件</p><ul>{_related(moving)}</ul></div>
</div></div>
"""
    return _frame(
        f"{agency.section(code).name}_{agency.TITLE}", _metas(draft, code), middle, moving, included=draft.skin == "old"
    )


def gone_page() -> str:
    """Write what the CMS leaves at the address of a deleted document: status 200 and a way up."""
    return f'<html><head>{_NOTICE}<meta http-equiv="refresh" content="0;URL=../"></head><body></body></html>\n'


def plain_page(title: str, middle: str, moving: Moving) -> str:
    """Write any other page of the site."""
    return _frame(title, "", f'<div class="main">{middle}</div>', moving)


def _frame(title: str, metas: str, middle: str, moving: Moving, *, included: bool = False) -> str:
    """Put the page round its middle; ``included``: with the old skin's banner, a whole document inside the page."""
    head = _HEAD.format(
        notice=_NOTICE,
        metas=metas,
        title=title,
        navigation=_navigation(),
        clock=moving.clock,
        traps=_TRAPS.format(token=moving.token),
        included="<html><body><p>依法行政 公正司法</p></body></html>\n" if included else "",
    )
    return head + middle + _FOOT.format(token=moving.token)


def _navigation() -> str:
    links = "".join(f'<li><a href="/zwgk/{one.code}/">{one.name}</a></li>' for one in agency.SECTIONS)
    return f'<li><a href="/">首页</a></li>{links}'


def _crumb(code: str) -> str:
    name = agency.section(code).name
    return (
        '<div class="breadcrumb">当前位置：<a href="/">首页</a> &gt; <a href="/zwgk/">政务公开</a> &gt; '
        f'<a href="/zwgk/{code}/">{name}</a></div>'
    )


def _metas(draft: Draft | None, code: str | None) -> str:
    pairs = [("SiteName", agency.TITLE), ("SiteDomain", agency.HOST), ("SiteIDCode", "")]
    if code:
        section = agency.section(code)
        pairs += [("ColumnName", section.name), ("ColumnType", section.name), ("ChnlId", str(section.number))]
    if draft:
        printed = f"{draft.date} {draft.time or '00:00'}:00"
        pairs += [("ArticleTitle", draft.title), ("PubDate", printed), ("ContentSource", ""), ("DocId", str(draft.id))]
    return "\n".join(f'<meta name="{name}" content="{escape(value)}">' for name, value in pairs)


def _list_line(row: agency.Row, code: str) -> str:
    top = '<em class="red_base">[置顶]</em>' if row.pinned else ""
    return (
        f'<li>{top}<a href="{_relative(row.url, code)}" title="{escape(row.title)}">{escape(_cut(row.title))}</a>'
        f'<em id="rel_{row.id}"></em><span class="bf-pass">{row.date}</span></li>'
    )


def _relative(url: str, code: str) -> str:
    """Return the address as the CMS prints it on the list page: relative inside the site, whole outside of it."""
    here = f"{agency.BASE_URL}/zwgk/{code}/"
    if url.startswith(here):
        return "./" + url.removeprefix(here)
    return url.replace(f"{agency.BASE_URL}/zwgk/", "../", 1)


def _cut(title: str) -> str:
    longest = 28
    return title if len(title) <= longest else title[: longest - 1] + "…"


def _info_line(draft: Draft, moving: Moving) -> str:
    when = f"{draft.date} {draft.time}" if draft.time else draft.date
    sizes = '<a href="javascript:;">大</a> <a href="javascript:;">中</a> <a href="javascript:;">小</a>'
    if draft.skin == "old":
        return f'<span class="article_time">日期:{when}</span> 字体大小:[ {sizes} ]'
    if draft.skin == "mid":
        return f'<span class="article_time">发表日期:{when}</span> 字体显示: {sizes}'
    source = (
        f'<span class="article_source">来源：{draft.source}</span>' if draft.source and not draft.source_after else ""
    )
    views = f'<span class="article_views">浏览量：{moving.views}</span>'
    return f'<span class="article_time">时间：{when}</span> {source} {views}'


def _index_box(draft: Draft) -> str:
    pairs = (
        ("索&ensp;引&ensp;号", draft.index_number),
        ("主题分类", draft.topic),
        ("发文机关", agency.TITLE),
        ("成文日期", draft.written_date),
        ("标&ensp;&ensp;&ensp;&ensp;题", draft.title),
        ("发文字号", draft.number),
        ("发布日期", draft.date),
    )
    lines = "".join(
        f'<li class="trt-col-12">{label}：<font>{escape(value or "无")}</font></li>' for label, value in pairs
    )
    validity = '<li class="trt-col-12">有&ensp;效&ensp;性：<em class="red_base">有效</em></li>'
    return f'<div class="index_box"><ul class="trt-row">{lines}{validity}</ul></div>'


def _attachment_block(draft: Draft) -> str:
    listed = [file for file in draft.files if not file.image and not file.in_body]
    if not listed and not draft.empty_block:
        return ""
    lines = "".join(f'<li><a href="./{file.name}" target="_blank">{escape(file.label)}</a></li>' for file in listed)
    return (
        f'<div class="article_attachment"><div class="title_base">附件下载</div><ul id="file_ul_fj">{lines}</ul></div>'
    )


def _related(moving: Moving) -> str:
    """List three other documents, other ones at every fetch."""
    listed = agency.rows("gsgg", 1)
    start = moving.fetch % len(listed)
    return "".join(
        f'<li><a href="{row.url}">{escape(row.title)}</a><span>{row.date}</span></li>'
        for row in listed[start : start + 3]
    )


def _body(draft: Draft) -> str:
    return "\n".join(_block(block, draft.files) for block in draft.blocks)


def _block(block: Block, files: tuple[Attached, ...]) -> str:
    indent = "\u3000\u3000"
    text = escape(block.text)
    match block.kind:
        case "table":
            return _table(block, 'border="1" cellspacing="0"')
        case "image":
            name = files[block.file].name
            return f'<p style="text-align: center;"><img src="./{name}" OLDSRC="{name}"></p>'
        case "link":
            name = files[block.file].name
            return f'<p>{indent}<a href="./{name}" appendix="true" OLDSRC="{name}">{text}</a></p>'
        case "heading":
            return f"<p>{indent}<strong>{text}</strong></p>"
        case "centred" | "right":
            side = "center" if block.kind == "centred" else "right"
            return f'<p style="text-align: {side};">{text}</p>'
        case "paragraph":
            return f"<p>{indent}{text}</p>"


def _word_body(draft: Draft) -> str:
    """Write the body as pasted from a word processor: a paragraph's text split into runs, empty ``o:p``."""
    lines = []
    for block in draft.blocks:
        if block.kind == "table":
            lines.append(_table(block, 'class="MsoNormalTable" border="1" style="border-collapse:collapse"'))
            continue
        side = "text-align:right" if block.kind == "right" else "text-indent:32.0pt"
        half = len(block.text) // 2
        runs = "".join(
            f'<span style="font-size:16.0pt;font-family:仿宋_GB2312">{escape(part)}</span>'
            for part in (block.text[:half], block.text[half:])
        )
        lines.append(f'<p class="MsoNormal" style="{side}">{runs}<o:p></o:p></p>')
    return "\n".join(lines)


def _table(block: Block, attributes: str) -> str:
    lines = []
    for row in block.rows:
        cells = []
        for cell in row:
            spans = f' rowspan="{cell.rowspan}"' if cell.rowspan > 1 else ""
            spans += f' colspan="{cell.colspan}"' if cell.colspan > 1 else ""
            cells.append(f"<td{spans}><p>{escape(cell.text)}</p></td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table {attributes}><tbody>\n" + "\n".join(lines) + "\n</tbody></table>"
