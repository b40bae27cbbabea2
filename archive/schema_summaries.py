"""What is counted of each agency, kept while it holds."""

from __future__ import annotations

from archive.columns import AGENCY, Table, integer, text

SUMMARIES = Table(
    name="summaries",
    zh="机构汇总",
    en="What is counted of an agency; there only while nothing of it has been written since; derived.",
    primary_key=("agency",),
    columns=(
        AGENCY,
        integer("format", "格式号", "Of the figures; another one is not read."),
        text("figures", "数字", "What archive/catalog_counts.py counts; JSON object."),
    ),
)
