"""What a person types into the search box, as a query: words, phrases, and, or, not, fields and filters; pure.

====================  =================================================================================================
``公开 条例``          both (blanks mean *and*); every word is found as it stands, inside longer words too
``"政务 公开"``        a phrase; blanks do not count, so the same as ``政务公开``
``公开 OR 保密``       one of them; also ``|``
``公开 -解读``         without; also ``NOT``
``(公开 OR 保密) 条例``  brackets group where there is a blank or ``|`` inside; otherwise they are text: ``国办发(2019)14号``
``标题:公开``          only in the title; also 文号: 正文: 表格: 附件: (title: number: text: table: file:)
``机构:xiamen_sfj``    filters: 机构: 栏目: 类型: 状态: 从: 到: 引用: 有:附件 (agency: channel: kind: state: from: to: cites: has:)
====================  =================================================================================================

Brackets of document numbers, full-width forms, letter case and traditional characters make no difference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from archive.errors import BadQuery
from archive.mentions import normal_number
from archive.model import State
from archive.search_text import BOUNDARY, fold, spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Column = Literal["title", "number", "body", "tables", "files"]
COLUMNS: tuple[Column, ...] = get_args(Column)

_FIELDS: dict[str, Column] = {
    **dict.fromkeys(("title", "标题", "標題"), "title"),
    **dict.fromkeys(("number", "文号", "文號", "索引号"), "number"),
    **dict.fromkeys(("text", "正文"), "body"),
    **dict.fromkeys(("table", "表格"), "tables"),
    **dict.fromkeys(("file", "附件"), "files"),
}
_FILTERS = {
    **dict.fromkeys(("agency", "机构"), "agency"),
    **dict.fromkeys(("channel", "栏目"), "channel"),
    **dict.fromkeys(("kind", "类型"), "kind"),
    **dict.fromkeys(("state", "状态"), "state"),
    **dict.fromkeys(("from", "从"), "since"),
    **dict.fromkeys(("to", "到"), "until"),
    **dict.fromkeys(("cites", "引用"), "cites"),
    **dict.fromkeys(("has", "有"), "has"),
}
_STATES: dict[str, State] = {
    **{state: state for state in get_args(State)},
    "在线": "live",
    "未列出": "unlisted",
    "疑似撤下": "suspected",
    "已撤下": "withdrawn",
}
_ATTACHMENT = dict.fromkeys(("attachment", "attachments", "附件"), True) | dict.fromkeys(
    ("no-attachment", "无附件"), False
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PAIRS = {'"': '"', "“": "”", "”": "”"}
_OPENING, _CLOSING = "(（", ")）"
_MOST_CHARACTERS = 1000
_MOST_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Phrase:
    """Characters that stand side by side, folded; ``column`` = only there."""

    folded: str
    column: Column | None = None

    def match(self) -> str:
        """Return it in the index's language."""
        quoted = '"' + spread(self.folded).replace('"', '""') + '"'
        return f"{{{self.column}}} : {quoted}" if self.column else quoted


@dataclass(frozen=True, slots=True)
class Every:
    """All of ``wanted`` and none of ``unwanted``; there is at least one wanted."""

    wanted: tuple[Expression, ...]
    unwanted: tuple[Expression, ...] = ()

    def match(self) -> str:
        """Return it in the index's language."""
        found = " AND ".join(f"({one.match()})" for one in self.wanted)
        without = " OR ".join(f"({one.match()})" for one in self.unwanted)
        return f"({found}) NOT ({without})" if without else found


@dataclass(frozen=True, slots=True)
class Some:
    """One of these at least."""

    choices: tuple[Expression, ...]

    def match(self) -> str:
        """Return it in the index's language."""
        return " OR ".join(f"({one.match()})" for one in self.choices)


