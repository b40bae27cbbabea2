"""How a captured document is cited: GB/T 7714, BibTeX, CSL-JSON, RIS; pure.

GB/T 7714 (rules for references) cites a page on line as ``机构. 标题[EB/OL]. (发布日期)[采集日期]. 网址.`` The archived copy is
named behind it, since it is what was read. A missing value is left out, never guessed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["txt", "bib", "json", "ris"]

_TEX = str.maketrans(
    {char: f"\\{char}" for char in "&%$#_{}"}
    | {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What is said of a document when it is cited; days are ``YYYY-MM-DD``."""

    document_id: str
    version: int
    author: str  # the agency that published it
    title: str | None
    number: str | None  # 文号
    published: str | None
    captured: str  # local day of the capture
    url: str
    record_id: str  # of the WARC record
    place: str  # file, offset and length
    digest: str | None  # of the payload


def to_text(reference: Reference) -> str:
    """Return the reference by GB/T 7714, with the archived copy named."""
    number = f"：{reference.number}" if reference.number else ""
    published = f"({reference.published})" if reference.published else ""
    return (
        f"{reference.author}. {reference.title or reference.url}{number}[EB/OL]. {published}[{reference.captured}]. "
        f"{reference.url}. 存档：{_archive(reference)}."
    )


def to_bibtex(reference: Reference) -> str:
    """Return the reference as a BibTeX entry."""
    year, _, rest = (reference.published or "").partition("-")
    fields: dict[str, str | None] = {
        "author": f"{{{_tex(reference.author)}}}",
        "title": f"{{{_tex(reference.title)}}}" if reference.title else None,
        "number": _tex(reference.number) if reference.number else None,
        "year": year or None,
        "month": str(int(rest[:2])) if rest else None,
        "url": reference.url,
        "urldate": reference.captured,
        "note": _tex(f"存档 {_archive(reference)}"),
        "language": "chinese",
    }
    name = re.sub(r"[^A-Za-z0-9-]", "-", reference.document_id) + f"-v{reference.version}"
    lines = "".join(f"  {key} = {{{value}}},\n" for key, value in fields.items() if value)
    return f"@misc{{{name},\n{lines}}}\n"


def to_csl(reference: Reference) -> str:
    """Return the reference as CSL-JSON (a list of one item)."""
    item: dict[str, Any] = {
        "id": f"{reference.document_id}-v{reference.version}",
        "type": "webpage",
        "author": [{"literal": reference.author}],
        "title": reference.title,
        "number": reference.number,
        "issued": _date_parts(reference.published),
        "accessed": _date_parts(reference.captured),
        "URL": reference.url,
        "archive": "WARC",
        "archive_location": f"{reference.place} {reference.record_id}",
        "note": reference.digest,
        "language": "zh-CN",
    }
    return json.dumps([{name: value for name, value in item.items() if value}], ensure_ascii=False, indent=2) + "\n"


def to_ris(reference: Reference) -> str:
    """Return the reference in RIS."""
    pairs = (
        ("TY", "ELEC"),
        ("AU", reference.author),
        ("TI", reference.title),
        ("M1", reference.number),
        ("PY", (reference.published or "")[:4]),
        ("DA", (reference.published or "").replace("-", "/")),
        ("Y2", reference.captured.replace("-", "/")),
        ("UR", reference.url),
        ("N1", f"存档 {_archive(reference)}"),
        ("LA", "zh-CN"),
    )
    return "".join(f"{tag}  - {' '.join(value.split())}\r\n" for tag, value in pairs if value) + "ER  - \r\n"


def _archive(reference: Reference) -> str:
    digest = f", {reference.digest}" if reference.digest else ""
    return f"WARC-Record-ID {reference.record_id}{digest}"


def _date_parts(day: str | None) -> dict[str, list[list[int]]] | None:
    return {"date-parts": [[int(part) for part in day.split("-")]]} if day else None


def _tex(text: str) -> str:
    return " ".join(text.translate(_TEX).split())
