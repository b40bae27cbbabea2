"""What all pages share: the catalog as one request sees it, the language, the templates."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from archive.catalog import CATALOG_NAME, Catalog
from archive.curtain import hidden_id
from archive.errors import ArchiveError
from archive.rows import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from archive.change_words import Language
    from archive.withheld import Change

Say = Callable[[str, str], str]
"""Picks the Chinese or the English text, by the request's language."""

LOCAL = timezone(timedelta(hours=8))  # agencies print Beijing time, without summer time since 1991
_KIBI = 1024

STATES = {
    "live": ("在线", "live"),
    "unlisted": ("列表已不显示", "no longer listed"),
    "suspected": ("疑似撤下", "suspected withdrawn"),
    "withdrawn": ("已撤下", "withdrawn"),
}
FIELDS = {
    "title": ("标题", "title"),
    "subtitle": ("副标题", "subtitle"),
    "publish_date": ("发布日期", "publication date"),
    "publish_time": ("发布时刻", "time of publication"),
    "written_date": ("成文日期", "date of signing"),
    "effective_date": ("施行日期", "in force from"),
    "expiry_date": ("失效日期", "in force until"),
    "source": ("来源", "source"),
    "publisher": ("发布机构", "publisher"),
    "author": ("作者", "author"),
    "editor": ("责任编辑", "editor"),
    "index_number": ("索引号", "index number"),
    "document_number": ("文号", "document number"),
    "topic": ("主题分类", "topic"),
    "genre": ("体裁", "genre"),
    "validity": ("有效性", "validity"),
    "keywords": ("关键词", "keywords"),
    "site_id_code": ("网站标识码", "site code"),
    "text": ("正文", "text"),
    "tables": ("表格", "tables"),
    "attachments": ("附件", "attachments"),
    "images": ("图片", "images"),
    "kind": ("文件类型", "kind"),
}
"""Names of fields as the official pages print them."""

ORIGINS = {
    "label": ("页面标签", "printed label"),
    "meta": ("meta 标签", "meta tag"),
    "index": ("索引表", "index table"),
    "list": ("列表页", "list page"),
    "text": ("正文", "the text"),
    "heading": ("网页标题", "heading"),
}


class Withheld(Exception):
    """A document that is asked for and not shown."""

    def __init__(self, change: Change) -> None:
        super().__init__(change.document_id)
        self.change = change


class Pages:
    """Makes pages over one data directory; may be used from any thread."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._jinja = Environment(
            loader=PackageLoader("govcrawl.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style = (files("govcrawl.web") / "static" / "style.css").read_bytes()
        self._jinja.globals["style_version"] = hashlib.sha256(style).hexdigest()[:12]  # a new one is asked for anew
        self._jinja.filters.update(size=size, quoted=lambda text: quote(text, safe=""), moment=moment, day=day)

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """Open the catalog for one request, as one unchanging view.

        Raises:
            CatalogError: there is none, or it cannot be read.
        """
        with Catalog.open_read_only(self.data_dir / CATALOG_NAME) as catalog, catalog.snapshot():
            yield catalog

    def refuse_withheld(self, wanted: str, url_key: str | None = None) -> None:
        """Raise where an id or an address means a withheld document.

        Raises:
            Withheld: it does; since when and why.
        """
        with self.catalog() as catalog:
            hidden = hidden_id(catalog, wanted, url_key)
            if hidden is not None:
                raise Withheld(catalog.file.withheld[hidden])

    def render(self, request: Request, template: str, *, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """Return a page made from a template, in the request's language."""
        language = language_of(request)
        back = quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""), safe="")
        html = self._jinja.get_template(template).render(
            **values, withheld=self._count_withheld(), language=language, t=say_in(language), back=back, path=request.url.path, with_query=with_query,
            pairs=lambda a, b: zip(a, b, strict=True),
            state_names=STATES, field_names=FIELDS, origin_names=ORIGINS,
        )  # fmt: skip
        return HTMLResponse(html, status, headers={"Vary": "Accept-Language, Cookie"})

    def _count_withheld(self) -> int:
        """Return how many documents no page shows; every page says it."""
        try:
            with self.catalog() as catalog:
                return len(catalog.file.withheld)
        except ArchiveError:
            return 0  # the page says what is wrong with the catalog

    def render_error(self, request: Request, status: int, detail: str) -> Response:
        """Return a page that says what went wrong and what to do."""
        phrase = HTTPStatus(status).phrase
        return self.render(request, "error.html", status=status, code=status, detail=detail if detail != phrase else "")


def language_of(request: Request) -> Language:
    """Return ``zh`` or ``en``: what was chosen, else what the browser asks for first, else Chinese."""
    chosen = request.cookies.get("language", "")
    asked = (wanted.strip() for wanted in request.headers.get("accept-language", "").lower().split(","))
    first = next((wanted[:2] for wanted in asked if wanted.startswith(("zh", "en"))), "zh")
    return "en" if (chosen or first) == "en" else "zh"


def say_in(language: str) -> Say:
    """Return what picks the text of a language."""
    return (lambda zh, _: zh) if language == "zh" else (lambda _, en: en)


def with_query(path: str, parameters: dict[str, Any], **changes: Any) -> str:
    """Return a path with query parameters, some of them changed; empty ones are left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in {**parameters, **changes}.items():
        values = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, str(one)) for one in values if one not in {None, ""}]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def size(count: int | None) -> str:
    """Return a number of bytes for people."""
    if count is None:
        return "–"
    if count < _KIBI:
        return f"{count} B"
    value, units = count / _KIBI, ["KB", "MB", "GB", "TB"]
    while value >= _KIBI and len(units) > 1:
        value /= _KIBI
        units.pop(0)
    return f"{value:.1f} {units[0]}"


def moment(at: str | datetime | None) -> str:
    """Return an instant in Beijing time, to the minute."""
    if at is None:
        return "–"
    instant = parse_instant(at) if isinstance(at, str) else at
    return instant.astimezone(LOCAL).strftime("%Y-%m-%d %H:%M")


def day(at: str | datetime | None) -> str:
    """Return the day of an instant in Beijing time."""
    return moment(at)[:10]
