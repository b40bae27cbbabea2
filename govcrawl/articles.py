"""What stands around the body of an article: line with date and source, index, attachments.

For templates whose sites share a CMS but not a skin: nothing here knows a class name of one site.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from govcrawl.blocks import is_hidden, is_unshown, read_content
from govcrawl.citations import is_document_number
from govcrawl.containers import find_container, unlinked_length
from govcrawl.dates import parse_date
from govcrawl.errors import TemplateMismatch
from govcrawl.headings import leading_date, read_heading, window_title
from govcrawl.index_box import find_index, read_index
from govcrawl.items import DocumentPage
from govcrawl.labels import is_table_value, read_spaced, read_value, split_labels
from govcrawl.listing import find_date, is_aside
from govcrawl.metas import read_metas
from govcrawl.passage import find_passage
from govcrawl.pick import compiled, pick_some
from govcrawl.urls import file_links

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.model import FileLink
    from govcrawl.decode import Page
    from govcrawl.items import Passage

_HIGHEST = 6  # ancestors of the body looked at for the line with date and source
_NEAR = 4  # … for a date without label
_CLOSE_LINES = 4  # lines before a body of which one may begin with its date
_LONGEST_BUTTON = 2  # 大 中 小, 打印
_CLOSEST = 2  # elements before a body that stands in no block of its own
_ABOVE = 2  # ancestors above those looked at for an attachment block
_LONGEST_LINE = 160
_COVERING = 0.9  # share of the text that an inner block must hold to be read alone
_CLOSING = 2  # last paragraphs of a body in which 来源：… may stand
_HOLDERS = (
    "zoom",
    "article_content",
    "article-content",
    "xl_con",
    "con_text",
    "content",
    "wz_content",
    "detail-content",
)
_FILES_NAME = re.compile(
    r"(?:^|[\s_-])(?:fj|fjxz|fujian|xgfj|attach(?:ment)?s?|files?|download|tyxxy_fj)(?:$|[\s_-])|fujian|attach",
    re.IGNORECASE,
)
_FILES_TEXT = re.compile(r"^\s*(?:相关)?附\s*件")
_SOURCE_LINE = re.compile(r"^\s*[（(【\[]?\s*(?:信息|文章|稿件|新闻)?来\s*源\s*[:：]")
_ORIGIN = re.compile(r"来\s*源")
_LONGEST_CLOSING = 600  # characters at the end of a body, blanks and what is trimmed from it included


def read_article(
    page: Page,
    *,
    title: str = "",
    content: str = "",
    key: str | None = None,
    flags: tuple[str, ...] = (),
    anything: bool = False,
) -> DocumentPage:
    """Read an article page of an unknown skin.

    Args:
        title: selector of the title; found by what it says where empty.
        content: selector of the body; found by strong hints where empty.
        key: the CMS's own id; of the meta tags where None.
        flags: what the template noticed.
        anything: the page may be of any site: no template says what stands on it.

    Raises:
        TemplateMismatch: a given selector finds nothing; or there is neither body nor title.
    """
    metas = dict(read_metas(page.root))
    given = metas.pop("key", None)
    found = _find_body(page, content, metas, anything=anything)
    if not found.parts:
        body = page.root.find("body")
        fields = _read_lines(page.root if body is None else body, found.boxes)
        fields.pop("update_date", None)
        return DocumentPage(
            fields=fields, index_fields=read_index(found.boxes), metas=metas, key=key or given, flags=flags
        )
    scope, fields = _find_scope(found.holder, (*found.parts, *found.boxes))
    _split_values(fields)
    before = list(_before(scope, found.parts[0], found.boxes))
    heading = read_heading(page, found.parts[0], found.boxes, metas, selector=title, before=before)
    if heading:
        fields["title"] = heading
    _fill(fields, metas, found, before)
    return DocumentPage(
        container=found.container,
        container_name=found.name,
        fields=fields,
        index_fields=read_index(found.boxes),
        metas=metas,
        attachments=_find_files(page, found.parts, scope),
        key=key or given,
        flags=flags,
        passage=found.passage,
    )


def _fill(fields: dict[str, str], metas: dict[str, str], found: _Found, before: list[str]) -> None:
    """Add what is printed without label, or only in the closing line, where neither label nor meta tag says it."""
    number = next((text for text in before if is_document_number(text)), None)
    if number:
        fields.setdefault("document_number", number)
    updated = fields.pop("update_date", None)
    if "publish_date" not in fields and "publish_date" not in metas:
        date = _bare_date(found.parts, before) or updated
        if date:
            fields["publish_date"] = date
    if "source" not in fields and "source" not in metas:
        source = _closing_source(found.passage.element if found.passage else found.container)
        if source:
            fields["source"] = source


# --- the body ---


class _Found(NamedTuple):
    """Where the body stands: a known container, or a passage; ``parts`` are its elements, none where there is neither; ``boxes``: the index."""

    boxes: list[Any]
    parts: tuple[Any, ...] = ()
    holder: Any = None
    container: Any | None = None
    name: str | None = None
    passage: Passage | None = None


def _find_body(page: Page, selector: str, metas: dict[str, str], *, anything: bool) -> _Found:
    container, name = _find_container(page, selector)
    if container is not None:
        index = find_index(container) or find_index(page.root, leading=None, outside=container)
        return _Found(index, (container,), container, container, name)
    if "title" not in metas and not anything:
        raise TemplateMismatch(
            f"{page.url}: no body by any known container and no meta ArticleTitle; expected at least one; the page is of another family or was redesigned"
        )
    index = find_index(page.root, leading=None)
    passage = find_passage(page.root, metas.get("title") or window_title(page), index)
    return _Found(index) if passage is None else _Found(index, passage.parts, passage.holder, passage=passage)


def _find_container(page: Page, selector: str) -> tuple[Any, str | None]:
    """Return the body's element and the selector or hint that found it."""
    if selector:
        return max(pick_some(page, selector, "the body"), key=unlinked_length), selector
    found = find_container(page.root)
    if found is None:
        return None, None
    container, name = found
    for ancestor in container.iterancestors():
        names = {(ancestor.get("id") or "").lower(), *(ancestor.get("class") or "").lower().split()}
        holder = next((hint for hint in _HOLDERS if hint in names), None)
        if holder and _holds_more(ancestor, container):
            return ancestor, f"{holder} around {name}"
        if holder:
            break
    return container, name


