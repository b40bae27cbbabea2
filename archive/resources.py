"""What is handed out as tables, each column with its type and its meaning in Chinese and English.

One description for every format: headers of spreadsheets, types of Parquet files, ``datapackage.json``. Columns that stand in
the catalog bear the meaning they have there (:mod:`archive.schema`), so that an export and ``docs/schema.md`` never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archive.export import DOCUMENT_FIELDS
from archive.export_citations import CITATION_FIELDS
from archive.export_history import CAPTURE_FIELDS, CHANGE_FIELDS, CRAWL_FIELDS, VERSION_FIELDS
from archive.export_tables import LONG_FIELDS
from archive.schema import TABLES

Type = Literal["text", "integer", "real", "texts", "tables", "json"]
"""``texts`` is a list of texts, ``tables`` tables > rows > cells, ``json`` anything else that is nested."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column."""

    name: str
    type: Type
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One table that is handed out; ``key`` names the columns that tell its rows apart."""

    name: str
    zh: str
    en: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(field.name for field in self.fields)


_SQL: dict[str, Type] = {"TEXT": "text", "INTEGER": "integer", "REAL": "real", "BLOB": "text"}
_LISTS: dict[str, Type] = {
    **dict.fromkeys(("aliases", "channels", "cites", "fields", "changed_fields"), "texts"),
    **dict.fromkeys(
        ("attachments", "images", "extraction", "capture", "origins", "diff", "captures", "options", "counts"), "json"
    ),
    "tables": "tables",
}

_OWN: dict[str, tuple[Type, str, str]] = {
    "document_id": ("text", "公开文件编号", "Identity of the document; fixed for ever."),
    "aliases": ("texts", "其他网址", "Other addresses that lead to the document."),
    "channels": ("texts", "栏目", "Printed names of the channels that list or listed it."),
    "attachments": ("json", "附件", "Attachments with address, label, size, digest and what was read out of them."),
    "images": ("json", "图片", "Images of the content with address, size and digest."),
    "version_count": ("integer", "版本数", "How many versions there are."),
    "extraction": (
        "json",
        "提取方式",
        "How the text was read: method, versions, encoding, container, agreement, flags.",
    ),
    "capture": ("json", "捕获", "Where the record lies: WARC file, offset, length, record id, payload digest."),
    "kind": ("text", "文件类型", "Kind of disclosure by stated rules."),
    "kind_rule": ("text", "类型依据", "The rule that says the kind: field and words found."),
    "number": ("integer", "版次", "1 = first."),
    "version": ("integer", "版次", "Number of the version."),
    "previous_version": ("integer", "前一版次", "Number of the version before."),
    "change": ("text", "变动", "new, changed, moved, unlisted, listed, suspected, withdrawn or restored."),
    "fields": ("texts", "变动字段", "Which fields differ."),
    "from_url": ("text", "原网址", "Where it stood before it moved."),
    "to_url": ("text", "新网址", "Where it stands since."),
    "diff": ("json", "正文差异", "What differs in the text: grain and operations."),
    "crawl_id": ("text", "抓取编号", "Identity of the crawl."),
    "changes": ("json", "变动计数", "Changes found, by kind."),
    "failures": ("integer", "失败数", "Fetches and readings that failed."),
    "payload_bytes": ("integer", "载荷字节", "Bytes of payload."),
    "citing_document_id": ("text", "引用方编号", "Document that cites."),
    "citing_version": ("integer", "引用方版次", "Its version."),
    "citing_agency": ("text", "引用方机构", "Its agency."),
    "printed": ("text", "原文写法", "As it stands in the text."),
    "member": ("text", "压缩包成员", "Name of the member, where the attachment is a ZIP."),
    "normal": ("text", "规范写法", "The form in which things are compared."),
    "cited_document_id": ("text", "被引编号", "Document that is cited, where the archive has exactly one."),
    "resolved_by": ("text", "对应依据", "document_number, title or both."),
    "candidates": ("integer", "候选数", "How many documents bear the name."),
    "mentions": ("integer", "次数", "How often it is cited."),
    "place": ("text", "位置", "text, or table N."),
    "position": ("integer", "字符位置", "Characters before the first mention."),
    "snippet": ("text", "上下文", "Words around it."),
    "table": ("integer", "表序", "Number of the table, from 0."),
    "row": ("integer", "行", "Row, from 0."),
    "column": ("integer", "列", "Column, from 0."),
    "cell": ("text", "单元格", "Text of the cell, merged cells resolved."),
    "file_url": ("text", "附件网址", "Attachment the table stands in; NULL = the body."),
    "file_position": ("integer", "附件序", "Place of the attachment in the document, from 0."),
    "text_status": ("text", "文本状态", "What came of reading the file's text."),
    "text_pages": ("integer", "页数", "Pages of the file."),
    "media_type_sniffed": ("text", "实际类型", "What the content is, whatever it was called."),
    "warc_file": ("text", "WARC 文件", "WARC file with the record."),
    "offset": ("integer", "偏移", "First byte of the record's gzip member."),
    "length": ("integer", "长度", "Bytes of the gzip member."),
    "record_id": ("text", "记录编号", "WARC-Record-ID."),
    "payload_digest": ("text", "载荷摘要", "Digest of the payload."),
    "captures": ("json", "捕获", "The captures that show it, each with role, address and place."),
    "origins": ("json", "字段出处", "Where each field was read."),
    "report": ("text", "报告", "The annual report."),
    "year": ("integer", "年度", "Year that is reported on."),
    "layout": ("text", "格式", "National format the report follows."),
    "item": ("text", "项目", "Row of the national format."),
    "item_code": ("text", "项目代码", "Code of the row."),
    "measure": ("text", "指标", "What is counted."),
    "applicant": ("text", "申请人类型", "Column of the national format."),
    "value": ("real", "数值", "The figure; NULL where none is printed."),
    "unit": ("text", "单位", "Its unit as printed."),
    "printed_item": ("text", "项目原文", "Row as printed."),
    "table_number": ("integer", "表序", "Number of the table in the document, from 0."),
}
"""Columns that the catalog does not have, or has under another meaning."""


def _meanings() -> dict[str, Field]:
    """Return the meaning of each column name in the catalog; the versions' and captures' own come first."""
    found: dict[str, Field] = {}
    order = {name: place for place, name in enumerate(("documents", "versions", "captures", "files", "crawls"))}
    for table in sorted(TABLES, key=lambda table: order.get(table.name, len(order))):
        for column in table.columns:
            kind = _LISTS.get(column.name, _SQL[column.type])
            found.setdefault(column.name, Field(column.name, kind, column.zh, column.en))
    return found


def described(names: tuple[str, ...], **own: tuple[Type, str, str]) -> tuple[Field, ...]:
    """Return columns by name with their meanings; ``own`` are those that mean something else here."""
    known = _meanings()
    fields = []
    for name in names:
        said = own.get(name) or _OWN.get(name)
        fields.append(Field(name, *said) if said else known[name])
    return tuple(fields)


ATTACHMENT_FIELDS = (
    *(
        "agency",
        "document_id",
        "version",
        "file_position",
        "url",
        "label",
        "filename",
        "media_type",
        "bytes",
        "sha256",
        "error",
    ),
    *("media_type_sniffed", "text_status", "text_pages", "text"),
    *("warc_file", "offset", "length", "record_id"),
)
"""Fields of an attachment of a current version."""

DOCUMENTS = Resource(
    "documents", "公开文件", "Documents with their current versions.", described(DOCUMENT_FIELDS), ("document_id",)
)
VERSIONS = Resource(
    "versions", "版本", "Every version of every document.", described(VERSION_FIELDS), ("document_id", "number")
)
ATTACHMENTS = Resource(
    "attachments",
    "附件",
    "Attachments of current versions with what was read out of them.",
    described(
        ATTACHMENT_FIELDS,
        url=("text", "附件网址", "Address of the attachment."),
        text=("text", "附件文字", "Text read out of the file; NULL where there is none."),
    ),
    ("document_id", "file_position"),
)
CAPTURES = Resource("captures", "捕获", "Every HTTP exchange as archived.", described(CAPTURE_FIELDS), ("record_id",))
CHANGES = Resource(
    "changes",
    "变动",
    "What became of documents, with the captures that show it.",
    described(CHANGE_FIELDS),
    ("document_id", "change", "at"),
)
CRAWLS = Resource(
    "crawls",
    "抓取",
    "Crawls with what was counted.",
    described(CRAWL_FIELDS, captures=("integer", "捕获数", "Captures made.")),
    ("crawl_id",),
)
CITATIONS = Resource(
    "citations",
    "引用",
    "Who cites whom: an edge for each cited thing of each document.",
    described(
        CITATION_FIELDS,
        kind=("text", "引用类型", "document_number, order, law_title or title."),
        title=("text", "所引标题", "Title in 《》 that stands beside."),
    ),
    ("citing_document_id", "kind", "normal"),
)
TABLE_CELLS = Resource(
    "tables",
    "表格单元格",
    "Tables of bodies and attachments, one cell a row.",
    described(LONG_FIELDS, source=("text", "出处", "body or attachment.")),
    ("document_id", "file_url", "table", "row", "column"),
)

RESOURCES = (DOCUMENTS, VERSIONS, ATTACHMENTS, CAPTURES, CHANGES, CRAWLS, CITATIONS, TABLE_CELLS)
"""Everything the store alone can hand out; figures of annual reports are :data:`govcrawl.figures.FIGURES`."""
