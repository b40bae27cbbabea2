"""Printed labels (来源：…), index tables and boxes, and the official meta tags, by catalog field name."""

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
    **dict.fromkeys(("来源", "信息来源", "文章来源", "稿件来源", "来源于", "稿源", "出所", "发布机构"), "source"),
    **dict.fromkeys(("作者", "撰稿"), "author"),
    **dict.fromkeys(("责任编辑", "责编", "编辑"), "editor"),
    **dict.fromkeys(("文号", "发文字号"), "document_number"),
    **dict.fromkeys(("索引号", "信息索引号"), "index_number"),
}

# What stands in the 信息公开 index table or box.
INDEX_LABELS: Mapping[str, str] = {
    **dict.fromkeys(("索引号", "信息索引号", "信息公开索取号", "索取号"), "index_number"),
    **dict.fromkeys(
        ("发文机关", "发布机构", "发布机关", "发文单位", "公开责任部门", "信息来源", "制发机关"), "publisher"
    ),
    **dict.fromkeys(("发文字号", "文号", "文件编号", "信息文号"), "document_number"),
    **dict.fromkeys(("成文日期", "生成日期", "发文日期"), "written_date"),
    **dict.fromkeys(("发布日期", "公开日期", "发布时间"), "publish_date"),
    **dict.fromkeys(("主题分类", "分类", "信息分类"), "topic"),
    **dict.fromkeys(("主题词", "关键词"), "keywords"),
    **dict.fromkeys(("体裁", "体裁分类", "文种", "公文种类", "文件种类"), "genre"),
    **dict.fromkeys(("标题", "名称", "信息名称", "文件名称"), "title"),
    **dict.fromkeys(("有效性", "时效", "有效期", "效力状态", "时效性"), "validity"),
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
    *("浏览量", "浏览次数", "访问量", "访问次数", "点击数", "点击量", "点击率", "点击", "阅读", "阅读量", "阅读次数"),
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
    "發佈時間來號關機構題類標稱開責門編輯體顯詞鍵實廢瀏覽閱讀點擊審據訪問於單歷",
    "发布时间来号关机构题类标称开责门编辑体显词键实废浏览阅读点击审据访问于单历",
)
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


_PATTERNS = {id(labels): _pattern(labels) for labels in (LINE_LABELS, INDEX_LABELS)}


def split_labels(text: str, labels: Mapping[str, str] = LINE_LABELS) -> dict[str, str]:
    """Read ``label：value`` pairs from one printed line, e.g. ``来源:区政府办 时间:2019-12-20 10:00 浏览次数：3``.

    A value runs to the next known label. Values that say 无 are left out; of several with the same meaning the first holds.

    Args:
        labels: :data:`LINE_LABELS` or :data:`INDEX_LABELS`.
    """
    simple = text.translate(_SIMPLE)  # one character for one: places in both are the same
    found = list(_PATTERNS[id(labels)].finditer(simple))
    out: dict[str, str] = {}
    for place, match in enumerate(found):
        name = labels.get(normal_label(match.group()))
        end = found[place + 1].start() if place + 1 < len(found) else len(text)
        value = read_value(
            text[match.end() : end].strip(_BETWEEN).removesuffix("【").removesuffix("[").rstrip(_BETWEEN)
        )
        if name and value:
            out.setdefault(name, value)
    return out


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
            for name, value in split_labels(text).items() if len(text) <= _LONGEST_LINE else ():
                out.setdefault(name, value)
        else:
            stack.extend(reversed(inner))
    return out


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

# --- the index table or box ---


def read_index(blocks: Iterable[Any]) -> dict[str, str]:
    """Read index tables and boxes: td|td, th|td, dt|dd, ``li`` or ``p`` with "label：value", label in an element with the value behind it.

    Sites print the same index two or three times (wide, narrow, list); the first value of a field holds, 无 is none.
    """
    out: dict[str, str] = {}
    for block in blocks:
        for name, value in _index_pairs(block):
            kept = read_value(value)
            if kept:
                out.setdefault(name, kept)
    return out


def _index_pairs(block: Any) -> Iterable[tuple[str, str]]:
    for row in block.iter("tr", "dl"):
        texts = [_STRING(cell) for cell in row if cell.tag in _CELLS]
        for place, text in enumerate(texts):
            name = INDEX_LABELS.get(normal_label(text)) if len(text) <= _LONGEST_LABEL else None
            if name and place + 1 < len(texts):
                if normal_label(texts[place + 1]) not in INDEX_LABELS:
                    yield name, texts[place + 1]
            elif _HAS_COLON.search(text):
                yield from split_labels(text, INDEX_LABELS).items()
    for item in block.iter("li", "p", "div", "span"):
        if _INNER(item) or next(item.iterancestors("tr"), None) is not None:
            continue
        text = _STRING(item)
        if _HAS_COLON.search(text):
            yield from split_labels(visible_text(item), INDEX_LABELS).items()


