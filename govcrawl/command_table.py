"""The table of commands: where each lies, what it does in one line."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a command lies (``module:attribute``) and its short help."""

    place: str
    zh: str
    en: str


COMMANDS = {
    "agency": Entry(
        "govcrawl.cli.agency:agency", "查看网站、添加、检查、列出机构", "Look at sites; add, check and list agencies."
    ),
    "attachments": Entry(
        "govcrawl.cli.attachments:attachments",
        "读取已存档附件的文本",
        "Read the text of archived attachments.",
    ),
    "changes": Entry("govcrawl.cli.changes:changes", "列出公开文件的变动", "List what became of documents."),
    "audit": Entry(
        "govcrawl.cli.audit:audit",
        "对每台服务器请求得有多快",
        "Say how fast each server was asked, and whether the pace was kept.",
    ),
    "completion": Entry("govcrawl.cli.completion:completion", "打印命令行补全脚本", "Print a shell completion script."),
    "doctor": Entry("govcrawl.cli.doctor:doctor", "检查本机是否齐备", "Say what this machine lacks, and the fix."),
    "demo": Entry(
        "govcrawl.cli.demo:demo", "在内置的仿真门户上演示全过程", "Run the whole job on the built-in replica portal."
    ),
    "diff": Entry("govcrawl.cli.diff:diff", "比较一份公开文件的两个版本", "Compare two versions of a document."),
    "export": Entry(
        "govcrawl.cli.export:export", "导出公开文件或存档记录", "Write documents or archived records for others."
    ),
    "extract": Entry("govcrawl.cli.extract:extract", "读取一个已保存的网页", "Read one saved page."),
    "feed": Entry("govcrawl.cli.feed:feed", "把最近的变动写成 Atom 订阅源", "The latest changes as an Atom feed."),
    "merge": Entry(
        "govcrawl.cli.merge:merge", "并入在别处抓取的分片", "Put shards crawled elsewhere into the catalog."
    ),
    "open": Entry(
        "govcrawl.cli.open:open_", "在浏览器中查看存档页面", "Look at the archived page of a document in a browser."
    ),
    "rebuild": Entry(
        "govcrawl.cli.rebuild:rebuild", "只凭 WARC 文件重建目录库", "Make the catalog again from the WARC files."
    ),
    "recrawl": Entry(
        "govcrawl.cli.recrawl:recrawl", "抓取到期的机构", "Crawl the agencies that are due, many in one process."
    ),
    "schedule": Entry(
        "govcrawl.cli.schedule:schedule",
        "打印定时抓取的 systemd 单元和 cron 行",
        "Print systemd units and a cron line.",
    ),
    "savepage": Entry(
        "govcrawl.cli.savepage:savepage", "把一个网页存成测试用例", "Save a page as a case of the tests."
    ),
    "search": Entry(
        "govcrawl.cli.search:search", "全文检索", "Search titles, numbers, bodies, tables and attachments."
    ),
    "reindex": Entry("govcrawl.cli.search:reindex", "重建检索索引", "Make the search index again."),
    "reextract": Entry(
        "govcrawl.cli.reextract:reextract", "用现在的提取器重读已存的捕获", "Read the stored captures again."
    ),
    "serve": Entry("govcrawl.cli.serve:serve", "在浏览器中查阅存档", "The archive in a browser."),
    "show": Entry("govcrawl.cli.show:show", "显示一份公开文件", "Show one document."),
    "status": Entry("govcrawl.cli.status:status", "各机构存档概况", "Say what the archive holds of each agency."),
    "timestamp": Entry(
        "govcrawl.cli.timestamp:timestamp", "为清单加盖时间戳", "Have the last manifests time-stamped (RFC 3161)."
    ),
    "release": Entry("govcrawl.cli.withhold:release", "恢复显示一份公开文件", "Show a withheld document again."),
    "withhold": Entry(
        "govcrawl.cli.withhold:withhold",
        "不再显示一份公开文件（存档不动）",
        "Stop showing a document; the archive keeps it.",
    ),
    "verify": Entry("govcrawl.cli.verify:verify", "核验存档", "Check the archive; findings, one line each."),
}
"""Every command. Reading this table is all that ``govcrawl --help`` costs."""
