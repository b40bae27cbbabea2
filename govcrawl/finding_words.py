"""What each kind of finding is called and says, in Chinese and English; pure.

Only kind and facts are stored: the words may become better, and be said in the language of whoever reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from govcrawl.speech import language

if TYPE_CHECKING:
    from collections.abc import Mapping


class Words(NamedTuple):
    """Name and sentence of a kind; ``{name}`` in a sentence is a fact."""

    zh: str
    en: str
    sentence_zh: str
    sentence_en: str


KINDS: Mapping[str, Words] = {
    "blocked": Words(
        "被拦截",
        "blocked",
        "网站用验证页或防火墙代替了页面（{count} 次，如 {url}）：{message}。核实访问频率，联系网站运维",
        "the site answers with a challenge or a firewall's page ({count} times, e.g. {url}): {message}. Check the pace, ask the site's operator",
    ),
    "login_wall": Words(
        "要求登录",
        "log-in wall",
        "网站要求登录（{count} 次，如 {url}）：{message}",
        "the site asks for a log-in ({count} times, e.g. {url}): {message}",
    ),
    "maintenance": Words(
        "维护中",
        "maintenance",
        "网站用维护公告代替了页面（{count} 次，如 {url}）：{message}",
        "the site answers with a maintenance notice ({count} times, e.g. {url}): {message}",
    ),
    "empty_answer": Words(
        "空页面",
        "empty answers",
        "网站返回空白或极短的页面（{count} 次，如 {url}）：{message}",
        "the site answers with nothing or next to nothing ({count} times, e.g. {url}): {message}",
    ),
    "redesigned": Words(
        "网站改版",
        "redesigned",
        "列表选择器在 {url} 什么也没找到，网站多半改版了：{message}。用 govcrawl agency probe 重新识别，修改栏目地址或模板",
        "the list selectors found nothing on {url}; the site was probably redesigned: {message}. Run govcrawl agency probe, then mend channels or template",
    ),
    "list_stub": Words(
        "列表页残缺",
        "broken list page",
        "列表页 {url} 多次返回残缺内容：{message}",
        "the list page {url} came broken each time: {message}",
    ),
    "list_gone": Words(
        "栏目地址失效",
        "list gone",
        "列表页 {url} 不存在了：{message}。栏目可能换了地址，请更新种子",
        "the list page {url} is not there any more: {message}. The channel may have moved; update its seed",
    ),
    "list_broken": Words(
        "列表中断",
        "list broken off",
        "列表走到 {url} 中断：{message}",
        "the list broke off at {url}: {message}",
    ),
    "list_down": Words(
        "列表取不到",
        "list not fetched",
        "列表页 {url} 取不到（{reason}）：{message}",
        "the list page {url} could not be fetched ({reason}): {message}",
    ),
    "list_unread": Words(
        "列表读不了",
        "list not read",
        "列表页 {url} 读不了（{reason}）：{message}",
        "the list page {url} could not be read ({reason}): {message}",
    ),
    "site_gone": Words(
        "网站不在了",
        "site gone",
        "所有栏目都取不到（{reason}，如 {url}）：{message}。域名或网址可能已停用",
        "no list can be had ({reason}, e.g. {url}): {message}. Domain or addresses may be given up",
    ),
    "site_down": Words(
        "网站无响应",
        "site down",
        "所有栏目都没有应答（{reason}，如 {url}）：{message}。稍后再抓",
        "no list answers ({reason}, e.g. {url}): {message}. Crawl again later",
    ),
    "redirected": Words(
        "被转到别处",
        "redirected",
        "列表页 {url} 转到了 {to}：{message}",
        "the list page {url} leads to {to}: {message}",
    ),
    "forbidden": Words(
        "拒绝访问",
        "forbidden",
        "网站拒绝给出列表页 {url}：{message}",
        "the site refuses to give the list page {url}: {message}",
    ),
    "robots_refuses": Words(
        "robots.txt 禁止",
        "robots.txt refuses",
        "robots.txt 不允许抓取 {url} 等：照办，缺口如实列出",
        "robots.txt disallows {url} and the like: obeyed, and the gap is stated",
    ),
    "robots_unavailable": Words(
        "robots.txt 取不到",
        "robots.txt not to be had",
        "robots.txt 取不到，依 RFC 9309 不抓取任何页面：{message}",
        "robots.txt could not be had, so nothing may be fetched (RFC 9309): {message}",
    ),
    "list_empty": Words(
        "列表变空",
        "list empty",
        "列表现在没有任何条目，上次有 {before} 条",
        "the list has no line now; it had {before}",
    ),
    "list_shrank": Words(
        "列表骤减",
        "list shrank",
        "列表从通常的 {before} 条减到 {now} 条",
        "the list went from the usual {before} entries to {now}",
    ),
    "list_short": Words(
        "条目少于所称",
        "fewer entries than stated",
        "列表称共 {total} 条，{pages} 页只读到 {lines} 条",
        "the list says {total} entries, {lines} were read on {pages} pages",
    ),
    "list_endless": Words(
        "列表走不完",
        "list without end",
        "列表走了 {pages} 页仍没有尽头：检查模板的翻页",
        "the list did not end after {pages} pages; check the template's pager",
    ),
    "total_gone": Words(
        "总条数消失",
        "total gone",
        "列表不再写明共多少条（以前写 {before} 条）：无法核对是否走完",
        "the list no longer says how many entries it has (it said {before}): its completeness cannot be checked",
    ),
    "capped": Words(
        "列表被截断",
        "capped",
        "网站只给出 {lines} 条，列表称共 {total} 条：其余从列表取不到",
        "the site gives {lines} entries of the {total} it states; the rest cannot be had from the list",
    ),
    "fields_missing": Words(
        "字段消失",
        "field missing",
        "{of} 份中有 {count} 份读不到“{field}”，以前都有：选择器可能失效",
        "{count} of {of} lack {field}, which others had before: a selector may have failed",
    ),
    "dates_unread": Words(
        "日期读不出",
        "dates unread",
        "{of} 条中有 {count} 条印着日期却读不出：日期格式可能变了",
        "{count} of {of} print a date that could not be read: its format may have changed",
    ),
    "dates_future": Words(
        "日期在未来",
        "dates in the future",
        "{of} 条中有 {count} 条日期全在未来：日期取错了地方",
        "all {count} dates of {of} lie in the future: they are read from the wrong place",
    ),
    "dates_same": Words(
        "日期全相同",
        "all dates the same",
        "{of} 条的日期全都相同：日期取错了地方",
        "all {of} have the same date: it is read from the wrong place",
    ),
    "garbled": Words(
        "乱码",
        "garbled",
        "{of} 条中有 {count} 条是乱码：编码可能变了",
        "{count} of {of} are garbled: the encoding may have changed",
    ),
    "text_collapsed": Words(
        "正文消失",
        "body text gone",
        "{of} 份中有 {count} 份几乎没有正文（以前通常 {before} 字）",
        "{count} of {of} have next to no text (usually {before} characters)",
    ),
    "body_moved": Words(
        "正文容器失效",
        "body container gone",
        "{of} 份中有 {count} 份找不到正文容器，改读整页：模板需要更新",
        "in {count} of {of} the body's container was not found and the whole page was read: mend the template",
    ),
    "documents_unreadable": Words(
        "文件页改版",
        "document pages redesigned",
        "{of} 份中有 {failed} 份读不了（如 {url}）：{message}",
        "{failed} of {of} documents could not be read (e.g. {url}): {message}",
    ),
    "many_failed": Words(
        "大量失败",
        "many failed",
        "{of} 份中有 {failed} 份失败（{reasons}；如 {url}）：{message}",
        "{failed} of {of} documents failed ({reasons}; e.g. {url}): {message}",
    ),
    "many_gone": Words(
        "大量消失",
        "many gone",
        "查看的 {of} 份中有 {gone} 份不在了：批量撤下，还是网址规则变了？",
        "{gone} of the {of} looked at are gone: withdrawn together, or have the addresses changed?",
    ),
    "attachments_failed": Words(
        "附件取不到",
        "attachments failed",
        "{of} 个附件中有 {failed} 个取不到",
        "{failed} of {of} attachments could not be fetched",
    ),
    "no_news": Words(
        "久无新文件",
        "no news",
        "{silent_days} 天没有新文件（最近一次 {last}；近两年最长间隔 {longest_days} 天）：核实网站，或栏目已换地方",
        "nothing new for {silent_days} days (last {last}; longest pause in two years {longest_days} days): look at the site, the channel may have moved",
    ),
    "partial": Words(
        "不完整",
        "partial",
        "{of} 个栏目只走完 {walked} 个（{why}）{message}",
        "{walked} of {of} channels were walked as far as needed ({why}) {message}",
    ),
    "failed": Words("抓取失败", "crawl failed", "{reason}：{message}", "{reason}: {message}"),
}
"""Every kind of finding. docs/monitoring.md has the rules; a test asserts that both name the same kinds."""

LEVELS = {
    "ok": ("正常", "ok"),
    "note": ("备注", "note"),
    "warning": ("注意", "warning"),
    "alarm": ("警报", "alarm"),
    None: ("未判定", "not judged"),
}


SIGNS = {"ok": "✓", "note": "·", "warning": "!", "alarm": "✕"}
"""What stands before a verdict, so that it is not told by colour alone."""


class _Said(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "?"


def sentence(kind: str, facts: Mapping[str, Any], lang: str | None = None) -> str:
    """Return what a finding says in a language (``zh`` or ``en``; the user's unless given)."""
    words = KINDS.get(kind)
    if words is None:  # of a later version
        return f"{kind} {dict(facts)}"
    text = words.sentence_zh if (lang or language()) == "zh" else words.sentence_en
    said = _Said({name: _said(value) for name, value in facts.items()})
    if "url" in said and "message" in said:  # most messages begin with the address, which the sentence names itself
        said["message"] = said["message"].removeprefix(f"{said['url']}: ")
    return text.format_map(said).strip()


def name(kind: str, lang: str | None = None) -> str:
    """Return the short name of a kind of finding."""
    words = KINDS.get(kind)
    return kind if words is None else words.zh if (lang or language()) == "zh" else words.en


def level(verdict: str | None, lang: str | None = None) -> str:
    """Return a verdict's or a severity's name."""
    zh, en = LEVELS.get(verdict, (str(verdict), str(verdict)))
    return zh if (lang or language()) == "zh" else en


def sign(verdict: str | None) -> str:
    """Return the sign of a verdict or severity; a question mark where there is none."""
    return SIGNS.get(verdict or "", "?")


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
