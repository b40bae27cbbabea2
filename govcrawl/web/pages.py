"""What all pages share: the catalog as one request sees it, the language, the templates."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from archive import catalog_reads as reads
from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_walks import LOCAL
from archive.curtain import hidden_id
from archive.errors import ArchiveError
from archive.rows import parse_instant
from govcrawl.quality import FLAGS
from govcrawl.speech import many, say_in
from govcrawl.urls import is_reserved
from govcrawl.web import words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from archive.withheld import Change
    from govcrawl.speech import Language

CHOSEN_BY_LANGUAGE = {"Vary": "Accept-Language, Cookie"}
"""Header of a page that is there in two languages at one address (RFC 9110, 12.5.5)."""

_KIBI = 1024


class Withheld(Exception):
    """A document that is asked for and not shown."""

    def __init__(self, change: Change) -> None:
        super().__init__(change.document_id)
        self.change = change


class Invented(NamedTuple):
    """Agencies whose addresses lie under names that are reserved for examples: what they disclose is no agency's."""

    agencies: list[str]
    hosts: list[str]
    everything: bool  # the catalog holds no other


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
        self._jinja.filters.update(
            size=size, quoted=lambda text: quote(text, safe=""), moment=moment, day=day, media=words.media_said
        )

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
        withheld, invented = self._read_notices()
        html = self._jinja.get_template(template).render(
            **values, withheld=withheld, invented=invented, language=language, t=say_in(language), back=back,
            path=request.url.path, with_query=with_query, pairs=lambda a, b: zip(a, b, strict=True), many=many,
            said=words.said, rule_said=words.rule_said, flags=FLAGS, field_names=words.FIELDS, origin_names=words.ORIGINS,
            state_names=words.STATES, modes=words.MODES, outcomes=words.OUTCOMES, verdicts=words.VERDICTS, texts=words.TEXTS,
        )  # fmt: skip
        return HTMLResponse(html, status, headers=CHOSEN_BY_LANGUAGE)

    def _read_notices(self) -> tuple[int, Invented | None]:
        """Return what every page says: how many documents none shows, and whether there are invented ones."""
        try:
            with self.catalog() as catalog:
                agencies = reads.agencies(catalog)
                names = [row["title"] for row in agencies if is_reserved(row["base_url"])]
                hosts = sorted(
                    {urlsplit(row["base_url"]).hostname or "" for row in agencies if is_reserved(row["base_url"])}
                )
                invented = Invented(names, hosts, everything=len(names) == len(agencies)) if names else None
                return len(catalog.file.withheld), invented
        except ArchiveError:
            return 0, None  # the page says what is wrong with the catalog

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
