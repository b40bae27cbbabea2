"""The pages for people who do not see colours, use a keyboard, or have the page read out: what the HTML itself can show."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import lxml.html
import pytest
from hostile_archive import UI_URL, make_hostile_archive
from warcs import AGENCY
from web_site import Site, served

from archive.catalog import CATALOG_NAME, Catalog
from govcrawl.urls import is_reserved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEAST_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive that has something of everything."""
    return make_hostile_archive(tmp_path_factory.mktemp("access"))


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    """The pages over it."""
    with served(folder) as site:
        yield site


@pytest.fixture(scope="module", params=["zh", "en"])
def pages(request: pytest.FixtureRequest, site: Site, folder: Path) -> dict[str, Any]:
    """Every kind of page, parsed, in one language."""
    with Catalog.open_read_only(folder / CATALOG_NAME) as catalog:
        known = {one.url: one.document_id for one in catalog.known_documents(AGENCY.name)}
    document = known[UI_URL]
    paths = (
        *(
            "/",
            "/?q=%E7%94%B2&from=2020-01-01",
            f"/document/{document}",
            f"/compare/{document}?view=whole",
            "/agencies",
        ),
        *(f"/agency/{AGENCY.name}", "/changes", f"/replay/{document}", "/status", "/nowhere", "/?page=x"),
    )
    found = {path: site.get(path, headers={"Accept-Language": request.param}) for path in paths}
    return {path: lxml.html.document_fromstring(answer.body) for path, answer in found.items()}


def text_of(element: Any) -> str:
    """What is read out of an element."""
    return str(element.get("aria-label") or element.text_content()).strip()


def test_language_and_landmarks(pages: dict[str, Any]) -> None:
    """Each page says its language, its title, and has one main part, and starts with a way to it."""
    for path, page in pages.items():
        assert page.get("lang") in {"zh-CN", "en"}, path
        assert text_of(page.find(".//title")), path
        assert len(page.findall(".//main")) == 1, path
        assert page.findall(".//nav"), path
        for nav in page.findall(".//nav"):
            assert nav.get("aria-label"), path
        first = page.body.find(".//a")
        assert (first.get("class"), first.get("href")) == ("skip", "#main")
        assert page.find('.//main[@id="main"]') is not None


def test_headings(pages: dict[str, Any]) -> None:
    """One h1; no level is skipped on the way down; none is empty."""
    for path, page in pages.items():
        headings = [one for one in page.body.iter() if isinstance(one.tag, str) and re.fullmatch(r"h[1-6]", one.tag)]
        levels = [int(one.tag[1]) for one in headings]
        assert levels.count(1) == 1, path
        assert levels[0] == 1, path
        assert all(after - before <= 1 for before, after in pairwise(levels)), (path, levels)
        assert all(text_of(one) for one in headings), path


def test_names_of_what_is_operated(pages: dict[str, Any]) -> None:
    """Every input has a label, every link and button a name, every picture and frame a title; ids are there once."""
    for path, page in pages.items():
        for field in page.xpath("//input|//select"):
            assert field.xpath("ancestor::label") or page.xpath(f"//label[@for='{field.get('id')}']"), (
                path,
                field.attrib,
            )
        for one in page.xpath("//a|//button|//summary"):
            assert text_of(one), (path, lxml.html.tostring(one))
        for one in page.xpath("//iframe"):
            assert one.get("title")
        for one in page.xpath("//svg"):
            assert one.get("role") == "img"
            assert one.find("title") is not None
        names = page.xpath("//@id")
        assert len(names) == len(set(names)), path
        for reference in page.xpath("//@aria-labelledby|//@aria-describedby"):
            assert set(reference.split()) <= set(names), (path, reference)
        for href in page.xpath("//a/@href[starts-with(., '#')]"):
            assert href[1:] in names, (path, href)


def test_tables(pages: dict[str, Any]) -> None:
    """Tables of our own have headers with a scope; what scrolls sideways can be reached by keyboard and has a name."""
    for path, page in pages.items():
        for table in page.xpath("//table[not(@lang)]"):
            assert table.xpath(".//th"), path
            assert all(th.get("scope") in {"col", "row"} for th in table.xpath(".//th")), path
            assert all(text_of(th) for th in table.xpath(".//th")), path
        for wide in page.xpath("//*[contains(concat(' ', @class, ' '), ' wide ')]"):
            assert (wide.get("tabindex"), wide.get("role")) == ("0", "region")
            assert wide.get("aria-label"), path


def test_archived_words_bear_their_language(pages: dict[str, Any]) -> None:
    """On an English page titles and texts of documents are marked as Chinese, so that they are read out as such."""
    page = pages["/document/" + next(path for path in pages if path.startswith("/document/")).rpartition("/")[2]]
    assert page.find(".//h1").get("lang") == "zh-CN"
    assert page.find(".//*[@class='body']").get("lang") == "zh-CN"


def test_invented_documents_are_called_so(pages: dict[str, Any]) -> None:
    """Every page over agencies under names that are reserved for examples says so, and which address that is."""
    for path, page in pages.items():
        said = page.find(".//*[@class='problem invented']")
        if path == "/status":
            assert re.search("示例数据|Demonstration data", page.text_content())
            continue
        assert said is not None, path
        assert "sfj.haidao.test" in said.text_content()
        assert "RFC 2606" in said.text_content()


@pytest.mark.parametrize(
    ("url", "reserved"),
    [
        ("http://sfj.yunling.example", True),
        ("https://example.com/x", True),
        ("http://a.test:8000/", True),
        ("http://localhost/", True),
        ("http://sfj.xm.gov.cn/", False),
        ("http://example.gov.cn/", False),
        ("http://testexample.cn/test/", False),
    ],
)
def test_reserved_names(url: str, *, reserved: bool) -> None:
    """Only what RFC 2606 reserves counts as invented."""
    assert is_reserved(url) is reserved


# --- colours ---


def colours() -> dict[str, dict[str, str]]:
    """The style sheet's colours by name, light and dark."""
    style = (files("govcrawl.web") / "static" / "style.css").read_text()
    light, dark = re.findall(r":root \{([^}]*)\}", style)
    return {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", said))
        for name, said in (("light", light), ("dark", dark))
    }


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    """Every colour of text on every ground that it stands on has a contrast of at least 4.5."""
    known = colours()[scheme]
    pairs = [(text, ground) for text in ("ink", "soft", "link") for ground in ("paper", "shade")]
    pairs += [(text, "paper") for text in ("accent", "warn", "good")] + [
        ("ink", ground) for ground in ("mark", "add", "del")
    ]
    pairs += [("warn", "warn-bg"), ("link", "warn-bg"), ("link", "mark"), ("paper", "accent")]
    for text, ground in pairs:
        high, low = sorted((luminance(known[text]), luminance(known[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= LEAST_CONTRAST, (text, ground)


def test_nothing_is_told_by_colour_alone() -> None:
    """What came is underlined and what went struck through; the focus is drawn as a line."""
    style = (files("govcrawl.web") / "static" / "style.css").read_text()
    assert re.search(r"\bins \{[^}]*border-bottom", style)
    assert re.search(r"\bdel \{[^}]*line-through", style)
    assert re.search(r":focus-visible \{ outline: 3px solid", style)
    assert "outline: none" not in style
    assert "outline: 0" not in style
