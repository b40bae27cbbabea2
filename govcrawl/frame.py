"""The page around an archived page: what this is, of when, and which record it was read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from govcrawl.replay import escape
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archive.model import Capture
    from govcrawl.exhibit import Exhibit

_STYLE = """
html, body { margin: 0; height: 100%; font: 14px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; }
body { display: flex; flex-direction: column; }
header { background: #fff7db; color: #222; border-bottom: 2px solid #b58900; padding: .6em 1em; max-height: 50vh; overflow: auto; }
h1 { font-size: 1.1em; margin: 0 0 .3em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1em; margin: .4em 0 0; }
dt { color: #665; } dd { margin: 0; overflow-wrap: anywhere; }
code { font-size: .93em; } ul { margin: .2em 0; padding-left: 1.3em; }
iframe { flex: 1; border: 0; width: 100%; min-height: 20em; background: #fff; }
"""


def frame_page(exhibit: Exhibit) -> bytes:
    """Write the page: a banner, and under it a frame for the archived page at ``/page``."""
    facts = exhibit.facts
    title = escape(facts["title"] or exhibit.capture.url)
    at = exhibit.capture.captured_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    version = say(
        f"第 {facts['number']} 版,共 {exhibit.version_count} 版",
        f"version {facts['number']} of {exhibit.version_count}",
    )
    claim = say(
        f"存档页面:{at} 采集的副本,不是网站现在的样子。脚本已关闭,链接不会离开本机。",
        f"Archived page: a copy captured {at}, not what the site shows now. Scripts are off; no link leads off this machine.",
    )
    framed = '<iframe sandbox="allow-downloads" referrerpolicy="no-referrer" src="/page"></iframe>'
    is_open = "" if exhibit.page is not None else " open"
    banner = (
        f"<header><h1>{title}</h1><div><strong>{escape(claim)}</strong> {escape(version)}</div>{_list(_place(exhibit))}"
        f"<details{is_open}><summary>{escape(say('摘要与附件', 'digests and attachments'))}</summary>{_list(_rows(exhibit))}"
        "</details></header>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{say("zh-CN", "en")}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{banner}{framed if exhibit.page is not None else ''}</body></html>\n"
    ).encode("utf-8", "replace")


def _list(rows: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{value}</dd>' for name, value in rows)}</dl>"


def _place(exhibit: Exhibit) -> Iterator[tuple[str, str]]:
    """Yield what everybody should see: names, and values as HTML."""
    yield say("网址", "address"), f"<code>{escape(exhibit.capture.url)}</code>"
    yield say("WARC 记录", "WARC record"), _record(exhibit.capture)


def _rows(exhibit: Exhibit) -> Iterator[tuple[str, str]]:
    """Yield the rest."""
    facts, capture = exhibit.facts, exhibit.capture
    yield say("公开文件", "document"), escape(f"{facts['document_id']} · {facts['agency']} · {facts['state']}")
    if exhibit.original is not None:
        meaning = say(
            "网页与先前采集的内容相同,正文取自该记录",
            "the page was the same as captured before; its content is in this record",
        )
        yield say("原始记录", "original record"), f"{_record(exhibit.original)}<br>{escape(meaning)}"
    payload = (exhibit.original or capture).payload_digest
    yield say("载荷摘要", "payload digest"), f"<code>{escape(payload or '–')}</code>"
    yield say("块摘要", "block digest"), f"<code>{escape(capture.block_digest)}</code>"
    yield (
        say("核对", "checked"),
        escape(say("显示前已按目录库所记摘要核对无误", "compared with the catalog's digests before it was shown")),
    )
    if exhibit.files:
        yield say("附件", "attachments"), f"<ul>{''.join(_items(exhibit))}</ul>"


def _record(capture: Capture) -> str:
    place = f"{capture.warc_file} @{capture.offset}+{capture.length}"
    return f"<code>{escape(capture.record_id)}<br>{escape(place)}</code>"


def _items(exhibit: Exhibit) -> Iterator[str]:
    for file in exhibit.files:
        label = escape(file.label)
        named = (
            f'<a href="{escape(file.path)}">{label}</a>' if file.path else f"{label} ({say('未存档', 'not captured')})"
        )
        yield f"<li>{named} <code>{escape(file.note)}</code></li>"
