"""Bytes to text, once, by one stated rule; and the page as everything else reads it."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import lxml.etree
import lxml.html
from parsel import Selector

from archive.digest import iter_content
from govcrawl.errors import TemplateMismatch, UnreadablePage

if TYPE_CHECKING:
    from collections.abc import Mapping

How = Literal["bom", "utf-8", "declared", "fewest-errors"]

MAX_PAGE_BYTES = 24 * 1024 * 1024
"""Largest body that is parsed; the largest annual report seen has 0.35 million characters of Word HTML."""

MAX_ATTRIBUTES = 2_000
"""Most attributes of one tag: the time libxml2 takes for them grows with their square, 100,000 take it 16 s."""

_SEARCHED_BYTES = 4096
_MAGIC_BYTES = 8  # no file's first bytes that are looked for are longer
_GZIPPED = ((b"Content-Encoding", b"gzip"),)
_DECLARED = re.compile(
    rb"""(?:<meta\b[^>]{0,400}?\bcharset|<\?xml\b[^>]{0,200}?\bencoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE
)
_QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'")
_ATTRIBUTE = re.compile(rb"[\s/][^\s/=>]")
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_CLOSING = re.compile(rb"</\s*(?:body|html)\s*>", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CUT_BYTES = 3  # a body cut in mid-character lacks at most the last three bytes of it
_TRUSTED_SHARE = 0.01

# Declarations that are believed. Servers that declare Latin-1 do so by default, not because somebody looked at the page.
_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "csgb2312": "gb18030",
    "euc-cn": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "ms936": "gb18030",
    "windows-936": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "cn-big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "csbig5": "big5hkscs",
    "hz-gb-2312": "hz",
    "hz": "hz",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the codec that gave it, and which step of the rule chose the codec."""

    text: str
    encoding: str
    how: How


def decode(body: bytes, content_type: str | None = None) -> Decoded:
    """Decode a body: BOM, strict UTF-8, the declared charset, else the codec with fewer replacement characters.

    The GB family is read as gb18030 and Big5 with the Hong Kong supplement, since pages use characters beyond what they
    declare. A declaration is looked for in the Content-Type, then in the first 4,096 bytes. Of several believed ones the
    first with the fewest replacement characters holds. Never raises.
    """
    for bom, name in _BOMS:
        if body.startswith(bom):
            return Decoded(body[len(bom) :].decode(name, "replace"), name, "bom")
    try:
        return Decoded(body.decode("utf-8"), "utf-8", "utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(body) - _CUT_BYTES and error.reason == "unexpected end of data":
            return Decoded(body.decode("utf-8", "replace"), "utf-8", "utf-8")
    declared = _declared(body, content_type)
    if declared:
        texts = [(name, body.decode(name, "replace")) for name in declared]
        name, text = min(texts, key=lambda pair: pair[1].count("\ufffd"))
        if name != "utf-8" or text.count("\ufffd") <= _TRUSTED_SHARE * len(text):
            return Decoded(text, name, "declared")
    texts = [(name, body.decode(name, "replace")) for name in ("utf-8", "gb18030")]
    name, text = min(texts, key=lambda pair: pair[1].count("\ufffd"))
    return Decoded(text, name, "fewest-errors")


def _declared(body: bytes, content_type: str | None) -> list[str]:
    names = [m.group(1) for m in [_HEADER.search(content_type or "")] if m]
    names += [m.group(1).decode("ascii", "replace") for m in _DECLARED.finditer(body[:_SEARCHED_BYTES])]
    return list(dict.fromkeys(_CODECS[n.lower()] for n in names if n.lower() in _CODECS))


def _parser() -> lxml.etree.HTMLParser:
    """Return a parser of HTML elements; a new one for each page, since it keeps the page's error log.

    All elements are of one class: lxml.html's own choice of a class for each tag is made in Python, a third of the time of reading.
    """
    parser = lxml.etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    parser.set_element_class_lookup(lxml.etree.ElementDefaultClassLookup(element=lxml.html.HtmlElement))
    return parser


@dataclass(frozen=True, kw_only=True)
class Page:
    """One fetched page. Decoding and parsing happen when first asked for, once.

    Args:
        url: the final address.
        body: the entity, after transfer- and content-decoding.
        content_type: the header as sent, None where there was none.
        form: what was posted, empty for GET.
    """

    url: str
    body: bytes
    content_type: str | None = None
    status: int = 200
    method: str = "GET"
    form: Mapping[str, str] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the parsed tree behind: pages cross process borders as bytes."""
        return {name: self.__dict__[name] for name in self.__dataclass_fields__} | {"form": dict(self.form)}

    @property
    def begins(self) -> bytes:
        """The first bytes of the body that are no blanks: what tells a file from a page."""
        return self.body.lstrip()[:_MAGIC_BYTES]

    @property
    def media_type(self) -> str:
        """The declared type, lower case, without parameters; empty where none was sent."""
        return (self.content_type or "").partition(";")[0].strip().lower()

    @cached_property
    def decoded(self) -> Decoded:
        """The text with its encoding and how that was found."""
        return decode(self.body, self.content_type)

    @property
    def text(self) -> str:
        """The decoded body."""
        return self.decoded.text

    @property
    def encoding(self) -> str:
        """The codec the body was decoded with."""
        return self.decoded.encoding

    @cached_property
    def root(self) -> Any:
        """The one lxml tree of the page, without comments.

        Every ``</body>`` and ``</html>`` is removed first: included fragments close them early, and what follows would stand
        outside the tree.

        Raises:
            UnreadablePage: there is nothing to parse, or the page is too large or nested beyond what libxml2 accepts.
        """
        if len(self.body) > MAX_PAGE_BYTES:
            raise UnreadablePage(
                f"{self.url}: {len(self.body)} bytes, more than the {MAX_PAGE_BYTES} that are parsed as a page; if it is a file, fetch it as one"
            )
        self._check_tags()
        markup = _CLOSING.sub(b"", self.text.replace("\x00", "").encode("utf-8", "replace"))
        parser = _parser()
        try:
            root = lxml.html.document_fromstring(markup, parser=parser, base_url=self.url)
        except lxml.etree.ParserError as error:
            raise UnreadablePage(f"{self.url}: {len(self.body)} bytes with nothing to parse: {error}") from None
        for entry in parser.error_log.filter_from_fatals():
            if entry.type == lxml.etree.ErrorTypes.ERR_RESOURCE_LIMIT:
                raise UnreadablePage(f"{self.url}: cannot be parsed whole: {entry.message}")
        return root

    def _check_tags(self) -> None:
        """Raise where a tag has more attributes than are parsed."""
        for piece in self.body.split(b"<"):
            if len(piece) <= 2 * MAX_ATTRIBUTES or not piece[:1].isalpha():
                continue
            tag = _QUOTED.sub(b" ", piece).partition(b">")[0]
            count = len(_ATTRIBUTE.findall(tag))
            if count > MAX_ATTRIBUTES:
                raise UnreadablePage(
                    f"{self.url}: a tag <{tag[:20].decode('ascii', 'replace')}… with {count} attributes, more than the {MAX_ATTRIBUTES} that are parsed; no page of an agency has such a tag"
                )

    @cached_property
    def selector(self) -> Selector:
        """A parsel selector over :attr:`root`."""
        return Selector(root=self.root, type="html")

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            TemplateMismatch: it is not JSON.
        """
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError) as error:
            start = self.text[:60]
            raise TemplateMismatch(
                f"{self.url}: JSON expected, got {start!r} ({error}); see whether the endpoint changed"
            ) from None


class GzippedPage(Page):
    """A page whose body is still as gzip made it; undone when it is first asked for, as a rule by the process that reads it."""

    _coded: bytes
    _begins: bytes

    @classmethod
    def of(cls, coded: bytes, begins: bytes, **fields: Any) -> Self:
        """Return a page; ``begins`` is the beginning of its body with :data:`_MAGIC_BYTES` at least that are no blanks."""
        page = cls(body=b"", **fields)
        del page.__dict__["body"]
        page.__dict__.update(_coded=coded, _begins=begins.lstrip()[:_MAGIC_BYTES])
        return page

    def __getstate__(self) -> dict[str, Any]:
        """Leave the parsed tree behind, and what can be undone on the other side."""
        if "body" in self.__dict__:
            return super().__getstate__()
        names = (*self.__dataclass_fields__, "_coded", "_begins")
        return {name: self.__dict__[name] for name in names if name != "body"} | {"form": dict(self.form)}

    @cached_property
    def body(self) -> bytes:  # not there until it is asked for
        """The entity, after content-decoding; of a broken stream what can be read."""
        return b"".join(iter_content((self._coded,), _GZIPPED))

    @property
    def begins(self) -> bytes:
        """The first bytes of the body that are no blanks, without undoing the rest."""
        return self.__dict__.get("_begins") or super().begins
