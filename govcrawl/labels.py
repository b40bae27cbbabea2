"""Printed labels (来源：…) by catalog field name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from govcrawl.blocks import is_hidden, normal_text
from govcrawl.pick import compiled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# What stands beside the title. Variants: labels seen on real pages, traditional forms by _SIMPLE below.
LINE_LABELS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "日期",
            "发表日期",
            "发表时间",
            "发布日期",
            "发布时间",
            "时间",
            "信息时间",
            "添加时间",
            "发稿时间",
            "发文日期",
            "公开日期",
        ),
        "publish_date",
    ),
    **dict.fromkeys(
        ("来源", "信息来源", "文章来源", "新闻来源", "稿件来源", "来源于", "来自", "稿源", "出处", "出所", "发布机构"),
        "source",
    ),
    **dict.fromkeys(("作者", "撰稿"), "author"),
    **dict.fromkeys(("责任编辑", "责编", "编辑"), "editor"),
    **dict.fromkeys(("文号", "发文字号", "发文文号", "文件编号"), "document_number"),
    **dict.fromkeys(("索引号", "信息索引号"), "index_number"),
    **dict.fromkeys(("发文机关", "制发机关", "发布机关", "发文单位"), "publisher"),
    **dict.fromkeys(("成文日期", "生成日期", "印发日期", "制发日期"), "written_date"),
    **dict.fromkeys(("更新时间", "更新日期"), "update_date"),
}

# What stands in the 信息公开 index table or box.
INDEX_LABELS: Mapping[str, str] = {
    **dict.fromkeys(("索引号", "信息索引号", "信息索引", "信息公开索取号", "索取号"), "index_number"),
    **dict.fromkeys(
        (
            "发文机关",
            "发文机构",
            "发布机构",
            "发布机关",
            "发布单位",
            "发文单位",
            "公开责任部门",
            "信息来源",
            "制发机关",
        ),
        "publisher",
    ),
    **dict.fromkeys(("发文字号", "文号", "发文文号", "文件编号", "信息文号", "文件字号"), "document_number"),
    **dict.fromkeys(("成文日期", "生成日期", "发文日期", "成文时间", "印发日期"), "written_date"),
    **dict.fromkeys(("发布日期", "公开日期", "发布时间"), "publish_date"),
    **dict.fromkeys(("主题分类", "分类", "信息分类"), "topic"),
    **dict.fromkeys(("主题词", "关键词"), "keywords"),
    **dict.fromkeys(("体裁", "体裁分类", "文种", "公文种类", "文件种类"), "genre"),
    **dict.fromkeys(("标题", "名称", "信息名称", "文件名称"), "title"),
    **dict.fromkeys(("有效性", "时效", "有效期", "效力状态", "效力状况", "效力", "时效性", "文件状态"), "validity"),
    **dict.fromkeys(("生效日期", "施行日期", "实施日期"), "effective_date"),
    **dict.fromkeys(("失效日期", "废止日期"), "expiry_date"),
}

# Labels whose values are not kept, but which end the value before them.
_ENDING = (
    *(
        "公开方式",
        "公开类别",
        "公开范围",
        "公开形式",
        "服务对象",
        "内容概述",
        "内容概要",
        "信息格式",
        "载体类型",
        "组配分类",
    ),
    *("信息类别", "责任部门", "公开时限", "公开程序", "公开目录", "联合发文单位", "记者", "通讯员"),
    *(
        "浏览",
        "浏览数",
        "浏览量",
        "浏览次数",
        "阅读数",
        "访问",
        "访问数",
        "人气",
        "点赞",
        "访问量",
        "访问次数",
        "点击数",
        "点击量",
        "点击率",
        "点击",
        "阅读",
        "阅读量",
        "阅读次数",
    ),
    *(
        "字体大小",
        "字体显示",
        "字体",
        "字号",
        "打印",
        "关闭",
        "收藏",
        "分享",
        "分享到",
        "审核",
        "审稿",
        "供稿",
        "摄影",
        "背景色",
        "保护视力色",
        "大字体",
    ),
)

_SIMPLE = str.maketrans(
    "發佈時間來號關機構題類標稱開責門編輯體顯詞鍵實廢瀏覽閱讀點擊審據訪問於單歷數種錄頁閉權務屬發",
    "发布时间来号关机构题类标称开责门编辑体显词键实废浏览阅读点击审据访问于单历数种录页闭权务属发",
)
_STRING = compiled("string(.)")
_BLANK = r"[\s\u200b\ufeff]*"
_BLANKS = re.compile(r"[\s\u200b\ufeff]+")
_COLON = r"[:：﹕︰]"
_HAS_COLON = re.compile(_COLON)
_NOTHING = frozenset({"", "无", "無", "暂无", "暫無", "-", "--", "—", "——", "/", "null", "undefined"})
_BETWEEN = " |丨"  # rules that stand between one value and the next label
_LOOSE_LENGTH = 4  # labels this long are unmistakable and may follow a value without a blank; shorter ones only a digit


def normal_label(text: str) -> str:
    """Return a printed label without blanks (also no-break, full-width, zero-width), colon and brackets, in simplified form."""
    return _BLANKS.sub("", text).translate(_SIMPLE).strip("：:﹕︰【】[]〔〕()（）*·•")


def read_value(text: str | None) -> str | None:
    """Return a printed value with its blanks collapsed; None where it is empty or says 无."""
    value = normal_text(text or "")
    return None if value.lower() in _NOTHING else value


def _pattern(labels: Iterable[str]) -> re.Pattern[str]:
    alternatives = []
    for label in sorted({*labels, *_ENDING}, key=len, reverse=True):
        spaced = _BLANK.join(label)
        alternatives.append(spaced if len(label) >= _LOOSE_LENGTH else rf"(?<![^\W\d]){spaced}")
    return re.compile(rf"(?:{'|'.join(alternatives)}){_BLANK}{_COLON}")


_LABEL_PATTERN = _pattern({*LINE_LABELS, *INDEX_LABELS})  # every known label ends the value before it
_WIDGET = re.compile(  # what stands behind a value without being one: 【打印】, 分享, 字体 大 中 小, 浏览 23
    r"[\s|丨·]*(?:[\[【（(]\s*(?:打印|关闭|收藏|分享|纠错|大|中|小|字[体号]|默认|繁体|繁體|我要纠错|返回)[^\]】）)]{0,12}[\]】）)]"
    r"|(?<=[\s|丨】\])）])(?:打印|关闭|收藏|分享|我要纠错|纠错|字[体号]|[大中小]|默认|超大|繁体|繁體|返回|(?:浏览|阅读|点击|访问)\S{0,4}\s*\d*\s*次?"
    r"|(?:本报|实习)?(?:记者|通讯员)\s\S{1,12})(?:本页|此页|窗口|页面|到|至)?)\s*$"
)
_PAIRS = (("【", "】"), ("[", "]"), ("（", "）"), ("(", ")"))


def _clean(value: str) -> str:
    """Take away what stands behind a value: widgets of the page, a bracket that encloses label and value."""
    value = value.strip(_BETWEEN)
    while found := _WIDGET.search(value):
        value = value[: found.start()]
    for left, right in _PAIRS:
        value = value.removesuffix(left).rstrip(_BETWEEN)
        if value.endswith(right) and left not in value:
            value = value.removesuffix(right).rstrip(_BETWEEN)
    return value


def split_labels(text: str, labels: Mapping[str, str] = LINE_LABELS) -> dict[str, str]:
    """Read ``label：value`` pairs from one printed line, e.g. ``来源:区政府办 时间:2019-12-20 10:00 浏览次数：3``.

    A value runs to the next known label. Values that say 无 are left out; of several with the same meaning the first holds.

    Args:
        labels: :data:`LINE_LABELS` or :data:`INDEX_LABELS`.
    """
    if not _HAS_COLON.search(text):
        return {}
    simple = text.translate(_SIMPLE)  # one character for one: places in both are the same
    found = list(_LABEL_PATTERN.finditer(simple))
    out: dict[str, str] = {}
    for place, match in enumerate(found):
        name = labels.get(normal_label(match.group()))
        end = found[place + 1].start() if place + 1 < len(found) else len(text)
        value = read_value(_clean(text[match.end() : end]))
        if name and value:
            out.setdefault(name, value)
    return out


def begins_with_label(text: str) -> bool:
    """Tell whether a line begins with a known label and a colon: 【点击量：331】."""
    return _LABEL_PATTERN.match(text.translate(_SIMPLE).lstrip(" \u3000【[（(·|")) is not None


def visible_text(element: Any) -> str:
    """Return an element's text with a blank between elements, without scripts and styles."""
    return " ".join(compiled(".//text()[not(parent::script or parent::style or parent::noscript)]")(element))


