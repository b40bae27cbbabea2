"""Saved pages as cases: bytes, where they came from, and what must be read from them.

``<root>/<template>/<case>/`` holds ``page.html`` (the bytes, content-decoded), ``meta.json`` (url, kind, status, content type, form, the
list's line, what an agency states, why the case exists) and ``expected.json``, or ``error.json`` where reading must fail. A case that a program wrote says
``review`` in its ``meta.json`` until a person has compared what was read with the page and taken that line out.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from govcrawl.decode import Page
from govcrawl.errors import CrawlError, UsageMistake
from govcrawl.guard import check
from govcrawl.items import ListEntry
from govcrawl.loader import find_template
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


LARGEST_BYTES = 100 * 1024
"""A saved page is trimmed by whole elements to this size: a repository is no archive."""

REVIEW = "compare expected.json with the page, correct what is wrong, then delete this line"
ANY = "any"
"""Folder of pages that are read as ``govcrawl extract`` does without ``--template``."""

_UNSTABLE = ("extractor_version", "trafilatura_version", "agreement")  # change with a release, not with the page
_WHO = frozenset({"name", "agency", "base_url", "channels", "browser_channels"})  # says nothing about reading
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,60}")


def read_case(case: Path) -> dict[str, Any]:
    """Read a case as a crawl does.

    Returns:
        The fields as JSON values; ``{"error": …, "message": …}`` where reading fails.
    """
    meta = json.loads((case / "meta.json").read_text("utf-8"))
    template, page = read_page_of(case)
    entry = ListEntry(url=page.url, **meta["entry"]) if "entry" in meta else None
    return read_as(template, page, meta["kind"], entry)


def read_page_of(case: Path) -> tuple[Any, Page]:
    """Return the template of a case, with what an agency of it states, and its page; None of a case in :data:`ANY`."""
    meta = json.loads((case / "meta.json").read_text("utf-8"))
    page = Page(
        url=meta["url"],
        body=(case / "page.html").read_bytes(),
        content_type=meta["content_type"],
        status=meta["status"],
        method=meta.get("method", "GET"),
        form=meta.get("form", {}),
    )
    template: Any = None if case.parent.name == ANY else find_template(case.parent.name)
    if "states" in meta:  # what an agency of this template states
        template = type("stated", (template,), meta["states"])
    return template, page


def read_as(template: Any, page: Page, kind: str, entry: ListEntry | None = None) -> dict[str, Any]:
    """Read a page as a list or a document; as :func:`read_case`."""
    from govcrawl.extract import read_page  # noqa: PLC0415 - trafilatura takes half a second to import
    from govcrawl.freely import read_freely  # noqa: PLC0415

    try:
        if kind == "list":
            check(page)
            return _plain(asdict(template.read_list(page)))
        document = read_freely(page) if template is None else read_page(template, page, entry)
        read = _plain(asdict(document))
        read["extraction"] = {name: value for name, value in read["extraction"].items() if name not in _UNSTABLE}
    except CrawlError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return read


def compare_case(case: Path) -> Iterator[str]:
    """Yield what is wrong with a case, one sentence each: a review that is due, a field that is read differently."""
    meta = json.loads((case / "meta.json").read_text("utf-8"))
    if meta.get("review"):
        yield f"{case / 'meta.json'}: review is due: {meta['review']}"
    got = read_case(case)
    name = "error.json" if "error" in got else "expected.json"
    if not (case / name).exists():
        yield f"{case}: {name} is missing; read was {got}"
        return
    for field, value in json.loads((case / name).read_text("utf-8")).items():
        read = got.get(field)
        if not (all(part in str(read) for part in value) if field == "message" else read == value):
            yield f"{case / name}: {field}: expected {value!r}, read {read!r}"


def write_case(
    root: Path,
    template: Any,
    name: str,
    page: Page,
    *,
    kind: str,
    why: str,
    captured_at: datetime,
    entry: ListEntry | None = None,
) -> Path:
    """Write a new case, with what is read from the page now as its expectation, marked for review; return its folder.

    Args:
        template: a template's class; or an agency's, whose own attributes are then written with the case.

    Raises:
        UsageMistake: the name cannot be used or is taken.
    """
    folder = case_folder(root, template.template_name, name)
    read = read_as(template, page, kind, entry)
    meta: dict[str, Any] = {
        "review": REVIEW,  # first, so that the line can be deleted as it stands
        "url": page.url,
        "kind": kind,
        "status": page.status,
        "content_type": page.content_type,
        "captured_at": f"{captured_at:%Y-%m-%dT%H:%M:%SZ}",
        "why": why,
    }
    if states := {name: value for name, value in vars(template).items() if _is_stated(template, name, value)}:
        meta["states"] = states
    if page.method != "GET":
        meta |= {"form": dict(page.form), "method": page.method}
    if kind == "document" and entry is not None:
        meta["entry"] = {key: value for key, value in asdict(entry).items() if key != "url" and value}
    folder.mkdir(parents=True)
    (folder / "page.html").write_bytes(page.body)
    _write_json(folder / "meta.json", meta)
    wanted = {"error": read["error"], "message": [page.url]} if "error" in read else read
    _write_json(folder / ("error.json" if "error" in read else "expected.json"), wanted)
    return folder


def case_folder(root: Path, template: str, name: str) -> Path:
    """Return the folder of a new case.

    Raises:
        UsageMistake: the name cannot be used or is taken.
    """
    if not _NAME.fullmatch(name):
        raise UsageMistake(
            say(
                f"用例 {name!r}：应为小写字母、数字和 -，如 document-two-titles",
                f"case {name!r}: expected lower-case letters, digits and -, as in document-two-titles",
            )
        )
    folder = root / template / name
    if folder.exists():
        raise UsageMistake(
            say(
                f"用例 {folder} 已经存在；请另取名称，或先删去它",
                f"case {folder} is there already; choose another name, or remove it first",
            )
        )
    return folder


def _is_stated(template: Any, name: str, value: Any) -> bool:
    """Tell whether an attribute is what an agency states about reading."""
    if name.startswith("_") or name in _WHO or not vars(template).get("name"):
        return False
    return isinstance(value, str | int | float | dict | list | tuple)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _plain(read: dict[str, Any]) -> dict[str, Any]:
    """Return what was read as JSON gives it back; inside the fields, what is None is left out."""
    back = json.loads(json.dumps(read, ensure_ascii=False))
    return {name: _without_none(value) for name, value in back.items()}


def _without_none(value: Any) -> Any:
    """Return a JSON value without the None members of its objects."""
    if isinstance(value, dict):
        return {name: _without_none(inner) for name, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value
