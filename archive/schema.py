"""The catalog's tables and columns, each declared once with its meaning in Chinese and English.

The frozen DDL that makes a catalog file stands in :mod:`archive.migrations`; a test asserts that the migrations,
applied to an empty file, give exactly what is declared here. ``python -m archive.schema`` prints ``docs/schema.md``.

Conventions: ``*_at`` is UTC, ISO 8601 with microseconds and ``Z``; ``*_date`` the agency's local calendar day;
``*_bytes``, ``*_seconds`` carry their unit; a JSON column says so; NULL means "not there", never "guessed".
"""

from __future__ import annotations

import sys

from archive.columns import AGENCY as _AGENCY
from archive.columns import DOCUMENT as _DOCUMENT
from archive.columns import Table, View
from archive.columns import integer as _int
from archive.columns import integer_or_null as _int_or_null
from archive.columns import real_or_null as _real_or_null
from archive.columns import text as _text
from archive.columns import text_or_null as _text_or_null
from archive.schema_changes import CHANGE_CAPTURES, CHANGES
from archive.schema_crawls import CRAWLS, FAILURES, FINDINGS, WALKS
from archive.schema_frontier import FRONTIER
from archive.schema_leases import LEASES
from archive.schema_search import SEARCH_INDEX, SEARCH_ROWS
from archive.schema_summaries import SUMMARIES
from archive.schema_withheld import WITHHELD

_URL_KEY = _text("url_key", "网址键", "Canonical form of the URL without scheme: the identity of an address.")
_FLAGS = "Quality flags, sorted; JSON list."

AGENCIES = Table(
    name="agencies",
    zh="机构",
    en="Whose disclosures these are.",
    primary_key=("name",),
    columns=(
        _text("name", "机构代号", "Key: the agency's name in commands and file names, e.g. xiamen_sfj."),
        _text("title", "机构全称", "Official name in full."),
        _text("base_url", "网站地址", "Address of the agency's site."),
        _text("template", "站点模板", "Name of the site template that reads it."),
    ),
)

CHANNELS = Table(
    name="channels",
    zh="栏目",
    en="Sections of an agency's disclosure tree.",
    primary_key=("agency", "name"),
    columns=(
        _AGENCY,
        _text("name", "栏目名称", "Name as printed on the site."),
        _text("seed_url", "种子", "First list page."),
        _int("position", "次序", "Order in the agency's declaration, from 0."),
        _text_or_null("walked_to_end_at", "走完时间", "When its list was last walked to the end; NULL = never."),
        _int_or_null("total", "总条数", "The list's own count of entries (共 N 条) at the last walk."),
        _int_or_null("pages", "页数", "List pages read at the last walk."),
        _text_or_null("walked_crawl_id", "走完抓取编号", "Crawl that last walked it to the end.", "crawls.id"),
    ),
)

WARC_FILES = Table(
    name="warc_files",
    zh="WARC 文件",
    en="WARC files in the data directory.",
    primary_key=("path",),
    indexes=(("agency", "closed_at"),),
    columns=(
        _text("path", "路径", "Final name, relative to the data directory."),
        _AGENCY,
        _text("crawl_id", "抓取编号", "Crawl that opened it.", "crawls.id"),
        _text("opened_at", "打开时间", "When it was opened."),
        _text_or_null("closed_at", "关闭时间", "When it was closed; NULL while it is written."),
        _int_or_null("bytes", "字节数", "Size when closed."),
        _text_or_null("sha256", "SHA-256", "Digest of the closed file, lower-case hex."),
        _int_or_null("committed_bytes", "已提交字节数", "How long it was with the last rows committed for it."),
    ),
)

