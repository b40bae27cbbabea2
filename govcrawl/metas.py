"""The official meta tags (国办发〔2017〕47号, 网页设计规范) by catalog field name, and the site's code."""

from __future__ import annotations

import re
from typing import Any

from govcrawl.labels import read_value

_METAS = {
    "articletitle": "title",
    "pagetitle": "page_title",
    "pubdate": "publish_date",
    "publishdate": "publish_date",
    "firstpublishedtime": "publish_date",
    "contentsource": "source",
    "source": "source",
    "author": "author",
    "docid": "key",
    "keywords": "keywords",
    "sitename": "site_name",
    "siteidcode": "site_id_code",
    "columnname": "column_name",
}
_TAGS = re.compile(r"<[^<>]*>")
_UNFILLED = frozenset(
    {
        "网站名称",
        "文章标题",
        "来源",
        "发布时间",
        "发布日期",
        "作者",
        "信息来源",
        "本站",
        "超级管理员",
        "管理员",
        "系统管理员",
        "admin",
        "administrator",
    }
)


def read_metas(root: Any) -> dict[str, str]:
    """Read the official meta tags (国办发〔2017〕47号, 网页设计规范) by catalog field name; names without regard to case.

    Of repeated tags the first that is not empty holds. Tags inside values are stripped; values a template was left with
    (网站名称) and accounts of the CMS (超级管理员) are dropped. VSB's pageTitle is the title where ArticleTitle is not there.
    """
    out: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = _METAS.get((meta.get("name") or meta.get("property") or "").strip().lower())
        if name is None:
            continue
        value = read_value(_TAGS.sub("", meta.get("content") or ""))
        if value and value.lower() not in _UNFILLED:
            out.setdefault(name, value)
    named = out.pop("page_title", None)
    return {"title": named, **out} if named else out


_SITE_CODE = re.compile(
    r"""网站标识码\s*(?:<[^>]{0,200}>\s*){0,3}[:：]?\s*(?:<[^>]{0,200}>\s*){0,3}(bm\d{8}|\d{10})(?!\d)|\bsitecode\s*=\s*["']?(bm\d{8}|\d{10})\b""",
    re.IGNORECASE,
)


def read_site_code(markup: str) -> str | None:
    """Return the site's code as its footer prints it (网站标识码：2111000046) or its 纠错 script states it; None where two differ.

    Ten digits (area and serial number), or ``bm`` and eight digits for ministries (国办发〔2017〕47号).
    """
    if "标识码" not in markup and "sitecode" not in markup.lower():
        return None
    codes = {(match[1] or match[2]).lower() for match in _SITE_CODE.finditer(markup)}
    return codes.pop() if len(codes) == 1 else None
