"""Where a site's disclosure channels are (政务公开栏目): links of its navigation, judged by their printed names and addresses.

Nothing here is of one family: which of the links are lists is found by reading them with the family's template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from govcrawl.labels import normal_label, read_value
from govcrawl.metas import read_metas
from govcrawl.pick import compiled
from govcrawl.urls import extension, is_file_url, url_key, web_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from govcrawl.decode import Page
    from govcrawl.items import ListPage

ENTRY = re.compile(
    r"政务公开|信息公开|公开目录|主动公开|公开专栏|公开平台|公开内容|政府公报|重点领域|政策文件|公开事项"
)
"""Names of pages that lead to channels, and may be lists themselves."""

CHANNEL = re.compile(
    r"公告|公示|通知|通告|公报|政策|法规|法律|规章|规范性|文件|解读|规划|计划|总结|财政|财务|预算|决算|预决算|三公|资金|统计|数据|"
    r"处罚|许可|执法|双随机|权责|权力|责任清单|收费|采购|招标|招考|招录|招聘|考录|人事|任免|年报|年度报告|报告|制度|建议|提案|议案|复议|"
    r"法治政府|应急|会议|重大决策|督查|审计|听证|征收|监管|检查"
)
"""Names of sections that agencies must disclose (政府信息公开条例, articles 19 to 21) as sites print them."""

SKIPPED = re.compile(
    r"指南|申请|领导|职能|机构|简介|职责|概况|联系|地图|导航|首页|返回|登录|登陆|注册|搜索|检索|查询|信箱|邮箱|咨询|投诉|举报|留言|问答|"
    r"调查|访谈|互动|办事|服务|无障碍|长者|关怀|繁|简体|客户端|移动|微信|微博|订阅|视频|图片|专题|友情|更多|上一|下一|尾页|日历|热线|"
    r"English|RSS",
    re.IGNORECASE,
)
_DISCLOSURE = re.compile(
    r"/(?:zwgk|zfxxgk|xxgk|xxgkml|gkml|gkmlpt|fdzdgknr|zfgk|zwxx|gongkai|openness)\w*/", re.IGNORECASE
)
_DOCUMENT = re.compile(
    r"/t\d{8}_\d+\.|/art_|/m?post_\d+|content[-_]\d+\.|/content\.s?html?$|/info/\d+/\d+\.htm|[0-9a-f]{32}|/\d{17}\.|/c_?\d{6,}\.|/\d{6}/c?\d+\.s?html?"
)
_TITLE = re.compile(
    r"关于|《|\d{4}\s*年|第[一二三四五六七八九十\d]+[期号次批]"
)  # short titles of documents on home pages
_PAGE_NUMBER = re.compile(r"_\d+\.s?html?$|[?&]page=")
_CHINESE = re.compile(r"[\u4e00-\u9fff]{2}")
_MARKS = re.compile(r"^[\s>›»·•|/\-—【\[]+|[\s>›»·•|/\-—】\]]+$|\(\d+\)$|（\d+）$")
_LONGEST_NAME = 20
_LONGEST_NAV_NAME = 12
_INDEX = re.compile(r"(?:index|default|main)\.(?:s?html?|jsp|aspx?|php)$", re.IGNORECASE)
_REFRESH = re.compile(r"""url\s*=\s*['"]?([^'"\s>]+)""", re.IGNORECASE)
_JUMP = re.compile(
    r"""(?:location(?:\.href)?\s*=|location\.(?:replace|assign)\s*\()\s*["']([^"'+]{1,300})["']\s*[;)\n]"""
)
_SHELL_CHARACTERS = 200
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class Link:
    """A link that may lead to a channel."""

    name: str  # as printed
    url: str
    entry: bool  # its name says that it leads to channels
    named: bool  # its name is one of a section that is disclosed


def place(url: str) -> str:
    """Return what makes two addresses of a list the same: without scheme and index file; the fragment stays."""
    parts = urlsplit(url)
    key = url_key(url)
    return _INDEX.sub("", key) + (f"#{parts.fragment}" if parts.fragment else "")


def find_links(page: Page) -> list[Link]:
    """Return the links of a page that may lead to disclosure channels, in printed order, each address once."""
    host = urlsplit(page.url).hostname or ""
    found: dict[str, Link] = {}
    for element in page.root.iter("a", "area"):
        name = _name(element)
        url = web_url(element.get("href"), page.url, query_encoding=page.encoding)
        if name is None or url is None or not _may_be_list(url, host):
            continue
        entry, named = bool(ENTRY.search(name)), bool(CHANNEL.search(name))
        below = bool(_DISCLOSURE.search(urlsplit(url).path)) and len(name) <= _LONGEST_NAV_NAME
        if SKIPPED.search(name) or _TITLE.search(name) or not (entry or named or below):
            continue
        found.setdefault(place(url), Link(name, url, entry, named))
    return list(found.values())


def _may_be_list(url: str, host: str) -> bool:
    parts = urlsplit(url)
    own = parts.hostname or ""
    if own != host and not own.endswith(f".{host}") and own.removeprefix("www.") != host.removeprefix("www."):
        return False
    if parts.path in {"", "/"} or is_file_url(url):
        return False
    return not (_DOCUMENT.search(parts.path) or _PAGE_NUMBER.search(url)) and extension(url) not in {"js", "css", "xml"}