CAPTURES = Table(
    name="captures",
    zh="捕获",
    en="One HTTP exchange as archived, with the place of its response (or revisit) record.",
    primary_key=("id",),
    unique=(("agency", "record_id"),),  # ids are random: the agency first keeps those of one crawl together
    indexes=(("payload_digest", "agency"), ("agency", "url"), ("warc_file", "offset"), ("crawl_id", "kind")),
    columns=(
        _int("id", "捕获编号", "Row number; changes when the catalog is rebuilt."),
        _AGENCY,
        _text("crawl_id", "抓取编号", "Crawl that made it.", "crawls.id"),
        _text("kind", "用途", "Why it was fetched: list, document, attachment, image, home, robots, probe, other."),
        _text("url", "网址", "The URI as requested."),
        _text("method", "方法", "HTTP method."),
        _text_or_null("request_digest", "请求摘要", "Digest of the posted body; NULL without one."),
        _int_or_null("status", "状态码", "Status of the final head; NULL where no HTTP response came."),
        _text_or_null("media_type", "媒体类型", "As declared, lower case, without parameters."),
        _text("captured_at", "采集时间", "When the exchange began; equals WARC-Date."),
        _text("warc_file", "WARC 文件", "File of the records.", "warc_files.path"),
        _int("offset", "偏移", "First byte of the record's gzip member."),
        _int("length", "长度", "Bytes of the record's gzip member."),
        _text("record_id", "记录编号", "WARC-Record-ID of the response or revisit record."),
        _text("block_digest", "块摘要", "WARC-Block-Digest."),
        _text_or_null("payload_digest", "载荷摘要", "WARC-Payload-Digest: transfer-decoded, still content-encoded."),
        _int("payload_bytes", "载荷字节数", "Size of the payload."),
        _text_or_null("truncated", "截断", "length, time, disconnect or unspecified; NULL when whole."),
        _text_or_null("revisit_profile", "重访类型", "identical-payload-digest, server-not-modified; NULL = response."),
        _text_or_null("refers_to", "所指记录", "Record id of a revisit's original."),
        _text_or_null("etag", "ETag", "Validator as sent."),
        _text_or_null("last_modified", "Last-Modified", "Validator as sent."),
        _text_or_null("ip", "IP", "Peer that was talked to."),
        _text_or_null("request_record_id", "请求记录编号", "WARC-Record-ID of the request record."),
        _text_or_null("metadata_record_id", "元数据记录编号", "WARC-Record-ID of the metadata record."),
        _int_or_null("request_offset", "请求偏移", "First byte of the request record's gzip member."),
        _int("group_length", "组长度", "Bytes of all records of this capture together."),
        _text_or_null("channel", "栏目", "Channel it was fetched for."),
        _text_or_null("via", "来路", "URL of the page that led here."),
        _text_or_null("tls_version", "TLS 版本", "As OpenSSL names it."),
        _text_or_null("tls_cipher", "TLS 套件", "As OpenSSL names it."),
        _real_or_null("elapsed_seconds", "耗时", "From request to last byte."),
    ),
)

DOCUMENTS = Table(
    name="documents",
    zh="公开文件",
    en="One disclosed thing at one canonical URL.",
    primary_key=("id",),
    unique=(("agency", "url_key"),),
    indexes=(
        ("agency", "key"),
        ("agency", "state"),
        ("agency", "id"),
        ("state_since_at",),
        ("url",),
        ("url_key",),
        ("current_version_id",),
    ),
    columns=(
        _text("id", "公开文件编号", "Agency and a digest of the first url_key; fixed for ever."),
        _AGENCY,
        _text("url", "网址", "Canonical URL."),
        _URL_KEY,
        _text_or_null("key", "站内编号", "The CMS's own id, unique on its host."),
        _text("state", "状态", "live, unlisted, suspected or withdrawn."),
        _text("state_since_at", "状态起始", "Since when."),
        _text("first_captured_at", "首次采集", "First capture of its page."),
        _text("last_captured_at", "最近采集", "Latest capture that answered with the document (or 304)."),
        _text("last_checked_at", "最近检查", "Latest look, whatever came of it."),
        _text_or_null("last_crawl_id", "最近抓取编号", "Crawl in which its page last answered.", "crawls.id"),
        _int("failures", "连续失败次数", "Looks in a row that found it gone."),
        _text_or_null("first_failed_at", "首次失败", "First of these looks."),
        _int_or_null("current_version_id", "当前版本", "Latest version.", "versions.id"),
        _int_or_null("first_capture_id", "首次捕获", "Capture of the first version.", "captures.id"),
    ),
)

