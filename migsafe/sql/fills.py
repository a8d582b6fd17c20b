"""What fills the columns of an INSERT or UPDATE, and whether NULL can come through."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from migsafe.sql import tree
from migsafe.sql.references import Names
from migsafe.sql.shape import Fill, merged


def fills(query: exp.Expr | None, names: Names) -> list[Fill]:
    """The columns that a query or a list of values gives, in order."""
    if isinstance(query, exp.Subquery):
        return fills(query.this, names)
    if isinstance(query, exp.SetOperation):
        return merged([fills(query.this, names), fills(query.expression, names)])
    if isinstance(query, exp.Values):
        return merged([[_fill(e, names) for e in _row(row)] for row in query.expressions])
    if isinstance(query, exp.Select):
        return [_fill(e, names) for e in query.expressions]
    return []


def _row(row: exp.Expr) -> list[exp.Expr]:
    return list(row.expressions) if isinstance(row, exp.Tuple) else [row]


def set_fills(update: exp.Update, names: Names) -> list[Fill]:
    """The columns that an UPDATE sets, in order."""
    return [fill for item in update.expressions for fill in _set_fills(item, names)]


def _set_fills(item: exp.Expr, names: Names) -> list[Fill]:
    if not isinstance(item, exp.EQ):
        return [Fill("expression")]
    if not isinstance(item.this, exp.Tuple):
        return [_fill(item.expression, names)]
    width = len(item.this.expressions)
    given = _row(item.expression)
    if len(given) == width and isinstance(item.expression, exp.Tuple):
        return [_fill(e, names) for e in given]
    return [Fill("expression")] * width


def _fill(node: exp.Expr, names: Names) -> Fill:
    node = tree.bare(node)
    if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
        return Fill("column", names.table_of(node, certain=False), node.name)
    if isinstance(node, exp.Subquery):
        return _scalar(node.this, names)
    kind = next((kind for kind, nodes in _KINDS.items() if isinstance(node, nodes)), "")
    if kind == "column":  # t.*
        return Fill("star")
    if kind:
        return Fill(kind, guarded=kind == "literal")
    signed = isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal)
    return Fill("literal" if signed else "expression", guarded=_guarded(node))


_KINDS: dict[str, tuple[type[exp.Expr], ...]] = {
    "star": (exp.Star,),
    "column": (exp.Column,),
    "null": (exp.Null,),
    "parameter": (exp.Placeholder, exp.Parameter),
    "literal": (exp.Literal, exp.Boolean, exp.HexString),
}


def _scalar(query: exp.Expr, names: Names) -> Fill:
    """A subquery used as a value: no row gives NULL, unless an aggregate always gives one."""
    if not isinstance(query, exp.Select) or len(query.expressions) != 1:
        return Fill("subquery")
    output = tree.bare(query.expressions[0])
    if isinstance(output, exp.Column) and not isinstance(output.this, exp.Star):
        return Fill("subquery", names.table_of(output, certain=False), output.name)
    return Fill("subquery", guarded=_always_a_row(query) and _guarded(output))


def _always_a_row(query: exp.Select) -> bool:
    """Does this query give one row even where its FROM has none?"""
    clauses = ("group", "having", "limit", "offset")
    if any(query.args.get(word) for word in clauses):
        return False
    return collapses(query) or not (query.args.get("from_") or query.args.get("where"))


def collapses(query: exp.Select) -> bool:
    """Does an aggregate without GROUP BY make one row of all?"""
    return not query.args.get("group") and any(
        node.find_ancestor(exp.Select, exp.Window) is query
        for item in query.expressions
        for node in item.find_all(exp.AggFunc)
    )


# -- can no NULL come out of an expression? -------------------------------------------------------

_Guard = Callable[[exp.Expr], bool]


def _guarded(node: exp.Expr | None) -> bool:
    if node is None:
        return False
    node = tree.bare(node)
    if isinstance(node, _NEVER_NULL) or _is_now(node):
        return True
    guard = next((guard for kinds, guard in _GUARDS if isinstance(node, kinds)), None)
    return guard is not None and guard(node)


def _any_operand(node: exp.Expr) -> bool:
    return any(_guarded(e) for e in node.iter_expressions())


def _every_operand(node: exp.Expr) -> bool:
    return all(_guarded(e) for e in node.iter_expressions())


def _case(node: exp.Expr) -> bool:
    branches = [i.args.get("true") for i in node.args.get("ifs") or ()]
    return all(_guarded(b) for b in (*branches, node.args.get("default")))


def _if(node: exp.Expr) -> bool:
    return all(_guarded(node.args.get(branch)) for branch in ("true", "false"))


def _called(node: exp.Expr) -> bool:
    name = node.name.lower()
    return name in _NEVER_NULL_CALLS or (name in _STRICT_CALLS and _every_operand(node))


def _inner(node: exp.Expr) -> bool:
    return _guarded(node.this)


def _query(node: exp.Expr) -> bool:
    query = node.this
    whole = isinstance(query, exp.Select) and len(query.expressions) == 1
    return whole and _always_a_row(query) and _guarded(query.expressions[0])


def _is_now(node: exp.Expr) -> bool:
    """A date function of nothing but literals, with 'now': the others may be no date at all."""
    named = isinstance(node, exp.Anonymous) and node.name.lower() in _DATE_CALLS
    if not named and not isinstance(node, (exp.Date, exp.Time, exp.TimeToStr)):
        return False
    if any(node.find_all(exp.Column, exp.Subquery, exp.Placeholder, exp.Null, exp.Case)):
        return False
    texts = {literal.name.lower() for literal in node.find_all(exp.Literal)}
    return "now" in texts or (named and not texts)


_NEVER_NULL = (
    exp.Literal, exp.Boolean, exp.HexString, exp.Count, exp.Exists, exp.Is, exp.NullSafeEQ,
    exp.NullSafeNEQ, exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Rand,
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.LowerHex, exp.Hex,
)  # fmt: skip
_NEVER_NULL_CALLS = {
    "random", "randomblob", "zeroblob", "last_insert_rowid", "changes", "total_changes", "typeof",
    "total", "quote", "sqlite_version", "json_array", "json_object", "char",
}  # fmt: skip
_STRICT_CALLS = {"instr", "ltrim", "rtrim", "printf", "format"}
_DATE_CALLS = {"datetime", "date", "time", "julianday", "unixepoch", "strftime"}
_GUARDS: tuple[tuple[tuple[type[exp.Expr], ...], _Guard], ...] = (
    ((exp.Coalesce,), _any_operand),
    ((exp.Case,), _case),
    ((exp.If,), _if),
    ((exp.Anonymous,), _called),
    ((exp.Cast, exp.Neg, exp.Not, exp.Window, exp.BitwiseNot, exp.Collate), _inner),
    ((exp.Subquery,), _query),
    (
        (
            exp.Add, exp.Sub, exp.Mul, exp.DPipe, exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT,
            exp.LTE, exp.GT, exp.GTE, exp.BitwiseAnd, exp.BitwiseOr, exp.Lower, exp.Upper,
            exp.Trim, exp.Length, exp.Abs, exp.Substring, exp.Round, exp.Replace,
        ),
        _every_operand,
    ),
)  # fmt: skip
