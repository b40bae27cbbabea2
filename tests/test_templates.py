"""Contracts that every site template keeps."""

from __future__ import annotations

import copy
import inspect
import json
import re
import socket
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from govcrawl.cases import read_case
from govcrawl.decode import Page
from govcrawl.errors import BadAgency, BlockedPage, CrawlError, TemplateMismatch
from govcrawl.families import rank
from govcrawl.guard import check
from govcrawl.loader import templates
from spiders.templates.selectors import Selectors

if TYPE_CHECKING:
    from govcrawl.items import DocumentPage
    from govcrawl.spider import DisclosureSpider

PAGES = Path(__file__).parent / "pages"
FAMILIES: dict[str, type[DisclosureSpider]] = {family.template_name: family for family in templates()}
CASES = sorted(path.parent for path in PAGES.glob("*/*/meta.json") if path.parent.parent.name in FAMILIES)
FOREIGN = (
    b"<html><head><title>Welcome</title></head><body><h2>It works!</h2><p>"
    + b"This is the default page of a server. " * 20
    + b"</p></body></html>"
)


def load(case: Path) -> tuple[Page, dict[str, Any], type[DisclosureSpider]]:
    """A case's page, its meta.json, and the template with what an agency states."""
    meta = json.loads((case / "meta.json").read_text("utf-8"))
    page = Page(
        url=meta["url"],
        body=(case / "page.html").read_bytes(),
        content_type=meta["content_type"],
        status=meta["status"],
        method=meta.get("method", "GET"),
        form=meta.get("form", {}),
    )
    template = FAMILIES[case.parent.name]
    return page, meta, type("stated", (template,), meta["states"]) if "states" in meta else template


