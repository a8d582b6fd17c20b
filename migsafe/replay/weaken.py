"""One statement with one thing of it weakened: what an author may get wrong without an error.

Everything is cut out of, or put into, the exact source; nothing is generated from what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.sql.reader import first_outside, separated
from migsafe.sql.tokens import BLOB, NUMBER, STRING, Token, tokenize

Tokens = Sequence[Token]
_QUERY_END = ("GROUP", "HAVING", "WINDOW", "UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT")
_LAST_CLAUSES = (*_QUERY_END, "RETURNING")
_COMPOUND = ("UNION", "INTERSECT", "EXCEPT")
_TABLE_CLAUSES = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}
_LITERALS = {NUMBER, STRING, BLOB}
_OTHER = {"0": "1", "TRUE": "FALSE", "FALSE": "TRUE", "''": "'x'"}


@dataclass(frozen=True, slots=True)
class Weakened:
    """The changed text, what was changed in a few words, and the offset where it stood."""

    sql: str
    what: str
    at: int


@dataclass(frozen=True, slots=True)
class _Cut:
    """Source between two offsets, and what stands there instead."""

    start: int
    end: int
    put: str = ""


@dataclass(frozen=True, slots=True)
class _Change:
    what: str
    at: int
    cuts: tuple[_Cut, ...]


def weaken(sql: str, operation: Operation) -> tuple[Weakened, ...]:
    """The statement in all its weaker forms, by the place of what was changed."""
    tokens = tokenize(sql, Dialect.SQLITE)
    found = [c for read in _READERS.get(operation.kind, ()) for c in read(tokens, operation)]
    found.sort(key=lambda c: c.at)
    return tuple(Weakened(_cut(sql, c.cuts), c.what, c.at) for c in found)


def _cut(sql: str, cuts: tuple[_Cut, ...]) -> str:
    for cut in sorted(cuts, key=lambda c: -c.start):
        sql = sql[: cut.start] + cut.put + sql[cut.end :]
    return sql


def _drop(tokens: Tokens, first: int, last: int, what: str) -> _Change:
    """Without the tokens from `first` to `last`, and without the gap before them."""
    return _Change(what, tokens[first].start, (_Cut(tokens[first - 1].end, tokens[last].end),))


def _ahead(tokens: Tokens, at: int, *words: str) -> bool:
    found = tokens[at : at + len(words)]
    return len(found) == len(words) and all(t.upper == w for t, w in zip(found, words, strict=True))


def _closing(tokens: Tokens, at: int) -> int:
    """The bracket that closes the one at `at`; the last token where it is missing."""
    depth = 0
    for here in range(at, len(tokens)):
        depth += (tokens[here].text == "(") - (tokens[here].text == ")")
        if depth == 0:
            return here
    return len(tokens) - 1


# -- rows -----------------------------------------------------------------------------------------


def _guards(tokens: Tokens, _: Operation) -> Iterator[_Change]:
    """COALESCE(a, d) becomes a: the same as a default of NULL."""
    for at, token in enumerate(tokens):
        if token.upper not in {"COALESCE", "IFNULL"} or not _ahead(tokens, at + 1, "("):
            continue
        close = _closing(tokens, at + 1)
        terms = separated(tokens[at + 2 : close])
        if len(terms) < 2 or not all(terms) or terms[-1][0].upper == "NULL":
            continue
        yield _Change(
            f"{token.upper} without its default",
            token.start,
            _unguarded(terms, token.start, tokens[close].end),
        )


def _unguarded(terms: list[Tokens], start: int, end: int) -> tuple[_Cut, ...]:
    first = terms[0]
    if len(terms) > 2:
        return (_Cut(terms[-2][-1].end, terms[-1][-1].end),)
    # The brackets of a call keep an expression together; one operand needs none.
    left, right = ("(", ")") if len(first) > 1 else ("", "")
    return (_Cut(start, first[0].start, left), _Cut(first[-1].end, end, right))


def _left_joins(tokens: Tokens, _: Operation) -> Iterator[_Change]:
    for at, token in enumerate(tokens):
        outer = _ahead(tokens, at + 1, "OUTER")
        if token.upper == "LEFT" and _ahead(tokens, at + 1 + outer, "JOIN"):
            cut = _Cut(token.start, tokens[at + 1 + outer].start)
            yield _Change("LEFT JOIN turned into JOIN", token.start, (cut,))


def _conflicts(tokens: Tokens, _: Operation) -> Iterator[_Change]:
    verb = first_outside(tokens, ("INSERT", "UPDATE"))
    if verb is None or not _ahead(tokens, verb + 1, "OR") or verb + 2 >= len(tokens):
        return
    word = tokens[verb + 2].upper
    if word in {"IGNORE", "REPLACE"}:
        yield _drop(tokens, verb + 1, verb + 2, f"without OR {word}")


def _wheres(tokens: Tokens, operation: Operation) -> Iterator[_Change]:
    if operation.conflict == "UPSERT":
        return  # its SELECT must have one (lang_upsert.html, parsing ambiguity)
    where = first_outside(tokens, ("WHERE",))
    if where is not None:
        end = first_outside(tokens, _LAST_CLAUSES, where)
        last = (len(tokens) if end is None else end) - 1
        yield _drop(tokens, where, last, "without its WHERE")


def _copied(tokens: Tokens, _: Operation) -> Iterator[_Change]:
    """INSERT INTO t (a, b) SELECT x, y: one column less in both lists."""
    columns, values = _lists(tokens)
    stars = any(v[-1].text == "*" for v in values if v)
    if len(columns) < 2 or len(columns) != len(values) or stars or not all(values):
        return
    for at, column in enumerate(columns):
        yield _Change(
            f"the copy leaves out {column[0].name}",
            column[0].start,
            (_without(columns, at), _without(values, at)),
        )


def _lists(tokens: Tokens) -> tuple[list[Tokens], list[Tokens]]:
    """The columns and the values of an INSERT from one SELECT; nothing for any other."""
    into = first_outside(tokens, ("INTO",)) or 0
    first = first_outside(tokens, ("(", "SELECT", "VALUES", "WITH"), into)
    if first is None or tokens[first].text != "(":
        return [], []
    close = _closing(tokens, first)
    select = first_outside(tokens, ("SELECT", "VALUES"), close + 1)
    if select is None or tokens[select].upper != "SELECT":
        return [], []
    if first_outside(tokens, _COMPOUND, select) is not None:
        return [], []
    start = (
        select + 1 + (_ahead(tokens, select + 1, "DISTINCT") or _ahead(tokens, select + 1, "ALL"))
    )
    end = first_outside(tokens, ("FROM", "WHERE", *_LAST_CLAUSES), start)
    return separated(tokens[first + 1 : close]), separated(tokens[start:end])


def _without(terms: list[Tokens], at: int) -> _Cut:
    if at + 1 < len(terms):
        return _Cut(terms[at][0].start, terms[at + 1][0].start)
    return _Cut(terms[at - 1][-1].end, terms[at][-1].end)


# -- tables and indexes ---------------------------------------------------------------------------


def _unique_index(tokens: Tokens, _: Operation) -> Iterator[_Change]:
    if _ahead(tokens, 1, "UNIQUE"):
        yield _drop(tokens, 1, 1, "UNIQUE INDEX turned into INDEX")


def _created(tokens: Tokens, _: Operation) -> Iterator[_Change]:
    body = first_outside(tokens, ("(", "AS"))
    if body is None or tokens[body].text != "(":
        return
    close = _closing(tokens, body)
    start = body + 1
    for term in separated(tokens[start:close]):
        if term and term[0].upper in _TABLE_CLAUSES:
            yield from _clause(tokens, start, len(term))
        else:
            yield from _column(tokens[start : start + len(term)])
        start += len(term) + 1


def _clause(tokens: Tokens, start: int, length: int) -> Iterator[_Change]:
    named = tokens[start].upper == "CONSTRAINT"
    word = tokens[start + 2 * named].upper if length > 2 else ""
    what = {"UNIQUE": "UNIQUE", "CHECK": "CHECK", "FOREIGN": "FOREIGN KEY"}.get(word)
    if what:
        change = _drop(tokens, start - 1, start + length - 1, f"without this {what}")
        yield _Change(change.what, tokens[start].start, change.cuts)


def _added(tokens: Tokens, _: Operation) -> Iterator[_Change]:
    at = first_outside(tokens, ("ADD",))
    if at is not None:
        yield from _column(tokens[at + 1 + _ahead(tokens, at + 1, "COLUMN") :])


def _column(term: Tokens) -> Iterator[_Change]:
    """One column definition, from its name on."""
    depth = 0
    for at, token in enumerate(term):
        read = _CONSTRAINTS.get(token.upper) if depth == 0 and at else None
        if read:
            yield from read(term, at, term[0].name)
        depth += (token.text == "(") - (token.text == ")")


def _not_null(term: Tokens, at: int, name: str) -> Iterator[_Change]:
    if _ahead(term, at, "NOT", "NULL"):
        yield _drop(term, at, _after_conflict(term, at + 1), f"{name} without NOT NULL")


def _after_conflict(term: Tokens, last: int) -> int:
    return min(last + 3, len(term) - 1) if _ahead(term, last + 1, "ON", "CONFLICT") else last


def _column_unique(term: Tokens, at: int, name: str) -> Iterator[_Change]:
    yield _drop(term, at, _after_conflict(term, at), f"{name} without UNIQUE")


def _column_check(term: Tokens, at: int, name: str) -> Iterator[_Change]:
    yield _drop(term, at, _after_conflict(term, _closing(term, at + 1)), f"{name} without CHECK")


def _default(term: Tokens, at: int, name: str) -> Iterator[_Change]:
    last = at + 1
    if last >= len(term):
        return
    if term[last].text == "(":
        last = _closing(term, last)
    elif term[last].text in {"+", "-"}:
        last = min(last + 1, len(term) - 1)
    elif term[last].upper == "NULL":
        return  # the same as no default
    value = term[last]
    yield _drop(term, at, last, f"{name} without DEFAULT")
    if last == at + 1 and (value.kind in _LITERALS or value.upper in _OTHER):
        other = _OTHER.get(value.text.upper(), "0" if value.kind == NUMBER else "''")
        what = f"{name}: another DEFAULT ({other})"
        yield _Change(what, value.start, (_Cut(value.start, value.end, other),))


def _references(term: Tokens, at: int, name: str) -> Iterator[_Change]:
    last = at + 1
    if _ahead(term, last + 1, "("):
        last = _closing(term, last + 1)
    while step := _reference_clause(term, last + 1):
        last += step
    yield _drop(term, at, min(last, len(term) - 1), f"{name} without REFERENCES")


def _reference_clause(term: Tokens, at: int) -> int:
    """How many tokens the next clause of REFERENCES takes (syntax/foreign-key-clause.html)."""
    word = term[at].upper if at < len(term) else ""
    if word == "ON":
        return 4 if any(_ahead(term, at + 2, w) for w in ("SET", "NO")) else 3
    if word == "NOT":
        return 2 if _ahead(term, at + 1, "DEFERRABLE") else 0
    return {"MATCH": 2, "DEFERRABLE": 1, "INITIALLY": 2}.get(word, 0)


_CONSTRAINTS: dict[str, Callable[[Tokens, int, str], Iterator[_Change]]] = {
    "NOT": _not_null,
    "UNIQUE": _column_unique,
    "CHECK": _column_check,
    "DEFAULT": _default,
    "REFERENCES": _references,
}

_Read = Callable[[Tokens, Operation], Iterator[_Change]]
_READERS: dict[Kind, tuple[_Read, ...]] = {
    Kind.INSERT: (_copied, _guards, _left_joins, _conflicts, _wheres),
    Kind.UPDATE: (_guards, _left_joins, _conflicts, _wheres),
    Kind.DELETE: (_guards, _left_joins, _wheres),
    Kind.CREATE_TABLE: (_created, _guards, _left_joins),
    Kind.CREATE_VIEW: (_guards, _left_joins),
    Kind.ADD_COLUMN: (_added,),
    Kind.CREATE_INDEX: (_unique_index,),
}
