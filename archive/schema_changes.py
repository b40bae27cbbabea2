"""The tables that tell what became of documents, event by event."""

from __future__ import annotations

from archive.columns import AGENCY, DOCUMENT, Table, integer, integer_or_null, text, text_or_null

CHANGES = Table(
    name="changes",
    zh="变动",
    en="Every event in the life of a document, in the order in which they were found; see docs/changes.md.",
    primary_key=("id",),
    indexes=(("agency", "at"), ("document_id", "at"), ("at",), ("version_id",), ("previous_version_id",)),
    columns=(
        integer("id", "序号", "Row number, in the order of events."),
        AGENCY,
        DOCUMENT,
        text("change", "变动", "new, changed, moved, unlisted, listed, suspected, withdrawn or restored."),
        text("at", "时间", "When it was seen: of the capture that shows it; of states, when the crawl concluded it."),
        text("crawl_id", "抓取编号", "Crawl that found it.", "crawls.id"),
        integer_or_null("capture_id", "捕获编号", "Capture that shows it.", "captures.id"),
        integer_or_null(
            "before_capture_id", "此前捕获编号", "Last capture that showed what was before.", "captures.id"
        ),
        integer_or_null("version_id", "版本编号", "Version that is current from then on.", "versions.id"),
        integer_or_null("previous_version_id", "此前版本编号", "Version before, of a change.", "versions.id"),
        text("fields", "变动字段", "What differs between the two versions; JSON list, empty where there are not two."),
        text_or_null(
            "diff",
            "正文差异",
            "From the text before to this one: grain (character or coarse) and ops, a number for so many equal"
            " characters, else +text or -text; JSON object; NULL = the text is the same.",
        ),
        text_or_null("from_url", "原网址", "Where a moved document stood."),
        text_or_null("to_url", "新网址", "Where it stands."),
        text_or_null("reason", "原因", "Why a state is concluded."),
    ),
)

CHANGE_CAPTURES = Table(
    name="change_captures",
    zh="变动证据",
    en="Further captures that show a change, beside the one that its row names.",
    primary_key=("change_id", "position"),
    indexes=(("capture_id",),),
    columns=(
        integer("change_id", "变动序号", "Change that they show.", "changes.id"),
        integer("position", "次序", "From 0."),
        text(
            "role",
            "作用",
            "absent (a look at the page that failed), list (a page of a list walked to its end that does not show it),"
            " file (what a changed file is now) or file_before (what it was).",
        ),
        integer("capture_id", "捕获编号", "The capture.", "captures.id"),
    ),
)
