"""The site that is crawled: the same bytes for everybody, made from a seed.

Markup of the Fujian "trt" family on an invented agency. Sizes are spread like those of real disclosure pages: about 25 KB
of header, menus, related lists, scripts and footer round bodies of 300 to 60,000 characters, a fifth of them with tables,
median of the whole page 40 KB. The quantiles of that distribution are dealt out rather than drawn, so that small sets have
the same shape as large ones.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from html import escape
from random import Random
from statistics import NormalDist
from typing import Literal

from benchmarks import chrome
from benchmarks.words import write_paragraphs, write_table, write_title

HOST = "bench.example"
BASE_URL = f"http://{HOST}"
AGENCY = "望岭市司法局"
SEED = 20_250_601
DOCUMENTS = 600

CHANNELS = {
    "gsgg": ("公告公示", 81001),
    "ghjh": ("规划计划", 81002),
    "zcfg": ("政策法规", 81003),
    "zcjd": ("政策解读", 81004),
    "czxx": ("财政信息", 81005),
    "xzcf": ("行政处罚", 81006),
}
ROWS = 10  # lines per page of a list
STATIC_PAGES = 5  # pages of a list that stand in the HTML; the search endpoint has the rest
GROUP = 5  # lines per static group

BODY_MEDIAN, BODY_SPREAD = 3_550, 1.1  # characters; standard deviation of the logarithm
BODY_LEAST, BODY_MOST = 300, 60_000
TABLE_SHARE = 0.2

Skin = Literal["old", "mid", "new", "box"]
SKINS: tuple[Skin, ...] = ("new", "new", "mid", "old", "box")

Table = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One document of the site."""

    id: int
    channel: str
    title: str
    day: date
    clock: str
    skin: Skin
    paragraphs: tuple[str, ...]
    tables: tuple[Table, ...]
    related: tuple[int, ...]  # places of other documents in the site's order

    @property
    def path(self) -> str:
        """Where it stands."""
        return f"/zwgk/{self.channel}/{self.day:%Y%m}/t{self.day:%Y%m%d}_{self.id}.htm"