ALIASES = Table(
    name="aliases",
    zh="别名网址",
    en="Other URLs of a document.",
    primary_key=("agency", "url_key"),
    indexes=(("document_id",), ("url",), ("url_key",)),
    columns=(
        _AGENCY,
        _text("url", "网址", "The other URL."),
        _URL_KEY,
        _DOCUMENT,
        _text("first_seen_at", "首见时间", "When it was first found to lead to the document."),
    ),
)

LISTINGS = Table(
    name="listings",
    zh="条目",
    en="Lines of list pages: one address in one channel.",
    primary_key=("agency", "channel", "url_key"),
    indexes=(("document_id",), ("agency", "url_key"), ("agency", "key")),
    columns=(
        _AGENCY,
        _text("channel", "栏目", "Channel whose list has the line."),
        _text("url", "网址", "Address of the line's link."),
        _URL_KEY,
        _text_or_null("key", "站内编号", "The CMS's own id, where the line tells it."),
        _text("title", "标题", "Title as the line prints it."),
        _text_or_null("publish_date", "发布日期", "Date of the line where it is a full date."),
        _text_or_null("date_text", "日期原文", "Date as printed."),
        _int("position", "次序", "Place in the channel at the last walk, from 0."),
        _int("pinned", "置顶", "1 = pinned line."),
        _int("offsite", "站外", "1 = leads to another host; kept, never fetched as a document."),
        _text_or_null("document_id", "公开文件编号", "Document it leads to, once known.", "documents.id"),
        _text("first_listed_at", "首次列出", "When the line was first seen."),
        _text("last_listed_at", "最近列出", "When it was last seen."),
        _text("first_crawl_id", "首次抓取编号", "Crawl that first saw it.", "crawls.id"),
        _text("last_crawl_id", "最近抓取编号", "Crawl that last saw it.", "crawls.id"),
        _int_or_null("capture_id", "捕获编号", "List page that last showed it.", "captures.id"),
    ),
)

VERSIONS = Table(
    name="versions",
    zh="版本",
    en="Distinct states of a document: text, tables, title, printed fields, attachment and image digests.",
    primary_key=("id",),
    unique=(("document_id", "number"),),
    # the last one: a recrawl reads these columns of every document, and the rows are as long as their texts
    indexes=(("capture_id",), ("captured_at",), ("document_id", "number", "captured_at", "publish_date")),
    columns=(
        _int("id", "版本编号", "Row number; changes when the catalog is rebuilt."),
        _DOCUMENT,
        _int("number", "版次", "1 = first."),
        _int("capture_id", "捕获编号", "Capture it was read from.", "captures.id"),
        _text("captured_at", "采集时间", "When that capture was made."),
        _text("version_digest", "版本摘要", "sha256: of everything that makes a version, as canonical JSON."),
        _text_or_null("text_digest", "正文摘要", "sha256: of the normalised text; NULL without text."),
        _text_or_null("title", "标题", "As printed."),
        _text_or_null("subtitle", "副标题", "As printed."),
        _text_or_null("publish_date", "发布日期", "Printed publication date, YYYY-MM-DD."),
        _text_or_null("publish_time", "发布时刻", "Printed time of publication, HH:MM, local."),
        _text_or_null("publish_date_source", "发布日期来源", "label, meta, index or list."),
        _text_or_null("publish_date_text", "发布日期原文", "The printed string, also when it could not be read."),
        _text_or_null("written_date", "成文日期", "Date of signing as printed."),
        _text_or_null("effective_date", "施行日期", "As printed."),
        _text_or_null("expiry_date", "失效日期", "As printed."),
        _text_or_null("source", "来源", "As printed."),
        _text_or_null("publisher", "发布机构", "As printed."),
        _text_or_null("author", "作者", "As printed."),
        _text_or_null("index_number", "索引号", "Verbatim."),
        _text_or_null("document_number", "文号", "Verbatim, brackets kept."),
        _text_or_null("topic", "主题分类", "As printed."),
        _text_or_null("validity", "有效性", "As printed, never inferred."),
        _text_or_null("keywords", "关键词", "As printed."),
        _text_or_null(
            "text", "正文", "Main content, paragraphs joined by newlines; NULL where the document is a file."
        ),
        _text("tables", "表格", "Tables > rows > cells; JSON."),
        _text("cites", "引用文号", "Document numbers cited; JSON list."),
        _text("method", "提取方法", "How the text was found."),
        _text("extractor_version", "提取器版本", "Version of this software's extraction."),
        _text_or_null("trafilatura_version", "trafilatura 版本", "NULL where it was not used."),
        _text_or_null("encoding", "编码", "Codec the page was decoded with."),
        _text_or_null("container", "容器", "Selector whose element was read."),
        _real_or_null(
            "agreement",
            "一致度",
            "4-gram F1 of trafilatura's text against the container's (of a whole page: the densest block's), 0 to 1.",
        ),
        _text("flags", "质量标记", _FLAGS),
        _text("changed_fields", "变动字段", "What differs from the version before; JSON list, empty for the first."),
        _text_or_null("entry", "条目原文", "The list's line that it was read with; JSON object; NULL = none."),
        _text_or_null("reextracted_at", "重新提取时间", "When its capture was read again; NULL = never."),
        _text_or_null("editor", "责任编辑", "As printed; accounts of the CMS left out."),
        _text_or_null("genre", "体裁", "As printed."),
        _text_or_null("site_id_code", "网站标识码", "The site's code as the page states it; no part of a version."),
        _text_or_null(
            "origins",
            "字段出处",
            "Field to label, index, meta, list, text or heading; JSON object; NULL = not recorded.",
        ),
    ),
)

