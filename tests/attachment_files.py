"""Files of every format: made in code, and small ones that an office program wrote (``tests/attachments/``)."""

from __future__ import annotations

import gzip
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from govcrawl.demo.files import pdf

if TYPE_CHECKING:
    from collections.abc import Mapping

SAVED = Path(__file__).parent / "attachments"
"""``notice``: a text with a table of merged cells, a link and a list; ``sheet``; ``slides``: as LibreOffice writes them."""

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFD = 'xmlns:ofd="http://www.ofdspec.org/2016"'


def saved(name: str) -> bytes:
    """A file that an office program wrote."""
    data = (SAVED / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    """A ZIP archive."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 3, 5, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def gbk_named(members: dict[str, bytes]) -> bytes:
    """A ZIP archive whose names are GBK without saying so, as archivers on Chinese Windows write them."""
    places = {f"{number:0{len(name.encode('gbk'))}}": name for number, name in enumerate(members)}
    data = zipped(dict(zip(places, members.values(), strict=True)))
    for place, name in places.items():
        data = data.replace(place.encode(), name.encode("gbk"))
    return data


def word(body: str, **parts: str) -> bytes:
    """A DOCX with this body (``w:`` is bound) and these parts (numbering, styles, footnotes …), which :func:`part` makes."""
    listed = "".join(f'<Relationship Id="{name}" Type="{_RELATIONS}/{name}" Target="{name}.xml"/>' for name in parts)
    root = f'<Relationship Id="r1" Type="{_RELATIONS}/officeDocument" Target="word/document.xml"/>'
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}">{root}</Relationships>',
            "word/document.xml": part("document", f"<w:body>{body}</w:body>"),
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{listed}</Relationships>',
            **{f"word/{name}.xml": xml for name, xml in parts.items()},
        }
    )


def part(name: str, inner: str) -> str:
    """A part of a Word package."""
    return f'<w:{name} xmlns:w="{_WORD}" xmlns:mc="urn:mc">{inner}</w:{name}>'


def paragraph(text: str, properties: str = "") -> str:
    """A paragraph of one run."""
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def ofd(*pages: list[tuple[float, float, str]], image_pages: int = 0, **more: str) -> bytes:
    """An OFD whose pages hold text objects (x, y, text), then pages with one picture each; ``more`` are further members."""
    contents = [
        "".join(
            f'<ofd:TextObject ID="{n}" Boundary="{x} {y} {4 * len(text)} 4">'
            f'<ofd:TextCode X="0" Y="3">{text}</ofd:TextCode></ofd:TextObject>'
            for n, (x, y, text) in enumerate(page)
        )
        for page in pages
    ]
    contents += ['<ofd:ImageObject ID="9" Boundary="0 0 210 297"/>'] * image_pages
    listed = "".join(f'<ofd:Page ID="{n}" BaseLoc="Pages/Page_{n}/Content.xml"/>' for n in range(len(contents)))
    body = "<ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody>"
    return zipped(
        {
            "OFD.xml": f"<ofd:OFD {_OFD}>{body}</ofd:OFD>",
            "Doc_0/Document.xml": f"<ofd:Document {_OFD}><ofd:Pages>{listed}</ofd:Pages></ofd:Document>",
            **{
                f"Doc_0/Pages/Page_{n}/Content.xml": f"<ofd:Page {_OFD}><ofd:Content><ofd:Layer>{content}</ofd:Layer>"
                "</ofd:Content></ofd:Page>"
                for n, content in enumerate(contents)
            },
            **{f"{name}.xml": xml for name, xml in more.items()},
        }
    )


def many_pages(count: int) -> bytes:
    """A PDF that shows one page so many times."""
    kids = b" ".join([b"3 0 R"] * count)
    return pdf(["很多页"]).replace(b"/Kids [3 0 R] /Count 1", b"/Kids [" + kids + b"] /Count %d" % count)


def scan(pages: int = 1) -> bytes:
    """A PDF whose pages show an image and nothing else."""
    show = b"q 595 0 0 842 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x80 EI Q"
    one = pdf([])
    start, end = one.index(b"<< /Length"), one.index(b"endstream")
    data = one[:start] + b"<< /Length %d >>\nstream\n" % len(show) + show + b"\n" + one[end:]
    kids = b" ".join([b"3 0 R"] * pages)
    return data.replace(b"/Kids [3 0 R] /Count 1", b"/Kids [" + kids + b"] /Count %d" % pages)
