"""A body's blocks as clean HTML: every element is written here, nothing of the page's own markup comes through.

Elements: h1–h6, p, ul, ol, li, table, tbody, tr, td, br, a, img. Attributes: ``href`` and ``src`` (absolute http and https addresses only),
``alt``, ``rel``, ``start``. No scripts, styles, classes, event handlers or embedded objects.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from govcrawl.marked import Block, ListItem, Run

ELEMENTS = frozenset(
    {*("h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li"), *("table", "tbody", "tr", "td", "br", "a", "img")}
)
ATTRIBUTES = frozenset({"href", "src", "alt", "rel", "start"})

_POLICY = "default-src 'none'; img-src http: https:; style-src 'none'; form-action 'none'; base-uri 'none'"


def to_html(blocks: Collection[Block]) -> str:
    """Return the body as a fragment of HTML, one block a line."""
    out: list[str] = []
    lists: list[tuple[str, int]] = []  # open lists: element, identity of the open item
    for block in blocks:
        new = _open_lists(out, lists, block.item)
        if block.rows:
            out.append(_table(block))
        elif block.level:
            out.append(f"<h{block.level}>{_runs(block.runs)}</h{block.level}>")
        elif block.item and new:
            out.append(_runs(block.runs))
        else:
            out.append(f"<p>{_runs(block.runs)}</p>")
    _open_lists(out, lists, None)
    return "\n".join(out) + ("\n" if out else "")


def to_page(title: str | None, url: str, fragment: str) -> str:
    """Return a whole page around a fragment, which loads nothing but images and says where it is from."""
    heading = f"<h1>{escape(title)}</h1>\n" if title else ""
    return (
        f'<!DOCTYPE html>\n<html lang="zh">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="referrer" content="no-referrer">\n<link rel="canonical" href="{escape(url)}">\n<title>{escape(title or url)}</title>\n'
        f"</head>\n<body>\n{heading}{fragment}</body>\n</html>\n"
    )


def _open_lists(out: list[str], lists: list[tuple[str, int]], item: ListItem | None) -> bool:
    """Close and open lists until the block's item stands open; tells whether the item is a new one."""
    depth = item.depth if item else 0
    while len(lists) > depth:
        out.append(f"</li>\n</{lists.pop()[0]}>")
    if item is None or (len(lists) == depth and lists[-1][1] == item.identity):
        return False
    tag = "ol" if item.number else "ul"
    if len(lists) == depth and lists[-1][0] != tag:
        out.append(f"</li>\n</{lists.pop()[0]}>")
    if len(lists) == depth:
        out.append("</li>\n<li>")
        lists[-1] = tag, item.identity
        return True
    while len(lists) < depth:
        last = len(lists) == depth - 1
        start = f' start="{item.number}"' if last and item.number and item.number > 1 else ""
        out.append(f"<{tag if last else 'ul'}{start}>\n<li>")
        lists.append((tag if last else "ul", item.identity if last else 0))
    return True


def _table(block: Block) -> str:
    rows = (
        "<tr>" + "".join(f"<td>{'<br>'.join(map(_runs, cell))}</td>" for cell in row) + "</tr>" for row in block.rows
    )
    return "<table>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>"


def _runs(runs: Collection[Run]) -> str:
    return "".join(map(_run, runs))


def _run(run: Run) -> str:
    text = escape(run.text)
    if run.image:
        text = f'<img src="{escape(run.image.url)}" alt="{escape(run.image.alt)}">'
    return f'<a href="{escape(run.href)}" rel="nofollow noopener noreferrer">{text}</a>' if run.href and text else text