Expression = Phrase | Every | Some


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is searched for; without ``wanted`` everything that passes the filters, newest first."""

    wanted: Expression | None = None
    unwanted: Expression | None = None  # where nothing is wanted: everything but this
    agencies: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    since: str | None = None  # first local day of publication
    until: str | None = None  # last local day of publication
    cites: tuple[str, ...] = ()  # document numbers; every one is cited
    has_attachment: bool | None = None

    def phrases(self) -> tuple[Phrase, ...]:
        """Return what a snippet marks: every phrase that is wanted."""
        return tuple(_phrases(self.wanted)) if self.wanted else ()


def _phrases(expression: Expression) -> Iterator[Phrase]:
    if isinstance(expression, Phrase):
        yield expression
    else:
        for one in expression.wanted if isinstance(expression, Every) else expression.choices:
            yield from _phrases(one)


class _Token(NamedTuple):
    kind: Literal["(", ")", "or", "not", "phrase", "filter"]
    value: Any = None


def parse_query(text: str, base: Query | None = None) -> Query:
    """Return what was typed as a query; ``base`` holds filters that were chosen besides and hold as well.

    Raises:
        BadQuery: a bracket or quotation mark is not closed, a filter is given what it cannot be, or the text is too long.
    """
    if len(text) > _MOST_CHARACTERS:
        raise BadQuery(
            f"the query has {len(text)} characters; at most {_MOST_CHARACTERS} can be searched for",
            zh=f"检索词有 {len(text)} 个字符，最多 {_MOST_CHARACTERS} 个",
        )
    tokens = list(_tokens(text))
    filters = [token.value for token in tokens if token.kind == "filter"]
    rest = [token for token in tokens if token.kind != "filter"]
    wanted, unwanted, end = _alternatives(rest, 0, 0)
    if end < len(rest):
        raise BadQuery(
            f"query {text!r}: a closing bracket without an opening one; take it out or open it before",
            zh=f"检索词 {text!r} 里有右括号没有左括号：请去掉或补上左括号",
        )
    query = replace(base or Query(), wanted=wanted, unwanted=unwanted if wanted is None else None)
    for name, value in filters:
        query = _filtered(query, name, value)
    return query


def type_query(words: str, filters: Query) -> str:
    """Return what would have to be typed for words with filters that were chosen besides; :func:`parse_query` reads it back."""
    chosen: list[tuple[str, str]] = []
    for name, values in (
        ("agency", filters.agencies),
        ("channel", filters.channels),
        ("kind", filters.kinds),
        ("state", filters.states),
        ("from", (filters.since,)),
        ("to", (filters.until,)),
        ("cites", filters.cites),
    ):
        chosen += [(name, value) for value in values if value]
    if filters.has_attachment is not None:
        chosen.append(("has", "attachment" if filters.has_attachment else "no-attachment"))
    return " ".join(
        [*([words.strip()] if words.strip() else []), *(f"{name}:{_quoted(value)}" for name, value in chosen)]
    )


def _quoted(value: str) -> str:
    """Return a filter's value so that it is read as one."""
    if value.isalnum() or re.fullmatch(r"[\w.-]+", value):
        return value
    return f"“{value}”" if '"' in value else f'"{value}"'


def _is_day(value: str) -> bool:
    """Tell whether a text is a day that there is."""
    if not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _filtered(query: Query, name: str, value: str) -> Query:
    if name == "state":
        if value not in _STATES:
            raise BadQuery(
                f"state {value!r}: expected one of {', '.join(_STATES)}",
                zh=f"没有状态 {value!r}，只有 {'、'.join(_STATES)}",
            )
        return replace(query, states=(*query.states, _STATES[value]))
    if name == "has":
        if value not in _ATTACHMENT:
            raise BadQuery(
                f"has:{value}: expected has:attachment (有:附件) or has:no-attachment (有:无附件)",
                zh=f"有:{value} 看不懂，应写作 有:附件 或 有:无附件",
            )
        return replace(query, has_attachment=_ATTACHMENT[value])
    if name in {"since", "until"}:
        if not _is_day(value):
            raise BadQuery(f"{value!r} is no day; expected YYYY-MM-DD", zh=f"{value!r} 不是日期，应写作 YYYY-MM-DD")
        return replace(query, since=value) if name == "since" else replace(query, until=value)
    return _with_one_more(query, name, value)


def _with_one_more(query: Query, name: str, value: str) -> Query:
    if name == "agency":
        return replace(query, agencies=(*query.agencies, value))
    if name == "channel":
        return replace(query, channels=(*query.channels, value))
    if name == "kind":
        return replace(query, kinds=(*query.kinds, value))
    return replace(query, cites=(*query.cites, normal_number(value)))


def _tokens(text: str) -> Iterator[_Token]:
    at, open_groups = 0, 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char in "|｜":
            yield _Token("or")
            at += 1
        elif char in _CLOSING and open_groups:
            open_groups -= 1
            yield _Token(")")
            at += 1
        elif char in _OPENING and _groups(text, at):
            open_groups += 1
            yield _Token("(")
            at += 1
        elif char in "-－" and at + 1 < len(text) and not text[at + 1].isspace():
            yield _Token("not")
            at += 1
        else:
            token, at = _word(text, at, in_group=bool(open_groups))
            if token is not None:
                yield token
    if open_groups:
        raise BadQuery(
            f"query {text!r}: a bracket is not closed; close it, or put what is meant literally in quotes",
            zh=f"检索词 {text!r} 里有括号没有闭合：请补上右括号，要照字面查请加引号",
        )


