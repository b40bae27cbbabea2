"""What kind of disclosure a document is (年度报告, 规范性文件, 行政处罚 …), by stated rules over what is printed.

The rules are tried in the order in which they stand; the first that finds its words says the kind. What a title or a number
says outweighs the channel, and a channel outweighs a title that only says 公告 or 通知. Where no rule fires the kind is None. The kind
is worked out whenever a document is shown or exported: it is stored nowhere and is no part of a version.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Field = Literal["title", "document_number", "genre", "channel"]


class Rule(NamedTuple):
    """A kind, the field that is looked at, and what must be found in it."""

    kind: str
    field: Field
    words: re.Pattern[str]


class Kind(NamedTuple):
    """A document's kind and the rule that fired: the field and the words found in it, as in ``title:行政处罚决定书``."""

    kind: str
    rule: str


def _rules(*rows: tuple[str, Field, str]) -> tuple[Rule, ...]:
    return tuple(Rule(kind, field, re.compile(words)) for kind, field, words in rows)


RULES = _rules(
    ("年度报告", "title", r"信息公开(?:工作)?(?:的)?(?:年度|年)?(?:工作)?(?:情况)?(?:的)?(?:年度)?报告|法治政府建设.{0,12}报告|年度报告"),
    ("政策解读", "title", r"解读|图解|一图(?:读懂|看懂|了解)|政策问答|答记者问"),
    ("征求意见", "title", r"(?:公开)?(?:征求|征集).{0,60}意见|意见(?:的)?征集|征求意见稿|听证(?:会)?(?:公告|通知|报告)"),
    ("建议提案", "title", r"(?:建议|提案|议案).{0,20}(?:答复|办理)|(?:答复|办理).{0,20}(?:建议|提案|议案)|第\d+号(?:建议|提案)"),
    ("行政处罚", "title", r"行政处罚(?:决定书?|公示|信息|案件|结果|公告|告知书?|情况|事先告知|听证|催告)|处罚决定书?|处罚(?:信息)?公示"),
    ("行政处罚", "document_number", r"罚(?:决)?(?:字|告|听)?\s*[〔\[［(（【]"),
    ("行政许可", "title", r"行政许可(?:决定书?|公示|信息|结果|公告|情况|事项.{0,6}(?:公示|结果))|(?:准予|不予|注销|撤销).{0,20}许可|许可决定书?|许可证.{0,8}(?:注销|吊销|发放)"),
    ("行政许可", "document_number", r"(?:许(?:可)?(?:准|决)?|准许?)字?\s*[〔\[［(（【]"),
    ("预决算", "title", r"(?:预算|决算)(?:公开|编制|说明|情况|报告|公示|草案|调整|绩效|及|信息)|[“”\"]?三公[“”\"]?\s*经费|(?:预算|决算|预决算)表?$|(?:预|决)算.{0,10}公开"),
    ("政府采购", "title", r"政府采购|采购(?:公告|结果|项目|合同|意向)|招标|中标|成交(?:公告|结果)|竞争性(?:磋商|谈判)|比选|询价"),
    ("人事", "title", r"任免|(?:任职|免职)(?:的|通知|公示|资格)|任前公示|干部.{0,10}公示|(?:拟)?(?:录用|聘用|调任|遴选).{0,16}(?:公示|公告|名单|人员)|招聘|招录|公务员.{0,20}(?:考录|录用|体检|考察|面试)"),
    ("统计", "title", r"统计(?:公报|数据|月报|年报|年鉴|分析|快报|信息|报表)|(?:经济)?运行(?:情况|分析)"),
    ("规划计划", "title", r"(?:发展|专项|总体|五年|中长期|详细|空间)规划|“?十[三四五]五”?.{0,20}规划|规划(?:纲要|的通知|》|$|\(|（)|工作要点|(?:年度|工作|行动|立法|实施)计划"),
    ("规范性文件", "channel", r"规范性文件|政府规章|行政规章|地方性法规"),
    ("规范性文件", "title", r"规范性文件(?!.{0,12}(?:清理|目录|备案|审核|审查))|(?:办法|规定|细则|规程|裁量(?:权)?基准|条例)(?:（[^）]{0,12}）|\([^)]{0,12}\))?》?(?:的通知)?$"),
    ("年度报告", "channel", r"年度报告|年报"),
    ("政策解读", "channel", r"解读"),
    ("征求意见", "channel", r"征求意见|意见征集|征集调查|民意征集"),
    ("建议提案", "channel", r"建议|提案|议案"),
    ("行政处罚", "channel", r"行政处罚"),
    ("行政许可", "channel", r"行政许可"),
    ("预决算", "channel", r"预决算|预算|决算|财政(?:信息|资金)|三公"),
    ("政府采购", "channel", r"采购|招标|招投标"),
    ("人事", "channel", r"人事|任免|招考|录用"),
    ("统计", "channel", r"统计"),
    ("规划计划", "channel", r"规划|计划"),
    ("机构职能", "channel", r"机构(?:概况|职能|设置|信息|简介)|领导(?:信息|之窗|简介|分工)|内设机构|主要职责"),
    ("公告公示", "title", r"公告|公示|通告"),
    ("公告公示", "genre", r"公告|公示|通告"),
    ("公文", "title", r"的(?:通知|意见|决定|批复|函|通报|决议|命令|请示|复函|公报)(?:（[^）]{0,12}）|\([^)]{0,12}\))?$"),
    ("公文", "genre", r"通知|意见|决定|批复|函|通报|决议|命令"),
    ("公文", "channel", r"政策文件|政策法规|法规文件|文件|公文"),
    ("公告公示", "channel", r"公告|公示|通告"),
    ("动态", "channel", r"动态|要闻|新闻|信息快报|工作信息"),
)  # fmt: skip
"""Every rule, in order."""

KINDS = tuple(dict.fromkeys(rule.kind for rule in RULES))


def find_kind(
    *, title: str | None, document_number: str | None, genre: str | None, channels: Sequence[str] = ()
) -> Kind | None:
    """Return the kind of a document by the first rule that fires, None where none does."""
    texts: dict[Field, list[str]] = {
        "title": [title or ""],
        "document_number": [document_number or ""],
        "genre": [genre or ""],
        "channel": list(channels),
    }
    for rule in RULES:
        for text in texts[rule.field]:
            found = rule.words.search(text)
            if found:
                return Kind(rule.kind, f"{rule.field}:{found.group()}")
    return None
