"""Where normalised SQL text names a table or a column, and the same text with another name.

What stands where is decided from the tokens alone. Where they do not settle what a name means,
the answer is None: not known is better than wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migsafe.model.migration import Dialect
from migsafe.model.schema import fold_name
from migsafe.sql.tokens import KEYWORDS, MARK, QUOTED, WORD, Token, joined, quoted, tokenize

_CLAUSES = frozenset({
    "WHERE", "SET", "VALUES", "SELECT", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "RETURNING",
    ";",
})  # fmt: skip
_BEFORE_TABLE = frozenset({"FROM", "JOIN", "INTO", "UPDATE"})
_CONFLICTS = frozenset({"OR", "ROLLBACK", "ABORT", "REPLACE", "FAIL", "IGNORE"})
_BEFORE_ALIAS = frozenset({"AS", "END", "NULL", "CURRENT_TIMESTAMP"})
_IN_EXPRESSIONS = frozenset({
    "AND", "AS", "BETWEEN", "CASE", "CAST", "COLLATE", "CURRENT_DATE", "CURRENT_TIME",
    "CURRENT_TIMESTAMP", "DISTINCT", "ELSE", "END", "ESCAPE", "EXISTS", "FILTER", "FROM", "GLOB",
    "IN", "IS", "ISNULL", "LIKE", "MATCH", "NOT", "NOTNULL", "NULL", "OR", "OVER", "RAISE",
    "REGEXP", "SELECT", "THEN", "WHEN", "WHERE",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """What is known of a text about a column of `table`.

    `rows`: do NEW and OLD stand for rows of that table? `used`: does the text itself read or
    write the table? `sole`: is it the only one used that has such a column?
    """

    table: str
    rows: bool
    used: bool
    sole: bool


def absent(text: str, name: str) -> bool:
    """Is it plain without reading tokens that the text does not hold this name?"""
    return fold_name(name).replace('"', '""') not in text.lower()


def mentioned(text: str, name: str) -> bool:
    """Does the text hold this name as an identifier?"""
    return not absent(text, name) and any(_named(t, name) for t in tokenize(text, Dialect.SQLITE))


def used(text: str) -> frozenset[str]:
    """What a query or trigger body reads or writes, by folded name: tables, views, functions."""
    tokens = tokenize(text, Dialect.SQLITE)
    return frozenset(fold_name(tokens[i].name) for i in _sources(tokens))


def in_expression(text: str, table: str, old: str, new: str) -> str:
    """The expression of a CHECK, index or generated column after a column got another name.

    Such an expression sees one table only, so that every name in a column's place is a column.
    """
    if absent(text, old):
        return text
    tokens = tokenize(text, Dialect.SQLITE)
    places = [i for i in range(len(tokens)) if _is_own_column(tokens, i, table, old)]
    return _rewritten(text, tokens, places, new)


def requalified(text: str, old: str, new: str) -> str:
    """The same kind of expression after its table got another name."""
    if absent(text, old):
        return text
    tokens = tokenize(text, Dialect.SQLITE)
    places = [i for i, t in enumerate(tokens) if _named(t, old) and _text(tokens, i + 1) == "."]
    return _rewritten(text, tokens, places, new)


def with_table(text: str, old: str, new: str) -> str | None:
    """A query or trigger body after a table got another name."""
    if absent(text, old):
        return text
    tokens = tokenize(text, Dialect.SQLITE)
    named = [i for i, t in enumerate(tokens) if _named(t, old)]
    sources = _sources(tokens)
    if any(_shadows(tokens, i, sources) for i in named):
        return None
    places = [i for i in named if _is_table(tokens, i, sources)]
    return _rewritten(text, tokens, places, new)


def with_column(text: str, scope: Scope, old: str, new: str) -> str | None:
    """A query or trigger body after a column of the scope's table got another name."""
    tokens = tokenize(text, Dialect.SQLITE)
    sources = _sources(tokens)
    named = (i for i, t in enumerate(tokens) if _named(t, scope.table))
    if any(_shadows(tokens, i, sources) for i in named):
        return None
    places = []
    for at, token in enumerate(tokens):
        if not _named(token, old) or _is_table(tokens, at, sources):
            continue
        means = _is_column(tokens, at, scope, sources)
        if means is None:
            return None
        if means:
            places.append(at)
    return _rewritten(text, tokens, places, new)


def in_event(event: str, old: str, new: str) -> str:
    """A trigger's event (`UPDATE OF a, b`) after a column of its table got another name."""
    tokens = tokenize(event, Dialect.SQLITE)
    return _rewritten(event, tokens, [i for i, t in enumerate(tokens) if _named(t, old)], new)