def read_line(elements: Iterable[Any]) -> dict[str, str]:
    """Read the labels printed in some elements (the line beside the title); the first value of a field holds."""
    out: dict[str, str] = {}
    for element in elements:
        for name, value in split_labels(visible_text(element)).items():
            out.setdefault(name, value)
    return out


def read_spaced(scope: Any, drop: Collection[Any] = ()) -> dict[str, str]:
    """Read the labels printed in the short blocks of an element, with a blank between the elements of a block.

    ``<span>来源：区政府办</span><span>作者：李</span>`` is two values, however the markup joins them.

    Args:
        drop: elements in which nothing is looked for (the body, an index).
    """
    out: dict[str, str] = {}
    stack = [scope]
    while stack:
        element = stack.pop()
        if element in drop or is_hidden(element):
            continue
        inner = [child for child in element if isinstance(child.tag, str)]
        holds = any(e.tag in _LINES or e in drop for child in inner for e in child.iter())
        if not holds and element.tag in _LINES:
            text = " ".join(visible_text(element).split())
            if len(text) <= _LONGEST_LINE and _HAS_COLON.search(text):
                for name, value in (
                    (split_labels(text) | _bounded(element)).items() if inner else split_labels(text).items()
                ):
                    out.setdefault(name, value)
        else:
            if element.tag in _PAIRED and not any(e in drop for e in element.iter()):
                text = " ".join(visible_text(element).split())
                for name, value in split_labels(text).items() if len(text) <= _LONGEST_LINE else ():
                    out.setdefault(name, value)
            stack.extend(reversed(inner))
    return out


