"""Saved pages are the spec: each field of each case is one test.

``tests/pages/<template>/<case>/`` holds ``page.html`` (the bytes as fetched), ``meta.json`` (url, kind, status, content type, form, the
list's line, why the case exists) and ``expected.json``, or ``error.json`` where reading must fail. A case without either gets it
written and fails: review what was written, then run again.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from govcrawl.decode import Page
from govcrawl.errors import CrawlError
from govcrawl.extract import read_page
from govcrawl.guard import check
from govcrawl.items import ListEntry

if TYPE_CHECKING:
    from govcrawl.spider import DisclosureSpider

PAGES = Path(__file__).parent / "pages"
CASES = sorted(path.parent for path in PAGES.glob("*/*/meta.json"))
LARGEST_BYTES = 100 * 1024
UNSTABLE = ("extractor_version", "trafilatura_version", "agreement")  # change with a release, not with the page


@cache
def read_case(case: Path) -> dict[str, Any]:
    """Read a case as a crawl does; ``{"error": …, "message": …}`` where reading fails."""
    meta = json.loads((case / "meta.json").read_text("utf-8"))
    page = Page(
        url=meta["url"],
        body=(case / "page.html").read_bytes(),
        content_type=meta["content_type"],
        status=meta["status"],
        method=meta.get("method", "GET"),
        form=meta.get("form", {}),
    )
    template = template_of(case.parent.name)
    try:
        if meta["kind"] == "list":
            check(page)
            return plain(asdict(template.read_list(page)))
        entry = ListEntry(url=page.url, **meta["entry"]) if "entry" in meta else None
        read = plain(asdict(read_page(template, page, entry)))
        read["extraction"] = {name: value for name, value in read["extraction"].items() if name not in UNSTABLE}
    except CrawlError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return read


def template_of(name: str) -> type[DisclosureSpider]:
    """Return the template class of a family."""
    module = import_module(f"spiders.templates.{name}")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and getattr(value, "template_name", "") == name
    )


def plain(read: dict[str, Any]) -> dict[str, Any]:
    """Return what was read as JSON gives it back; inside the fields, what is None is left out."""
    back = json.loads(json.dumps(read, ensure_ascii=False))
    return {name: without_none(value) for name, value in back.items()}


def without_none(value: Any) -> Any:
    """Return a JSON value without the None members of its objects."""
    if isinstance(value, dict):
        return {name: without_none(inner) for name, inner in value.items() if inner is not None}
    return [without_none(inner) for inner in value] if isinstance(value, list) else value


def fields() -> list[Any]:
    """One parameter set for each field of each case that has expectations."""
    sets = []
    for case in CASES:
        for name in ("expected.json", "error.json"):
            if (case / name).exists():
                wanted = json.loads((case / name).read_text("utf-8"))
                sets += [
                    pytest.param(case, key, value, id=f"{case.parent.name}-{case.name}-{key}")
                    for key, value in wanted.items()
                ]
    return sets


@pytest.mark.parametrize(("case", "field", "value"), fields())
def test_field(case: Path, field: str, value: Any) -> None:
    """A saved page gives this value for this field; an error's message holds the stated words."""
    got = read_case(case)
    if field == "message":
        for part in value:
            assert part in got[field]
    else:
        assert got.get(field) == value


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_case_is_complete(case: Path) -> None:
    """A case says why it exists, is small, and expects fields or one error."""
    meta = json.loads((case / "meta.json").read_text("utf-8"))
    assert meta["why"]
    assert meta["kind"] in {"list", "document"}
    assert (case / "page.html").stat().st_size <= LARGEST_BYTES
    got = read_case(case)
    name = "error.json" if "error" in got else "expected.json"
    if not any((case / other).exists() for other in ("expected.json", "error.json")):
        wanted = {"error": got["error"], "message": [meta["url"]]} if "error" in got else got
        (case / name).write_text(json.dumps(wanted, ensure_ascii=False, indent=1) + "\n", "utf-8")
        pytest.fail(f"{case / name} was not there and has been written; review it, then run again")
    assert (case / name).exists(), f"read as {got}"
    wanted = json.loads((case / name).read_text("utf-8"))
    assert set(wanted) <= set(got)


def test_every_template_has_cases() -> None:
    """Each family has at least one list and one document that are read."""
    folder = PAGES.parent.parent / "spiders" / "templates"
    families = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    for family in families:
        kinds = {
            json.loads((case / "meta.json").read_text("utf-8"))["kind"]
            for case in CASES
            if case.parent.name == family and (case / "expected.json").exists()
        }
        assert kinds == {"list", "document"}, family
