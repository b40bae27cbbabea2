"""Orders cited in a text (令): 国务院令第711号, 司法部令第138号, 主席令第二十九号, 厦门市人民政府第176号令."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archive.mentions import Mention
from archive.text import nfkc

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGITS = "0-9０-９〇○零一二三四五六七八九十百千"
_YEAR = r"(?:[〔\[［(（【]?\s?(?P<year>(?:19|20)\d\d)\s?年?\s?[〕\]］)）】]?\s?)?"
_AFTER = re.compile(rf"令\s?{_YEAR}[（(]?\s?(?:第\s?)?(?P<nth>[{_DIGITS}]{{1,7}})\s?[号號]")
_BEFORE = re.compile(rf"{_YEAR}[（(]?第?\s?(?P<nth>[{_DIGITS}]{{1,7}})\s?[号號]\s?令$")
_NUMBERED = re.compile(r"[号號]\s?令")
_HAN_END = re.compile(r"(?:国务院、(?=中央军委))?[\u3400-\u9fff]+$")
_LONGEST_NAME, _SHORTEST_NAME, _LONGEST_NUMBER = 30, 3, 30
_VALUES = {char: n for n, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "○": 0}
_TENS = {"十": 10, "百": 100, "千": 1000}

_WORDS = re.compile(
    "根据|按照|依据|依照|遵照|遵循|参照|对照|贯彻|落实|执行|施行|实施|印发|转发|下发|发布|公布|颁布|颁发|制定|出台|废止|失效|替代|代替|取代|修订|修改|修正|沿用|详见|参见|"
    "适用|违反|符合|现将|文件|通知|精神|规定|要求|以及|或者|同时|结合|属于|包括|其中|分别|有关|关于|经过|通过|已经|已由|作为|名为|当时的|上述|的|了|是|号令|[見见由經经被以][^济贸营]?(?=国务院|中华)"
)
_SINGLE = re.compile("^[以按据依照经由从被对将把和与及或并在为是见即系现原而且如至到向于第]+(?!贡|化|乐|都|平|庄|政)")
_MINISTRIES = (
    "国家发展和改革委员会|国家发展改革委|发展改革委|国家发改委|国家计划委员会|国家计委|国家经贸委|教育部|科学技术部|科技部|工业和信息化部|工信部|国家民族事务委员会|国家民委|公安部|国家安全部|民政部|"
    "司法部|财政部|人力资源和社会保障部|人力资源社会保障部|人社部|劳动和社会保障部|劳动保障部|劳动部|人事部|自然资源部|国土资源部|生态环境部|环境保护部|住房和城乡建设部|住房城乡建设部|"
    "住建部|建设部|交通运输部|交通部|铁道部|水利部|农业农村部|农业部|商务部|文化和旅游部|文化部|国家卫生健康委员会|国家卫生健康委|国家卫生和计划生育委员会|国家卫生计生委|卫生部|退役军人事务部|"
    "应急管理部|中国人民银行|审计署|监察部|海关总署|外交部|国防部|信息产业部|国务院国有资产监督管理委员会|国务院国资委|国资委|国家林业和草原局|对外贸易经济合作部"
)
_NAME = re.compile(
    rf"(?:中华人民共和国)?(?:国务院、中央军委|国务院|主席|中央军事委员会|中央军委|{_MINISTRIES}|"
    r"(?:国家|中国|全国)[\u3400-\u9fff]{1,16}?(?:总局|总署|局|委员会|办公室|委|会)|"
    r"[\u3400-\u9fff]{0,6}?[\u3400-\u9fff](?:总局|总署)|"
    r"[\u3400-\u9fff]{1,12}?(?:政府|委员会|市长|省长|主席)|"
    r"[\u3400-\u9fff]{2,10}?(?:部|局|委|厅|署))$"
)
_STRONG = re.compile(
    rf"(?:中华人民共和国)?(?:国务院(?:、中央军委)?|{_MINISTRIES})$|中华人民共和国主席$|(?<![\u3400-\u9fff])主席$|(?:国家|中国)(?:税务|市场|食品|质量|工商|广播|新闻|体育|统计|能源|知识|药品|安全|互联网|网信|证券|银行|银保|保险|民用|气象|地震|烟草|粮食|邮政|外汇|宗教|档案|保密|密码|版权|铁路|林业|金融|环境|旅游|测绘|海洋|消防)[\u3400-\u9fff]{{0,12}}$"
)


def read_orders(text: str) -> Iterator[Mention]:
    """Yield the orders cited in a text with the organ that gave each, in no order.

    Normal form: the organ without 中华人民共和国, 令, the year with 年 where one is printed, 第, the number in ASCII digits, 号. A number
    without an organ before it is none. Of an order given by several organs the one named last stands for all.
    """
    if "令" not in text:
        return
    for match in _AFTER.finditer(text):
        name = find_organ(text, match.start())
        if name:
            yield _mention(text, name, match, match.end())
    for place in _NUMBERED.finditer(text):  # 国务院第711号令: found by its end, for its beginning may be any digit
        number = _BEFORE.search(text, max(0, place.end() - _LONGEST_NUMBER), place.end())
        name = find_organ(text, number.start()) if number else None
        if number and name:
            yield _mention(text, name, number, number.end())


def _mention(text: str, name: str, match: re.Match[str], end: int) -> Mention:
    start = match.start() - len(name) - _blanks_before(text, match.start())
    year = f"{nfkc(match['year'])}年" if match["year"] else ""
    short = name.removeprefix("中华人民共和国")
    return Mention("order", text[start:end], f"{short}令{year}第{_number(match['nth'])}号", None, start, end)


def _blanks_before(text: str, place: int) -> int:
    head = text[max(0, place - _LONGEST_NAME) : place]
    return len(head) - len(head.rstrip())


def find_organ(text: str, place: int) -> str | None:
    """Return the name of the organ that ends at a place of the text, None where what stands there is none."""
    head = text[max(0, place - _LONGEST_NAME) : place].rstrip()
    run = _HAN_END.search(head)
    if not run:
        return None
    letters = run.group()
    strong = None
    for found in re.finditer("中华人民共和国|国务院|国家|中国|" + _MINISTRIES, letters):
        if _STRONG.fullmatch(letters[found.start() :]):
            strong = letters[found.start() :]
            break
    if strong:
        return strong
    words = list(_WORDS.finditer(letters))
    name = letters[words[-1].end() :] if words else letters
    name = _SINGLE.sub("", name)
    return name if name == "主席" or (_NAME.fullmatch(name) and len(name) >= _SHORTEST_NAME) else None


def _number(text: str) -> int:
    """Return a number in digits of either kind, 二十九 and 二九 alike."""
    plain = nfkc(text)
    if plain.isdecimal():
        return int(plain)
    total, digit, digits = 0, 0, ""
    for char in plain:
        if char in _TENS:
            total += (digit or 1) * _TENS[char]
            digit = 0
        else:
            digit = int(char) if char.isdecimal() else _VALUES[char]
            digits += str(digit)
    return total + digit if any(char in _TENS for char in plain) else int(digits)
