"""Who cites whom: the citations of all documents as an edge list, resolved to documents of the catalog.

Nothing of it is stored: edges are read from the texts and looked up when they are asked for, so that they are always those of the present
reader and of the documents now known. Read are the current version's paragraphs and its tables; attachments are not. What a text cites
is told by a function that is handed in (:func:`govcrawl.citations.read_mentions`), for the store knows no Chinese.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from itertools import islice
from typing import IO, TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from archive import catalog_reads as reads
from archive.catalog_find import found_ids
from archive.export import begun
from archive.mentions import normal_number, title_key
from archive.search_query import Phrase, Query, Some
from archive.search_text import fold
from archive.text import without_controls

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from archive.catalog import Catalog
    from archive.mentions import Mention
    from archive.rows import Row

    ReadMentions = Callable[[str, str | None], Iterable[Mention]]

CITATION_FIELDS = (
    "citing_document_id",
    "citing_version",
    "citing_agency",
    "kind",
    "printed",
    "normal",
    "title",
    "cited_document_id",
    "resolved_by",
    "candidates",
    "mentions",
    "place",
    "position",
    "snippet",
)
"""Fields of an edge, in the order of CSV columns."""

_PHRASES_A_QUERY = 50
_SNIPPET = 40  # characters on each side
_SHORTEST_TITLE = 4  # characters of a title that documents are known by: 通知 is the title of many things
_CITES_IN_TABLE = re.compile("[号號《]")


class Names:
    """Which documents bear a number or a title, in the forms for comparison."""

    def __init__(self, rows: Iterable[Row], read: ReadMentions) -> None:
        self._by_number: dict[str, list[str]] = defaultdict(list)
        self._by_title: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            if row["document_number"]:
                self._by_number[_own_key(row["document_number"], read)].append(row["document_id"])
            key = title_key(row["title"] or "")
            if len(key) >= _SHORTEST_TITLE:
                self._by_title[key].append(row["document_id"])

    def resolve(self, mention: Mention, citing: str) -> tuple[str | None, str | None, int]:
        """Return the one document that is meant, by what it was found (``document_number``, ``title`` or both), and how many bear the name.

        By its number, where exactly one other document bears it; where several do, the one of them with the title beside; where none
        does, by that title.
        """
        titled = self._others(self._by_title, title_key(mention.title or ""), citing)
        if mention.kind in {"law_title", "title"}:
            return (titled[0], "title", 1) if len(titled) == 1 else (None, None, len(titled))
        numbered = self._others(self._by_number, mention.normal, citing)
        if len(numbered) == 1:
            return numbered[0], "document_number", 1
        both = [document_id for document_id in titled if document_id in numbered]
        if len(both) == 1:
            return both[0], "document_number+title", len(numbered)
        if not numbered and len(titled) == 1:
            return titled[0], "title", 1
        return None, None, len(numbered) or len(titled)

    @staticmethod
    def _others(names: Mapping[str, list[str]], key: str, citing: str) -> list[str]:
        return [document_id for document_id in names.get(key, ()) if document_id != citing]


def export_citations(catalog: Catalog, read: ReadMentions, *, agency: str | None = None) -> Generator[dict[str, Any]]:
    """Stream edges as dicts of :data:`CITATION_FIELDS`, by agency and document, each cited thing once for each citing document.

    ``agency`` limits the citing documents; cited ones are looked for in the whole catalog. A title without a number that is neither a law
    nor the title of one known document is no edge. ``position`` counts characters of ``place`` (``text`` or ``table 0`` …, whose cells are
    set apart by tabs and rows by line ends) at the first mention, ``mentions`` how often it is cited. Whoever may stop before the end
    closes it (``contextlib.closing``) before the catalog.

    Raises:
        CatalogError: the agency is not in the catalog.
    """
    with catalog.snapshot():
        if agency is not None:
            reads.check_agency(catalog, agency)
        names = Names(_named(catalog), read)
        for row in _texts(catalog, agency):
            yield from _edges(row, names, read)


def citations_of(catalog: Catalog, document_id: str, read: ReadMentions) -> list[dict[str, Any]]:
    """Return the edges out of one document, as :func:`export_citations` gives them; asks the search index for what is cited.

    Raises:
        CatalogError: the index is not there for every document.
    """
    row = next(_text_of(catalog, document_id), None)
    if row is None:
        return []
    phrases: dict[Phrase, None] = {}
    for _, text in _places(row):
        for mention in read(text, row["document_number"]):
            if mention.kind == "order":
                phrases[Phrase("令", "number")] = None  # its number may be printed in Chinese numerals there
            elif mention.kind == "document_number":
                phrases[Phrase(fold(mention.normal), "number")] = None
            if mention.title:
                phrases[Phrase(fold(mention.title), "title")] = None
    named = {
        document: None for one in _chunks(list(phrases)) for document in found_ids(catalog, Query(wanted=Some(one)))
    }
    rows = (next(_named_one(catalog, document)) for document in named)
    return list(_edges(row, Names(rows, read), read))


def citations_into(catalog: Catalog, document_id: str, read: ReadMentions, *, most: int) -> list[dict[str, Any]]:
    """Return edges into one document, the newest citing documents first; asks the search index where it may be cited.

    Of more than ``most`` documents that name its number or title the newest are looked at. A number that only stands in a
    row of numbers (14号、15号) is found by the whole export alone.
    """
    row = next(_named_one(catalog, document_id), None)
    if row is None:
        return []
    names = []
    if row["document_number"]:
        names.append(fold(_own_key(row["document_number"], read)))
    if len(title_key(row["title"] or "")) >= _SHORTEST_TITLE:
        names.append(fold(f"《{row['title']}》"))
    phrases = [Phrase(name, column) for name in names for column in ("body", "tables")]
    if not phrases:
        return []
    found: list[dict[str, Any]] = []
    for citing in islice(found_ids(catalog, Query(wanted=Some(tuple(phrases)))), most):
        if citing != document_id:
            edges = citations_of(catalog, citing, read)
            found += [edge for edge in edges if edge["cited_document_id"] == document_id]
    return found


def _chunks(phrases: Sequence[Phrase]) -> Iterator[tuple[Phrase, ...]]:
    """Yield phrases in groups that one query takes."""
    for start in range(0, len(phrases), _PHRASES_A_QUERY):
        yield tuple(phrases[start : start + _PHRASES_A_QUERY])


def _own_key(number: str, read: ReadMentions) -> str:
    """Return the form in which a document's own number is compared; an order's may be printed in Chinese numerals."""
    if "令" in number:
        orders = [mention for mention in read(number, None) if mention.kind == "order"]
        if len(orders) == 1:
            return orders[0].normal
    return normal_number(number)


def _named(catalog: Catalog) -> Iterator[Row]:
    return catalog.rows(
        "SELECT d.id AS document_id, v.document_number, v.title FROM documents AS d"
        " JOIN versions AS v ON v.id = d.current_version_id",
    )


def _named_one(catalog: Catalog, document_id: str) -> Iterator[Row]:
    return catalog.rows(
        "SELECT d.id AS document_id, v.document_number, v.title FROM documents AS d"
        " JOIN versions AS v ON v.id = d.current_version_id WHERE d.id = ?",
        (document_id,),
    )


def _text_of(catalog: Catalog, document_id: str) -> Iterator[Row]:
    return catalog.rows(
        "SELECT d.id AS document_id, d.agency, v.number, v.document_number, v.title, v.text, v.tables FROM documents AS d"
        " JOIN versions AS v ON v.id = d.current_version_id WHERE d.id = ?",
        (document_id,),
    )


def _texts(catalog: Catalog, agency: str | None) -> Iterator[Row]:
    # Only ids are sorted; a plain ORDER BY would put every text through the sorter.
    return catalog.rows(
        "WITH chosen AS MATERIALIZED (SELECT id, agency, current_version_id FROM documents"
        " WHERE (?1 IS NULL OR agency = ?1) ORDER BY agency, id LIMIT -1)"  # without a limit SQLite leaves the order out
        " SELECT d.id AS document_id, d.agency, v.number, v.document_number, v.title, v.text, v.tables"
        " FROM chosen AS d CROSS JOIN versions AS v ON v.id = d.current_version_id",
        (agency,),
    )


def _places(row: Row) -> Iterator[tuple[str, str]]:
    """Yield the texts of a version that are read, with their names."""
    if row["text"]:
        yield "text", row["text"]
    if _CITES_IN_TABLE.search(row["tables"]):
        for number, table in enumerate(json.loads(row["tables"])):
            yield f"table {number}", _table_text(table)


def _table_text(table: list[list[str]]) -> str:
    """Return a table as text; a cell that repeats the one before or above it (a resolved span) is left empty."""
    lines = []
    above: list[str] = []
    for cells in table:
        kept = [
            "" if cell in {cells[place - 1] if place else None, above[place] if place < len(above) else None} else cell
            for place, cell in enumerate(cells)
        ]
        lines.append("\t".join(kept))
        above = cells
    return "\n".join(lines)


def _edges(row: Row, names: Names, read: ReadMentions) -> Iterator[dict[str, Any]]:
    own = title_key(row["title"] or "")
    found: dict[tuple[str, str], dict[str, Any]] = {}
    first: dict[tuple[str, str], Mention] = {}
    beside = {own}
    for place, text in _places(row):
        for mention in read(text, row["document_number"]):
            key = (mention.kind, mention.normal)
            if mention.kind in {"document_number", "order"} and mention.title:
                beside.add(title_key(mention.title))
            if key in found:
                found[key]["mentions"] += 1
                if first[key].title is None:
                    first[key] = first[key]._replace(title=mention.title)
                continue
            first[key] = mention
            found[key] = {"mentions": 1, "place": place, "position": mention.start, "snippet": _snippet(text, mention)}
    for cited_thing, edge in found.items():
        mention = first[cited_thing]
        cited, by, candidates = names.resolve(mention, row["document_id"])
        bare = mention.kind in {"law_title", "title"}
        if bare and (mention.normal in beside or (mention.kind == "title" and cited is None)):
            continue
        yield {
            "citing_document_id": row["document_id"],
            "citing_version": row["number"],
            "citing_agency": row["agency"],
            "kind": mention.kind,
            "printed": mention.printed,
            "normal": mention.normal,
            "title": mention.title,
            "cited_document_id": cited,
            "resolved_by": by,
            "candidates": candidates,
            **edge,
        }


def _snippet(text: str, mention: Mention) -> str:
    return " ".join(text[max(0, mention.start - _SNIPPET) : mention.end + _SNIPPET].split())


# --- GraphML ---

_NODE_KEYS = ("kind", "label", "agency", "url", "document_number", "publish_date")
_EDGE_KEYS = ("kind", "printed", "resolved_by", "mentions")


def write_graphml(catalog: Catalog, edges: Iterable[Mapping[str, Any]], target: IO[bytes]) -> int:
    """Write edges as a directed GraphML graph, for Gephi, NetworkX, igraph …; returns how many.

    Nodes are documents (their ids) and, where a citation leads to none that is known, what is cited (``document_number:…``, ``order:…``,
    ``law_title:…``). Each node stands before its first edge.
    """
    edges = begun(edges)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">']
    for owner, names in (("node", _NODE_KEYS), ("edge", _EDGE_KEYS)):
        for name in names:
            form = "int" if name == "mentions" else "string"
            lines.append(f'<key id="{owner}_{name}" for="{owner}" attr.name="{name}" attr.type="{form}"/>')
    lines.append('<graph id="citations" edgedefault="directed">')
    target.write("\n".join(lines).encode() + b"\n")
    known: set[str] = set()
    count = 0
    for edge in edges:
        cited = edge["cited_document_id"] or f"{edge['kind']}:{edge['normal']}"
        for node in (edge["citing_document_id"], cited):
            if node not in known:
                known.add(node)
                target.write(_node(catalog, node, edge if node == cited and not edge["cited_document_id"] else None))
        ends = f"source={_attribute(edge['citing_document_id'])} target={_attribute(cited)}"
        target.write(f"<edge {ends}>{_data('edge', edge, _EDGE_KEYS)}</edge>\n".encode())
        count += 1
    target.write(b"</graph>\n</graphml>\n")
    return count


def _node(catalog: Catalog, node: str, edge: Mapping[str, Any] | None) -> bytes:
    values: Mapping[str, Any]
    if edge is None:
        row = reads.document_row(catalog, node) or {}
        values = {**row, "kind": "document", "label": row.get("title")}
    else:
        values = {"kind": edge["kind"], "label": edge["title"] or edge["normal"]}
    return f"<node id={_attribute(node)}>{_data('node', values, _NODE_KEYS)}</node>\n".encode()


def _data(owner: str, values: Mapping[str, Any], names: Iterable[str]) -> str:
    return "".join(
        f'<data key="{owner}_{name}">{escape(without_controls(str(values[name])))}</data>'
        for name in names
        if values.get(name) is not None
    )


def _attribute(value: str) -> str:
    return quoteattr(without_controls(value))
