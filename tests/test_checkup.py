"""Verdicts on documents: what is a template's fault, what is worth a look, what is nobody's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from archive.model import Document, Extraction, FileLink
from govcrawl.checkup import judge_documents

EXTRACTION = Extraction(
    method="container",
    extractor_version="1",
    trafilatura_version=None,
    encoding="utf-8",
    container="#zoom",
    agreement=1.0,
)
GOOD = Document(
    url="http://x.test/1.htm",
    title="关于公证工作的通知",
    publish_date="2026-01-05",
    publish_date_source="label",
    source="云岭市司法局",
    document_number="云司发〔2026〕1号",
    text="各单位应当于月底前报送总结。" * 5,
    extraction=EXTRACTION,
)
OTHER = replace(GOOD, url="http://x.test/2.htm", title="关于普法工作的通知")
FILE = FileLink(url="http://x.test/a.pdf", label="附件", filename="a.pdf")


def flagged(*flags: str) -> Extraction:
    """An extraction with quality flags."""
    return replace(EXTRACTION, flags=flags)


def judge(*documents: Document) -> dict[str, tuple[str, bool]]:
    """Verdicts by field: (grade, repair)."""
    return {one.what: (one.grade, one.repair) for one in judge_documents(documents, "云岭市司法局")}


def test_good_documents() -> None:
    """What is printed and read is ok in every field."""
    verdicts = judge(GOOD, OTHER)
    assert set(verdicts) == {"title", "date", "source", "numbers", "body", "attachments"}
    assert set(verdicts.values()) == {("ok", False)}


@pytest.mark.parametrize(
    ("field", "changes", "verdict"),
    [
        ("title", {"title": None}, ("missing", True)),
        ("title", {"title": "关于普法工作的通知"}, ("missing", True)),  # as the other document's
        ("title", {"title": "云岭市司法局"}, ("suspicious", False)),
        ("title", {"extraction": flagged("title_differs")}, ("suspicious", False)),
        ("date", {"publish_date": None}, ("missing", False)),  # one of two: some documents print none
        ("date", {"publish_date_source": "list"}, ("suspicious", False)),
        ("date", {"extraction": flagged("list_date_differs")}, ("suspicious", False)),
        ("source", {"extraction": flagged("source_differs")}, ("suspicious", False)),
        ("source", {"source": None}, ("ok", False)),  # the other document has one
        ("body", {"text": None}, ("missing", True)),
        ("body", {"text": None, "attachments": (FILE,)}, ("ok", False)),
        ("body", {"text": "短。"}, ("suspicious", False)),
        ("body", {"text": "各单位应当于月底前报送总结。" * 5 + "\n上一篇：没有了"}, ("suspicious", False)),
        ("body", {"extraction": flagged("container_wide")}, ("suspicious", False)),
        ("attachments", {"text": "各单位应当于月底前报送总结。" * 5 + "\n附件：1.名单"}, ("suspicious", False)),
        ("attachments", {"text": "附件：1.名单" * 9, "attachments": (FILE,)}, ("ok", False)),
    ],
)
def test_what_one_document_can_have(field: str, changes: dict[str, Any], verdict: tuple[str, bool]) -> None:
    """A field that one of two documents lacks or has oddly."""
    assert judge(replace(GOOD, **changes), OTHER)[field] == verdict


def test_what_no_document_prints() -> None:
    """A date that no document has is the template's fault; numbers and sources that none has are only worth a look."""
    nothing: dict[str, Any] = {"publish_date": None, "source": None, "document_number": None}
    verdicts = judge(replace(GOOD, **nothing), replace(OTHER, **nothing))
    assert verdicts["date"] == ("missing", True)
    assert verdicts["source"] == ("missing", False)
    assert verdicts["numbers"] == ("missing", False)


def test_sentences_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of Chinese gets field and sentence in Chinese."""
    monkeypatch.setenv("GOVCRAWL_LANG", "zh")
    verdicts = {one.what: one.sentence for one in judge_documents([replace(GOOD, text=None)], "云岭市司法局")}
    assert verdicts["正文"] == "没有正文：http://x.test/1.htm"
    assert verdicts["附件"] == "1 份文件都没有附件"
