"""Kinds of documents by stated rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.kinds import KINDS, RULES, find_kind


def kind_of(title: str | None = None, **more: Any) -> tuple[str, str] | None:
    """Return kind and rule."""
    return find_kind(**{"title": title, "document_number": None, "genre": None, **more})


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("云岭市司法局2023年政府信息公开工作年度报告", "年度报告"),
        ("2023年度法治政府建设情况报告", "年度报告"),
        ("《云岭市公证服务办法》政策解读", "政策解读"),
        ("一图读懂：法律援助", "政策解读"),
        ("关于公开征求《云岭市公证服务办法（征求意见稿）》意见的公告", "征求意见"),
        ("关于市政协第12号提案的答复", "建议提案"),
        ("云司罚决字〔2024〕3号行政处罚决定书", "行政处罚"),
        ("关于准予某律师事务所变更许可的决定", "行政许可"),
        ("云岭市司法局2024年部门预算公开", "预决算"),
        ("2023年度“三公”经费决算情况", "预决算"),
        ("普法宣传服务项目中标公告", "政府采购"),
        ("关于某某同志任前公示", "人事"),
        ("2024年公开招聘编外人员公告", "人事"),
        ("2023年法律服务统计数据", "统计"),
        ("云岭市“十四五”司法行政发展规划", "规划计划"),
        ("2024年法治政府建设工作要点", "规划计划"),
        ("关于印发云岭市公证服务办法的通知", "规范性文件"),
        ("云岭市行政处罚裁量权基准", "规范性文件"),
        ("关于公证机构名单的公示", "公告公示"),
        ("关于做好防汛工作的通知", "公文"),
        ("我局召开工作会议", None),
        (None, None),
    ],
)
def test_kind_by_title(title: str | None, kind: str | None) -> None:
    """The title alone says the kind where it says one."""
    found = kind_of(title)
    assert (found[0] if found else None) == kind


def test_number_and_channel() -> None:
    """A number of a penalty and a specific channel say more than 公告 or 通知 in a title; the title's own words say more than the channel."""
    assert kind_of("送达公告", document_number="云司罚〔2024〕3号") == ("行政处罚", "document_number:罚〔")
    assert kind_of("关于做好工作的通知", channels=("人事信息",)) == ("人事", "channel:人事")
    assert kind_of("2023年部门决算公开", channels=("通知公告",)) == ("预决算", "title:决算公开")
    assert kind_of("我局召开工作会议", channels=("公开目录", "工作动态")) == ("动态", "channel:动态")
    assert kind_of("会议", genre="通知") == ("公文", "genre:通知")


def test_every_kind_is_a_rule_s() -> None:
    """The kinds that the issue names are there, and every rule says one of the kinds."""
    named = {
        "年度报告",
        "规范性文件",
        "政策解读",
        "行政处罚",
        "行政许可",
        "预决算",
        "公告公示",
        "人事",
        "规划计划",
        "统计",
    }
    assert named <= set(KINDS)
    assert {rule.kind for rule in RULES} == set(KINDS)


@given(st.text(max_size=80), st.text(max_size=20), st.lists(st.text(max_size=12), max_size=3))
def test_any_words_are_answered(title: str, number: str, channels: list[str]) -> None:
    """Whatever is printed, the answer is a known kind with words that stand there, or none."""
    found = find_kind(title=title, document_number=number, genre=None, channels=channels)
    if found:
        words = found.rule.partition(":")[2]
        assert any(words in text for text in (title, number, *channels))