def _name(element: Any) -> str | None:
    """Return a link's printed name, its title or its picture's text; None where it is no section's name."""
    text = read_value("".join(element.itertext()))
    images = (image.get("alt") for image in element.iter("img"))
    for given in (text, element.get("title"), *images):
        name = _MARKS.sub("", read_value(given) or "").strip()
        if len(name) <= _LONGEST_NAME and _CHINESE.search(name):
            return name
    return None


def find_jump(page: Page) -> str | None:
    """Return where a page that shows next to nothing sends its reader: a refresh, a script, a frame."""
    body = page.root.find("body")
    shown = "".join(compiled(".//text()[not(parent::script or parent::style)]")(page.root if body is None else body))
    if len("".join(shown.split())) > _SHELL_CHARACTERS:
        return None
    given = [
        found[1]
        for meta in page.root.iter("meta")
        if (meta.get("http-equiv") or "").lower() == "refresh" and (found := _REFRESH.search(meta.get("content") or ""))
    ]
    given += [found[1] for text in compiled("//script/text()")(page.root) if (found := _JUMP.search(text))]
    given += [frame.get("src") for frame in page.root.iter("frame", "iframe") if frame.get("src")]
    targets = (web_url(urljoin(page.url, target.strip()), page.url) for target in given)
    host = (urlsplit(page.url).hostname or "").removeprefix("www.")
    return next(
        (
            url
            for url in targets
            if url
            and (urlsplit(url).hostname or "").removeprefix("www.").endswith(host)
            and url_key(url) != url_key(page.url)
        ),
        None,
    )


def is_channel(link: Link, listed: ListPage) -> bool:
    """Tell a channel's list from a landing page on which a few rows happen to stand."""
    path = urlsplit(link.url).path
    if not listed.entries:
        return listed.total == 0
    if _INDEX.sub("", path) in {"", "/"} and not urlsplit(link.url).fragment:
        return False
    if listed.next is not None or (listed.pages or 0) > 1 or listed.total is not None:
        return True
    folder = place(link.url).partition("#")[0].rpartition("/")[0]
    below = sum(place(entry.url).startswith(f"{folder}/") for entry in listed.entries)
    return below >= _MOST * len(listed.entries) or link.named


# --- whose site it is ---

_ORGAN = re.compile(
    r"[\u4e00-\u9fff]{2,25}(?:局|委员会|委|厅|部|署|院|会|政府|办公室|处|中心|大学|学院|公司|队|所|馆|站|管委会|街道办事处)"
)
_SITE_WORDS = re.compile(r"(?:门户|官方|政务|政府信息公开)?(?:网站|网)$|政府信息公开.{0,6}$|信息公开.{0,4}$|门户$")
_HOSTED_BY = re.compile(
    r"(?:主\s*办(?:单位)?|版权所有|承\s*办(?:单位)?)\s*[:：©]?\s*(?:版权所有\s*[:：]\s*)?([\u4e00-\u9fff]{4,30})"
)
_WHOLE_ORGAN = re.compile(r"[\u4e00-\u9fff]{3,25}(?:局|委员会|厅|政府|法院|检察院|管委会)")
_OFFICE = re.compile(r"政府办公(?:室|厅)$")
_FOOTER_CHARACTERS = 2000


def agency_names(page: Page) -> Iterator[tuple[str, str]]:
    """Yield (official name, where it stands) as a page tells whose site it is, the surest first."""
    metas = read_metas(page.root)
    yield from _organ(metas.get("site_name"), "SiteName")
    text = "".join(compiled("//body//text()[not(parent::script or parent::style)]")(page.root))
    for found in _HOSTED_BY.finditer(text[-_FOOTER_CHARACTERS:]):
        yield from _organ(found[1], normal_label(found.group()[: found.group().index(found[1])]))
    title = read_value("".join(compiled("(//head//title)[1]//text() | (//title)[1]//text()")(page.root)))
    for part in re.split(r"[_\-—|–\s]+", title or ""):
        yield from _organ(part, "title")


def _organ(text: str | None, where: str) -> Iterator[tuple[str, str]]:
    name = _SITE_WORDS.sub("", "".join((text or "").split()))
    if where != "title":
        name = _OFFICE.sub("政府", name)  # a government's office runs the government's site
    if _ORGAN.fullmatch(name):
        yield name, where


def is_organ(name: str) -> bool:
    """Tell the full name of an organ from that of one of its offices."""
    return bool(_WHOLE_ORGAN.fullmatch(name))


def column_name(page: Page) -> str | None:
    """Return the name that a list page prints of itself: the ColumnName meta tag, else the first part of its title."""
    given = read_metas(page.root).get("column_name")
    title = read_value("".join(compiled("(//title)[1]//text()")(page.root))) or ""
    name = given or re.split(r"[_\-—|–]", title)[0].strip()
    return name if name and len(name) <= _LONGEST_NAME else None
