"""Document numbers, orders and titles cited in texts."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.mentions import title_key
from govcrawl.citations import is_document_number, normal_number, read_citations, read_mentions

FOLDER = Path(__file__).parent / "citations"


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("根据上级有关文件（国办发〔2017〕47号）精神", ("国办发〔2017〕47号",)),
        (
            "根据国办发[2017]47号和厦司【２０２１】35 号、闽司（2019）196号",
            ("国办发〔2017〕47号", "厦司〔2021〕35号", "闽司〔2019〕196号"),
        ),
        ("并与云司〔2024〕9号、云司［2024］12号等文件相衔接", ("云司〔2024〕9号", "云司〔2024〕12号")),
        ("将政办〔2020〕5号同时废止", ("将政办〔2020〕5号",)),
        ("云司罚决字〔2024〕第12号", ("云司罚决字〔2024〕第12号",)),
        ("《关于某事的通知》（云府办〔2019〕85号）和《办法》（云府办〔2019〕85号）", ("云府办〔2019〕85号",)),
        ("依照雲司〔2020〕3號執行", ("雲司〔2020〕3号",)),
        (
            "国办发〔2019〕14号、15号，厦司〔2020〕3至5号",
            ("国办发〔2019〕14号", "国办发〔2019〕15号", *(f"厦司〔2020〕{n}号" for n in (3, 4, 5))),
        ),
        ("国务院令第711号、司法部令〔2018〕138号", ()),
        ("2024年第3号公告，共（2024）12号楼", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_citations(text: str | None, cited: tuple[str, ...]) -> None:
    """Numbers come in order, once each, in 〔〕 form, without the words that lead up to them; orders are none."""
    assert read_citations(text) == cited


def lines(name: str) -> list[str]:
    """Lines of a pinned file."""
    return [line for line in (FOLDER / name).read_text("utf-8").splitlines() if not line.startswith("#")]


def test_pinned_sentences() -> None:
    """Over all pinned sentences, precision and recall of numbers and orders with the titles beside them are .99 or more."""
    right = wanted = got = 0
    wrong = []
    for line in lines("sentences.txt"):
        sentence, _, stated = line.partition("\t")
        mentions = [
            one for one in read_mentions(sentence.replace("⏎", "\n")) if one.kind in {"document_number", "order"}
        ]
        want = Counter(stated.split(" ; ") if stated else [])
        read = Counter(f"{one.normal}={one.title}" if one.title else one.normal for one in mentions)
        right += (want & read).total()
        wanted, got = wanted + want.total(), got + read.total()
        if want != read:
            wrong.append((sentence, dict(read)))
    assert len(lines("sentences.txt")) >= 200
    assert (right / got, right / wanted) >= (0.99, 0.99), wrong


def test_codes_in_frames() -> None:
    """Every pinned agency code is cut out of every pinned frame of words, but for one in a hundred."""
    codes, frames = lines("codes.txt"), [frame.replace("⏎", "\n") for frame in lines("frames.txt")]
    wrong = [
        (frame, code)
        for code in codes
        for frame in frames
        if read_citations(frame.format(code)) != (f"{code}〔2021〕5号",)
    ]
    assert len(wrong) <= len(codes) * len(frames) / 100, wrong


def test_own_number_is_left_out() -> None:
    """A document does not cite itself, however its number is bracketed."""
    assert read_citations("云司〔2024〕9号 现将云府办〔2024〕1号印发", "云司[2024]9号") == ("云府办〔2024〕1号",)
    assert [one.normal for one in read_mentions("云司〔2024〕9号、云司〔2024〕8号", "云司（2024）9号")] == [
        "云司〔2024〕8号"
    ]


def test_mentions() -> None:
    """Numbers, orders and titles come by place, as printed; a title beside a number is not given again."""
    text = "依据《中华人民共和国政府信息公开条例》（国务院令第711号）、《行政处罚法》和《关于某事的意见》，按《中华人民共和国政府信息公开条例》执行国办\n发〔2019〕 14号"
    mentions = read_mentions(text)
    assert [(one.kind, one.normal, one.title) for one in mentions] == [
        ("order", "国务院令第711号", "中华人民共和国政府信息公开条例"),
        ("law_title", "行政处罚法", "行政处罚法"),
        ("title", "关于某事的意见", "关于某事的意见"),
        ("document_number", "国办发〔2019〕14号", None),
    ]
    assert all(text[one.start : one.end] == one.printed for one in mentions)
    assert mentions[-1].printed == "国办\n发〔2019〕 14号"


def test_title_key() -> None:
    """Titles are compared without blanks, width and the kind of the inner marks."""
    assert title_key("《关于印发 〈办法〉的通知》") == title_key("关于印发《办法》的通知") == "关于印发《办法》的通知"
    assert title_key("《办法（试行）》") == "办法(试行)"


def test_whole_line() -> None:
    """A line is a document number only when nothing else stands on it."""
    assert is_document_number(" 云司（2024）9号 ")
    assert is_document_number("云公（海）行罚决字〔2024〕00012号")
    assert not is_document_number("云司〔2024〕9号文件解读")
    assert normal_number("云司［２０２４］ ９號") == "云司〔2024〕9号"
    assert normal_number("云公(海)罚（2024）9号") == "云公(海)罚〔2024〕9号"


@pytest.mark.parametrize(
    "unit",
    [
        "〔2019〕",
        "国办发〔2019〕14号、",
        "《",
        "》",
        "《甲》",
        "令第",
        "国务院令第1号",
        "厦府〔2019〕1号《甲》",
        "1、",
        "根据",
    ],
)
def test_long_text(unit: str) -> None:
    """A text of 350,000 characters is read in about the time of its length, whatever it repeats."""
    begun = time.process_time()
    read_mentions(unit * (350_000 // len(unit)))
    assert time.process_time() - begun < 30


@given(st.text(alphabet="根据云司办〔〕[]（）2024第号和、至-令国务院《》\n ", max_size=80))
def test_any_text(text: str) -> None:
    """Whatever the text, what comes out has the form of a document number, and stands where it says."""
    assert all(is_document_number(number) for number in read_citations(text))
    for one in read_mentions(text):
        assert text[one.start : one.end] == one.printed
