"""``govcrawl extract``: one saved page, without network and catalog."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from govcrawl.cli import main

PAGES = Path(__file__).parent / "pages" / "trt"
URL = "http://sfj.yunling.test/zwgk/gsgg/202406/t20240612_5300.htm"
ZOOM = "<html><head><title>公证通知_云岭市司法局</title></head><body><div class=w><p>发布时间：2024-03-05</p><div id=zoom><p>各单位应当于月底前报送总结。</p></div></div></body></html>"


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command as a user does."""
    return CliRunner().invoke(main, ["extract", *arguments], input=stdin)


@pytest.mark.parametrize("template", [[], ["--template", "trt"]])
def test_saved_page(template: list[str]) -> None:
    """A saved trt page gives the export fields, with or without the family being named."""
    result = run(str(PAGES / "document-attachments" / "page.html"), "--url", URL, *template)
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    assert (document["url"], document["title"], document["source"]) == (
        URL,
        "2024年上半年公证质量抽查结果公示",
        "云岭市司法局",
    )
    assert [(file["filename"], file["sha256"]) for file in document["attachments"]] == [
        ("P020240612355812001.XLSX", None),
        ("P020240612355812002.pdf", None),
    ]
    assert document["extraction"]["container"] == ".article_content .TRS_Editor"
    assert document["document_id"] is None


def test_standard_input_and_no_family() -> None:
    """Bytes come from standard input; a page of no known family is read by strong hint."""
    result = run("-", "--url", "http://www.yunling.test/a.htm", stdin=ZOOM.encode("gbk"))
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    assert (document["title"], document["publish_date"], document["text"]) == (
        "公证通知_云岭市司法局"[:4],
        "2024-03-05",
        "各单位应当于月底前报送总结。",
    )
    assert document["extraction"]["container"] == "#zoom"
    assert document["extraction"]["encoding"] == "gb18030"


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("document-soft-404", "soft 404"),
        ("document-two-bytes", "empty body"),
        ("list-static", ".article_title"),
    ],
)
def test_no_document(case: str, said: str) -> None:
    """What is no document ends with 1 and the reason on standard error; nothing is printed."""
    result = run(str(PAGES / case / "page.html"), "--url", URL)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-"], "--url"),
        (["-", "--url", "zwgk/a.htm"], "absolute"),
        (["no-such-file.htm", "--url", URL], "no-such-file.htm"),
        (["-", "--url", URL, "--template", "nosuch"], "trt"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str) -> None:
    """Wrong calls end with 2 and say what is wanted."""
    result = run(*arguments, stdin=ZOOM.encode())
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("text", "各单位应当于月底前报送总结。\n"),
        ("markdown", "各单位应当于月底前报送总结。\n"),
        ("html", "<p>各单位应当于月底前报送总结。</p>\n"),
    ],
)
def test_only_the_body(form: str, body: str) -> None:
    """--as prints the body alone in the form asked for; a file has none."""
    result = run("-", "--url", "http://www.yunling.test/a.htm", "--as", form, stdin=ZOOM.encode())
    assert (result.exit_code, result.output) == (0, body)
    result = run("-", "--url", "http://www.yunling.test/a.htm", "--as", form, stdin=b"%PDF-1.4 x")
    assert result.exit_code == 2
    assert "is a file, not a page" in result.output


def test_marks_of_a_family_without_its_shape() -> None:
    """A page with a family's marks in another shape is read by what stands on it; a named template is insisted on."""
    page = str(PAGES / "document-redesigned" / "page.html")
    read = run(page, "--url", URL)
    assert read.exit_code == 0, read.stderr
    assert json.loads(read.stdout)["title"]
    text = run(page, "--url", URL, "--as", "text")
    assert text.stdout == json.loads(read.stdout)["text"] + "\n"
    named = run(page, "--url", URL, "--template", "trt")
    assert (named.exit_code, named.stdout) == (1, "")
    assert ".article_title" in named.stderr
