"""What is withheld, as the catalog mirrors it."""

from __future__ import annotations

from archive.columns import Table, text

WITHHELD = Table(
    name="withheld",
    zh="不予显示",
    en="Documents that are kept and not shown; mirrors withheld.jsonl, which is the truth.",
    primary_key=("document_id",),
    columns=(
        text("document_id", "公开文件编号", "Document that is withheld; it may be gone from the catalog."),
        text("urls", "网址", "Its addresses when it was withheld; JSON list."),
        text("reason", "原因", "Why."),
        text("by", "经办人", "Who withheld it."),
        text("since_at", "起始时间", "Since when."),
    ),
)
