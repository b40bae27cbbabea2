"""Annual reports for tests: figures whose sums hold, and the tables that print them, as HTML or as a PDF's grid."""

from __future__ import annotations

from typing import Any

import lxml.html

from govcrawl.blocks import Content, read_content

APPLICANTS = ("自然人", "商业企业", "科研机构", "社会公益组织", "法律服务机构", "其他", "总计")
REFUSED = (
    "1.属于国家秘密",
    "2.其他法律行政法规禁止公开",
    "3.危及“三安全一稳定”",
    "4.保护第三方合法权益",
    "5.属于三类内部事务信息",
    "6.属于四类过程性信息",
    "7.属于行政执法案卷",
    "8.属于行政查询事项",
)
UNABLE = ("1.本机关不掌握相关政府信息", "2.没有现成信息需要另行制作", "3.补正后申请内容仍不明确")
DECLINED = (
    "1.信访举报投诉类申请",
    "2.重复申请",
    "3.要求提供公开出版物",
    "4.无正当理由大量反复申请",
    "5.要求行政机关确认或重新出具已获取信息",
)
OTHER = (
    "1.申请人无正当理由逾期不补正、行政机关不再处理其政府信息公开申请",
    "2.申请人逾期未按收费通知要求缴纳费用、行政机关不再处理其政府信息公开申请",
    "3.其他",
)
GROUPS = (("（三）不予公开", "3.3", REFUSED), ("（四）无法提供", "3.4", UNABLE), ("（五）不予处理", "3.5", DECLINED))
CORNER = "（本列数据的勾稽关系为：第一项加第二项之和，等于第三项加第四项之和）"
PERIOD = "本报告所列数据的统计期限自{year}年1月1日起至{year}年12月31日止。"
RESULTS = ("结果维持", "结果纠正", "其他结果", "尚未审结", "总计")


