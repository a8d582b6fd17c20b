"""Conditions that do not do what they seem to: true for all rows, for none, or in part idle."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from migsafe.model.migration import Dialect
from migsafe.sql.tokens import NUMBER, PARAMETER, QUOTED, STRING, WORD, Token, tokenize

ALWAYS, NEVER, IDLE, ITSELF, NULL_LIST, QUERY_LIST, ONE_TABLE = (
    "always",
    "never",
    "idle",
    "itself",
    "null list",
    "query list",
    "one table",
)

_WORTH = re.compile(
    r"\b(?:OR|AND|NULL|IN|SELECT)\b|([\w.\"`]+)\s*(?:=|<>|!=)\s*\1(?![\w.\"`(])", re.I
)
_OPENS = frozenset({"WHERE", "ON", "HAVING", "WHEN"})
_JOINS = {"JOIN", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "NATURAL", "LATERAL"}
_TIED = {"WHERE", "GROUP", "ORDER", "LIMIT", "HAVING", "UNION", "INTERSECT", "EXCEPT", "FETCH"}
_CLOSES = _JOINS | _TIED | {"RETURNING", "WINDOW", "THEN", "FOR", "SET", "DO", "ON", "WHEN"}
_QUERY = frozenset({"SELECT", "WITH", "VALUES"})
_TIES = _JOINS | _TIED | {",", "OFFSET"}
_UNEQUAL = frozenset({"<>", "!="})

Tokens = Sequence[Token]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a condition.

    `kind`: always (true for every row whose column is not NULL), never (true for no row), idle (a
    part behind OR adds no row), itself (a column is compared with itself), null list (NOT IN over a
    list with NULL: true for no row, postgresql.org/docs 9.24.2, dev.mysql.com 14.4.2), query list
    (NOT IN over one column of one table: true for no row once that gives a NULL), one table (a
    subquery over one table compares two names that may both be columns of it: `column` is the one
    without a table before it). `text` is the source; `table` and `column` are those of a query.
    """

    kind: str
    text: str
    table: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class _Atom:
    """`subject operator value`; the operator is null, not null, = or <>."""

    subject: str
    operator: str
    value: str
    tokens: Tokens


def flaws(sql: str, dialect: Dialect) -> Iterator[Flaw]:
    """The flaws of all conditions in an expression or a statement; nothing is raised."""
    if not _WORTH.search(sql):
        return
    tokens = tokenize(sql, dialect)
    found = [flaw for condition in _conditions(tokens) for flaw in _judged(condition, sql)]
    yield from dict.fromkeys((*found, *_subqueries(tokens, sql)))


def _conditions(tokens: Tokens) -> Iterator[Tokens]:
    """An expression as it stands, what stands behind WHERE or ON, and what stands in brackets."""
    if tokens and tokens[0].upper not in _QUERY | {"INSERT", "REPLACE", "UPDATE", "DELETE"}:
        yield _clause(tokens, 0)
    for at, token in enumerate(tokens):
        behind = token.upper in _OPENS and token.kind == WORD
        following = tokens[at + 1].upper if at + 1 < len(tokens) else "SELECT"
        if behind or (token.text == "(" and following not in _QUERY):
            yield _clause(tokens, at + 1)


def _clause(tokens: Tokens, start: int) -> Tokens:
    depth = cases = 0
    for at in range(start, len(tokens)):
        word = tokens[at].upper
        depth += (word == "(") - (word == ")")
        cases += (word == "CASE") - (word == "END" and cases > 0)
        ends = word in _CLOSES or word in {",", ";"}
        if depth < 0 or (depth == 0 and not cases and ends and tokens[at].kind != QUOTED):
            return tokens[start:at]
    return tokens[start:]


def _judged(condition: Tokens, sql: str) -> Iterator[Flaw]:
    alternatives = _parts(condition, "OR")
    for either, other in combinations([a for p in alternatives if (a := _atom(p))], 2):
        yield from _pair(either, other, _either, sql)
    for alternative in alternatives:
        together = _parts(alternative, "AND")
        for one, other in combinations([a for p in together if (a := _atom(p))], 2):
            yield from _pair(one, other, _both, sql)
        for part in together:
            yield from _alone(part, sql)


