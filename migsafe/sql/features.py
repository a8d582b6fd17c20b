"""What a statement needs that older SQLite libraries, or smaller builds of it, lack.

The versions are those of SQLite's release history (changes.html) and of the page named beside
each entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from migsafe.model.migration import Dialect, Feature
from migsafe.sql.tokens import WORD, Lines, Token, tokenize


@dataclass(frozen=True, slots=True)
class _Words:
    """A feature that shows as neighbouring words; `within` must be the statement's first words."""

    name: str
    since: str
    words: tuple[str, ...]
    source: str
    within: tuple[str, ...] = ()
    extension: str = ""


@dataclass(frozen=True, slots=True)
class _Functions:
    """Functions that came in one version, or belong to one extension."""

    since: str
    names: tuple[str, ...]
    source: str
    extension: str = ""


_CREATE = ("CREATE",)
_WORDS = (
    _Words("WITHOUT ROWID tables", "3.8.2", ("WITHOUT", "ROWID"), "withoutrowid.html", _CREATE),
    _Words("VACUUM INTO", "3.27.0", ("INTO",), "lang_vacuum.html", ("VACUUM",)),
    _Words("ON CONFLICT .. DO (upsert)", "3.24.0", ("DO", "NOTHING"), "lang_upsert.html"),
    _Words("ON CONFLICT .. DO (upsert)", "3.24.0", ("DO", "UPDATE"), "lang_upsert.html"),
    _Words("window functions", "3.25.0", (")", "OVER"), "windowfunctions.html"),
    _Words("FILTER on aggregates", "3.30.0", (")", "FILTER", "("), "lang_aggfunc.html"),
    _Words("NULLS FIRST and NULLS LAST", "3.30.0", ("NULLS", "FIRST"), "lang_select.html"),
    _Words("NULLS FIRST and NULLS LAST", "3.30.0", ("NULLS", "LAST"), "lang_select.html"),
    _Words("generated columns", "3.31.0", ("GENERATED", "ALWAYS"), "gencol.html"),
    _Words("MATERIALIZED hints", "3.35.0", ("AS", "MATERIALIZED"), "lang_with.html"),
    _Words("MATERIALIZED hints", "3.35.0", ("AS", "NOT", "MATERIALIZED"), "lang_with.html"),
    _Words("the -> and ->> operators", "3.38.0", ("->",), "json1.html", (), "json"),
    _Words("the -> and ->> operators", "3.38.0", ("->>",), "json1.html", (), "json"),
    _Words("RIGHT JOIN", "3.39.0", ("RIGHT", "JOIN"), "lang_select.html"),
    _Words("RIGHT JOIN", "3.39.0", ("RIGHT", "OUTER", "JOIN"), "lang_select.html"),
    _Words("FULL JOIN", "3.39.0", ("FULL", "JOIN"), "lang_select.html"),
    _Words("FULL JOIN", "3.39.0", ("FULL", "OUTER", "JOIN"), "lang_select.html"),
    _Words("IS DISTINCT FROM", "3.39.0", ("DISTINCT", "FROM"), "lang_expr.html"),
    _Words("full-text search 5", "3.9.0", ("USING", "FTS5"), "fts5.html", _CREATE, "fts5"),
    _Words("full-text search 4", "3.7.4", ("USING", "FTS4"), "fts3.html", _CREATE, "fts4"),
    _Words("R-Tree", "3.5.0", ("USING", "RTREE"), "rtree.html", _CREATE, "rtree"),
)
_FUNCTIONS = (
    _Functions("3.7.16", ("unicode", "char"), "changes.html"),
    _Functions("3.8.3", ("printf",), "lang_corefunc.html"),
    _Functions("3.20.0", ("sqlite_offset",), "lang_corefunc.html"),
    _Functions(
        "3.25.0",
        ("row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead",
         "first_value", "last_value", "nth_value"),
        "windowfunctions.html",
    ),
    _Functions("3.32.0", ("iif",), "lang_corefunc.html"),
    _Functions(
        "3.35.0",
        ("acos", "asin", "atan", "atan2", "ceil", "ceiling", "cos", "degrees", "exp", "floor",
         "ln", "log", "log10", "log2", "mod", "pi", "pow", "power", "radians", "sin", "sinh",
         "sqrt", "tan", "tanh", "trunc", "acosh", "asinh", "atanh", "cosh"),
        "lang_mathfunc.html",
        "math",
    ),
    _Functions("3.35.0", ("sign",), "lang_corefunc.html"),
    _Functions("3.38.0", ("format",), "lang_corefunc.html"),
    _Functions("3.38.0", ("unixepoch",), "lang_datefunc.html"),
    _Functions("3.41.0", ("unhex",), "lang_corefunc.html"),
    _Functions("3.43.0", ("octet_length",), "lang_corefunc.html"),
    _Functions("3.43.0", ("timediff",), "lang_datefunc.html"),
    _Functions("3.44.0", ("concat", "concat_ws"), "lang_corefunc.html"),
    _Functions("3.44.0", ("string_agg",), "lang_aggfunc.html"),
    _Functions("3.50.0", ("unistr", "unistr_quote"), "lang_corefunc.html"),
    _Functions(
        "3.9.0",
        ("json", "json_array", "json_array_length", "json_extract", "json_insert", "json_object",
         "json_remove", "json_replace", "json_set", "json_type", "json_valid", "json_each",
         "json_tree"),
        "json1.html",
        "json",
    ),
    _Functions("3.10.0", ("json_group_array", "json_group_object"), "json1.html", "json"),
    _Functions("3.18.0", ("json_patch",), "json1.html", "json"),
    _Functions("3.14.0", ("json_quote",), "json1.html", "json"),
    _Functions("3.42.0", ("json_error_position",), "json1.html", "json"),
    _Functions("3.45.0", ("jsonb", "jsonb_extract", "jsonb_set", "jsonb_insert", "jsonb_replace",
                          "jsonb_remove", "jsonb_array", "jsonb_object", "jsonb_patch"),
               "json1.html", "json"),
    _Functions("3.46.0", ("json_pretty",), "json1.html", "json"),
    _Functions("3.8.1", ("likelihood", "unlikely"), "lang_corefunc.html"),
    _Functions("3.6.3", ("soundex",), "lang_corefunc.html", "soundex"),
)  # fmt: skip
_BY_FUNCTION = {name: entry for entry in _FUNCTIONS for name in entry.names}
_BY_FIRST: dict[str, list[_Words]] = {}
for _entry in _WORDS:
    _BY_FIRST.setdefault(_entry.words[0], []).append(_entry)


