"""Days in force that a document's own text states."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcrawl.force import read_force


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("第九条　本办法自2024年5月1日起施行。", date(2024, 5, 1), None),
        (
            "本规定自２０２４年５月１日起正式施行，有效期至2029年4月30日。",
            date(2024, 5, 1),
            date(2029, 4, 30),
        ),
        ("本通知自二〇二四年五月一日起实施。", date(2024, 5, 1), None),
        ("本细则有效期自2024年5月1日至2029年4月30日。", None, None),
        ("本细则由市司法局解释，有效期为2024年5月1日至2029年4月30日。", None, date(2029, 4, 30)),
        ("本办法自发布之日起施行，有效期五年。", None, None),
        ("根据自2019年1月1日起施行的《条例》办理。", None, None),
        ("本办法自2024年5月1日起施行。\n本细则自2024年6月1日起施行。", None, None),
        ("本办法自2024年5月1日起施行。\n本办法自2024年5月1日起施行。", date(2024, 5, 1), None),
        ("本办法自2024年13月1日起施行。", None, None),
    ],
)
def test_read_force(text: str, since: date | None, until: date | None) -> None:
    """Formal sentences with full dates about the document itself count; what must be worked out or is told twice differently does not."""
    assert read_force(text) == (since, until)


@given(st.text(alphabet="本办法自有效期至起施行，。\n0123年月日二〇 ", max_size=200))
def test_any_text_is_answered(text: str) -> None:
    """No text makes it fail, and only dates that are there come back."""
    for day in read_force(text):
        assert day is None or str(day.year)[:1] in "12"