def _holds_more(outer: Any, inner: Any) -> bool:
    """Tell whether an element holds much of the body beside the editor's block in it: no copy of it, no index, no links."""
    own = max(unlinked_length(inner), 1)
    if unlinked_length(outer) - own <= (1 - _COVERING) * own:
        return False
    index = find_index(outer)
    links = [link for link in outer.iter("a") if inner not in link.iterancestors()]
    rest = read_content(outer, (inner, *index, *links)).complete.splitlines()
    if sum(map(len, rest)) <= (1 - _COVERING) * own:
        return False
    known = set(read_content(inner).complete.splitlines())
    more = sum(len(line) for line in rest if line not in known)
    return more > (1 - _COVERING) * own


# --- lines and labels ---


def _find_scope(holder: Any, drop: Sequence[Any]) -> tuple[Any, dict[str, str]]:
    """Return the smallest element around the body in which a date or source label is printed outside body and index, and its labels."""
    scope = holder
    labels: dict[str, str] = {}
    for place, ancestor in enumerate(
        (holder, *holder.iterancestors()) if holder not in drop else holder.iterancestors()
    ):
        if ancestor.tag in {"body", "html"} or place >= _HIGHEST:
            break
        scope = ancestor
        labels = _read_lines(ancestor, drop)
        if "publish_date" in labels or "source" in labels:
            return ancestor, labels
    parent = holder.getparent()
    if scope is holder and parent is not None:
        return parent, _read_lines(parent, drop)
    return scope, labels


def _read_lines(scope: Any, drop: Sequence[Any]) -> dict[str, str]:
    out = read_spaced(scope, drop)
    if "publish_date" in out and "source" in out:
        return out
    for paragraph in read_content(scope, drop).paragraphs:
        if len(paragraph) <= _LONGEST_LINE:
            for name, value in split_labels(paragraph).items():
                out.setdefault(name, value)
    return out


def _split_values(fields: dict[str, str]) -> None:
    """Take apart values that run into what stands behind them: 来源：本站 2026-05-20 09:40, 时间：2026-03-02 繁體."""
    words = fields.get("source", "").split(" ")
    place = next((n for n in range(1, len(words)) if parse_date(" ".join(words[n:]))), None)
    if place is not None:
        fields["source"] = " ".join(words[:place])
        fields.setdefault("publish_date", " ".join(words[place:]))
    printed = fields.get("publish_date", "").split()
    starts = (" ".join(printed[:count]) for count in range(len(printed), 0, -1))
    date = next(filter(parse_date, starts), None)
    if date:
        fields["publish_date"] = date


def _leaves(element: Any) -> Iterator[tuple[Any, str]]:
    """Yield the elements without child elements that show a text, line breaks aside, in order."""
    for leaf in element.iter():
        if (
            isinstance(leaf.tag, str)
            and leaf.tag not in {"script", "style"}
            and all(child.tag == "br" for child in leaf)
        ):
            text = read_value("".join(leaf.itertext()))
            if text:
                yield leaf, text


