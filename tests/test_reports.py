"""Annual reports as figures: both layouts, in whatever shape their tables come; sums that do not agree are findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_pages import (
    APPLICANTS,
    CORNER,
    PERIOD,
    RESULTS,
    application_head,
    application_rows,
    applications,
    cell,
    content,
    disclosure_rows,
    dispute_table,
    pdf_disputes,
    pdf_grid,
    table,
    tr,
)

from govcrawl.report_grids import read_value
from govcrawl.reports import BALANCE, DISPUTE_SUM, ROW_SUM, TOTAL, Report, is_report_title, read_report

if TYPE_CHECKING:
    from govcrawl.blocks import Content

TITLE = "云岭市司法局2023年政府信息公开工作年度报告"
TEN = [1, 0, 12, 4, 2, 30, 844, 30, 0, 52.9]
DISPUTES = [2, 1, 0, 3, 6, 1, 0, 0, 0, 1, 0, 0, 4, 0, 4]
TEN_PLACES = [
    *((code, measure) for code in ("20.1.1", "20.1.2") for measure in ("本年制发件数", "本年废止件数", "现行有效件数")),
    *((code, "本年处理决定数量") for code in ("20.5.1", "20.6.1", "20.6.2")),
    ("20.8.1", "本年收费金额"),
]
DISPUTE_PLACES = [(code, result) for code in ("1", "2.1", "2.2") for result in RESULTS]


def read(page: Content, title: str = TITLE) -> Report:
    """Read a page that is a report."""
    report = read_report(page.tables, page.text, title)
    assert report is not None
    return report


def values(report: Report, name: str) -> dict[tuple[str, str], Any]:
    """The values of one of the three tables by row code and column."""
    return {
        (figure.code, figure.measure or figure.applicant or ""): figure.value
        for figure in report.figures
        if figure.table == name
    }


def expected(figures: dict[str, list[Any]]) -> dict[tuple[str, str], Any]:
    """The values that 收到和处理申请 should have."""
    return {(code, name): row[n] for code, row in figures.items() for n, name in enumerate(APPLICANTS)}


def check_all(report: Report, figures: dict[str, list[Any]], ten: list[Any] | None = TEN) -> None:
    """Check every cell of a report in the 2021 layout."""
    assert values(report, "收到和处理申请") == expected(figures)
    assert values(report, "复议诉讼") == dict(zip(DISPUTE_PLACES, DISPUTES, strict=True))
    if ten is not None:
        assert values(report, "主动公开") == dict(zip(TEN_PLACES, ten, strict=True))


def kinds(report: Report) -> list[str]:
    """The kinds of a report's findings."""
    return [finding.kind for finding in report.findings]


def test_layout_of_2021() -> None:
    """Every cell of the 2021 layout is read, with item, column, unit and place; all sums agree."""
    figures = applications()
    report = read(
        content(
            f"<p>{PERIOD.format(year=2023)}</p>",
            table(*disclosure_rows(TEN)),
            table(*application_head(), *application_rows(figures)),
            dispute_table(DISPUTES),
        )
    )
    check_all(report, figures)
    assert (report.year, report.layout, report.findings) == (2023, "2021", ())
    assert (report.sums_checked, report.sums_open) == (25 + 7 + 7 + 3, 0)
    fee = next(figure for figure in report.figures if figure.item == "行政事业性收费")
    assert (fee.unit, fee.value, fee.printed, fee.place) == ("万元", 52.9, "52.9", (0, 13, 1))
    rule = next(figure for figure in report.figures if figure.item == "规章")
    assert (rule.unit, rule.printed_item) == ("件", "规章")
    partial = next(figure for figure in report.figures if figure.item == "部分公开" and figure.applicant == "总计")
    assert partial.place == (1, 6, 9)
    assert partial.printed_item == "（二）部分公开（区分处理的，只计这一情形，不计其他情形）"
    assert {figure.item for figure in report.figures if figure.code == "3.3.3"} == {"不予公开/危及“三安全一稳定”"}