def comparable(read: DocumentPage) -> dict[str, Any]:
    """What a document page was read as, its element as text."""
    element = None if read.container is None else "".join(read.container.itertext())
    return {**{name: getattr(read, name) for name in read.__slots__ if name != "container"}, "container": element}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_template_says_which_attributes_an_agency_sets(name: str) -> None:
    """The docstring names the four that every agency sets, and each one that only this template has."""
    family = FAMILIES[name]
    text = inspect.getdoc(family) or ""
    own = {
        attribute
        for attribute, value in vars(family).items()
        if not attribute.startswith("_") and isinstance(value, str | dict | tuple)
    } - {"template_name", "signals", "browser_answer"}
    for attribute in ("name", "agency", "base_url", "channels", *own):
        assert f"``{attribute}``" in text, attribute
    assert Path(inspect.getfile(family)).stem == name, "the file bears the template's name"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_reading_is_pure(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same page read twice, and from a copy, gives the same value; nothing is opened, asked for or changed."""
    page, meta, template = load(case)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a template reads nothing but its page")

    def read(one: Page) -> Any:
        try:
            return (
                asdict(template.read_list(one)) if meta["kind"] == "list" else comparable(template.read_document(one))
            )
        except CrawlError as error:
            return type(error), str(error)

    read(copy.copy(page))  # what is imported late is imported now
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    first = read(page)
    assert read(page) == first
    assert read(Page(**{name: getattr(page, name) for name in Page.__dataclass_fields__})) == first


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_page_is_recognised_as_its_own_family(case: Path) -> None:
    """A page that is read as a family's bears more of its signals than of any other's; one that is not may bear none."""
    page, _, template = load(case)
    if not template.signals or not (case / "expected.json").exists():
        return  # one-off sites have no family; what cannot be read is of another
    ranked = rank([page], FAMILIES.values())
    if not ranked:
        assert page.body.lstrip()[:1] in (b"{", b"["), "only an answer of a service may bear no signal"
        return
    assert ranked[0].name == case.parent.name, [(family.name, dict(family.marks)) for family in ranked]
    assert all(family.score < ranked[0].score for family in ranked[1:]), [
        (family.name, family.score) for family in ranked
    ]


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "selectors"])
def test_a_foreign_page_is_no_list_and_no_document(name: str) -> None:
    """A page of no family is a mismatch that names page and what was looked for, never an empty result."""
    page = Page(url="http://www.elsewhere.test/gsgg/", body=FOREIGN, content_type="text/html")
    for read in (FAMILIES[name].read_list, FAMILIES[name].read_document):
        with pytest.raises(TemplateMismatch) as caught:
            read(page)
        assert page.url in str(caught.value)
        assert re.search(r"expected|no known", str(caught.value)), caught.value


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_an_empty_result_has_a_reason(case: Path) -> None:
    """A list without lines says so, goes on elsewhere, or answers a question for records behind the last."""
    got = read_case(case)
    if got.get("entries") != []:
        return
    page, _, _ = load(case)
    beyond = "startrecord" in page.url or got["number"] > 1
    assert got["next"] or got["total"] == 0 or beyond


def test_signals_are_told_from_each_other() -> None:
    """No family has all its signals in another's."""
    declared = {name: set(family.signals) for name, family in FAMILIES.items() if family.signals}
    for name, signals in declared.items():
        for other, others in declared.items():
            assert name == other or not signals <= others, (name, other)


def test_an_answer_without_records_is_no_wall() -> None:
    """Hanweb's empty answer of 54 bytes passes the guard, any other page that small and empty does not."""
    empty = b"<datastore>\n<recordset>\n</recordset>\n</datastore>     \n"
    check(Page(url="http://www.elsewhere.test/module/web/jpage/dataproxy.jsp", body=empty, content_type="text/xml"))
    with pytest.raises(BlockedPage):
        check(Page(url="http://www.elsewhere.test/", body=b"<html><body></body></html>", content_type="text/html"))


STATED = {"agency": "石桥乡人民政府", "base_url": "http://www.shiqiao.test", "channels": {"公告": "/gg/"}}
READ = {"rows": "ul > li", "content": "#zoom"}


@pytest.mark.parametrize(
    ("states", "attribute", "words"),
    [
        ({"rows": "ul > li"}, "content", "missing"),
        ({"content": "#zoom"}, "rows", "missing"),
        ({**READ, "rows": "ul >> li"}, "rows", "no CSS or XPath"),
        ({**READ, "content": "//div["}, "content", "no CSS or XPath"),
        ({**READ, "title": "h1 {one}"}, "title", "{0,1}"),
        ({**READ, "title": "h1 {3,1}"}, "title", "{0,1}"),
        ({**READ, "row_link": "//a"}, "row_link", "'./'"),
        ({**READ, "row_title": "$.title"}, "row_title", "rows is JSON"),
        ({**READ, "rows": "$.list"}, "row_link", "$.url"),
        ({**READ, "rows": "$.a b", "row_link": "$.u", "row_title": "$.t"}, "rows", "$.data"),
        ({**READ, "next_page": "index_{n}_{page}.html"}, "next_page", "one {n}"),
        ({**READ, "page_count": "共(\\d+"}, "page_count", "no pattern"),
        ({**READ, "page_count": "共\\d+页"}, "page_count", "one around the number"),
        ({**READ, "page_count": "$.pages"}, "page_count", "JSON"),
        ({**READ, "empty": "("}, "empty", "no pattern"),
        ({**READ, "rows": ["li"]}, "rows", "expected a text"),
    ],
)
def test_a_selectors_agency_is_checked_when_its_class_is_defined(
    states: dict[str, Any], attribute: str, words: str
) -> None:
    """What is missing or malformed is named with class, attribute and what is expected."""
    with pytest.raises(BadAgency) as caught:
        type("shiqiao_gov", (Selectors,), {"name": "shiqiao_gov", **STATED, **states})
    assert "shiqiao_gov" in str(caught.value)
    assert attribute in str(caught.value)
    assert words in str(caught.value)


def test_a_plain_site_needs_few_lines() -> None:
    """Name, agency, address, channels and four selectors are enough."""
    found = type(
        "shiqiao_gov", (Selectors,), {"name": "shiqiao_gov", **STATED, **READ, "next_page": "a.next", "title": "h1"}
    )
    page = Page(
        url="http://www.shiqiao.test/gg/",
        body='<meta charset="utf-8"><ul><li><a href="/a/1.html">石桥乡征兵公告</a> 2026-05-01</li></ul><a class="next" href="2.html">下页</a>'.encode(),
    )
    listed = found.read_list(page)  # type: ignore[attr-defined]
    assert [(entry.title, entry.publish_date) for entry in listed.entries] == [("石桥乡征兵公告", "2026-05-01")]
    assert listed.next.url == "http://www.shiqiao.test/gg/2.html"


def test_a_numbered_list_of_unknown_length_is_a_mismatch() -> None:
    """Names with a number need a count: guessing would end in error pages."""
    found = type("shiqiao_gov", (Selectors,), {"name": "shiqiao_gov", **STATED, **READ, "next_page": "index_{n}.html"})
    body = '<meta charset="utf-8"><ul><li><a href="/a/1.html">石桥乡征兵公告</a></li></ul>'.encode()
    with pytest.raises(TemplateMismatch, match="page_count"):
        found.read_list(Page(url="http://www.shiqiao.test/gg/", body=body))  # type: ignore[attr-defined]