@dataclass(frozen=True)
class Site:
    """The documents, and every page made of them."""

    notices: tuple[Notice, ...]

    @cached_property
    def lists(self) -> dict[str, tuple[Notice, ...]]:
        """Channel code → its documents, newest first."""
        rows = sorted(self.notices, key=lambda notice: (notice.day, notice.id), reverse=True)
        return {code: tuple(notice for notice in rows if notice.channel == code) for code in CHANNELS}

    @cached_property
    def list_count(self) -> int:
        """How many pages all lists have together: the first with several pages' lines, then one answer of the search each."""
        return sum(1 + max(0, math.ceil(len(listed) / ROWS) - STATIC_PAGES) for listed in self.lists.values())

    def document_pages(self) -> dict[str, bytes]:
        """Path → page, of every document."""
        return {notice.path: self._document_page(notice).encode() for notice in self.notices}

    def list_pages(self) -> dict[str, bytes]:
        """Path → page, of the first page of every channel."""
        return {f"/zwgk/{code}/": self._list_page(code).encode() for code in CHANNELS}

    def search(self, chnlid: int, page: int, prepage: int) -> bytes:
        """Answer of the search endpoint: one page of a channel's list as JSON."""
        code = next((code for code, (_, number) in CHANNELS.items() if number == chnlid), None)
        listed = self.lists[code] if code else ()
        rows = [
            {
                "doctitle": notice.title,
                "docid": notice.id,
                "docpuburl": BASE_URL + notice.path,
                "chnldocurl": BASE_URL + notice.path,
                "docreltime": f"{notice.day} {notice.clock}:00",
                "pubdate": f"{notice.day} {notice.clock}:00",
                "fileno": "",
                "docsourcename": "",
                "puborg": AGENCY,
                "idxid": "",
                "chnlid": chnlid,
                "doctype": 20,
            }
            for notice in listed[(page - 1) * prepage : page * prepage]
        ]
        pages = math.ceil(len(listed) / prepage)
        answer = {"code": 200, "count": len(listed), "page": page, "prepage": prepage, "pageCount": pages, "data": rows}
        return json.dumps(answer, ensure_ascii=False).encode()

    def _document_page(self, notice: Notice) -> str:
        name, number = CHANNELS[notice.channel]
        others = [self.notices[place] for place in notice.related]
        body = _word_body(notice) if notice.skin == "box" else f"<div class=TRS_Editor>\n{_editor_body(notice)}\n</div>"
        middle = f"""<div class="main"><div class="content"><div class="row content_bg_02">
{chrome.crumb(notice.channel, name)}
{_index_box(notice) if notice.skin == "box" else ""}
<div class="trt-row" ms-controller="list"><div class="article_component" ms-controller="windowRoot">
<div class="article_title_group"><div class="article_title text_align_center">
\t{escape(notice.title)}
</div><div class="article_title_sec">
</div></div>
<div class="article_extend"><div class="trt-row"><div class="trt-col-15">{_info_line(notice)}</div>
<div class="trt-col-9 function_icon"><span class="share"><i></i>{chrome.SHARE}</span></div></div></div>
<div class="article_area"><div class="article_content article_content_01 font_family_cn" ms-class="font{{{{detailFont}}}}">
{body}
</div></div>
<div class="article_attachment" id="file_xmb"><div class="title_base">附件下载</div><ul id="file_ul_fj">
</ul></div>
<div class="article_qrcode_area"><div class="article_qrcode"><p>扫一扫在手机上查看当前页面</p><div id="shareOnMobile"></div></div></div>
<div class="article_btn_group"><button onclick="$close_window()">关闭</button></div>
</div>
{chrome.related([(other.path, other.title, f"{other.day}") for other in others])}
</div></div></div></div>
"""
        metas = chrome.metas(
            AGENCY,
            HOST,
            name,
            number,
            (("ArticleTitle", notice.title), ("PubDate", f"{notice.day} {notice.clock}"), ("DocId", str(notice.id))),
        )
        return chrome.frame(f"{name}_{AGENCY}", metas, middle, CHANNELS, AGENCY, str(notice.id))

    def _list_page(self, code: str) -> str:
        name, number = CHANNELS[code]
        listed = self.lists[code]
        static = listed[: ROWS * STATIC_PAGES]
        groups = "".join(
            f'<div ms-visible="$showStatic({start + 1})">\n<ul>\n'
            + "\n".join(_list_line(notice, code) for notice in static[start : start + GROUP])
            + '\n</ul>\n<div class="border_b_dashed"></div>\n</div>\n'
            for start in range(0, len(static), GROUP)
        )
        info = {
            "chnlId": number,
            "chnlName": name,
            "prepage": ROWS,
            "staticPages": STATIC_PAGES,
            "pageCount": math.ceil(len(listed) / ROWS),
            "recordCount": len(listed),
        }
        middle = f"""<div class="main"><div class="content">{chrome.crumb(code, name)}
<div class="list_base list_base_date_01 list_base_file_type" ms-controller="list" role="viewlist" des='{name}'>
{groups}</div><div class="page_area" ms-controller="list"></div>
<script>var pageChnlInfo = {json.dumps(info, ensure_ascii=False)};</script>
<script src="/images/list2.trsapi.js"></script>
</div></div>
"""
        return chrome.frame(
            f"{name}_{AGENCY}", chrome.metas(AGENCY, HOST, name, number, ()), middle, CHANNELS, AGENCY, code
        )