def _groups(text: str, at: int) -> bool:
    """Tell whether a bracket groups words: up to where it is closed there is a blank or a bar."""
    depth = 0
    for place in range(at, len(text)):
        char = text[place]
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0:
            return any(one.isspace() or one in "|｜" for one in text[at + 1 : place].strip())
    return any(one.isspace() for one in text[at:].strip())


def _word(text: str, at: int, *, in_group: bool) -> tuple[_Token | None, int]:
    """Read a word with its field or filter from a place on."""
    name, at = _prefix(text, at)
    if at < len(text) and text[at] in _PAIRS:
        end = text.find(_PAIRS[text[at]], at + 1)
        if end < 0:
            raise BadQuery(f"query {text!r}: a quotation mark is not closed", zh=f"检索词 {text!r} 里有引号没有闭合")
        value, at = text[at + 1 : end], end + 1
    else:
        end, depth = at, 0
        while end < len(text) and not text[end].isspace() and text[end] not in '|｜"“':
            depth += text[end] in _OPENING
            if text[end] in _CLOSING:
                if in_group and depth == 0:
                    break
                depth -= 1
            end += 1
        value, at = text[at:end], end
        if name is None and value in {"OR", "AND", "NOT"}:
            return {"OR": _Token("or"), "NOT": _Token("not"), "AND": None}[value], at
    if name in _FILTERS:
        if not value:
            raise BadQuery(
                f"the filter {name}: says nothing; write it without a blank, as in {name}:…",
                zh=f"筛选 {name}: 后面没有内容；冒号后不要空格，如 {name}:…",
            )
        return _Token("filter", (_FILTERS[name], value)), at
    folded = fold(value).strip(BOUNDARY)
    return (_Token("phrase", Phrase(folded, _FIELDS.get(name or ""))) if folded else None), at


def _prefix(text: str, at: int) -> tuple[str | None, int]:
    match = re.compile(r"([A-Za-z]+|[\u4e00-\u9fff]{1,3})[:：]").match(text, at)
    if match and (match[1].lower() in _FIELDS or match[1].lower() in _FILTERS):
        return match[1].lower(), match.end()
    return None, at


def _alternatives(tokens: Sequence[_Token], at: int, depth: int) -> tuple[Expression | None, Expression | None, int]:
    """Read ``a b OR c`` from a place on: what is wanted, else what is unwanted, and where it ends."""
    if depth > _MOST_DEPTH:
        raise BadQuery(
            f"brackets stand more than {_MOST_DEPTH} deep in each other", zh=f"括号嵌套超过 {_MOST_DEPTH} 层"
        )
    choices: list[Expression] = []
    refused: Expression | None = None
    while True:
        wanted, unwanted, at = _all_of(tokens, at, depth)
        if wanted is not None:
            choices.append(wanted)
        elif unwanted is not None:
            refused = unwanted
        if at >= len(tokens) or tokens[at].kind != "or":
            break
        at += 1
    if refused is not None and (choices or depth):
        raise BadQuery(
            "a side of OR or a pair of brackets holds only what is not wanted; say what is wanted as well",
            zh="OR 的一边或一对括号里只有要排除的词；请同时写出要找的词",
        )
    found = choices[0] if len(choices) == 1 else Some(tuple(choices)) if choices else None
    return found, refused, at


def _all_of(tokens: Sequence[_Token], at: int, depth: int) -> tuple[Expression | None, Expression | None, int]:
    wanted: list[Expression] = []
    unwanted: list[Expression] = []
    negated = False
    while at < len(tokens) and tokens[at].kind not in {"or", ")"}:
        token = tokens[at]
        at += 1
        if token.kind == "not":
            negated = not negated
            continue
        one: Expression | None = token.value
        if token.kind == "(":
            one, _, at = _alternatives(tokens, at, depth + 1)
            at += 1  # its closing bracket is there: the tokens were counted
        if one is not None:
            (unwanted if negated else wanted).append(one)
        negated = False
    refused = unwanted[0] if len(unwanted) == 1 else Some(tuple(unwanted)) if unwanted else None
    if not wanted:
        return None, refused, at
    if len(wanted) == 1 and not unwanted:
        return wanted[0], None, at
    return Every(tuple(wanted), tuple(unwanted)), None, at
