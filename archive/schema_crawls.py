"""The tables that tell how crawls went."""

from __future__ import annotations

from archive.columns import AGENCY, Table, integer, integer_or_null, text, text_or_null

CRAWLS = Table(
    name="crawls",
    zh="抓取",
    en="One run over one agency.",
    primary_key=("id",),
    indexes=(("agency", "started_at"),),
    columns=(
        text("id", "抓取编号", "Identity of the crawl."),
        AGENCY,
        text("mode", "方式", "full, incremental …"),
        text("started_at", "开始时间", "When it began."),
        text_or_null("finished_at", "结束时间", "When it ended; NULL while it runs."),
        text("outcome", "结果", "running, finished, failed or interrupted."),
        text_or_null("reason", "原因", "Why it ended so."),
        text("software", "软件", "Software and versions that made it."),
        text("options", "参数", "Arguments and settings in force; JSON object."),
        text_or_null("counts", "计数", "What was counted by its end; JSON object."),
        text_or_null("verdict", "判定", "ok, warning or alarm; NULL = it ended without being judged."),
    ),
)

FAILURES = Table(
    name="failures",
    zh="失败",
    en="Fetches and readings that failed.",
    primary_key=("id",),
    indexes=(("crawl_id", "reason"), ("agency", "url")),
    columns=(
        integer("id", "序号", "Row number, in the order of events."),
        text("crawl_id", "抓取编号", "Crawl in which it happened.", "crawls.id"),
        AGENCY,
        text("url", "网址", "What was asked for."),
        text("kind", "用途", "Why it was asked for."),
        text_or_null("channel", "栏目", "For which channel."),
        text("reason", "原因", "Short name of the reason, for counting."),
        text("message", "说明", "What happened, in a sentence."),
        integer_or_null("capture_id", "捕获编号", "Capture that shows it, where there is one.", "captures.id"),
        text_or_null("record_id", "记录编号", "WARC record that states it."),
        text("at", "时间", "When."),
    ),
)

WALKS = Table(
    name="walks",
    zh="走列表",
    en="How a crawl walked a channel's list, and what it saw there.",
    primary_key=("crawl_id", "channel"),
    indexes=(("agency", "channel", "ended_at"),),
    columns=(
        text("crawl_id", "抓取编号", "Crawl that walked.", "crawls.id"),
        AGENCY,
        text("channel", "栏目", "Channel whose list it is."),
        text("ended_at", "结束时间", "When the walk ended."),
        text(
            "ending",
            "怎样结束",
            "end (last page), short (last page, but fewer lines than the list says), capped (the site gives no more),"
            " known (where everything was known), asked (limit or since), endless (given up) or unknown.",
        ),
        integer_or_null("pages", "页数", "List pages read."),
        integer_or_null("total", "总条数", "The list's own count of entries (共 N 条); NULL = it says none."),
        integer("skipped", "非文件行", "Lines that are no documents, or repeat one; the list's own count holds them."),
        integer("lines", "条目数", "Lines seen in this crawl."),
        integer("fresh", "新条目数", "Lines seen for the first time."),
        integer("dated", "有日期", "Lines with a full date."),
        integer(
            "undated", "日期未读出", "Lines that print something where the date stands, but no full date was read."
        ),
        integer("days", "不同日期", "Different days among the dates."),
        integer("future", "未来日期", "Lines dated more than two days after the walk."),
        integer("garbled", "乱码", "Lines whose title holds U+FFFD: bytes that could not be decoded."),
        integer_or_null("capture_id", "捕获编号", "List page that the crawl read last.", "captures.id"),
    ),
)

FINDINGS = Table(
    name="findings",
    zh="监测发现",
    en="What a crawl's verdict rests on; docs/monitoring.md tells every kind.",
    primary_key=("id",),
    indexes=(("crawl_id",), ("agency", "kind")),
    columns=(
        integer("id", "序号", "Row number, in the order of events."),
        text("crawl_id", "抓取编号", "Crawl that was judged.", "crawls.id"),
        AGENCY,
        text_or_null("channel", "栏目", "Channel it is about; NULL = the agency."),
        text("kind", "种类", "Short name of what is the case, e.g. redesigned, blocked, fields_missing."),
        text("severity", "程度", "note (known, changes no verdict), warning or alarm."),
        text("facts", "事实", "What was seen, what was expected; JSON object."),
        integer_or_null("capture_id", "捕获编号", "Capture that shows it, where there is one.", "captures.id"),
        text("at", "时间", "When it was judged."),
    ),
)