def word(text: Any, across: int = 1, down: int = 1) -> str:
    """A cell as Word pastes it."""
    inner = f'<p class="MsoNormal" align=center><span style="font-size:9pt">{text}<o:p></o:p></span></p>'
    return cell(inner, across, down)


def test_layout_of_2019_pasted_from_word() -> None:
    """The 2019 layout with shifted spans, broken headings, full-width digits, dashes and blanks; blanks are no zeros."""
    figures: dict[str, list[Any]] = {code: list(row) for code, row in applications("2019").items()}
    printed = {code: list(map(str, row)) for code, row in figures.items()}
    printed["3.2"] = [text.replace("1203", "１，２０３").replace("1200", "1,200") for text in printed["3.2"]]
    for code, column, text in (("3.3.1", 2, "&nbsp;"), ("3.3.2", 2, "/"), ("3.3.3", 2, "－"), ("4", 3, "——")):
        printed[code][column], figures[code][column] = text, None
    names = ("信息内容", "上一年<br/>项目数量", "本年增／减", "处理决定数量")
    disclosure = table(
        tr(word("第二十条第（一）项", 5)),
        tr(word("信息内容"), word("本年新<br/>制作数量"), word("本年新<br/>公开数量", 2), word("对外公开总数量")),
        tr(word("规章"), word("１３"), word("13", 2), word("524")),
        tr(word("规范性文件"), word(60), word(61, 2), word(368)),
        tr(word("第二十条第（五）项", 5)),
        tr(word(names[0]), word(names[1]), word(names[2], 2), word(names[3])),
        tr(word("行政许可"), word(5, 2), word(0), word(0)),  # these cells do not stand below their headings
        tr(word("其他对外管理服务事项"), word(7, 2), word("-2"), word("1,036")),
        tr(word("第二十条第（六）项", 5)),
        tr(word(names[0]), word(names[1]), word(names[2], 2), word(names[3])),
        tr(word("行政处罚"), word(4, 2), word("+3"), word("")),
        tr(word("行政强制"), word(0, 2), word(0), word(0)),
        tr(word("第二十条第（八）项", 5)),
        tr(word("信息内容"), word(names[1], 2), word(names[2], 2)),
        tr(word("行政事业性收费"), word(2, 2), word("减1", 2)),
        tr(word("第二十条第（九）项", 5)),
        tr(word("信息内容"), word("采购项目数量", 2), word("采购总金额", 2)),
        tr(word("政府集中采购"), word(6, 2), word("251000元", 2)),
    )
    head = [
        tr(word(CORNER, 3, 3), word("申请人<br/>情况", 7)),
        tr(word("自<br/>然<br/>人", 1, 2), word("法人或其他组织", 5), word("总<br/>计", 1, 2)),
        tr(*(word("<br/>".join(name)) for name in APPLICANTS[1:6])),
    ]
    report = read(
        content(
            disclosure,
            table(*head, *application_rows(printed, "2019")),
            dispute_table([*map(str, DISPUTES[:10]), *["&nbsp;"] * 5]),
        ),
        title="云岭市司法局二〇一九年度政府信息公开工作报告",
    )
    assert (report.year, report.layout) == (2019, "2019")
    assert values(report, "收到和处理申请") == expected(figures)
    assert values(report, "复议诉讼") == dict(zip(DISPUTE_PLACES, [*DISPUTES[:10], *[None] * 5], strict=True))
    three = ("上一年项目数量", "本年增/减", "本年处理决定数量")
    first = ("本年新制作数量", "本年新公开数量", "对外公开总数量")
    assert values(report, "主动公开") == {
        **{("20.1.1", name): value for name, value in zip(first, (13, 13, 524), strict=True)},
        **{("20.1.2", name): value for name, value in zip(first, (60, 61, 368), strict=True)},
        **{("20.5.1", name): value for name, value in zip(three, (5, 0, 0), strict=True)},
        **{("20.5.2", name): value for name, value in zip(three, (7, -2, 1036), strict=True)},
        **{("20.6.1", name): value for name, value in zip(three, (4, 3, None), strict=True)},
        **{("20.6.2", name): value for name, value in zip(three, (0, 0, 0), strict=True)},
        **{("20.8.1", name): value for name, value in zip(three, (2, -1), strict=False)},
        ("20.9.1", "采购项目数量"): 6,
        ("20.9.1", "采购总金额"): 251000,
    }
    (money,) = (figure for figure in report.figures if figure.measure == "采购总金额")
    assert money.unit == "元"
    assert kinds(report) == []
    assert report.sums_open == 1  # 复议后起诉 is blank