def _parts(tokens: Tokens, word: str) -> list[Tokens]:
    """The tokens split at this word outside brackets, CASE and BETWEEN."""
    parts: list[Tokens] = []
    start = depth = between = 0
    for at, token in enumerate(tokens):
        depth += (token.text == "(" or token.upper == "CASE") - (
            token.text == ")" or (token.upper == "END" and token.kind == WORD)
        )
        if depth == 0 and token.upper == "BETWEEN":
            between += 1
        elif depth == 0 and token.upper == word and token.kind == WORD:
            if word == "AND" and between:
                between -= 1
                continue
            parts.append(tokens[start:at])
            start = at + 1
    return [*parts, tokens[start:]]


def _atom(tokens: Tokens) -> _Atom | None:
    """`a.b IS [NOT] NULL`, `a.b = 1`, `a.b <> 'x'`; None for all else."""
    length = _name_length(tokens)
    rest = [t.upper for t in tokens[length:]]
    subject = "".join(t.text.lower() for t in tokens[:length])
    if not length:
        return None
    if rest in (["IS", "NULL"], ["IS", "NOT", "NULL"]):
        return _Atom(subject, "not null" if "NOT" in rest else "null", "", tokens)
    if len(rest) == 2 and rest[0] in {"=", *_UNEQUAL} and _is_literal(tokens[-1]):
        operator = "=" if rest[0] == "=" else "<>"
        return _Atom(subject, operator, tokens[-1].text.lower(), tokens)
    return None


def _name_length(tokens: Tokens) -> int:
    """How many tokens a column's name takes at the start: 0 where none stands there."""
    at = 0
    while at < len(tokens) and tokens[at].kind in {WORD, QUOTED}:
        if at + 1 >= len(tokens) or tokens[at + 1].text != ".":
            return 0 if tokens[0].upper in {"NOT", "NULL", "TRUE", "FALSE"} else at + 1
        at += 2
    return 0


def _is_literal(token: Token) -> bool:
    return token.kind in {STRING, NUMBER} or token.upper in {"TRUE", "FALSE"}


# -- two parts beside each other ------------------------------------------------------------------


def _pair(
    one: _Atom, other: _Atom, judge: Callable[[_Atom, _Atom], str], sql: str
) -> Iterator[Flaw]:
    kind = judge(one, other) or judge(other, one) if one.subject == other.subject else ""
    if kind:
        ends = sorted((one, other), key=lambda a: a.tokens[0].start)
        yield Flaw(kind, _source((*ends[0].tokens, *ends[1].tokens), sql))


def _either(one: _Atom, other: _Atom) -> str:
    if one.operator == "not null" and other.operator == "null":
        return ALWAYS
    if one.operator == "not null" and other.operator in {"=", "<>"}:
        return IDLE
    if one.operator == other.operator == "<>" and one.value != other.value:
        return ALWAYS
    same = one.operator == "=" and other.operator == "<>" and one.value == other.value
    return ALWAYS if same else ""


def _both(one: _Atom, other: _Atom) -> str:
    if one.operator == "null" and other.operator != "null":
        return NEVER
    if one.operator == "=" and other.operator == "=" and one.value != other.value:
        return NEVER
    same = one.operator == "=" and other.operator == "<>" and one.value == other.value
    return NEVER if same else ""


# -- one part by itself ---------------------------------------------------------------------------


def _alone(tokens: Tokens, sql: str) -> Iterator[Flaw]:
    length = _name_length(tokens)
    rest = tokens[length:]
    if not length or len(rest) < 2:
        return
    operator = rest[0].upper
    if operator in {"=", *_UNEQUAL}:
        yield from _compared(tokens[:length], operator, rest[1:], sql)
    elif operator == "NOT" and rest[1].upper == "IN" and len(rest) > 3:
        yield from _not_in(tokens, rest[3:-1], sql)


