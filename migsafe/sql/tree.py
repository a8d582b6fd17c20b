"""A statement's sqlglot tree: how it is got, and the nodes that its readers have in common.

This module and those that import it load sqlglot, a tenth of a second that pure DDL need not pay:
`migsafe.sql.parse` imports them inside the functions that read statements about rows. Node shapes
change between sqlglot's releases, so the version is pinned and each shape used has a contract test
(tests/sql/test_query.py). Nothing of sqlglot is subclassed: its compiled build forbids that.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence

import sqlglot
from sqlglot import exp

from migsafe.model.migration import Dialect
from migsafe.sql import readable_mysql
from migsafe.sql.tokens import NAMES, PARAMETER, Token, tokenize

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

_CONFLICTS = {"ROLLBACK", "ABORT", "REPLACE", "FAIL", "IGNORE"}


def parse(sql: str, dialect: Dialect) -> exp.Expr | None:
    """The statement's tree, its offsets those of the text; None where sqlglot cannot read it."""
    rewrite = _READABLE.get(dialect)
    text = rewrite(sql, tokenize(sql, dialect)) if rewrite else sql
    try:
        trees = sqlglot.parse(text, read=dialect.value)
    except Exception:  # whatever the parser does with odd input, the text is unread
        return None
    tree = trees[0] if len(trees) == 1 else None
    whole = isinstance(tree, (exp.Query, exp.Values)) or (tree and target(tree))
    return tree if whole else None


_FOREIGN = re.compile(
    r"\{\{[^{}]*\}\}|\$\{[^{}]*\}|\bOVERRIDING\s+(?:SYSTEM|USER)\s+VALUE\b"
    r"|\bON\s+COMMIT\s+(?:DROP|(?:DELETE|PRESERVE)\s+ROWS)\b",
    re.I,
)


def _plain(sql: str, _: Sequence[Token]) -> str:
    """The text with what sqlglot cannot read covered: templates, OVERRIDING, ON COMMIT."""
    return _FOREIGN.sub(lambda m: ("x" if m[0][0] in "{$" else " ") * len(m[0]), sql)


def common_tables(tree: exp.Expr) -> dict[str, exp.Expr]:
    """The queries that WITH names, by folded name."""
    return {c.alias.lower(): c.this for c in tree.find_all(exp.CTE)}


def target(tree: exp.Expr) -> exp.Table | None:
    """The table that the statement writes."""
    if not isinstance(tree, (exp.Insert, exp.Update, exp.Delete, exp.Create)):
        return None
    found = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    return found if isinstance(found, exp.Table) else None


def table_name(table: exp.Table, dialect: Dialect) -> str:
    """The table's name; on servers `schema.name`, outside PostgreSQL's default schema."""
    schema = table.db if dialect is not Dialect.SQLITE else ""
    return f"{schema}.{table.name}" if schema and schema != "public" else table.name


def bare(node: exp.Expr) -> exp.Expr:
    """The expression without its alias and brackets."""
    while isinstance(node, (exp.Alias, exp.Paren)):
        node = node.this
    return node


def parts(query: exp.Expr) -> Iterator[tuple[exp.Join | None, exp.Expr]]:
    """The items of a FROM clause, bracketed joins laid open, each with the join that adds it.

    Of an UPDATE or DELETE: what it reads besides the table that stands after its verb.
    """
    start = query.args.get("from_")
    if start is not None:
        yield from _laid_open(None, start.this)
    yield from _joined(query)
    if isinstance(query, (exp.Update, exp.Delete)):
        yield from _joined(query.this)  # MySQL: UPDATE a JOIN b SET .., DELETE a FROM a JOIN b
        for item in query.args.get("using") or ():
            yield from _laid_open(None, item)


def _joined(node: exp.Expr) -> Iterator[tuple[exp.Join | None, exp.Expr]]:
    for join in node.args.get("joins") or ():
        yield from _laid_open(join, join.this)


def _laid_open(join: exp.Join | None, item: exp.Expr) -> Iterator[tuple[exp.Join | None, exp.Expr]]:
    inner = item.this
    if isinstance(item, exp.Subquery) and isinstance(inner, (exp.Table, exp.Subquery)):
        yield from _laid_open(join, inner)
    else:
        yield join, item
    yield from _joined(item)


# -- words that sqlglot stumbles over -------------------------------------------------------------


def _readable(sql: str, tokens: Sequence[Token]) -> str:
    """The same text, offset for offset, without what sqlglot cannot read or takes for a name."""
    pieces = []
    done = 0
    for start, end, text in sorted(_replacements(tokens)):
        pieces += [sql[done:start], text.ljust(end - start)]
        done = end
    return "".join([*pieces, sql[done:]])


def _replacements(tokens: Sequence[Token]) -> Iterator[tuple[int, int, str]]:
    """Stretches of the text and what stands there instead, filled up with spaces."""
    words = [t.upper for t in tokens]
    for at, token in enumerate(tokens):
        word, following = words[at], words[at + 1 : at + 3]
        if token.kind == PARAMETER:
            yield token.start, token.end, "?"
        elif word in {"INSERT", "UPDATE"} and following[:1] == ["OR"] and len(following) == 2:
            if following[1] in _CONFLICTS:
                yield tokens[at + 1].start, tokens[at + 2].end, ""
        elif word == "REPLACE" and following[:1] == ["INTO"] and words[at - 1 : at] != ["OR"]:
            yield token.start, token.end, "INSERT"
        elif word == "INDEXED" and at > 0:
            yield from _index_choice(tokens, words, at)
        elif word == "NORMALIZE" and following[:1] == ["("]:  # to sqlglot, PostgreSQL's syntax
            yield token.start, token.end, "NORMALISE"
        elif word == "CAST" and following[:1] == ["("]:
            yield from _cast_type(tokens, words, at)


def _index_choice(
    tokens: Sequence[Token], words: Sequence[str], at: int
) -> Iterator[tuple[int, int, str]]:
    """INDEXED BY name, NOT INDEXED: the index would be taken for a table."""
    if words[at + 1 : at + 2] == ["BY"] and at + 2 < len(tokens) and tokens[at + 2].kind in NAMES:
        yield tokens[at].start, tokens[at + 2].end, ""
    elif words[at - 1] == "NOT":
        yield tokens[at - 1].start, tokens[at].end, ""


def _cast_type(
    tokens: Sequence[Token], words: Sequence[str], at: int
) -> Iterator[tuple[int, int, str]]:
    """The type in CAST(x AS type): SQLite takes any words, sqlglot only types that it knows."""
    depth, first = 0, 0
    for here in range(at + 1, len(words)):
        depth += (words[here] == "(") - (words[here] == ")")
        if depth == 1 and words[here] == "AS":
            first = here + 1
        if depth == 0:
            if 0 < first < here and tokens[here - 1].end - tokens[first].start >= len("INT"):
                yield tokens[first].start, tokens[here - 1].end, "INT"
            return


_READABLE = {
    Dialect.POSTGRES: _plain,
    Dialect.SQLITE: _readable,
    Dialect.MYSQL: readable_mysql.readable,
}