def test_split_tables() -> None:
    """A table cut by page breaks goes on under the headings of its beginning; 主动公开 may stand in four tables."""
    figures = applications()
    rows = application_rows(figures)
    ten = disclosure_rows(TEN)
    report = read(
        content(
            table(*ten[:4]), "<p>　</p>", table(*ten[4:7]), table(*ten[7:11]), table(*ten[11:]),
            table(*application_head()), table(*rows[:9]), "<p>— 3 —</p>",
            # the group's and the result's own cells stayed on the page before
            table(*(tr(cell(""), row.removeprefix("<tr>").removesuffix("</tr>")) if n == 9 else row
                    for n, row in enumerate(_unspanned(figures)) if n >= 9)),
            dispute_table(DISPUTES),
        )
    )  # fmt: skip
    check_all(report, figures)
    assert report.findings == ()


def _unspanned(figures: dict[str, list[int]]) -> list[str]:
    """The rows of 收到和处理申请 without spans: two label columns, the second one of them holding the item."""
    from report_pages import lines  # noqa: PLC0415

    rows = []
    for number, (code, labels) in enumerate(lines()):
        names = [text for text, _, _ in labels][-2:]
        names = names if len(names) == 2 else ["", *names]
        rows.append(tr(*map(cell, names[-1:] if number == 9 else names), *map(cell, figures[code])))
    return rows


def test_one_table_holds_all() -> None:
    """All three tables in one, headings without row spans: what a row holds is told from the row."""
    figures = applications()
    head = [
        tr(cell(CORNER, 3, 3), cell("申请人情况", 12)),
        tr(cell("自然人"), cell("法人或其他组织", 5), cell("总计")),
        tr(cell(""), *map(cell, APPLICANTS[1:6]), cell("")),
    ]
    disputes = dispute_table(DISPUTES).removeprefix("<table border=1>").removesuffix("</table>")
    report = read(content(table(*disclosure_rows(TEN), *head, *application_rows(figures), disputes)))
    check_all(report, figures)
    assert report.findings == ()


def test_heading_that_lost_its_corner() -> None:
    """Heading rows that slid to the left (no row span at the corner) are matched in order: seven names, seven columns."""
    figures = applications()
    head = [
        tr(cell("申请人情况", 10)),
        tr(cell("自然人"), cell("法人或其他组织", 5), cell("总计")),
        tr(*map(cell, APPLICANTS[1:6])),
    ]
    report = read(content(table(*head, *application_rows(figures))))
    assert values(report, "收到和处理申请") == expected(figures)