def _compared(name: Tokens, operator: str, value: Tokens, sql: str) -> Iterator[Flaw]:
    text = _source((*name, *value), sql)
    if len(value) == 1 and value[0].upper == "NULL":
        yield Flaw(NEVER, text)
    elif [t.text.lower() for t in name] == [t.text.lower() for t in value]:
        literal = name[0].kind in {STRING, NUMBER, PARAMETER}
        yield from () if literal else (Flaw(ITSELF if operator == "=" else NEVER, text),)


def _not_in(tokens: Tokens, inside: Tokens, sql: str) -> Iterator[Flaw]:
    if not inside:
        return
    text = _source(tokens, sql)
    if inside[0].upper not in _QUERY and any(t.upper == "NULL" for t in inside):
        yield Flaw(NULL_LIST, text)
    elif inside[0].upper == "SELECT":
        yield from _query_list(text, inside[1:])


def _query_list(text: str, query: Tokens) -> Iterator[Flaw]:
    """`SELECT [DISTINCT] [t.]c FROM t` with whatever WHERE that does not speak of NULL."""
    query = query[1:] if query and query[0].upper == "DISTINCT" else query
    length = _name_length(query)
    rest = query[length:]
    if not length or len(rest) < 2 or rest[0].upper != "FROM":
        return
    table = rest[1 : 1 + _name_length(rest[1:])]
    words = {t.upper for t in rest[1 + len(table) :]}
    if table and not words & (_TIES - {"WHERE", "ORDER"}) and "NULL" not in words:
        yield Flaw(QUERY_LIST, text, ".".join(t.name for t in table[::2]), query[length - 1].name)


# -- a subquery that looks at its own table only ---------------------------------------------------


def _subqueries(tokens: Tokens, sql: str) -> Iterator[Flaw]:
    """`(SELECT .. FROM u WHERE u.t_id = id)`: id is u.id where u has such a column."""
    for at, token in enumerate(tokens[:-1]):
        listed = at > 0 and tokens[at - 1].upper == "IN"  # that query may look at itself only
        if token.text == "(" and tokens[at + 1].upper == "SELECT" and not listed:
            yield from _own_names(_within(tokens, at + 1), sql)


def _within(tokens: Tokens, start: int) -> Tokens:
    depth = 0
    for at in range(start, len(tokens)):
        depth += (tokens[at].text == "(") - (tokens[at].text == ")")
        if depth < 0:
            return tokens[start:at]
    return tokens[start:]


def _own_names(query: Tokens, sql: str) -> Iterator[Flaw]:
    words = [t.upper for t in query]
    if words.count("FROM") != 1 or "WHERE" not in words or set(words) & _JOINS:
        return
    source, where = query[words.index("FROM") + 1 :], words.index("WHERE")
    name = source[: _name_length(source)]
    between = [t.name.lower() for t in query[words.index("FROM") + 1 : where] if t.text != "."]
    own = {*between, ".".join(t.name for t in name[::2]).lower()}
    if not name or "," in between or _outer_names(query, own):
        return
    for part in _parts(_clause(query, where + 1), "AND"):
        bare = _bare_side(part)
        if bare:
            yield Flaw(ONE_TABLE, _source(part, sql), ".".join(t.name for t in name[::2]), bare)


def _outer_names(query: Tokens, own: set[str]) -> bool:
    """Does a name stand behind another table's than its own?"""
    behind = [query[at - 1] for at, t in enumerate(query) if t.text == "." and at]
    return any(t.kind != NUMBER and t.name.lower() not in own for t in behind)


def _bare_side(part: Tokens) -> str:
    """The name without a table in `u.t_id = id` or `id = u.t_id`, "" for all else."""
    left = _name_length(part)
    if not left or left + 1 >= len(part) or part[left].text != "=":
        return ""
    right = part[left + 1 :]
    if _name_length(right) != len(right):
        return ""
    sides = [side[0].name for side in (part[:left], right) if len(side) == 1]
    return sides[0] if len(sides) == 1 else ""


def _source(tokens: Tokens, sql: str) -> str:
    return " ".join(sql[tokens[0].start : tokens[-1].end].split())