def number(version: str) -> int:
    """3.35.0 -> 3035000, as SQLite numbers its versions (c3ref/c_source_id.html)."""
    parts = [int(p) for p in version.split(".")]
    major, minor, patch = (*parts, 0, 0)[:3]
    return major * 1_000_000 + minor * 1_000 + patch


def functions() -> Iterator[tuple[str, Feature]]:
    """Every function and operator of SQLite that came late, or belongs to an extension.

    The names are those that SQLite's authorizer hears (c3ref/c_alter_table.html).
    """
    for name, entry in _BY_FUNCTION.items():
        yield name, _feature(f"{name}()", entry)
    for operator in ("->", "->>"):
        for words in _BY_FIRST[operator]:
            yield operator, _feature(words.name, words)


def features(sql: str, dialect: Dialect) -> tuple[Feature, ...]:
    """What the statement needs; nothing for dialects other than SQLite. Lines count from 0."""
    if dialect is not Dialect.SQLITE:
        return ()
    tokens = tokenize(sql, dialect)
    found: dict[str, Feature] = {}
    lines: Lines | None = None
    for token, feature in _found(tokens):
        if feature.name not in found:
            lines = lines or Lines(sql)
            line = lines.place(token.start)[0] - 1
            found[feature.name] = _at(feature, line)
    return tuple(found.values())


def _at(feature: Feature, line: int) -> Feature:
    return Feature(
        feature.name,
        feature.since,
        feature.since_number,
        feature.extension,
        feature.source,
        line,
    )


