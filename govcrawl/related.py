"""Links to other pages that editors and templates put under a body: 相关链接, 政策解读. They are no part of the document."""

from __future__ import annotations

import re
from typing import Any

import lxml.etree

from govcrawl.blocks import HEAD, TAIL
from govcrawl.pick import compiled
from govcrawl.urls import FILE_EXTENSIONS, extension

_NAMES = (
    r"(?:相关(?:链接|阅读|新闻|稿件|信息|文章|推荐|文件|文档|解读|政策|内容|报道|附件链接)|(?:政策|图片|文字|视频|专家|媒体|部门|多媒体|一图)*解读(?:链接|材料|文章|信息)?"
    r"|政策图解|图解|政策原文|原文链接|解读文件|延伸阅读|推荐阅读|热点信息|關聯閱讀|相關(?:鏈接|連結|新聞|信息|閱讀))"
)
_HEADING = re.compile(rf"[\s【\[■●▶>]*{_NAMES}[\s:：】\]>]*")
_WORDS = ("相关", "解读", "图解", "原文", "阅读", "热点", "相關", "關聯")
_SAID = " or ".join(f"contains(., '{word}')" for word in _WORDS)
_TEXTS = lxml.etree.XPath(f".//text()[{_SAID}]")
_IN_TAIL = re.compile("|".join(_WORDS))
_TAIL_CHARACTERS = 2000  # at the end of a body, in which such a heading is looked for
_INLINE = frozenset({"strong", "b", "span", "font", "em", "i"})
_LONGEST = 40
_STRING = compiled("string(.)")
_BLANKS = re.compile(r"\s+")
_WORD = re.compile(r"[^\W\d]")


def find_related(container: Any) -> list[Any]:
    """Return the elements from a heading such as 相关链接 to the end of a body, where nothing but links to other pages follows it."""
    if container.find(".//a") is None or not _IN_TAIL.search(_STRING(container)[-_TAIL_CHARACTERS:]):
        return []
    for words in _TEXTS(container):
        if len(words) > _LONGEST or not _HEADING.fullmatch(words):
            continue
        heading = words.getparent() if words.is_text else None
        while (
            heading is not None
            and heading is not container
            and heading.tag in _INLINE
            and _STRING(heading.getparent()).strip() == words.strip()
        ):
            heading = heading.getparent()
        if (
            heading is None
            or heading is container
            or _STRING(heading).strip() != words.strip()
            or (heading.tail or "").strip()
        ):
            continue
        found = _behind(container, heading)
        if found is not None:
            return found
    return []


def _behind(container: Any, heading: Any) -> list[Any] | None:
    """Return a heading and what follows it in a body; None where that is more than links."""
    out = [heading]
    linked = False
    node = heading
    while node is not container:
        for element in node.itersiblings():
            if not isinstance(element.tag, str):
                continue
            links = [link for link in element.iter("a") if link.get("href")]
            if (
                any(map(_is_file, links))
                or not _is_furniture("" if element.tag == "a" else "".join(_UNLINKED(element)))
                or (element.tail or "").strip()
            ):
                return None
            linked = linked or bool(links)
            out.append(element)
        node = node.getparent()
    return out if linked else None


_UNLINKED = compiled(".//text()[not(ancestor::a[@href] or parent::script or parent::style)]")


def _is_furniture(text: str) -> bool:
    said = _BLANKS.sub("", text)
    return not _WORD.search(said) or any(pattern.fullmatch(said) for pattern in (_HEADING, TAIL, HEAD))


def _is_file(link: Any) -> bool:
    return extension(link.get("href")) in FILE_EXTENSIONS or link.get("appendix") is not None
