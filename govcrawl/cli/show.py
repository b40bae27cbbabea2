"""``govcrawl show ID``: everything the catalog holds of one document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from archive import catalog_reads as reads
from archive.as_of import facts_as_of, row_as_of
from archive.curtain import hidden_id
from archive.document_facts import read_facts
from archive.errors import CatalogError
from govcrawl.cli import data_option, open_catalog
from govcrawl.cli.choosing import as_of_option
from govcrawl.errors import UsageMistake
from govcrawl.speech import say
from govcrawl.urls import url_key

if TYPE_CHECKING:
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.rows import Row
    from govcrawl.renditions import Form

_FIELDS = (
    ("subtitle", "副标题"),
    ("publish_date", "发布日期"),
    ("publish_time", "发布时刻"),
    ("written_date", "成文日期"),
    ("effective_date", "施行日期"),
    ("expiry_date", "失效日期"),
    ("source", "来源"),
    ("publisher", "发布机构"),
    ("author", "作者"),
    ("editor", "责任编辑"),
    ("index_number", "索引号"),
    ("document_number", "文号"),
    ("topic", "主题分类"),
    ("genre", "体裁"),
    ("validity", "有效性"),
    ("keywords", "关键词"),
    ("site_id_code", "网站标识码"),
)
_SHOWN_CHARACTERS = 80
_SOURCES = {
    "label": ("页面标签", "printed label"),
    "meta": ("meta 标签", "meta tag"),
    "index": ("索引表", "index table"),
    "list": ("列表页", "list page"),
    "text": ("正文", "the text"),
    "heading": ("网页标题", "heading or window title"),
}


@click.command(
    help=say(
        "显示一份公开文件;ID 可以是编号或网址。\n\n例: govcrawl show xiamen_sfj-0123456789ab --as text",
        "Show one document; ID is a document id or one of its URLs.\n\nExample: govcrawl show xiamen_sfj-0123456789ab --as text",
    )
)
@click.argument("wanted", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
@click.option(
    "--as",
    "form",
    type=click.Choice(["text", "markdown", "html"]),
    help=say("只输出正文：纯文本、Markdown 或干净的 HTML。", "Only the body: plain text, Markdown or clean HTML."),
)
@click.option(
    "--version", "number", type=click.IntRange(min=1), help=say("看第几版。", "Number of an earlier version.")
)
@as_of_option
@data_option
def show(*, wanted: str, as_json: bool, form: Form | None, number: int | None, as_of: str | None, data: Path) -> None:
    """Print the document."""
    if as_json and form:
        raise click.UsageError(say("--json 与 --as 只能用一个", "give --json or --as, not both"))
    if as_of is not None and number is not None:
        raise click.UsageError(say("--as-of 与 --version 只能用一个", "give --as-of or --version, not both"))
    with open_catalog(data) as catalog, catalog.snapshot():
        name = find_document(catalog, wanted)
        if as_of is not None:
            number = _number_as_of(catalog, name, as_of)
        if form:
            click.echo(_body(data, catalog, name, number, form), nl=False)
            return
        facts = _facts(catalog, name, number)
    if as_of is not None:
        facts = facts_as_of(facts, as_of)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, sort_keys=True, indent=2))
    else:
        click.echo("\n".join(_lines(facts)))


def _number_as_of(catalog: Catalog, name: str, as_of: str) -> int:
    """Return which version was known then.

    Raises:
        CatalogError: none was yet.
    """
    row = row_as_of(catalog, name, as_of)
    if row is None:
        first = reads.versions(catalog, name)[0]["captured_at"]
        raise CatalogError(
            say(
                f"{name} 当时尚未存档，首次采集于 {first}",
                f"{name} was not archived then; it was first captured at {first}",
            )
        )
    return int(row["number"])


def find_document(catalog: Catalog, wanted: str) -> str:
    """The id of the document that is meant.

    Raises:
        CatalogError: there is none, or there are several; the message names those that look alike, or says how to search.
    """
    try:
        key = url_key(wanted)
    except ValueError:
        key = None  # no URL: then an id
    if (hidden := hidden_id(catalog, wanted, key)) is not None:
        change = catalog.file.withheld[hidden]
        raise CatalogError(
            say(
                f"公开文件 {hidden} 自 {change.at} 起不予显示:{change.reason};存档仍在(govcrawl release 可恢复)",
                f"document {hidden} is withheld since {change.at}: {change.reason}; the archive keeps it (see govcrawl release)",
            )
        )
    found = reads.find_ids(catalog, wanted, key)
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(found)
        raise CatalogError(
            say(
                f"{wanted} 对应多份公开文件: {several};请用编号",
                f"{wanted} leads to several documents: {several}; give an id",
            )
        )
    nearest = ", ".join(reads.nearest_ids(catalog, wanted))
    if nearest:
        raise CatalogError(
            say(f"没有公开文件 {wanted};最接近的: {nearest}", f"there is no document {wanted}; the nearest: {nearest}")
        )
    raise CatalogError(
        say(
            f"没有公开文件 {wanted!r}，也没有相近的编号或网址；查找: govcrawl search 关键词",
            f"there is no document {wanted!r}, and no id or URL like it; look for it: govcrawl search WORD",
        )
    )


def _body(data: Path, catalog: Catalog, document_id: str, number: int | None, form: Form) -> str:
    """The body of a version in one of the forms."""
    from govcrawl.loader import project_settings  # noqa: PLC0415 - Scrapy takes a second to import
    from govcrawl.renditions import Renditions  # noqa: PLC0415

    row = reads.document_row(catalog, document_id, number)
    if row is None:
        _facts(catalog, document_id, number)  # says which versions there are
    body = Renditions(data, catalog, project_settings()).render(row or {}, form)
    if body is None:
        raise CatalogError(
            say(
                f"{document_id} 本身就是一个文件，没有网页正文；它的文本见 govcrawl show {document_id} 的附件",
                f"{document_id} is itself a file and has no page body; its text stands with its attachment: govcrawl show {document_id}",
            )
        )
    return body


def _facts(catalog: Catalog, document_id: str, number: int | None) -> dict[str, Any]:
    """The facts of a document's version.

    Raises:
        UsageMistake: it has no such version.
    """
    facts = read_facts(catalog, document_id, number)
    if facts is None:
        count = reads.version_count(catalog, document_id)
        raise UsageMistake(
            say(
                f"{document_id} 没有第 {number} 版,共 {count} 版",
                f"{document_id} has no version {number}; it has 1 to {count}",
            )
        )
    return facts


def _lines(facts: dict[str, Any]) -> list[str]:
    """The facts for people."""
    version_of = say(
        f"第 {facts['version']} 版,共 {facts['version_count']} 版",
        f"version {facts['version']} of {facts['version_count']}",
    )
    since = facts["state_since_at"][:10]
    lines = [
        click.style(facts["title"] or say("(无标题)", "(no title)"), bold=True) + _origin(facts, "title"),
        f"{facts['document_id']}  {facts['state']} ({say(f'自 {since}', f'since {since}')}), {version_of}",
        facts["url"],
        *(f"= {alias}" for alias in facts["aliases"]),
        say("栏目: ", "channels: ") + (", ".join(facts["channels"]) or "–"),
        say("类别: ", "kind: ") + (f"{facts['kind']}  ← {facts['kind_rule']}" if facts["kind"] else "–"),
        "",
    ]
    lines += [
        f"{say(zh, name)}: {facts[name]}{_origin(facts, name)}" for name, zh in _FIELDS if facts[name] is not None
    ]
    absent = [say(zh, name) for name, zh in _FIELDS if facts[name] is None]
    if absent:
        lines.append(say("未印出: ", "not printed: ") + ", ".join(absent))
    lines += ["", *_text_lines(facts), *_file_lines(facts), *_history_lines(facts)]
    return lines


def _origin(facts: dict[str, Any], name: str) -> str:
    """Where a value was read, where the catalog knows it."""
    origin = facts["origins"].get(name) or (facts["publish_date_source"] if name == "publish_date" else None)
    if origin is None:
        return ""
    zh, en = _SOURCES[origin]
    printed = f" “{facts['publish_date_text']}”" if name == "publish_date" and facts["publish_date_text"] else ""
    return f"  ← {say(zh, en)}{printed}"


def _text_lines(facts: dict[str, Any]) -> list[str]:
    """How the text was read, the text, the tables."""
    extraction = facts["extraction"]
    how = [extraction["method"], extraction["container"], extraction["encoding"]]
    if extraction["agreement"] is not None:
        how.append(say(f"一致度 {extraction['agreement']:.3f}", f"agreement {extraction['agreement']:.3f}"))
    caption = say("正文", "text") + "  ← " + ", ".join(part for part in how if part)
    if extraction["flags"]:
        caption += say(";标记: ", "; flags: ") + ", ".join(extraction["flags"])
    lines = [click.style(caption, bold=True), facts["text"] or "–"]
    for position, table in enumerate(facts["tables"], 1):
        lines += ["", click.style(say(f"表 {position}", f"table {position}"), bold=True)]
        lines += [" | ".join(" ".join(cell.split()) for cell in row) for row in table]
    return lines


def _file_lines(facts: dict[str, Any]) -> list[str]:
    """Attachments and images."""
    lines = []
    for caption, files in (
        (say("附件", "attachments"), facts["attachments"]),
        (say("图片", "images"), facts["images"]),
    ):
        if files:
            lines += ["", click.style(caption, bold=True)]
        for file in files:
            name = file.get("label") or file.get("filename") or file["url"]
            lines.append(f"{name}  {file['url']}" if name != file["url"] else name)
            if file["sha256"]:
                lines.append(f"  {file['bytes']} B  sha256 {file['sha256']}")
            else:
                lines.append("  " + say("未取到: ", "not fetched: ") + str(file.get("error") or "–"))
            if file.get("capture"):
                lines.append("  " + _place(file["capture"]))
            lines += [f"  {line}" for line in _file_text_lines(file)]
    return lines


def _file_text_lines(file: dict[str, Any]) -> list[str]:
    """What was read out of an attachment: status, size, the beginning of the text."""
    status = file.get("text_status")
    if status is None:
        return []
    text = file["text"] or ""
    facts = [status, file["media_type_sniffed"]]
    if file["text_pages"]:
        facts.append(say(f"{file['text_pages']} 页", f"{file['text_pages']} pages"))
    if text:
        facts.append(say(f"{len(text)} 字", f"{len(text)} characters"))
    if file["text_tables"]:
        facts.append(say(f"{len(file['text_tables'])} 个表", f"{len(file['text_tables'])} tables"))
    facts += file["text_flags"]
    if file["text_reason"]:
        facts.append(file["text_reason"])
    beginning = " ".join(text.split())[:_SHOWN_CHARACTERS]
    return [say("文本: ", "text: ") + ", ".join(facts), *([f"“{beginning}…”"] if beginning else [])]


def _history_lines(facts: dict[str, Any]) -> list[str]:
    """Where the version lies in the WARC, all versions, all states."""
    lines = ["", click.style(say("存档位置", "in the archive"), bold=True), _place(facts["capture"])]
    lines.append(f"{facts['capture']['record_id']}  {facts['capture']['payload_digest']}")
    lines += ["", click.style(say("版本", "versions"), bold=True)]
    for version in facts["versions"]:
        changes = ", ".join(version["changed_fields"]) or say("首次", "first")
        lines.append(f"{version['number']}  {version['captured_at']}  {changes}  {_row_place(version)}")
    lines += ["", click.style(say("状态", "states"), bold=True)]
    lines += [f"{state['at']}  {state['state']}  {state['reason']}" for state in facts["states"]]
    return lines


def _place(capture: dict[str, Any]) -> str:
    """File, offset and length of a record."""
    return f"{capture['warc_file']} @{capture['offset']}+{capture['length']}"


def _row_place(row: Row) -> str:
    """The same from a row of versions."""
    return f"{row['capture_warc_file']} @{row['capture_offset']}+{row['capture_length']}"