def _bounded(block: Any) -> dict[str, str]:
    """Read the labels of a line whose value ends with the element that holds both: ``<span>来源：区政府办</span><a>分享</a>``."""
    out: dict[str, str] = {}
    for element in block.iter("span", "i", "em", "font", "label", "b", "a", "small"):
        text = visible_text(element)
        if len(text) <= _LONGEST_VALUE and _HAS_COLON.search(text):
            pairs = split_labels(text)
            for name in _WORDS & pairs.keys() if len(pairs) == 1 else ():
                out.setdefault(name, pairs[name])
    return out


_WORDS = frozenset({"source", "author", "editor", "publisher"})
_LONGEST_VALUE = 80
_PAIRED = frozenset({"dl", "tr"})  # label and value may stand in elements beside each other
_LINES = frozenset(
    {
        "p",
        "div",
        "td",
        "th",
        "li",
        "dd",
        "dt",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "section",
        "center",
        "ul",
        "table",
        "tr",
    }
)
_LONGEST_LINE = 160


def is_table_value(element: Any) -> bool:
    """Tell whether an element is a cell behind a cell with a short word: a row of a table of facts (来信时间 | 2024-03-06)."""
    before = element.getprevious() if element.tag == "td" else None
    if before is None or before.tag not in {"td", "th"}:
        return False
    text = _BLANKS.sub("", _STRING(before))
    name = normal_label(text)
    return (
        0 < len(text) <= _LONGEST_FACT
        and not any(map(str.isdigit, text))
        and name not in LINE_LABELS
        and ":" not in text
        and "：" not in text
    )


_LONGEST_FACT = 10
