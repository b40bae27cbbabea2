"""Saved pages are the spec: each field of each case is one test.

``tests/pages/<template>/<case>/`` holds ``page.html`` (the bytes as fetched), ``meta.json`` (url, kind, status, content type, form, the
list's line, why the case exists) and ``expected.json``, or ``error.json`` where reading must fail. A case without either gets it
written and fails, and so does one that ``govcrawl savepage`` wrote until ``review`` is taken out of its meta.json: review what was
written, then run again.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from govcrawl.cases import LARGEST_BYTES, read_case

PAGES = Path(__file__).parent / "pages"
CASES = sorted(path.parent for path in PAGES.glob("*/*/meta.json"))


@cache
def read(case: Path) -> dict[str, Any]:
    """Read a case, once for all its fields."""
    return read_case(case)


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
    got = read(case)
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
    assert "review" not in meta, f"{case / 'meta.json'}: a person must look at this case: {meta['review']}"
    assert (case / "page.html").stat().st_size <= LARGEST_BYTES
    got = read(case)
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
