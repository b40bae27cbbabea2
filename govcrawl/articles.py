"""What stands around the body of an article: title, line with date and source, index, attachments.

For templates whose sites share a CMS but not a skin: nothing here knows a class name of one site.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from govcrawl.blocks import is_hidden, read_content
from govcrawl.citations import is_document_number
from govcrawl.containers import find_container, unlinked_length
from govcrawl.dates import parse_date
from govcrawl.errors import TemplateMismatch
from govcrawl.items import DocumentPage
from govcrawl.labels import find_index, read_index, read_metas, read_spaced, read_value, split_labels
from govcrawl.listing import find_date, is_aside
from govcrawl.pick import compiled, pick_some
from govcrawl.urls import file_links

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from archive.model import FileLink
    from govcrawl.decode import Page

_HIGHEST = 6  # ancestors of the body looked at for the line with date and source
_NEAR = 4  # … for a date without label
_CLOSEST = 2  # elements before a body that stands in no block of its own
_ABOVE = 2  # ancestors above those looked at for an attachment block
_LONGEST_LINE = 160
_LONGEST_TITLE = 200
_SHORTEST_TITLE = 4
_LONGEST_NAME = 10  # names of agencies and columns are seldom longer, titles seldom shorter
_LEAST_ALIKE = 0.5  # share of pairs of characters a heading has in common with the meta's title
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
_TITLE_NAME = re.compile(r"(?:^|[\s_-])(?:tit|title|bt|biaoti|headline|h1)\d?(?:$|[\s_-])", re.IGNORECASE)
_FILES_NAME = re.compile(
    r"(?:^|[\s_-])(?:fj|fjxz|fujian|xgfj|attach(?:ment)?s?|files?|download|tyxxy_fj)(?:$|[\s_-])|fujian|attach",
    re.IGNORECASE,
)
_FILES_TEXT = re.compile(r"^\s*(?:相关)?附\s*件")
_SOURCE_LINE = re.compile(r"^\s*[（(【\[]?\s*(?:信息|文章|稿件|新闻)?来\s*源\s*[:：]")
_SITE_END = re.compile(r"\s*[_|\-–—].{2,30}$")


def read_article(
    page: Page,
    *,
    title: str = "",
    content: str = "",
    key: str | None = None,
    flags: tuple[str, ...] = (),
) -> DocumentPage:
    """Read an article page of an unknown skin.

    Args:
        title: selector of the title; found by what it says where empty.
        content: selector of the body; found by strong hints where empty.
        key: the CMS's own id; of the meta tags where None.
        flags: what the template noticed.

    Raises:
        TemplateMismatch: a given selector finds nothing; or there is neither body nor title.
    """
    metas = dict(read_metas(page.root))
    given = metas.pop("key", None)
    container, name = _find_body(page, content)
    if container is None:
        return _read_bare(page, metas, key or given, flags)
    inside = find_index(container)
    index = inside or find_index(page.root, leading=None, outside=container)
    scope = _find_scope(container, index)
    fields = _read_lines(scope, (container, *index))
    _split_values(fields)
    heading = _heading(page, (container, *index), title, metas)
    if heading:
        fields["title"] = heading
    before = list(_before(scope, container))
    number = next((text for text in before if is_document_number(text)), None)
    if number:
        fields.setdefault("document_number", number)
    if "publish_date" not in fields and "publish_date" not in metas:
        date = _bare_date(container)
        if date:
            fields["publish_date"] = date
    if "source" not in fields and "source" not in metas:
        source = _closing_source(container)
        if source:
            fields["source"] = source
    return DocumentPage(
        container=container,
        container_name=name,
        fields=fields,
        index_fields=read_index(index),
        metas=metas,
        attachments=_find_files(page, container, scope),
        key=key or given,
        flags=flags,
    )


# --- the body ---


def _find_body(page: Page, selector: str) -> tuple[Any, str | None]:
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
    index = find_index(outer)
    links = [link for link in outer.iter("a") if inner not in link.iterancestors()]
    rest = read_content(outer, (inner, *index, *links)).complete.splitlines()
    if not rest:
        return False
    known = set(read_content(inner).complete.splitlines())
    more = sum(len(line) for line in rest if line not in known)
    return more > (1 - _COVERING) * max(unlinked_length(inner), 1)


def _read_bare(page: Page, metas: dict[str, str], key: str | None, flags: tuple[str, ...]) -> DocumentPage:
    """Read a page on which no body is known: labels and metas only, the body is left to the fallback.

    Raises:
        TemplateMismatch: nothing says that this is an article.
    """
    if "title" not in metas:
        raise TemplateMismatch(
            f"{page.url}: no body by any known container and no meta ArticleTitle; expected at least one; the page is of another family or was redesigned"
        )
    body = page.root.find("body")
    fields = _read_lines(page.root if body is None else body, ())
    index = find_index(page.root, leading=None)
    return DocumentPage(fields=fields, index_fields=read_index(index), metas=metas, key=key, flags=flags)


# --- lines and labels ---


def _find_scope(container: Any, index: Sequence[Any]) -> Any:
    """Return the smallest element around the body in which a date or source label is printed outside the index."""
    scope = container
    for place, ancestor in enumerate(container.iterancestors()):
        if ancestor.tag in {"body", "html"} or place >= _HIGHEST:
            break
        scope = ancestor
        labels = _read_lines(ancestor, (container, *index))
        if "publish_date" in labels or "source" in labels:
            return ancestor
    parent = container.getparent()
    return parent if scope is container and parent is not None else scope


def _read_lines(scope: Any, drop: Sequence[Any]) -> dict[str, str]:
    out = read_spaced(scope, drop)
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


def _before(scope: Any, container: Any) -> Iterator[str]:
    """Yield the short texts that stand in an element before the body."""
    inside = set(container.iter())
    for leaf, text in _leaves(scope):
        if leaf in inside:
            return
        if len(text) <= _LONGEST_LINE:
            yield text


def _bare_date(container: Any) -> str | None:
    """Return a date that is printed without label near the body: before it, else behind it, nearest first."""
    inner = container
    for place, ancestor in enumerate(container.iterancestors()):
        if ancestor.tag == "html" or place >= _NEAR:
            break
        before, behind = _beside(ancestor, inner)
        if ancestor.tag == "body":  # what stands farther up is the page's head, with its clock
            before, behind = before[-_CLOSEST:], []
        for elements in (before, behind):
            texts = [text for e in elements if not is_aside(e) for leaf, text in _leaves(e) if not is_aside(leaf)]
            printed, day = find_date(texts[::-1] if elements is before else texts)
            if printed and day:
                return day if parse_date(printed) is None else printed
        inner = ancestor
    return None


def _beside(parent: Any, inner: Any) -> tuple[list[Any], list[Any]]:
    children = [child for child in parent if isinstance(child.tag, str) and not is_hidden(child)]
    place = next((n for n, child in enumerate(children) if child is inner), len(children))
    return children[:place], children[place + 1 :]


def _closing_source(container: Any) -> str | None:
    """Return the source that a body names in its closing line (来源：… 编辑：…)."""
    for paragraph in read_content(container).paragraphs[-_CLOSING:]:
        if len(paragraph) <= _LONGEST_LINE and _SOURCE_LINE.match(paragraph):
            found = split_labels(paragraph.strip("（()）【】[] ")).get("source")
            if found:
                return found
    return None


# --- the title ---


def _heading(page: Page, drop: Sequence[Any], selector: str, metas: dict[str, str]) -> str | None:
    """Return the title as the page shows it before the body (the first of ``drop``); None where only meta tags know it."""
    if selector:
        shown = (read_value("".join(e.itertext())) for e in pick_some(page, selector, "the title"))
        return next(filter(None, shown), None)
    stated = metas.get("title") or _window_title(page)
    named: list[str] = []
    exact: str | None = None
    alike: list[tuple[float, str]] = []
    for element, text in _headings(page, drop, {metas.get("site_name"), metas.get("column_name")}):
        if stated and _squeeze(text) == _squeeze(stated):
            if "title" in metas or len(text) > _LONGEST_NAME:
                return text
            exact = text  # a window's title that short may be the site's name, printed in the head
            named.clear()
            continue
        if stated:
            alike.append((_alike(text, stated), text))
        if element.tag in {"h1", "h2"} or _TITLE_NAME.search(f"{element.get('class') or ''} {element.get('id') or ''}"):
            named.append(text)
    if exact:
        return named[-1] if named else exact
    best = max(alike, default=(0.0, ""), key=lambda pair: pair[0])
    if best[0] >= _LEAST_ALIKE:
        return best[1]
    return named[-1] if named and "title" not in metas else None


def _headings(page: Page, drop: Sequence[Any], names: Collection[str | None]) -> Iterator[tuple[Any, str]]:
    """Yield what may be the title: short texts before the body, outside the index, that are no date and no name of site or column."""
    inside = set(drop[0].iter())
    boxed = {element for box in drop[1:] for element in box.iter()}
    for element in page.root.iter("h1", "h2", "h3", "h4", "div", "p", "td", "span", "strong"):
        if element in inside:
            return
        text = None if element in boxed else _short_text(element)
        if text and text not in names and not parse_date(text) and not is_aside(element) and not is_hidden(element):
            yield element, text


def _short_text(element: Any) -> str | None:
    """Return what an element without blocks in it shows, where it is as long as a title."""
    if element.find(".//div") is not None or element.find(".//p") is not None or element.find(".//table") is not None:
        return None
    if element.find(".//a") is not None or next(element.iterancestors("a"), None) is not None:
        return None
    text = read_value(compiled("string(.)")(element))
    return text if text and _SHORTEST_TITLE <= len(text) <= _LONGEST_TITLE else None


def _window_title(page: Page) -> str | None:
    text = read_value(compiled("string((//head//title | //title)[1])")(page.root))
    return _SITE_END.sub("", text) if text else None


def _alike(text: str, stated: str) -> float:
    """Return the share of pairs of characters that two titles have in common."""
    one, other = ({t[n : n + 2] for n in range(len(t) - 1)} for t in (_squeeze(text), _squeeze(stated)))
    return 2 * len(one & other) / max(len(one) + len(other), 1)


def _squeeze(text: str) -> str:
    return "".join(text.split())


# --- attachments ---


def _find_files(page: Page, container: Any, scope: Any) -> tuple[FileLink, ...]:
    """Return the files linked beside the body: anywhere in its scope, above it only from a block named after them."""
    near: list[Any] = []
    blocks: list[Any] = []
    inner, beyond = container, 0
    for ancestor in container.iterancestors():
        if ancestor.tag == "html" or beyond > _ABOVE:
            break
        for group in _beside(ancestor, inner):
            for part in _parts(group):
                named = _FILES_NAME.search(f"{part.get('class') or ''} {part.get('id') or ''}")
                if named or _FILES_TEXT.match(compiled("string(.)")(part)):
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
        if is_hidden(element) or is_aside(element):
            continue
        if any(is_aside(inner) for inner in element.iterdescendants() if isinstance(inner.tag, str)):
            yield from _parts(child for child in element if isinstance(child.tag, str))
        else:
            yield element
