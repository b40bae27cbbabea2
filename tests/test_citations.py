"""Document numbers cited in texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcrawl.citations import is_document_number, normal_number, read_citations


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
        ("2024年第3号公告，共（2024）12号楼", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_citations(text: str | None, cited: tuple[str, ...]) -> None:
    """Numbers come in order, once each, in 〔〕 form, without the words that lead up to them."""
    assert read_citations(text) == cited


def test_own_number_is_left_out() -> None:
    """A document does not cite itself, however its number is bracketed."""
    assert read_citations("云司〔2024〕9号 现将云府办〔2024〕1号印发", "云司[2024]9号") == ("云府办〔2024〕1号",)


def test_whole_line() -> None:
    """A line is a document number only when nothing else stands on it."""
    assert is_document_number(" 云司（2024）9号 ")
    assert not is_document_number("云司〔2024〕9号文件解读")
    assert normal_number("云司［２０２４］ ９號") == "云司〔2024〕9号"


@given(st.text(alphabet="根据云司办〔〕[]（）2024第号和、 ", max_size=80))
def test_any_text(text: str) -> None:
    """Whatever the text, what comes out has the form of a document number."""
    assert all(is_document_number(number) for number in read_citations(text))
