"""The national format of 政府信息公开工作年度报告: its items, headings and sums.

Sources: 国办公开办函〔2019〕60号 (reports on 2019 and 2020) and 国办公开办函〔2021〕30号 (since then). Both print the same three
tables; 2021 replaced the columns of 主动公开 and divided 其他处理. Printed texts are recognised by what is left of them without
numbering, blanks, line breaks and punctuation, full-width or not, simplified or traditional.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from archive.text import nfkc
from govcrawl.traditional import simplified

TableName = Literal["主动公开", "收到和处理申请", "复议诉讼"]
Layout = Literal["2019", "2021"]

DISCLOSURE: TableName = "主动公开"
APPLICATIONS: TableName = "收到和处理申请"
DISPUTES: TableName = "复议诉讼"

APPLICANTS = ("自然人", "商业企业", "科研机构", "社会公益组织", "法律服务机构", "其他", "总计")
"""Columns of 收到和处理申请, in their order; the five in the middle are 法人或其他组织."""

PROCEDURES = ("行政复议", "行政诉讼/未经复议直接起诉", "行政诉讼/复议后起诉")
PROCEDURE_CODES = ("1", "2.1", "2.2")
RESULTS = ("结果维持", "结果纠正", "其他结果", "尚未审结", "总计")
"""Columns of 复议诉讼: each procedure has these five."""

_LONGEST_LABEL = 120
_NOT_WORD = re.compile(r"[\W_]+")
_NUMBERING = re.compile(r"^(?:[一二三四五六七八九十]+(?=[^一二三四五六七八九十安类]))?\d*")


class Item(NamedTuple):
    """One row of the format.

    Args:
        code: its number in the form, ``3.3.1`` = 三（三）1; 主动公开: ``20.`` and the number in article 20.
        name: what it is called here, below 三 with the name of its group.
        pattern: found in its printed text, as :func:`label` gives it.
        layouts: the layouts that have it.
    """

    code: str
    name: str
    pattern: re.Pattern[str]
    layouts: tuple[Layout, ...] = ("2019", "2021")


def _item(code: str, name: str, pattern: str, *layouts: Layout) -> Item:
    return Item(code, name, re.compile(pattern), layouts or ("2019", "2021"))


APPLICATION_ITEMS = (
    _item("1", "本年新收政府信息公开申请数量", "^本年度?新收"),
    _item("2", "上年结转政府信息公开申请数量", "^上一?年度?结转"),
    _item("3.1", "予以公开", "^予以公开"),
    _item("3.2", "部分公开", "^部分公开"),
    _item("3.3.1", "不予公开/属于国家秘密", "国家秘密"),
    _item("3.3.2", "不予公开/其他法律行政法规禁止公开", "禁止公开"),
    _item("3.3.3", "不予公开/危及“三安全一稳定”", "三安全一稳定"),
    _item("3.3.4", "不予公开/保护第三方合法权益", "第三方"),
    _item("3.3.5", "不予公开/属于三类内部事务信息", "内部事务"),
    _item("3.3.6", "不予公开/属于四类过程性信息", "过程性信息"),
    _item("3.3.7", "不予公开/属于行政执法案卷", "执法案卷"),
    _item("3.3.8", "不予公开/属于行政查询事项", "行政查询"),
    _item("3.4.1", "无法提供/本机关不掌握相关政府信息", "不掌握"),
    _item("3.4.2", "无法提供/没有现成信息需要另行制作", "没有现成|另行制作"),
    _item("3.4.3", "无法提供/补正后申请内容仍不明确", "补正后"),
    _item("3.5.1", "不予处理/信访举报投诉类申请", "信访"),
    _item("3.5.2", "不予处理/重复申请", "^重复申请"),
    _item("3.5.3", "不予处理/要求提供公开出版物", "公开出版物"),
    _item("3.5.4", "不予处理/无正当理由大量反复申请", "大量反复"),
    _item("3.5.5", "不予处理/要求行政机关确认或重新出具已获取信息", "重新出具"),
    _item("3.6.1", "其他处理/申请人无正当理由逾期不补正", "逾期不补正", "2021"),
    _item("3.6.2", "其他处理/申请人逾期未按收费通知要求缴纳费用", "收费通知|缴纳费用", "2021"),
    _item("3.6.3", "其他处理/其他", "^其他$", "2021"),
    _item("3.6", "其他处理", "^其他处理$", "2019"),
    _item("3.7", "总计", "^[总合]计$"),
    _item("4", "结转下年度继续办理", "^结转下一?年度?"),
)
"""Rows of 收到和处理申请, in their order. 3.6.3 is recognised only below 其他处理: see :func:`application_item`."""

DISCLOSURE_ITEMS = (
    _item("20.1.1", "规章", "^(?:政府|行政|地方政府|部门)?规章$"),
    _item("20.1.2", "行政规范性文件", "^(?:行政)?规范性文件$"),
    _item("20.5.1", "行政许可", "^行政许可$"),
    _item("20.5.2", "其他对外管理服务事项", "^其他对外管理服务事项$", "2019"),
    _item("20.6.1", "行政处罚", "^行政处罚$"),
    _item("20.6.2", "行政强制", "^行政强制$"),
    _item("20.8.1", "行政事业性收费", "^行政事业性收费$"),
    _item("20.9.1", "政府集中采购", "^政府集中采购$", "2019"),
)
"""Rows of 主动公开, in their order."""


class _Measure(NamedTuple):
    """One column of 主动公开: its name, what its heading matches, the sections of article 20 that have it, its layout."""

    name: str
    pattern: re.Pattern[str]
    sections: tuple[str, ...]
    layout: Layout | None


def _measure(name: str, pattern: str, sections: str, layout: Layout | None = None) -> _Measure:
    return _Measure(name, re.compile(pattern), tuple(sections.split()), layout)


_MEASURES = (
    _measure("本年制发件数", "^(?:本年度?)?制发件?数", "20.1", "2021"),
    _measure("本年废止件数", "^(?:本年度?)?废止件?数", "20.1", "2021"),
    _measure("现行有效件数", "^现行有效件?数", "20.1", "2021"),
    _measure("本年新制作数量", "^(?:本年度?)?新制作数", "20.1", "2019"),
    _measure("本年新公开数量", "^(?:本年度?)?新公开数", "20.1", "2019"),
    _measure("对外公开总数量", "^对外公开总数", "20.1", "2019"),
    _measure("上一年项目数量", "^上一?年度?项目数", "20.5 20.6 20.8", "2019"),
    _measure("本年增/减", "^(?:本年度?)?增减", "20.5 20.6 20.8", "2019"),
    _measure("本年处理决定数量", "^(?:本年度?)?处理决定数", "20.5 20.6"),
    _measure("本年收费金额", "^(?:本年度?)?收费总?金额", "20.8", "2021"),
    _measure("采购项目数量", "^采购项目数", "20.9", "2019"),
    _measure("采购总金额", "^采购总?金额", "20.9", "2019"),
)

APPLICANT_HEADS = frozenset({*APPLICANTS[:5], "申请人情况", "法人或其他组织"})
DISPUTE_HEADS = frozenset({*RESULTS[:4], "行政复议", "行政诉讼", "未经复议直接起诉", "复议后起诉"})
_PROCEDURE_OF = {"行政复议": PROCEDURES[0], "未经复议直接起诉": PROCEDURES[1], "复议后起诉": PROCEDURES[2]}

PARTS_OF_TOTAL = tuple(
    item for item in APPLICATION_ITEMS if item.code.startswith("3.") and item.code not in {"3.6", "3.7"}
)
"""What （七）总计 sums up in the 2021 layout; in the 2019 layout 3.6 stands for its three parts."""


@lru_cache(maxsize=8192)
def label(text: str) -> str:
    """Return what identifies a printed text: words only, simplified, without numbering; '' for running text."""
    if len(text) > _LONGEST_LABEL:
        return ""
    words = _NOT_WORD.sub("", simplified(nfkc(text)))
    return _NUMBERING.sub("", words, count=1) or words


def application_item(name: str, group: str) -> Item | None:
    """Return the item of 收到和处理申请 with this label; ``group`` is the code of the group whose rows are being read.

    「其他」 alone is an item only below 其他处理.
    """
    for item in APPLICATION_ITEMS:
        if item.pattern.search(name) and (item.code != "3.6.3" or group == "3.6"):
            return item
    return None


def group_of(name: str) -> str | None:
    """Return the code of the group of 三 that a label names, ``None`` where it names none."""
    return {"不予公开": "3.3", "无法提供": "3.4", "不予处理": "3.5", "其他处理": "3.6"}.get(name)


def disclosure_item(name: str) -> Item | None:
    """Return the item of 主动公开 with this label."""
    return next((item for item in DISCLOSURE_ITEMS if item.pattern.search(name)), None)


def applicant_of(name: str) -> str | None:
    """Return the applicant type that a column's heading names."""
    if name == "合计":
        return "总计"
    return name if name in APPLICANTS else None


def result_of(name: str) -> str | None:
    """Return the result that a column's heading of 复议诉讼 names."""
    if name == "合计":
        return "总计"
    return name if name in RESULTS else None


def procedure_of(name: str) -> str | None:
    """Return the procedure that a heading of 复议诉讼 names."""
    return _PROCEDURE_OF.get(name)


def measure_of(name: str) -> str | None:
    """Return the measure that a heading of 主动公开 names."""
    return next((measure.name for measure in _MEASURES if measure.pattern.search(name)), None)


def measures_of(item: Item, layout: Layout) -> tuple[str, ...]:
    """Return the measures that a layout prints for an item of 主动公开."""
    section = item.code.rpartition(".")[0]
    return tuple(one.name for one in _MEASURES if section in one.sections and one.layout in {None, layout})


def layout_of(measures: set[str], codes: set[str]) -> Layout | None:
    """Return the layout whose own columns or rows are there; ``None`` where there are none of either, or both."""
    signs: set[Layout] = {one.layout for one in _MEASURES if one.name in measures and one.layout}
    signs |= {item.layouts[0] for item in APPLICATION_ITEMS if item.code in codes and len(item.layouts) == 1}
    return signs.pop() if len(signs) == 1 else None
