"""What pages call things, in Chinese and English: states, fields, where a field was read, outcomes, kinds of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from govcrawl.speech import Say

Words = tuple[str, str]
"""Chinese, English."""

STATES: Mapping[str, Words] = {
    "live": ("在线", "live"),
    "unlisted": ("列表已不显示", "no longer listed"),
    "suspected": ("疑似撤下", "suspected withdrawn"),
    "withdrawn": ("已撤下", "withdrawn"),
}
FIELDS: Mapping[str, Words] = {
    "title": ("标题", "title"),
    "subtitle": ("副标题", "subtitle"),
    "publish_date": ("发布日期", "publication date"),
    "publish_time": ("发布时刻", "time of publication"),
    "written_date": ("成文日期", "date of signing"),
    "effective_date": ("施行日期", "in force from"),
    "expiry_date": ("失效日期", "in force until"),
    "source": ("来源", "source"),
    "publisher": ("发布机构", "publisher"),
    "author": ("作者", "author"),
    "editor": ("责任编辑", "editor"),
    "index_number": ("索引号", "index number"),
    "document_number": ("文号", "document number"),
    "topic": ("主题分类", "topic"),
    "genre": ("体裁", "genre"),
    "validity": ("有效性", "validity"),
    "keywords": ("关键词", "keywords"),
    "site_id_code": ("网站标识码", "site code"),
    "text": ("正文", "text"),
    "tables": ("表格", "tables"),
    "attachments": ("附件", "attachments"),
    "images": ("图片", "images"),
    "kind": ("文件类型", "kind"),
}
"""Names of fields as the official pages print them."""

ORIGINS: Mapping[str, Words] = {
    "label": ("页面标签", "printed label"),
    "meta": ("meta 标签", "meta tag"),
    "index": ("索引表", "index table"),
    "list": ("列表页", "list page"),
    "text": ("正文", "the text"),
    "heading": ("网页标题", "heading"),
}
MODES: Mapping[str, Words] = {"incremental": ("增量", "incremental"), "full": ("全量", "full")}
OUTCOMES: Mapping[str, Words] = {
    "running": ("进行中", "running"),
    "finished": ("完成", "finished"),
    "failed": ("失败", "failed"),
    "interrupted": ("中断", "interrupted"),
}
VERDICTS: Mapping[str, Words] = {"ok": ("正常", "ok"), "warning": ("注意", "warning"), "alarm": ("报警", "alarm")}
TEXTS: Mapping[str, Words] = {
    "text": ("已读出", "read"),
    "unread": ("还没读", "not read yet"),
    "empty": ("没有文字", "without text"),
    "image": ("图片", "images"),
    "needs_ocr": ("扫描件", "scans"),
    "encrypted": ("有密码", "encrypted"),
    "broken": ("文件本身已损坏", "damaged files"),
    "unsupported": ("格式不支持", "unsupported formats"),
    "too_large": ("过大", "too large"),
    "timeout": ("超时", "timed out"),
}
"""What became of the reading of attachments; the file is archived in any case."""

_RULE_FIELDS = {**FIELDS, "channel": ("栏目", "channel")}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_MEDIA = {
    "application/pdf": "PDF",
    "application/msword": "Word",
    f"{_OFFICE}wordprocessingml.document": "Word",
    "application/vnd.ms-excel": "Excel",
    f"{_OFFICE}spreadsheetml.sheet": "Excel",
    "application/vnd.ms-powerpoint": "PowerPoint",
    f"{_OFFICE}presentationml.presentation": "PowerPoint",
    "application/zip": "ZIP",
    "application/rtf": "RTF",
    "text/plain": "TXT",
    "text/html": "HTML",
    "text/csv": "CSV",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
}


def said(words: Mapping[str, Words], name: str | None, t: Say) -> str:
    """Return what a thing is called, its own name where nothing else is known, a dash for none."""
    if not name:
        return "–"
    return t(*words[name]) if name in words else name


def rule_said(rule: str, t: Say) -> str:
    """Return the rule that says a document's kind, in words: ``title:决算说明``."""
    field, colon, found = rule.partition(":")
    if not colon or field not in _RULE_FIELDS:
        return rule
    name = t(*_RULE_FIELDS[field])
    return t(f"{name}有“{found}”", f"{name} has “{found}”")


def media_said(media_type: str) -> str:
    """Return what people call a media type; the type itself where they have no word for it."""
    return _MEDIA.get(media_type.partition(";")[0].strip().lower(), media_type)