def _rewritten(text: str, tokens: Sequence[Token], places: Iterable[int], new: str) -> str:
    at = set(places)
    if not at:
        return text
    name = Token(QUOTED, quoted(new), 0, 0)
    return joined(name if i in at else t for i, t in enumerate(tokens))


def _named(token: Token, name: str) -> bool:
    return token.kind in {WORD, QUOTED} and fold_name(token.name) == fold_name(name)


def _text(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].text if 0 <= at < len(tokens) else ""


def _upper(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].upper if 0 <= at < len(tokens) else ""


def _is_own_column(tokens: Sequence[Token], at: int, table: str, name: str) -> bool:
    token = tokens[at]
    if not _named(token, name) or token.upper in _IN_EXPRESSIONS:
        return False
    if _text(tokens, at - 1) == ".":
        return _named(tokens[at - 2], table)
    call = token.kind == WORD and _text(tokens, at + 1) == "("
    return not (call or _text(tokens, at + 1) == "." or _upper(tokens, at - 1) in {"COLLATE", "AS"})


def _is_column(
    tokens: Sequence[Token], at: int, scope: Scope, sources: frozenset[int]
) -> bool | None:
    """Is this name, equal to the column's, that column? None: the tokens do not say."""
    if tokens[at].kind == WORD and tokens[at].upper in KEYWORDS:
        return None
    if _text(tokens, at - 1) == ".":
        known = _qualified(tokens, fold_name(tokens[at - 2].name), scope, sources)
        return _by_scope(tokens, scope) if known is None else known
    if _text(tokens, at + 1) == "(" or _upper(tokens, at - 1) == "COLLATE":
        return False
    return None if _is_alias(tokens, at, sources) else _by_scope(tokens, scope)


def _qualified(
    tokens: Sequence[Token], qualifier: str, scope: Scope, sources: frozenset[int]
) -> bool | None:
    """Does the name before the dot stand for the table? None for an alias."""
    if qualifier in {"new", "old"}:
        return scope.rows
    if qualifier == fold_name(scope.table):
        return True
    return False if any(_named(tokens[i], qualifier) for i in sources) else None


def _by_scope(tokens: Sequence[Token], scope: Scope) -> bool | None:
    if not scope.used:
        return False
    return True if scope.sole and not any(t.upper == "WITH" for t in tokens) else None


def _is_table(tokens: Sequence[Token], at: int, sources: frozenset[int]) -> bool:
    """Is this name, equal to a table's, that table?"""
    if at in sources:
        return True
    if _text(tokens, at - 1) == ".":
        return False
    after_in = _upper(tokens, at - 1) == "IN" and _text(tokens, at + 1) != "("
    return after_in or _text(tokens, at + 1) == "."


def _is_alias(tokens: Sequence[Token], at: int, sources: frozenset[int]) -> bool:
    """Is this name given here to something else: a column of a result, a source?"""
    if at in sources or at == 0:
        return False
    before = tokens[at - 1]
    if before.kind == MARK:
        return before.text == ")"
    return before.kind != WORD or before.upper not in KEYWORDS or before.upper in _BEFORE_ALIAS


def _shadows(tokens: Sequence[Token], at: int, sources: frozenset[int]) -> bool:
    """Does something else in the text go by this name of a table?"""
    if at in sources:
        return False
    named = fold_name(tokens[at].name) in {"new", "old", "excluded"}
    common = _upper(tokens, at - 1) in {"WITH", "RECURSIVE"} or _upper(tokens, at + 1) == "AS"
    hidden_column = _upper(tokens, at + 1) == "MATCH"  # fts5.html, section 1
    return named or common or hidden_column or _is_alias(tokens, at, sources)


def _sources(tokens: Sequence[Token]) -> frozenset[int]:
    """The places of the names that stand where a statement names a table or view."""
    found: set[int] = set()
    listing = [False]  # per bracket: are we in a FROM list, where a comma brings a table?
    expected = False
    for at, token in enumerate(tokens):
        word = token.upper
        if word == "(":
            listing.append(expected)
        elif word == ")":
            listing = listing[:-1] or [False]
            expected = False
        elif word in _BEFORE_TABLE:
            expected = _upper(tokens, at - 1) not in {"DO", "ON", "DISTINCT"}
            listing[-1] = listing[-1] or (word == "FROM" and expected)
        elif word == ",":
            expected = listing[-1]
        elif word in _CLAUSES:
            listing[-1] = expected = False
        elif expected and word not in _CONFLICTS:
            expected = _take(tokens, at, found)
    return frozenset(found)


def _take(tokens: Sequence[Token], at: int, found: set[int]) -> bool:
    """Note a table's name, unless it is the schema before one; is a name still to come?"""
    if tokens[at].text == "." or _text(tokens, at + 1) == ".":
        return True
    if tokens[at].kind in {WORD, QUOTED}:
        found.add(at)
    return False