FILES = Table(
    name="files",
    zh="附件与图片",
    en="Attachments and content images of a version.",
    primary_key=("version_id", "kind", "position"),
    indexes=(("sha256",), ("url",)),
    columns=(
        _int("version_id", "版本编号", "Version it belongs to.", "versions.id"),
        _text("kind", "类别", "attachment or image."),
        _int("position", "次序", "Order in the document, from 0."),
        _text("url", "网址", "Address of the file."),
        _text_or_null("label", "标签", "Text of the link."),
        _text_or_null("filename", "文件名", "Name given for it."),
        _text_or_null("media_type", "媒体类型", "As declared."),
        _int_or_null("bytes", "字节数", "Size of the file itself; NULL where it could not be fetched."),
        _text_or_null("sha256", "SHA-256", "Of the file itself, lower-case hex; NULL where it could not be fetched."),
        _int_or_null("capture_id", "捕获编号", "Capture that holds it.", "captures.id"),
        _text_or_null("error", "失败原因", "Why there is no digest."),
    ),
)

FILE_TEXTS = Table(
    name="file_texts",
    zh="附件文本",
    en="Texts of files, one row for equal bytes; derived from the captures, no part of a version.",
    primary_key=("sha256",),
    indexes=(("status",),),
    columns=(
        _text("sha256", "SHA-256", "Of the file itself, lower-case hex."),
        _text("media_type_sniffed", "实际类型", "What its content is, whatever it was called or declared."),
        _text(
            "status",
            "结果",
            "text, empty, needs_ocr, image, encrypted, broken, unsupported, too_large or timeout.",
        ),
        _text_or_null("reason", "原因", "Why there is no text, in a sentence."),
        _int_or_null("pages", "页数", "Pages it has; NULL where its format has none."),
        _text_or_null(
            "text", "文本", "Lines and paragraphs joined by newlines; rows of tables with tabs between cells."
        ),
        _text("tables", "表格", "Tables > rows > cells; JSON."),
        _text(
            "members",
            "成员",
            "Of an archive: name, bytes, media_type, status, reason, pages, text of each, and tables: its places among the archive's, from and to; JSON.",
        ),
        _text(
            "flags", "标记", "cut, tables_cut, tables_unread, pages_unread, pages_without_text …, sorted; JSON list."
        ),
        _text("reader_version", "读取器版本", "Version of this software's readers."),
        _text("read_at", "读取时间", "When it was read."),
    ),
)