def make_site(documents: int = DOCUMENTS, seed: int = SEED) -> Site:
    """Return the site with this many documents; the same for the same arguments."""
    random = Random(seed)  # noqa: S311 - text, not secrets
    normal = NormalDist(math.log(BODY_MEDIAN), BODY_SPREAD)
    sizes = [normal.inv_cdf((place + 0.5) / documents) for place in range(documents)]
    bodies = [min(BODY_MOST, max(BODY_LEAST, round(math.exp(size)))) for size in sizes]
    random.shuffle(bodies)
    tabled = set(random.sample(range(documents), round(TABLE_SHARE * documents)))
    codes = tuple(CHANNELS)
    first_day = date(2016, 1, 4)
    notices = []
    for place, characters in enumerate(bodies):
        tables = (
            tuple(write_table(random, random.randrange(4, 40)) for _ in range(1 + (place % 5 == 0)))
            if place in tabled
            else ()
        )
        notices.append(
            Notice(
                id=6_100_000 + 7 * place,
                channel=codes[place % len(codes)],
                title=write_title(random, place + 1),
                day=first_day + timedelta(days=place * 3000 // documents),
                clock=f"{random.randrange(8, 18):02d}:{random.randrange(60):02d}",
                skin=SKINS[random.randrange(len(SKINS))],
                paragraphs=tuple(write_paragraphs(random, characters)),
                tables=tables,
                related=tuple(random.randrange(documents) for _ in range(10)),
            )
        )
    return Site(tuple(notices))


def _info_line(notice: Notice) -> str:
    sizes = '<a href="javascript:;" class="f_b"></a><a href="javascript:;" class="f_s"></a>'
    if notice.skin == "old":
        return (
            f'<span class="article_time">日期:{notice.day}</span> <span class="font_size">字体大小:[ {sizes} ]</span>'
        )
    if notice.skin == "mid":
        return f'<span class="article_time">发表日期:{notice.day} {notice.clock}</span> <span class="font_size">字体显示: {sizes}</span>'
    return (
        f'<span class="article_time">时间：{notice.day} {notice.clock}</span> <span class="article_source">来源：{AGENCY}</span> '
        f'<span class="article_views" ms-text="\'浏览量：\' + pvCount">浏览量：{notice.id % 9973}</span>'
    )


def _index_box(notice: Notice) -> str:
    pairs = (
        ("索&ensp;引&ensp;号", f"WL00113-12-01-{notice.day.year}-{notice.id % 1000:03d}"),
        ("主题分类", "无"),
        ("发文机关", AGENCY),
        ("成文日期", f"{notice.day - timedelta(days=1)}"),
        ("标&ensp;&ensp;&ensp;&ensp;题", escape(notice.title)),
        ("发文字号", f"望司〔{notice.day.year}〕{notice.id % 97 + 1}号"),
        ("发布日期", f"{notice.day}"),
    )
    lines = "".join(
        f'<li class="trt-col-12 trt-col-sm-24">\n{label}：\n<font>{value}</font>\n</li>' for label, value in pairs
    )
    return f'<div class="index_box"><ul class="trt-row">{lines}</ul></div>'


def _editor_body(notice: Notice) -> str:
    style = "text-align: justify; text-indent: 2em; line-height: 1.75em;"
    blocks = [f'<p style="{style}">\u3000\u3000{escape(text)}</p>' for text in notice.paragraphs]
    for number, table in enumerate(notice.tables):
        lines = "\n".join(
            "<tr>" + "".join(f'<td valign="center"><p>{escape(cell)}</p></td>' for cell in row) + "</tr>"
            for row in table
        )
        blocks.insert(
            len(blocks) // (number + 2),
            f'<table border="1" cellspacing="0" width="100%"><tbody>\n{lines}\n</tbody></table>',
        )
    return "\n".join(blocks)


def _word_body(notice: Notice) -> str:
    """The body as pasted from a word processor: the text of a paragraph split into runs."""
    run = '<span style="font-size:16.0pt;font-family:仿宋_GB2312">'
    blocks = []
    for text in notice.paragraphs:
        half = len(text) // 2
        runs = "".join(f"{run}{escape(part)}</span>" for part in (text[:half], text[half:]))
        blocks.append(f'<p class="MsoNormal" style="text-indent:32.0pt;line-height:28.0pt">{runs}<o:p></o:p></p>')
    for table in notice.tables:
        lines = "\n".join(
            "<tr>"
            + "".join(
                f'<td style="border:solid windowtext 1.0pt"><p class="MsoNormal">{escape(cell)}</p></td>'
                for cell in row
            )
            + "</tr>"
            for row in table
        )
        blocks.append(f'<table class="MsoNormalTable" border="1" style="border-collapse:collapse">\n{lines}\n</table>')
    return "\n".join(blocks)


def _list_line(notice: Notice, code: str) -> str:
    title = escape(notice.title)
    href = "." + notice.path.removeprefix(f"/zwgk/{code}")
    return (
        f'<li>\n<a href="{href}" target="_blank" title="{title}">{title}</a>\n<em id="rel_{notice.id}"></em>\n'
        f'<span class="bf-pass">{notice.day}</span>\n</li>'
    )
