"""What is counted of each agency, kept while it holds."""

from __future__ import annotations

from archive.columns import AGENCY, Table, integer, integer_or_null, text_or_null

SUMMARIES = Table(
    name="summaries",
    zh="机构汇总",
    en="What is counted of an agency, kept until anything of it is written; derived.",
    primary_key=("agency",),
    columns=(
        AGENCY,
        integer("writes", "写入次数", "Grows with every write of the agency's rows, from a random number on."),
        integer_or_null("format", "格式号", "Of the figures; another one is not read."),
        text_or_null("figures", "数字", "What archive/catalog_counts.py counts; JSON object; NULL: count anew."),
    ),
)
