"""Quality flags: what a reader of the record should know before he trusts it. Each is counted by ``govcrawl status``.

A flag never changes what was read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from archive.model import FileLink
    from govcrawl.blocks import Content
    from govcrawl.decode import Page

FLAGS: Mapping[str, tuple[str, str]] = {
    "title_differs": ("标题在网页各处不一致", "The page's own titles, or those of page and list, differ."),
    "publish_date_differs": ("发布日期在网页各处不一致", "Label, index and meta tag name different days."),
    "list_date_differs": ("列表的日期与网页不同", "The list names another day than the page."),
    "source_differs": ("页面标签与 meta 的来源不同", "Label and meta tag name different sources."),
    "publish_date_unreadable": ("印出的发布日期读不出", "A publication date is printed that is no date."),
    "written_date_unreadable": ("印出的成文日期读不出", "A date of signing is printed that is no date."),
    "effective_date_unreadable": ("印出的施行日期读不出", "A date of coming into force is printed that is no date."),
    "expiry_date_unreadable": ("印出的失效日期读不出", "A date of expiry is printed that is no date."),
    "attachment_only": ("正文只有附件", "The body holds nothing but attachments."),
    "no_text": ("正文没有文字", "The body shows no text, no table, no file."),
    "short_text": ("正文短得不像一份公开文件", "Fewer than 30 characters, and no table, attachment or image that would explain it."),
    "scanned_images": ("正文是图片（多为扫描件），不是文字", "Images and fewer than 60 characters, no table, no attachment: mostly scans instead of text."),
    "split_pages": ("正文分成几页，只读了这一页", "The body goes on on further pages; this record is the first one only."),
    "no_container": ("没有已知的正文容器：取标题与页脚之间的内容，或由 trafilatura 读整页", "No known container: the passage between title and foot, or trafilatura's reading of the page."),
    "container_wide": ("容器文字远多于 trafilatura 认作正文的", "The container has more than 1.5 times the text that trafilatura takes for content."),
    "readers_disagree": ("没有已知容器时，所取内容与 trafilatura 的整页阅读不一致", "Without known container: the passage and trafilatura's reading of the page agree by less than 0.85."),
    "trafilatura_failed": ("trafilatura 读不了这份标记", "trafilatura gave up on this markup."),
    "trafilatura_skipped": ("正文过长或元素过多，未交给 trafilatura", "The text is too long, or has too many elements, to be given to trafilatura."),
    "undecodable": ("有解不出的字节", "Bytes could not be decoded; U+FFFD stands in the text."),
    "traditional": ("正文是繁体", "Written in traditional characters."),
}  # fmt: skip
"""Every flag of a document, with its meaning in Chinese and English."""

LEAST_AGREEMENT = 0.85
_SHORT, _SCANNED = 30, 60  # characters
_PAGES_OF_SCRIPT = re.compile(r"createPageHTML\(\s*(\d{1,6})|\bcountPage\s*=\s*(\d{1,6})")
_SENTENCE = re.compile("[，。；、：,;]")
_CONTAINERS = frozenset({"div", "td", "article", "section", "main", "body", "center", "form"})
_LEAST_PARAGRAPH = 25


def content_flags(
    page: Page, content: Content, attachments: Collection[FileLink], images: Collection[FileLink]
) -> Iterator[str]:
    """Yield the flags that come from what a page's body holds."""
    characters = sum(map(len, content.text.split()))
    if not content.tables and not attachments:
        if images and characters < _SCANNED:
            yield "scanned_images"
        elif 0 < characters < _SHORT and not images:
            yield "short_text"
    if is_split(page):
        yield "split_pages"


def is_split(page: Page) -> bool:
    """Tell whether a page links or states further pages of the same document (``t2024_12_1.htm`` beside ``t2024_12.htm``).

    Pages that a script only folds (UCAP's laypage) are whole in the markup, and none of these.
    """
    stem, dot, ending = urlsplit(page.url).path.rsplit("/", 1)[-1].rpartition(".")
    if dot and any(map(str.isdigit, stem)):
        following = rf"""["'/]{re.escape(stem)}_[12]\.{re.escape(ending)}\b"""
        if f"{stem}_" in page.text and re.search(following, page.text):
            return True
    if "createPageHTML" not in page.text and "countPage" not in page.text:
        return False
    return any(int(match[1] or match[2]) > 1 for match in _PAGES_OF_SCRIPT.finditer(page.text))
