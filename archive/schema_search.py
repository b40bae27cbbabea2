"""The search index: its rows, and the full-text index over them."""

from __future__ import annotations

from archive.columns import AGENCY, DOCUMENT, Index, Table, blob, integer, text_or_null

SEARCH_ROWS = Table(
    name="search_rows",
    zh="检索条目",
    en="What the search index holds of a document's current version; derived, made again by govcrawl reindex.",
    primary_key=("id",),
    unique=(("document_id",),),
    indexes=(("agency", "kind"), ("kind",), ("attachments",)),
    columns=(
        integer("id", "序号", "Row number in search_index; grows with the publication date."),
        DOCUMENT,
        AGENCY,
        text_or_null("publish_date", "发布日期", "As in the version."),
        integer("attachments", "附件数", "Attachments of the version."),
        text_or_null("kind", "文件类型", "Kind by the stated rules; NULL where none fires."),
        blob("indexed", "已索引文本", "Folded texts by column as they were indexed; JSON, deflated."),
    ),
)

SEARCH_INDEX = Index(
    name="search_index",
    zh="全文索引",
    en="Phrases of characters over title, number, body, tables and files; keeps no text of its own.",
    ddl="""CREATE VIRTUAL TABLE "search_index" USING fts5(
  title, number, body, tables, files, content='',
  tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co P* S* Mn Mc Me'"
)""",
)