def test_wrong_sums() -> None:
    """Each sum that does not agree is a finding with rule, cells, what is there and what should be; nothing is corrected."""
    figures = applications()
    figures["3.1"][6] += 10  # row sum, and the total column's sum
    figures["4"][1] += 1  # balance of 商业企业, and its own row sum
    disputes = [*DISPUTES]
    disputes[14] = 5
    report = read(
        content(
            table(*disclosure_rows(TEN)),
            table(*application_head(), *application_rows(figures)),
            dispute_table(disputes),
        )
    )
    assert values(report, "收到和处理申请") == expected(figures)
    assert set(kinds(report)) == {"sum_differs"}
    found = {(one.rule, one.item or one.applicant): (one.got, one.expected) for one in report.findings}
    total, left = figures["3.7"], figures["4"]
    assert found == {
        (ROW_SUM, "予以公开"): (figures["3.1"][6], figures["3.1"][6] - 10),
        (ROW_SUM, "结转下年度继续办理"): (left[6], left[6] + 1),
        (BALANCE, "商业企业"): (total[1] + left[1], total[1] + left[1] - 1),
        (TOTAL, "总计"): (total[6], total[6] + 10),
        (DISPUTE_SUM, "行政诉讼/复议后起诉"): (5, 4),
    }
    first = next(one for one in report.findings if one.rule == ROW_SUM and one.item == "予以公开")
    assert first.cells == tuple((1, 5, column) for column in range(3, 10))
    assert report.sums_checked == 42


def test_missing_rows_and_columns() -> None:
    """Rows and tables that are not there are named, also where row spans still count them and push later rows aside."""
    figures = applications("2019")
    del figures["3.4.2"], figures["3.6"]
    rows = application_rows(figures, "2019")
    report = read(content(table(*application_head(), *rows, tr(cell("备注", 3), cell("1"), cell("2")))))
    assert values(report, "收到和处理申请") == expected(figures)
    missing = [(one.table, one.item) for one in report.findings if one.kind.startswith("missing")]
    assert missing == [
        ("主动公开", None),
        ("复议诉讼", None),
        ("收到和处理申请", "无法提供/没有现成信息需要另行制作"),
    ]
    assert [one.got for one in report.findings if one.kind == "unrecognised_row"] == ["三、本年度办理结果 备注 1 2"]
    still_open = {one.applicant for one in report.findings if one.kind == "sum_open"}
    assert still_open == {"自然人", "商业企业", "社会公益组织", "其他", "总计"}
    assert "sum_differs" not in kinds(report)
    assert report.layout is None


def test_attachment_only_report() -> None:
    """A PDF's grids (spans left blank, labels in lines) are read like a page's; its file name is its title."""
    figures = applications()
    grids = [pdf_grid(figures), pdf_disputes(DISPUTES)]
    report = read_report(grids, "云岭市司法局\n" + PERIOD.format(year=2022), "政府信息公开年报.pdf")
    assert report is not None
    check_all(report, figures, None)
    assert report.year == 2022
    assert kinds(report) == ["missing_table"]


def test_traditional_copy() -> None:
    """A copy in traditional characters gives the same figures under the same names."""
    figures = applications()
    page = content(table(*application_head(), *application_rows(figures)), dispute_table(DISPUTES))
    turned = [
        [["".join(_TRADITIONAL.get(char, char) for char in text) for text in row] for row in grid]
        for grid in page.tables
    ]
    assert "總計" in turned[0][1]
    report = read_report(turned, "", "雲嶺市司法局2023年政府信息公開工作年度報告")
    assert report is not None
    check_all(report, figures, None)
    assert report.year == 2023


_TRADITIONAL = dict(
    zip("结转数总计处开无复议诉讼维纠审经后终业机构组织务团体规缴纳费补请当举报访据过执关", "結轉數總計處開無復議訴訟維糾審經後終業機構組織務團體規繳納費補請當舉報訪據過執關", strict=True)
)  # fmt: skip


@pytest.mark.parametrize(
    ("title", "text", "year", "found"),
    [
        (TITLE, "", 2023, []),
        (TITLE, PERIOD.format(year=2022), 2023, ["year_differs"]),
        ("政府信息公开工作年度报告", PERIOD.format(year=2022), 2022, []),
        ("政府信息公开工作年度报告", "统计数据的时限为2021 年1月1日至12月31日。", 2021, []),
        ("政府信息公开工作年度报告", "二〇二〇年政府信息公开工作年度报告\n一、总体情况", 2020, []),
        ("政府信息公开工作年度报告", "2020年1月3日印发。全年公开2019年遗留信息。", None, ["year_unreadable"]),
        ("2019年、2020年政府信息公开工作年度报告", PERIOD.format(year=2020), None, ["year_unreadable"]),
    ],
)
def test_year(title: str, text: str, year: int | None, found: list[str]) -> None:
    """The year comes from the title, else the statistics period, else the heading; otherwise it is a finding, not a guess."""
    report = read_report([], text, title)
    assert report is not None
    assert report.year == year
    assert [kind for kind in kinds(report) if kind.startswith("year")] == found


