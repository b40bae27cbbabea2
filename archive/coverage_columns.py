"""The columns of the coverage export with their meanings, for every format that it is written in."""

from __future__ import annotations

from archive.coverage import COVERAGE_FIELDS
from archive.resources import Field, Resource, Type

_SAID: dict[str, tuple[Type, str, str]] = {
    "agency": ("text", "机构", "Short name of the agency."),
    "channel": ("text", "栏目", "Printed name of the channel."),
    "seed_url": ("text", "列表网址", "Address of the list's first page."),
    "listed": ("integer", "列出", "Lines that the list ever showed."),
    "captured": ("integer", "已存", "Lines whose document is archived."),
    "off_site": ("integer", "站外", "Lines that lead to another site."),
    "refused_by_robots": ("integer", "robots.txt 不许", "Lines whose address robots.txt disallows."),
    "failed": ("integer", "失败", "Lines whose document could not be had."),
    "failed_by_reason": ("json", "失败原因", "Failed lines by reason."),
    "pending": ("integer", "待抓", "Lines not yet asked for."),
    "listed_now": ("integer", "现列出", "Lines that the last whole walk showed."),
    "documents": ("integer", "公开文件", "Documents that the channel lists or listed."),
    "live": ("integer", "在线", "Of them live."),
    "unlisted": ("integer", "不再列出", "Of them no longer listed."),
    "suspected": ("integer", "疑似撤下", "Of them suspected withdrawn."),
    "withdrawn": ("integer", "已撤下", "Of them withdrawn."),
    "list_total": ("integer", "列表自称总数", "What the list says it has; NULL where it says nothing."),
    "unseen": ("integer", "未见", "What the list says it has beyond the lines that were seen."),
    "capped": ("text", "列表截断", "true where the site gives fewer lines than it says."),
    "list_ending": ("text", "列表如何走完", "How the last walk of the list ended."),
    "list_failed": ("text", "列表失败原因", "Why the last crawl could not read the list."),
    "walked_to_end_at": ("text", "最近走完", "When the list was last walked to its end (UTC)."),
    "last_walk_at": ("text", "最近走列表", "When the list was last walked (UTC)."),
    "first_publish_date": ("text", "最早发布", "Earliest publication among its documents."),
    "last_publish_date": ("text", "最新发布", "Latest publication among its documents."),
    "undated": ("integer", "无日期", "Documents without a date of publication."),
    "attachments": ("integer", "附件", "Attachments of its documents."),
    "attachments_captured": ("integer", "已存附件", "Of them archived."),
    "attachments_failed": ("integer", "未取到附件", "Of them not had."),
    "attachments_failed_by_reason": ("json", "附件失败原因", "Attachments not had by reason."),
}

COVERAGE = Resource(
    "coverage",
    "覆盖",
    "Of each channel what is listed, had, refused, failed and pending.",
    tuple(Field(name, *_SAID[name]) for name in COVERAGE_FIELDS),
    ("agency", "channel"),
)