def _found(tokens: Sequence[Token]) -> Iterator[tuple[Token, Feature]]:
    words = [t.upper for t in tokens]
    yield from _searched(tokens)
    for find in _FINDERS:
        yield from ((tokens[at], feature) for at, feature in find(words))
    for at, word in enumerate(words):
        for entry in _BY_FIRST.get(word, ()):
            if _matches(words, at, entry):
                yield tokens[at], _feature(entry.name, entry)
        if tokens[at].kind == WORD and words[at + 1 : at + 2] == ["("]:
            yield from _function(tokens, words, at)


def _matches(words: Sequence[str], at: int, entry: _Words) -> bool:
    if entry.within and words[: len(entry.within)] != list(entry.within):
        return False
    return tuple(words[at : at + len(entry.words)]) == entry.words


_BEFORE_NAMES = {"INTO", "TABLE", "VIEW", "REFERENCES", "INDEX", "EXISTS", "WITH", "RECURSIVE", "."}


def _function(
    tokens: Sequence[Token], words: Sequence[str], at: int
) -> Iterator[tuple[Token, Feature]]:
    entry = _BY_FUNCTION.get(tokens[at].text.lower())
    before = words[at - 1] if at else ""
    indexed = before == "ON" and _is_index(words)
    if entry is not None and before not in _BEFORE_NAMES and not indexed:
        yield tokens[at], _feature(f"{tokens[at].text.lower()}()", entry)


def _is_index(words: Sequence[str]) -> bool:
    return words[:1] == ["CREATE"] and "INDEX" in words[1:3]


# -- features that take more than neighbouring words to see ---------------------------------------

_Finder = Callable[[Sequence[str]], Iterator[tuple[int, Feature]]]


def _altered(words: Sequence[str]) -> Iterator[tuple[int, Feature]]:
    if list(words[:2]) != ["ALTER", "TABLE"]:
        return
    start = 5 if words[3:4] == ["."] else 3
    verb, noun = ([*words[start : start + 2], "", ""])[:2]
    if verb == "RENAME" and noun != "TO":
        yield start, _built("RENAME COLUMN", "3.25.0", "lang_altertable.html")
    if verb == "DROP":
        yield start, _built("DROP COLUMN", "3.35.0", "lang_altertable.html")


def _updated(words: Sequence[str]) -> Iterator[tuple[int, Feature]]:
    start = words.index("SET") if "UPDATE" in words[:1] and "SET" in words else None
    at = None if start is None else _outside(words, "FROM", start)
    if at is not None:
        yield at, _built("UPDATE .. FROM", "3.33.0", "lang_update.html")
    if start is not None and words[start + 1 : start + 2] == ["("]:
        yield start + 1, _built("row values", "3.15.0", "rowvalue.html")


def _created_table(words: Sequence[str]) -> Iterator[tuple[int, Feature]]:
    if words[:1] != ["CREATE"] or "TABLE" not in words[1:3]:
        return
    body = len(words) - 1 - words[::-1].index(")") if ")" in words else len(words)
    if "STRICT" in words[body:]:
        at = words.index("STRICT", body)
        yield at, _built("STRICT tables", "3.37.0", "stricttables.html")
    for at in range(body):
        typed = words[at] == "AS" and words[at + 1] == "(" and words[at - 1] != "ALWAYS"
        if typed and "WITH" not in words and "SELECT" not in words:
            yield at, _built("generated columns", "3.31.0", "gencol.html")


def _created_index(words: Sequence[str]) -> Iterator[tuple[int, Feature]]:
    if not _is_index(words) or "(" not in words:
        return
    at = _outside(words, "WHERE", 0)
    if at is not None:
        yield at, _built("partial indexes", "3.8.0", "partialindex.html")
    opening = words.index("(")
    for inner in range(opening + 1, len(words) if at is None else at):
        if words[inner] in _OPERATORS:
            yield inner, _built("indexes on expressions", "3.9.0", "expridx.html")


