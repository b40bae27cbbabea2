"""ZIP archives: every member with its name, size, type and text; archives inside archives are listed, not opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from govcrawl.attachment_readers.found import Found, Full, Refused
from govcrawl.attachment_readers.packages import Package
from govcrawl.attachment_readers.sniff import ZIP, sniff

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable

_MAX_MEMBERS = 500
_UTF8_NAME, _ENCRYPTED = 0x800, 0x1
_MACOS = "__MACOSX/"


def read_zip(data: bytes, found: Found, read_member: Callable[[bytes, str, Found], None]) -> None:
    """Read an archive.

    Args:
        data: the archive.
        found: gets a list of members, and the text of all of them under their names.
        read_member: reads the content of one member (its bytes, its type) into a Found of its own, which it also closes.
    """
    package = Package(data)
    entries = [entry for entry in package.entries if not entry.is_dir()]
    entries = [entry for entry in entries if not entry.filename.startswith(_MACOS)]
    if len(entries) > _MAX_MEMBERS:
        found.flags.add("cut")
    for entry in entries[:_MAX_MEMBERS]:
        inner = _read_entry(package, entry, read_member)
        found.flags |= inner.flags & {"cut"}
        name = member_name(entry)
        first = len(found.tables)
        member: dict[str, Any] = {
            "name": name,
            "bytes": entry.file_size,
            "media_type": inner.media_type,
            "status": inner.status,
            "reason": inner.reason,
            "pages": inner.pages,
            "text": inner.text,
            "tables": [first, first],  # its places in the archive's tables: from, to (not included)
        }
        found.members.append(member)
        try:
            found.add(name)
            if inner.text:
                found.add(inner.text)
                found.add("")
            for table in inner.tables:
                found.add_table(table, with_text=False)
        finally:
            member["tables"] = [first, len(found.tables)]
    if entries and all(member["status"] == "encrypted" for member in found.members):
        raise Refused("encrypted", "its members are encrypted")
    if not any(member["text"] for member in found.members):
        _say_why(found)


def _say_why(found: Found) -> None:
    """Say of an archive without any text what its members are."""
    statuses: list[Any] = [member["status"] for member in found.members]
    for status in ("needs_ocr", "encrypted", "broken", "too_large", "unsupported"):
        if status in statuses:
            found.status, found.reason = status, f"none of its {len(statuses)} members could be read: {status}"
            return


def _read_entry(package: Package, entry: zipfile.ZipInfo, read_member: Callable[[bytes, str, Found], None]) -> Found:
    inner = Found()
    try:
        content = package.read_entry(entry)
    except Refused as error:
        inner.status, inner.reason = error.status, error.reason
        return inner
    inner.media_type = sniff(content)
    if inner.media_type == ZIP:
        inner.status, inner.reason = "unsupported", "an archive inside an archive is not opened"
        return inner
    try:
        read_member(content, inner.media_type, inner)
    except Full:
        inner.flags.add("cut")
    return inner


def member_name(entry: zipfile.ZipInfo) -> str:
    """Return a member's name: UTF-8 where the archive says so or it is, else GBK, which Windows in China writes (APPNOTE 4.4.4)."""
    if entry.flag_bits & _UTF8_NAME:
        return entry.orig_filename.replace("\\", "/")
    try:
        raw = entry.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return entry.orig_filename.replace("\\", "/")
    for codec in ("utf-8", "gb18030"):
        try:
            return raw.decode(codec).replace("\\", "/")
        except UnicodeDecodeError:
            continue
    return entry.orig_filename.replace("\\", "/")
