"""The page service of Hanweb's newer sites (jpaas): which unit of a column page is its list, and how its pages are asked for.

A column page names units, each built by ``…/jpaas-publish-server/front/page/build/unit``, in the ``queryData`` of a script element
or in an address within a script.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit, urlunsplit

if TYPE_CHECKING:
    from govcrawl.decode import Page

UNIT = "/front/page/build/unit"
_UNIT_PATH = "/api-gateway/jpaas-publish-server" + UNIT
_UNIT_NAMES = ("parseType", "webId", "tplSetId", "pageType", "tagId", "editType", "pageId")
_UNIT_DEFAULTS = {"parseType": "bulidstatic", "pageType": "column"}
_UNIT_ADDRESS = re.compile(r"""["']([^"'\s]*/front/page/build/unit\?[^"'\s]+)["']""")
_LIST_TAG = re.compile(r"list|列表|信息|内容|栏目|分页|正文|^zw$", re.IGNORECASE)
_OTHER_TAG = re.compile(
    r"导航|位置|面包屑|底部|头部|顶部|页脚|页头|banner|nav|foot|head|menu|菜单|标题|友情|轮播", re.IGNORECASE
)


def is_unit(url: str) -> bool:
    """Tell whether an address asks the page service."""
    return UNIT in urlsplit(url).path


def find_unit(page: Page) -> str | None:
    """Return the address of the unit that holds a column's list, None where the page names none."""
    units: list[tuple[str, dict[str, str]]] = []
    for script in page.root.iter("script"):
        data = script.get("querydata")
        if data and (UNIT in (script.get("url") or "") or "unitbuild" in (script.get("src") or "")):
            fields = dict(re.findall(r"""["']?(\w+)["']?\s*:\s*["']?([^"',{}]*)["']?""", data))
            units.append((script.get("url") or _UNIT_PATH, fields))
    for found in _UNIT_ADDRESS.finditer(page.text):
        address = found[1].replace("&amp;", "&")
        units.append((address.partition("?")[0], dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))))
    if not units and UNIT in page.text:
        fields = {name: value for name in _UNIT_NAMES if (value := script_field(name, page.text))}
        units.append((_UNIT_PATH, fields))
    usable = [
        (path, {**_UNIT_DEFAULTS, **fields})
        for path, fields in units
        if fields.get("webId") and fields.get("pageId") and not _OTHER_TAG.search(fields.get("tagId", ""))
    ]
    if not usable:
        return None
    path, fields = max(usable, key=lambda unit: _LIST_TAG.search(unit[1].get("tagId", "")) is not None)
    return f"{urljoin(page.url, path)}?{urlencode(fields)}"


def asked_page(url: str) -> dict[str, int]:
    """Return pageNo and pageSize of a question; sites read them bare or within ``paramJson``."""
    query = dict(parse_qsl(urlsplit(url).query))
    within = re.findall(r"""["'](pageNo|pageSize)["']\s*:\s*["']?(\d+)""", query.get("paramJson", ""))
    named = [(name, query[name]) for name in ("pageNo", "pageSize") if query.get(name, "").isdecimal()]
    return {name: int(value) for name, value in (*named, *within) if int(value) > 0}


def unit_page(url: str, number: int, size: int) -> str:
    """Return the question for a page of a unit."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query |= {"pageNo": str(number), "pageSize": str(size)}
    query["paramJson"] = json.dumps({"pageNo": number, "pageSize": str(size)}, separators=(",", ":"))
    return urlunsplit(parts._replace(query=urlencode(query)))


def script_field(name: str, text: str) -> str | None:
    """Return a value of an object or query in a script."""
    found = re.search(rf"""(?<![\w.]){name}["']?\s*[:=]\s*(?:"([^"]*)"|'([^']*)'|([\w%./]+))""", text)
    value = next((group for group in found.groups() if group), None) if found else None
    return unquote(value) if value else None