def applications(layout: str = "2021") -> dict[str, list[int]]:
    """Figures of 收到和处理申请 by the code of their row, in the order of :data:`APPLICANTS`; every sum holds."""
    codes = ["3.1", "3.2"]
    codes += [f"{code}.{number}" for _, code, names in GROUPS for number in range(1, len(names) + 1)]
    codes += ["3.6"] if layout == "2019" else ["3.6.1", "3.6.2", "3.6.3"]
    rows = {code: [n % 7 + 1, n % 3, 0, n % 2, 1200 if n == 1 else 0, 1] for n, code in enumerate(codes)}
    rows["3.7"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    rows["2"], rows["4"] = [3, 1, 0, 0, 0, 0], [5, 0, 0, 0, 0, 2]
    rows["1"] = [total + left - carried for total, left, carried in zip(rows["3.7"], rows["4"], rows["2"], strict=True)]
    return {code: [*row, sum(row)] for code, row in rows.items()}


def lines(layout: str = "2021") -> list[tuple[str, list[tuple[str, int, int]]]]:
    """Rows of 收到和处理申请: code, and label cells as (text, columns, rows); a cell of an earlier row is not repeated."""
    results: list[tuple[str, list[tuple[str, int, int]]]] = [
        ("3.1", [("（一）予以公开", 2, 1)]),
        ("3.2", [("（二）部分公开（区分处理的，只计这一情形，不计其他情形）", 2, 1)]),
    ]
    groups = GROUPS if layout == "2019" else (*GROUPS, ("（六）其他处理", "3.6", OTHER))
    for group, code, names in groups:
        for number, name in enumerate(names, 1):
            first = [(group, 1, len(names))] if number == 1 else []
            results.append((f"{code}.{number}", [*first, (name, 1, 1)]))
    if layout == "2019":
        results.append(("3.6", [("（六）其他处理", 2, 1)]))
    results.append(("3.7", [("（七）总计", 2, 1)]))
    results[0][1].insert(0, ("三、本年度办理结果", 1, len(results)))
    return [
        ("1", [("一、本年新收政府信息公开申请数量", 3, 1)]),
        ("2", [("二、上年结转政府信息公开申请数量", 3, 1)]),
        *results,
        ("4", [("四、结转下年度继续办理", 3, 1)]),
    ]


def cell(text: Any, across: int = 1, down: int = 1) -> str:
    """A cell."""
    spans = (f" colspan={across}" if across > 1 else "") + (f" rowspan={down}" if down > 1 else "")
    return f"<td{spans}>{text}</td>"


def tr(*cells: str) -> str:
    """A row."""
    return f"<tr>{''.join(cells)}</tr>"


def table(*rows: str) -> str:
    """A table."""
    return f"<table border=1>{''.join(rows)}</table>"


def application_head() -> list[str]:
    """The three heading rows of 收到和处理申请."""
    return [
        tr(cell(CORNER, 3, 3), cell("申请人情况", 7)),
        tr(cell("自然人", 1, 2), cell("法人或其他组织", 5), cell("总计", 1, 2)),
        tr(*map(cell, APPLICANTS[1:6])),
    ]


def application_rows(figures: dict[str, list[Any]], layout: str = "2021") -> list[str]:
    """The rows of 收到和处理申请 that are in ``figures``."""
    return [
        tr(*(cell(*label) for label in labels), *map(cell, figures[code]))
        for code, labels in lines(layout)
        if code in figures
    ]


def dispute_table(values: list[Any]) -> str:
    """复议诉讼."""
    return table(
        tr(cell("行政复议", 5), cell("行政诉讼", 10)),
        tr(*(cell(name, 1, 2) for name in RESULTS), cell("未经复议直接起诉", 5), cell("复议后起诉", 5)),
        tr(*map(cell, RESULTS * 2)),
        tr(*map(cell, values)),
    )


def disclosure_rows(values: list[Any]) -> list[str]:
    """主动公开 of the 2021 layout: ten values."""
    v = list(map(str, values))
    decisions, fee = "本年处理决定数量", "本年收费金额（单位：万元）"
    return [
        tr(cell("第二十条第（一）项", 4)),
        tr(*map(cell, ("信息内容", "本年制发件数", "本年废止件数", "现行有效件数"))),
        tr(*map(cell, ("规章", *v[:3]))),
        tr(*map(cell, ("行政规范性文件", *v[3:6]))),
        tr(cell("第二十条第（五）项", 4)),
        tr(cell("信息内容"), cell(decisions, 3)),
        tr(cell("行政许可"), cell(v[6], 3)),
        tr(cell("第二十条第（六）项", 4)),
        tr(cell("信息内容"), cell(decisions, 3)),
        tr(cell("行政处罚"), cell(v[7], 3)),
        tr(cell("行政强制"), cell(v[8], 3)),
        tr(cell("第二十条第（八）项", 4)),
        tr(cell("信息内容"), cell(fee, 3)),
        tr(cell("行政事业性收费"), cell(v[9], 3)),
    ]


def content(*parts: str) -> Content:
    """What is read of a body that consists of these parts."""
    return read_content(lxml.html.fromstring(f"<div>{''.join(parts)}</div>"))


def pdf_grid(figures: dict[str, list[Any]]) -> list[list[str]]:
    """收到和处理申请 (2021) as a PDF gives it: spans are not resolved, labels are broken into lines."""
    grid = [
        [CORNER, "", "", "申请人情况", "", "", "", "", "", ""],
        ["", "", "", "自然\n人", "法人或其他组织", "", "", "", "", "总计"],
        ["", "", "", "", "商业\n企业", "科研\n机构", "社会公\n益组织", "法律服\n务机构", "其他", ""],
    ]
    for code, labels in lines():
        cells = ["", "", ""]
        column = 3 - sum(across for _, across, _ in labels)
        for text, across, _ in labels:
            cells[column] = text if len(text) < 12 else f"{text[:9]}\n{text[9:]}"
            column += across
        grid.append([*cells, *map(str, figures[code])])
    return grid


def pdf_disputes(values: list[Any]) -> list[list[str]]:
    """复议诉讼 as a PDF gives it."""
    return [
        ["行政复议", *[""] * 4, "行政诉讼", *[""] * 9],
        [*(f"{name[:2]}\n{name[2:]}" for name in RESULTS), "未经复议直接起诉", *[""] * 4, "复议后起诉", *[""] * 4],
        [*[""] * 5, *RESULTS, *RESULTS],
        list(map(str, values)),
    ]
