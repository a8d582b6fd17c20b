"""Which tables and views a query or a trigger's body names, read from its tokens alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migsafe.sql.tokens import NAMES, RESERVED, Token

_CLAUSES = {
    "WHERE", "SET", "VALUES", "SELECT", "GROUP", "ORDER", "HAVING", "LIMIT", "WINDOW", "UNION",
    "INTERSECT", "EXCEPT", "RETURNING", "WITH", ";",
}  # fmt: skip
_CONFLICTS = {"ROLLBACK", "ABORT", "REPLACE", "FAIL", "IGNORE"}


def mentions(tokens: Sequence[Token]) -> tuple[str, ...]:
    """The tables and views that a query or trigger body names, folded and sorted.

    Names of common table expressions and of table-valued functions are none of them.
    """
    words = [t.upper for t in tokens]
    shared = _shared_names(tokens, words)
    found = set()
    for at in _before_names(words):
        name, qualified = _name(tokens, at + 1, calls=words[at] == "INTO")
        if name and (qualified or name not in shared):
            found.add(name)
    return tuple(sorted(found))


def _before_names(words: Sequence[str]) -> Iterator[int]:
    """The places of the tokens directly before a table's name."""
    listing = [False]  # for each open bracket: is this a FROM list, where commas go on?
    for at, word in enumerate(words):
        if word == "(":
            listing.append(at > 0 and _lists(words, at - 1, listing[-1]))
        elif word == ")":
            listing = listing[:-1] or [False]
        elif word in _CLAUSES:
            listing[-1] = False
        elif word == "FROM":
            listing[-1] = _lists(words, at, False)
        if _lists(words, at, listing[-1]) or word in {"INTO", "IN"}:
            yield at
        elif word == "UPDATE" and words[at - 1 : at] not in (["DO"], ["ON"]):
            yield at + 2 * _resolves(words, at)


def _lists(words: Sequence[str], at: int, listing: bool) -> bool:
    """May an item of a FROM clause follow this token?"""
    word = words[at]
    if word == "FROM":
        return words[at - 1 : at] != ["DISTINCT"]  # IS DISTINCT FROM is an operator
    return word == "JOIN" or (listing and word in {",", "("})


def _resolves(words: Sequence[str], at: int) -> bool:
    """Does OR IGNORE or the like stand between this UPDATE and its table?"""
    return words[at + 1 : at + 2] == ["OR"] and not _CONFLICTS.isdisjoint(words[at + 2 : at + 3])


def _name(tokens: Sequence[Token], at: int, *, calls: bool) -> tuple[str, bool]:
    """The folded table name that starts here and whether a schema stands before it."""
    qualified = at + 2 < len(tokens) and tokens[at + 1].text == "."
    at += 2 * qualified
    if at >= len(tokens) or tokens[at].kind not in NAMES or tokens[at].upper in RESERVED | {"OF"}:
        return "", False
    called = not calls and at + 1 < len(tokens) and tokens[at + 1].text == "("
    return ("", False) if called else (tokens[at].name.lower(), qualified)


def _shared_names(tokens: Sequence[Token], words: Sequence[str]) -> set[str]:
    """The folded names that WITH gives to queries."""
    if "WITH" not in words:
        return set()
    return {
        tokens[at + 1].name.lower()
        for at, word in enumerate(words[:-1])
        if word in {"WITH", "RECURSIVE", ","} and _is_shared(words, at + 2)
    }


def _is_shared(words: Sequence[str], at: int) -> bool:
    """Do the tokens after a name make it a common table expression: [(..)] AS [..] ( ?"""
    if words[at : at + 1] == ["("]:
        at = _closing(words, at) + 1
    after = [w for w in words[at + 1 : at + 4] if w not in {"NOT", "MATERIALIZED"}]
    return words[at : at + 1] == ["AS"] and after[:1] == ["("]


def _closing(words: Sequence[str], at: int) -> int:
    depth = 0
    for here in range(at, len(words)):
        depth += (words[here] == "(") - (words[here] == ")")
        if depth == 0:
            return here
    return len(words)
