"""ZIP packages opened with bounds, and XML read without entities, network or endless depth."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from io import BytesIO
from typing import Any

import lxml.etree

from govcrawl.attachment_readers.found import MAX_PART_BYTES, MAX_UNPACKED_BYTES, Refused

_MAX_ENTRIES = 20_000
_ENCRYPTED_BIT = 0x1


class Package:
    """A ZIP package (OPC, ODF, OFD).

    Raises:
        Refused: it is damaged, or says of itself that it unpacks to more than is read. A member that lies about its size is
            cut there by the unpacker.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise Refused("broken", f"damaged ZIP package: {error}") from None
        entries = self._zip.infolist()
        total = sum(entry.file_size for entry in entries)
        if len(entries) > _MAX_ENTRIES or total > MAX_UNPACKED_BYTES:
            raise Refused(
                "too_large",
                f"it unpacks to {total} bytes in {len(entries)} members; {MAX_UNPACKED_BYTES} bytes in {_MAX_ENTRIES} are read",
            )
        self.entries = entries
        self._by_name = {entry.filename.replace("\\", "/").lstrip("/").lower(): entry for entry in entries}

    def has(self, name: str) -> bool:
        """Tell whether there is a member of this name, in any case of letters."""
        return name.lstrip("/").lower() in self._by_name

    def names(self) -> list[str]:
        """Names of all members, lower case."""
        return list(self._by_name)

    def read(self, name: str) -> bytes:
        """Return a member's bytes.

        Raises:
            Refused: it is not there, damaged, encrypted or too large.
        """
        entry = self._by_name.get(name.lstrip("/").lower())
        if entry is None:
            raise Refused("broken", f"its part {name} is missing")
        return self.read_entry(entry)

    def read_entry(self, entry: zipfile.ZipInfo) -> bytes:
        """Return a member's bytes; errors as :meth:`read`."""
        if entry.flag_bits & _ENCRYPTED_BIT:
            raise Refused("encrypted", f"its member {entry.filename} is encrypted")
        if entry.file_size > MAX_PART_BYTES:
            raise Refused(
                "too_large",
                f"its member {entry.filename} has {entry.file_size} bytes, at most {MAX_PART_BYTES} are read",
            )
        try:
            return self._zip.read(entry)
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            OSError,
            EOFError,
            RuntimeError,
            ValueError,
            zlib.error,
        ) as error:
            raise Refused("broken", f"its member {entry.filename} is damaged: {error}") from None

    def xml(self, name: str) -> Any:
        """Return a member as the root of an XML tree.

        Raises:
            Refused: as :meth:`read`, or it is no XML.
        """
        return parse_xml(self.read(name), name)

    def targets(self, part: str, kind: str) -> list[str]:
        """Return the parts that a part relates to by relationships whose type ends in ``kind`` (OPC, ISO/IEC 29500-2 §9.3)."""
        folder, base = posixpath.split(part)
        relations = posixpath.join(folder, "_rels", f"{base}.rels")
        if not self.has(relations):
            return []
        found = []
        for relation in self.xml(relations):
            if (relation.get("Type") or "").endswith(kind) and relation.get("TargetMode") != "External":
                target = relation.get("Target") or ""
                found.append(posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/"))
        return [target for target in found if self.has(target)]


def parse_xml(data: bytes, name: str = "XML") -> Any:
    """Return the root of an XML tree: entities stay unresolved, depth and size are libxml2's limits.

    Raises:
        Refused: it is no XML that can be read.
    """
    parser = lxml.etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = lxml.etree.fromstring(data, parser)
    except (lxml.etree.XMLSyntaxError, ValueError) as error:
        raise Refused("broken", f"{name} is damaged: {error}") from None
    if root is None:
        raise Refused("broken", f"{name} is empty")
    return root


def local(element: Any) -> str:
    """Return an element's name without its namespace, ``""`` for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str) -> str | None:
    """Return an attribute by its name without namespace."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(value)
    return None