def test_reports_before_the_format() -> None:
    """A report on a year before the national format lacks no tables."""
    report = read_report(
        [[["指标", "数量"], ["主动公开政府信息数", "15"]]], "", "云岭市司法局2016年政府信息公开工作年度报告"
    )
    assert report is not None
    assert (report.figures, report.findings) == ((), ())


def test_other_documents_are_no_reports() -> None:
    """Statistics with similar words are not taken for a report."""
    grid = [["类别", "行政复议", "行政诉讼"], ["收案", "3", "4"], ["结果维持", "1", "2"]]
    assert read_report([grid], "", "云岭市司法局2023年行政复议工作统计") is None
    assert not is_report_title("云岭市司法局2023年法治政府建设年度报告")
    assert is_report_title("云岭市司法局2023年度政务信息公开工作报告")


def test_values_that_cannot_be_read() -> None:
    """A cell that is no number, and a heading over two different values, are findings without a value."""
    figures: dict[str, list[Any]] = applications()
    figures["3.1"][0] = "约8件"
    head, body = application_head(), application_rows(figures)
    ten = disclosure_rows(TEN)
    ten[6] = tr(cell("行政许可"), cell("844"), cell("845", 2))
    report = read(content(table(*ten), table(*head, *body), dispute_table(DISPUTES)))
    problems = {one.kind: one.got for one in report.findings if one.kind in {"unreadable_value", "ambiguous_cell"}}
    assert problems == {"unreadable_value": "约8件", "ambiguous_cell": "844"}
    assert values(report, "收到和处理申请")[("3.1", "自然人")] is None
    assert values(report, "主动公开")[("20.5.1", "本年处理决定数量")] is None


def test_absurd_tables() -> None:
    """Numbers of thousands of digits are no numbers, and tens of thousands of rows take no time to speak of."""
    grid = [["信息内容", "本年增/减"], ["行政许可", "5" * 5000]]
    report = read_report([grid * 10_000, [["甲"] * 10] * 10_000], "", TITLE)
    assert report is not None
    assert [(figure.value, figure.place) for figure in report.figures] == [(None, (0, 1, 1))]


@given(st.integers(0, 10**9), st.sampled_from(["{}", " {}\n", "{}件", "{} 件", "＋{}"]))
def test_numbers(number: int, form: str) -> None:
    """A number is read however it is set; full-width digits and thousands' commas too."""
    plain = form.format(number)
    wide = plain.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)})
    grouped = form.format(f"{number:,}")
    assert [read_value(text).number for text in (plain, wide, grouped)] == [number] * 3


@given(st.lists(st.lists(st.lists(st.sampled_from(
    ["", "0", "1", "总计", "其他", "自然人", "商业企业", "结果维持", "行政复议", "信息内容", "本年增/减", "行政许可",
     "一、本年新收", "（三）不予公开", "3.其他", "第二十条第（五）项", "x" * 500]), max_size=6), max_size=6), max_size=4),
    st.text(max_size=40))  # fmt: skip
def test_any_tables(tables: list[list[list[str]]], text: str) -> None:
    """Ragged, empty and senseless tables give an answer; each figure's place is a cell that prints it."""
    report = read_report(tables, text, TITLE)
    assert report is not None
    for figure in report.figures:
        row = tables[figure.place.table][figure.place.row]
        assert figure.printed == (row[figure.place.column] if figure.place.column < len(row) else "")