STATES = Table(
    name="states",
    zh="状态记录",
    en="Every change of a document's state, with its evidence.",
    primary_key=("id",),
    indexes=(("document_id", "at"), ("crawl_id",)),
    columns=(
        _int("id", "序号", "Row number, in the order of events."),
        _DOCUMENT,
        _text("state", "状态", "State from then on."),
        _text("at", "时间", "When."),
        _text("crawl_id", "抓取编号", "Crawl that found it.", "crawls.id"),
        _int_or_null("capture_id", "捕获编号", "Capture that shows it.", "captures.id"),
        _text("reason", "原因", "Why."),
    ),
)

TABLES = (
    AGENCIES,
    CHANNELS,
    CRAWLS,
    WARC_FILES,
    CAPTURES,
    DOCUMENTS,
    ALIASES,
    LISTINGS,
    VERSIONS,
    FILES,
    FILE_TEXTS,
    STATES,
    CHANGES,
    CHANGE_CAPTURES,
    FAILURES,
    WALKS,
    FINDINGS,
    FRONTIER,
    SEARCH_ROWS,
    WITHHELD,
    LEASES,
    SUMMARIES,
)

INDEXES = (SEARCH_INDEX,)

VIEWS = (
    View(
        name="attachments",
        zh="附件",
        en="The files that are attachments.",
        sql="SELECT * FROM files WHERE kind = 'attachment'",
    ),
)


def ddl(table: Table) -> tuple[str, ...]:
    """SQL statements that make a table and its indexes, as a new migration would state them."""
    lines = []
    row_number = table.primary_key == ("id",) and table.columns[0].type == "INTEGER"
    for column in table.columns:
        line = f'"{column.name}" {column.type}'
        if row_number and column.name == "id":
            line += " PRIMARY KEY"
        elif not column.null:
            line += " NOT NULL"
        if column.refers_to:
            target, target_column = column.refers_to.split(".")
            line += f' REFERENCES "{target}"("{target_column}")'
        lines.append(line)
    if not row_number:
        lines.append(f"PRIMARY KEY ({_names(table.primary_key)})")
    lines += [f"UNIQUE ({_names(columns)})" for columns in table.unique]
    statements = [f'CREATE TABLE "{table.name}" (\n  ' + ",\n  ".join(lines) + "\n)"]
    for columns in table.indexes:
        name = f"idx_{table.name}_{'_'.join(columns)}"
        statements.append(f'CREATE INDEX "{name}" ON "{table.name}" ({_names(columns)})')
    return tuple(statements)


def _names(columns: tuple[str, ...]) -> str:
    """Column names as an SQL list."""
    return ", ".join(f'"{column}"' for column in columns)


_PREAMBLE = """\
# The catalog

Generated from `archive/schema.py` by `python -m archive.schema`; do not edit.

`catalog.db` is a SQLite file in WAL mode. `*_at` is UTC, ISO 8601 with microseconds and `Z`; `*_date` is the agency's
local calendar day. NULL means that the value is not there; nothing is guessed. The WARC files are the source of truth:
row numbers (`id INTEGER`) may change when a catalog is made again from them, document ids do not.
"""


def markdown() -> str:
    """The reference page of the catalog, ``docs/schema.md``."""
    parts = [_PREAMBLE]
    for table in TABLES:
        parts.append(f"\n## {table.name} ({table.zh})\n\n{table.en}\n\n")
        parts.append(f"Key: {', '.join(f'`{name}`' for name in table.primary_key)}.")
        parts.extend(f" Unique: {', '.join(f'`{name}`' for name in columns)}." for columns in table.unique)
        parts.append("\n\n| column | type | NULL | 中文 | meaning |\n|---|---|---|---|---|\n")
        for column in table.columns:
            target = f" → `{column.refers_to}`" if column.refers_to else ""
            null = "yes" if column.null else ""
            parts.append(f"| `{column.name}` | {column.type} | {null} | {column.zh} | {column.en}{target} |\n")
    parts.extend(f"\n## {one.name} ({one.zh}, FTS5)\n\n{one.en}\n\n```sql\n{one.ddl}\n```\n" for one in INDEXES)
    parts.extend(f"\n## {view.name} ({view.zh}, view)\n\n{view.en}\n\n`{view.sql}`\n" for view in VIEWS)
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(markdown())
