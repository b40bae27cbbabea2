"""The table of what a crawl still has to do (:mod:`archive.catalog_frontier`)."""

from __future__ import annotations

from archive.columns import AGENCY as _AGENCY
from archive.columns import Table
from archive.columns import integer as _int
from archive.columns import integer_or_null as _int_or_null
from archive.columns import text as _text
from archive.columns import text_or_null as _text_or_null

FRONTIER = Table(
    name="frontier",
    zh="待抓队列",
    en="What a crawl that is going on, or was interrupted, still has to do and what became of it; empty after a finished one.",
    primary_key=("id",),
    unique=(("crawl_id", "kind", "url_key"),),
    indexes=(
        ("crawl_id", "state", "kind", "priority"),
        ("crawl_id", "key"),
        ("crawl_id", "document_id"),
        ("of_id",),
        ("agency",),
    ),
    columns=(
        _int("id", "序号", "Row number, in the order in which things were wanted."),
        _text("crawl_id", "抓取编号", "Crawl that wants it.", "crawls.id"),
        _AGENCY,
        _text(
            "kind", "类别", "list (one channel being walked), document, or alias (another address of a document here)."
        ),
        _text("state", "状态", "pending, done, absent (known, but not there at this look) or failed (a list)."),
        _int("priority", "次序", "Lower ones first; equal ones in their order."),
        _text("url", "网址", "What is asked for next."),
        _text("url_key", "网址键", "Of a document its address's key, of a list its channel."),
        _text_or_null("key", "站内编号", "The CMS's own id, where the line tells it."),
        _text_or_null("channel", "栏目", "Channel that wants it."),
        _text_or_null("via", "来路", "URL of the page that led here."),
        _text("why", "缘由", "seed, new, edited, moved, again, gone, known, unread, missing_file …"),
        _text_or_null("document_id", "公开文件编号", "Document that it is a look at, once known.", "documents.id"),
        _int_or_null("of_id", "所属序号", "Of an alias: the document's row here."),
        _text_or_null("answered_url", "应答网址", "Address at which the document answered in this crawl."),
        _int_or_null("capture_id", "捕获编号", "Capture that shows what became of it.", "captures.id"),
        _text_or_null(
            "reason", "原因", "Why it is absent or failed; of a failed list a JSON list of word and sentence."
        ),
        _text("job", "任务", "The list's line of a document, how far a list was walked; JSON object."),
    ),
)