_OPERATORS = {"(", "+", "-", "*", "/", "||", "CASE", "->", "->>", "IS", "<", ">", "="}


def _shared(words: Sequence[str]) -> Iterator[tuple[int, Feature]]:
    """WITH name AS ( or WITH name( : a table's WITHOUT and a column named with have neither."""
    for at, word in enumerate(words):
        if word == "WITH" and (
            words[at + 1 : at + 2] == ["RECURSIVE"] or words[at + 2 : at + 3] in (["AS"], ["("])
        ):
            yield at, _built("common table expressions", "3.8.3", "lang_with.html")


def _returned(words: Sequence[str]) -> Iterator[tuple[int, Feature]]:
    writes = not {"INSERT", "REPLACE", "UPDATE", "DELETE"}.isdisjoint(words)
    at = _outside(words, "RETURNING", 1) if writes and words[:1] != ["CREATE"] else None
    if at is not None and at + 1 < len(words):
        yield at, _built("RETURNING", "3.35.0", "lang_returning.html")


def _truth(words: Sequence[str]) -> Iterator[tuple[int, Feature]]:
    """TRUE and FALSE were names of columns before: as a DEFAULT they became text."""
    for at, word in enumerate(words):
        before, after = words[at - 1] if at else "", words[at + 1 : at + 2]
        named = before in {".", "AS", "COLUMN", "TO"} or after in (["."], ["("])
        if word in {"TRUE", "FALSE"} and not named:
            yield at, _built("the words TRUE and FALSE", "3.23.0", "lang_expr.html")


def _schema_table(words: Sequence[str]) -> Iterator[tuple[int, Feature]]:
    for at, word in enumerate(words):
        if word in {"SQLITE_SCHEMA", "SQLITE_TEMP_SCHEMA"}:
            yield at, _built("the name sqlite_schema", "3.33.0", "schematab.html")


_SEARCH_OPTIONS = (
    ("TRIGRAM", "the trigram tokenizer", "3.34.0"),
    ("REMOVE_DIACRITICS 2", "remove_diacritics 2", "3.27.0"),
    ("CONTENTLESS_DELETE", "contentless_delete", "3.43.0"),
)
"""Options of full-text tables: the words that show them, their name, the first version."""


def _searched(tokens: Sequence[Token]) -> Iterator[tuple[Token, Feature]]:
    """Options of CREATE VIRTUAL TABLE stand in quotes or bare: tokenize = 'trigram'."""
    if [t.upper for t in tokens[:3]] != ["CREATE", "VIRTUAL", "TABLE"]:
        return
    for at, token in enumerate(tokens[:-1]):
        if tokens[at + 1].text != "=" or token.upper not in {"TOKENIZE", "CONTENTLESS_DELETE"}:
            continue
        given = " ".join(re.findall(r"\w+", " ".join((token.text, *_option(tokens, at + 2)))))
        for words, name, since in _SEARCH_OPTIONS:
            if re.search(rf"\b{words}\b", given.upper()):
                yield token, _built(name, since, "fts5.html")


def _option(tokens: Sequence[Token], start: int) -> Iterator[str]:
    """The option's value: what stands before the next comma or the closing bracket."""
    for token in tokens[start:]:
        if token.text in {",", ")"}:
            return
        yield token.text


_FINDERS: tuple[_Finder, ...] = (
    _altered,
    _updated,
    _created_table,
    _created_index,
    _shared,
    _returned,
    _truth,
    _schema_table,
)


def _outside(words: Sequence[str], wanted: str, start: int) -> int | None:
    depth = 0
    for at in range(start, len(words)):
        depth += (words[at] == "(") - (words[at] == ")")
        if depth == 0 and words[at] == wanted and words[at - 1] != "DISTINCT":
            return at
    return None


def _feature(name: str, entry: _Words | _Functions) -> Feature:
    return _built(name, entry.since, entry.source, entry.extension)


def _built(name: str, since: str, source: str, extension: str = "") -> Feature:
    return Feature(name, since, number(since), extension, f"sqlite.org/{source}")