_STRING = compiled("string(.)")
_INNER = compiled("./li | ./p | ./div")
_CELLS = frozenset({"td", "th", "dt", "dd"})
_LONGEST_LABEL = 40  # with all the blanks that stand inside labels
_HOLDERS = ("table", "ul", "dl", "div")
_FEWEST_FIELDS = 3
LEADING_CHARACTERS = 3000
"""An index inside the body's container stands at its head."""

_LONGEST_INDEX = 4000  # characters; the widest index with 内容概述 is far below that
_LABEL_LENGTH = 4
_MOSTLY = 0.5
_FORMS = {
    simple: f"[{simple}{''.join(chr(c) for c, s in _SIMPLE.items() if s == ord(simple))}]"
    for simple in map(chr, set(_SIMPLE.values()))
}
_KEY_LABEL = (
    re.compile(  # in both scripts: turning whole pages into simplified characters takes longer than looking for both
        "|".join(
            _BLANK.join(_FORMS.get(character, character) for character in label)
            for label in ("索引号", "索取号", "发文机关", "发布机构", "发布机关", "发文字号", "文号")
        )
    )
)


def find_index(scope: Any, *, leading: int | None = LEADING_CHARACTERS, outside: Any | None = None) -> list[Any]:
    """Return the outermost elements under ``scope`` that are index tables or boxes, in document order.

    An element counts when it holds at least three different index fields and little else. A catalogue of documents, whose
    header row names the same fields, is none: there the cell behind a label is another label.

    Args:
        leading: only where the first so many characters name an index field; None looks at everything.
        outside: an element (the body) in which and around which nothing is looked for.
    """
    if not _KEY_LABEL.search(_STRING(scope)[:leading]):
        return []
    found: list[Any] = []
    passed = set() if outside is None else {*outside.iter(), *outside.iterancestors()}
    for holder in scope.iter(*_HOLDERS):
        if holder is scope or holder in passed or (found and any(parent in found for parent in holder.iterancestors())):
            continue
        text = _STRING(holder)
        if len(text) > _LONGEST_INDEX or not _KEY_LABEL.search(text):
            continue
        pairs = list(_index_pairs(holder))
        covered = sum(len(_BLANKS.sub("", value)) + _LABEL_LENGTH for _, value in pairs)
        if len({name for name, _ in pairs}) >= _FEWEST_FIELDS and covered >= _MOSTLY * len(_BLANKS.sub("", text)):
            found.append(holder)
    return found


# --- meta tags ---

_METAS = {
    "articletitle": "title",
    "pagetitle": "page_title",
    "pubdate": "publish_date",
    "publishdate": "publish_date",
    "firstpublishedtime": "publish_date",
    "contentsource": "source",
    "source": "source",
    "author": "author",
    "docid": "key",
    "keywords": "keywords",
    "sitename": "site_name",
    "siteidcode": "site_id_code",
    "columnname": "column_name",
}
_TAGS = re.compile(r"<[^<>]*>")
_UNFILLED = frozenset(
    {
        "网站名称",
        "文章标题",
        "来源",
        "发布时间",
        "发布日期",
        "作者",
        "信息来源",
        "本站",
        "超级管理员",
        "管理员",
        "系统管理员",
        "admin",
        "administrator",
    }
)


def read_metas(root: Any) -> dict[str, str]:
    """Read the official meta tags (国办发〔2017〕47号, 网页设计规范) by catalog field name; names without regard to case.

    Of repeated tags the first that is not empty holds. Tags inside values are stripped; values a template was left with
    (网站名称) and accounts of the CMS (超级管理员) are dropped. VSB's pageTitle is the title where ArticleTitle is not there.
    """
    out: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = _METAS.get((meta.get("name") or meta.get("property") or "").strip().lower())
        if name is None:
            continue
        value = read_value(_TAGS.sub("", meta.get("content") or ""))
        if value and value.lower() not in _UNFILLED:
            out.setdefault(name, value)
    named = out.pop("page_title", None)
    return {"title": named, **out} if named else out


_SITE_CODE = re.compile(
    r"""网站标识码\s*(?:<[^>]{0,200}>\s*){0,3}[:：]?\s*(?:<[^>]{0,200}>\s*){0,3}(bm\d{8}|\d{10})(?!\d)|\bsitecode\s*=\s*["']?(bm\d{8}|\d{10})\b""",
    re.IGNORECASE,
)


def read_site_code(markup: str) -> str | None:
    """Return the site's code as its footer prints it (网站标识码：2111000046) or its 纠错 script states it; None where two differ.

    Ten digits (area and serial number), or ``bm`` and eight digits for ministries (国办发〔2017〕47号).
    """
    if "标识码" not in markup and "sitecode" not in markup.lower():
        return None
    codes = {(match[1] or match[2]).lower() for match in _SITE_CODE.finditer(markup)}
    return codes.pop() if len(codes) == 1 else None