def _before(scope: Any, body: Any, index: Sequence[Any]) -> Iterator[str]:
    """Yield the short texts that stand in an element before the body, outside the index."""
    boxed = {element for box in index for element in box.iter()}
    for element in scope.iter():
        if element is body:
            return
        if not isinstance(element.tag, str) or element in boxed or element.tag in {"script", "style"}:
            continue
        whole = not any(compiled("string(.)")(child).strip() for child in element)
        text = read_value("".join(element.itertext()) if whole else element.text)
        if text and len(text) <= _LONGEST_LINE and not is_table_value(element):
            yield text


def _bare_date(body: Sequence[Any], lines: Sequence[str]) -> str | None:
    """Return a date that is printed without label near the body: before it, else behind it, nearest first.

    Args:
        lines: the short texts before the body.
    """
    near = [text for text in lines if len(text) > _LONGEST_BUTTON][-_CLOSE_LINES:]
    starts = (leading_date(text) for text in reversed(near))
    if date := next(filter(None, starts), None):
        return date
    inner = body[0]
    for place, ancestor in enumerate(inner.iterancestors()):
        if ancestor.tag == "html" or place >= _NEAR:
            break
        before, behind = (
            [element for element in elements if element not in body] for elements in _beside(ancestor, inner)
        )
        if ancestor.tag == "body":  # what stands farther up is the page's head, with its clock
            before, behind = before[-_CLOSEST:], []
        for elements in (before, behind):
            texts = [
                text
                for e in elements
                if not is_aside(e)
                for leaf, text in _leaves(e)
                if not is_table_value(leaf) and not any(map(is_aside, (leaf, *leaf.iterancestors())))
            ]
            printed, day = find_date(texts[::-1] if elements is before else texts)
            if printed and day:
                return day if parse_date(printed) is None else printed
        inner = ancestor
    return None


def _is_shown(element: Any) -> bool:
    """Tell whether an element is shown and no widget, other than one that holds attachments."""
    return not is_hidden(element) or (not is_unshown(element) and _is_named_after_files(element))


def _is_named_after_files(element: Any) -> bool:
    return _FILES_NAME.search(f"{element.get('class') or ''} {element.get('id') or ''}") is not None


def _beside(parent: Any, inner: Any) -> tuple[list[Any], list[Any]]:
    children = [child for child in parent if _is_shown(child)]
    place = next((n for n, child in enumerate(children) if child is inner), len(children))
    return children[:place], children[place + 1 :]


def _closing_source(container: Any) -> str | None:
    """Return the source that a body names in its closing line (来源：… 编辑：…)."""
    if not _ORIGIN.search(compiled("string(.)")(container)[-_LONGEST_CLOSING:]):
        return None
    for paragraph in read_content(container).paragraphs[-_CLOSING:]:
        if len(paragraph) <= _LONGEST_LINE and _SOURCE_LINE.match(paragraph):
            found = split_labels(paragraph.strip("（()）【】[] ")).get("source")
            if found:
                return found
    return None


# --- attachments ---


def _find_files(page: Page, body: Sequence[Any], scope: Any) -> tuple[FileLink, ...]:
    """Return the files linked beside the body: anywhere in its scope, above it only from a block named after them."""
    near: list[Any] = []
    blocks: list[Any] = []
    inner, beyond = body[0], 0
    for ancestor in inner.iterancestors():
        if ancestor.tag == "html" or beyond > _ABOVE:
            break
        for group in _beside(ancestor, inner):
            for part in _parts(element for element in group if element not in body):
                if _is_named_after_files(part) or _FILES_TEXT.match(compiled("string(.)")(part)):
                    blocks.append(part)
                elif not beyond and ancestor.tag != "body":
                    near.append(part)
        inner = ancestor
        beyond += bool(beyond) or ancestor is scope
    encoding = page.encoding
    found = {link.url: link for link in file_links(near, page.url, query_encoding=encoding)}
    for link in file_links(blocks, page.url, trusted=True, query_encoding=encoding):
        found.setdefault(link.url, link)
    return tuple(found.values())


def _parts(elements: Iterable[Any]) -> Iterator[Any]:
    """Yield elements as large as they come without side columns in them."""
    for element in elements:
        if not _is_shown(element) or is_aside(element):
            continue
        if any(is_aside(inner) for inner in element.iterdescendants() if isinstance(inner.tag, str)):
            yield from _parts(child for child in element if isinstance(child.tag, str))
        else:
            yield element
