"""What an expression in a revision script says, where that is certain, and where it stands."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")
Mark = tuple[int, int, int]
"""An offset in a text, and the line and column (1-based) of the file where it stands."""


class _Unknown:
    """What an expression is whose value only running it can tell."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()
DIALECT = "<dialect>"
"""The name under which a scope knows SQLAlchemy's name of the dialect that is checked."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string, with the places of its lines; the marks ascend and start at offset 0."""

    value: str
    marks: tuple[Mark, ...]

    def place(self, offset: int) -> tuple[int, int]:
        """The line and column of the file where that character stands."""
        at = bisect_right(self.marks, offset, key=lambda m: m[0]) - 1
        start, line, column = self.marks[max(at, 0)]
        return line, column + offset - start

    def joined(self, other: Text) -> Text:
        """This text and the other one after it."""
        moved = tuple((o + len(self.value), a, b) for o, a, b in other.marks)
        return Text(self.value + other.value, self.marks + moved)

    def relined(self, value: str) -> Text:
        """The text after a change that kept every line a line (dedent)."""
        places = [self.place(offset) for offset in _line_starts(self.value)]
        starts = _line_starts(value)
        pairs = zip(starts, places, strict=False)
        return Text(value, tuple((start, *place) for start, place in pairs))

    def stripped(self) -> Text:
        """The text without white space around it."""
        value = self.value.strip()
        cut = self.value.index(value)
        marks = tuple((o - cut, a, b) for o, a, b in self.marks if o > cut)
        return Text(value, ((0, *self.place(cut)), *marks))


def _line_starts(text: str) -> list[int]:
    return [0, *(i + 1 for i, c in enumerate(text) if c == "\n")]


@lru_cache(maxsize=4)
def _lines(source: str) -> tuple[bytes, ...]:
    """The lines of a source as Python's syntax tree counts them: columns are bytes of UTF-8."""
    return tuple(line.encode() for line in _LINE.findall(source))


@dataclass(frozen=True, slots=True)
class Made:
    """What a name stands for that was given a constructor's call: `kind = sa.Enum(...)`."""

    node: ast.expr


@dataclass(frozen=True, slots=True)
class TableName:
    """What `sa.table("users", ...)` is to a script: a name for a table."""

    name: str


@dataclass(frozen=True, slots=True)
class Labels:
    """The members of an enum class of the script, each a name and its text ("?": not written)."""

    members: tuple[tuple[str, str], ...]

    def names_of(self, plain: bool) -> tuple[str, ...]:
        """What a database stores of the members: their names, else their values."""
        return tuple(name if plain else value for name, value in self.members)


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that are certain at one point of a script, and the script's source."""

    source: str
    names: Mapping[str, object] = field(default_factory=dict)

    def segment(self, node: ast.AST) -> str:
        """The source of a node."""
        if not isinstance(node, (ast.expr, ast.stmt)) or node.end_lineno is None:
            return ""
        lines = _lines(self.source)[node.lineno - 1 : node.end_lineno]
        if not lines:
            return ""
        tail = lines[-1][: node.end_col_offset]
        found = [*lines[:-1], tail]
        return b"".join([found[0][node.col_offset :], *found[1:]]).decode()


def value(node: ast.expr | None, scope: Scope) -> object:
    """The constant that an expression is: text as `Text`, tuples, lists; else UNKNOWN."""
    match node:
        case ast.Constant(value=str() as text):
            return Text(text, _marks(node, scope))
        case ast.Constant():
            return node.value
        case ast.Name():
            return scope.names.get(node.id, UNKNOWN)
        case ast.Tuple() | ast.List() | ast.Set():
            return tuple(value(e, scope) for e in node.elts)
        case ast.JoinedStr():
            return _formatted(node, scope)
        case ast.Attribute():
            return _attribute(node, scope)
        case ast.BinOp(op=ast.Add()):
            return _added(value(node.left, scope), value(node.right, scope))
        case ast.UnaryOp(op=ast.USub()):
            inner = value(node.operand, scope)
            return -inner if isinstance(inner, (int, float)) else UNKNOWN
        case ast.Call():
            return _called(node, scope)
        case _:
            return UNKNOWN


def _attribute(node: ast.Attribute, scope: Scope) -> object:
    match node:
        case ast.Attribute(attr="name", value=ast.Attribute(attr="dialect")):
            return scope.names.get(DIALECT, UNKNOWN)
        case ast.Attribute(attr="__tablename__", value=ast.Name(id=name)):
            known = scope.names.get(name)
            place = ((0, node.lineno, node.col_offset + 1),)
            return Text(known.name, place) if isinstance(known, TableName) else UNKNOWN
        case _:
            return UNKNOWN


def plain(found: object) -> object:
    """The same value with texts as ordinary strings; UNKNOWN where any part of it is."""
    if isinstance(found, Text):
        return found.value
    if isinstance(found, tuple):
        parts = tuple(plain(p) for p in found)
        return UNKNOWN if UNKNOWN in parts else parts
    return found


def literal(node: ast.expr | None, scope: Scope) -> object:
    """The plain value of an expression, or UNKNOWN."""
    return plain(value(node, scope))


def resolved(node: ast.expr | None, scope: Scope) -> ast.expr | None:
    """The constructor's call that a name stands for, else the expression itself."""
    for _ in range(8):
        found = scope.names.get(node.id) if isinstance(node, ast.Name) else None
        if not isinstance(found, Made):
            break
        node = found.node
    return node


CORE = {"select", "exists", "union", "union_all", "values", "update", "insert", "delete"}
"""What begins a statement of SQLAlchemy Core."""


def links(node: ast.expr) -> Iterator[tuple[str, ast.Call]]:
    """The calls of a chain such as `a.b().c()`, the outermost first, each with its name."""
    while isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Attribute):
            yield (node.func.id if isinstance(node.func, ast.Name) else ""), node
            return
        yield node.func.attr, node
        node = node.func.value


def constructed(node: ast.expr | None) -> Made | None:
    """What a name is bound to by `x = sa.Something(...)`, None for other calls and values."""
    if not isinstance(node, ast.Call):
        return None
    name = dotted(node.func).rpartition(".")[2]
    if isinstance(node.func, ast.Attribute) and node.func.attr in {"with_variant", "as_mutable"}:
        return Made(node)
    begins = [n for n, _ in links(node)][-1:]
    core = bool(begins) and begins[0] in CORE
    return Made(node) if name[:1].isupper() or core else None


def table_of_class(node: ast.ClassDef, scope: Scope) -> str:
    """The table that a mapped class of the script names, "" for none."""
    for each in node.body:
        match each:
            case ast.Assign(targets=[ast.Name(id="__tablename__")], value=given):
                found = literal(given, scope)
                return found if isinstance(found, str) else ""
            case _:
                pass
    return ""


def labels_of(node: ast.ClassDef, scope: Scope) -> Labels | None:
    """The members of an enum class of the script; None for any other class."""
    if not any("enum" in dotted(b).lower() for b in node.bases):
        return None
    members: list[tuple[str, str]] = []
    for each in node.body:
        if not isinstance(each, ast.Assign) or not isinstance(each.targets[0], ast.Name):
            continue
        found = literal(each.value, scope)
        members.append((each.targets[0].id, found if isinstance(found, str) else "?"))
    return Labels(tuple(members)) if members else None


def dotted(node: ast.expr) -> str:
    """`sa.func.now` for such a chain of names, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _added(left: object, right: object) -> object:
    if isinstance(left, Text) and isinstance(right, Text):
        return left.joined(right)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return left + right
    return UNKNOWN


def _called(node: ast.Call, scope: Scope) -> object:
    """`op.f(x)`, `textwrap.dedent(x)`, `x.strip()` and `sa.text(x)` are x, more or less."""
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, (ast.Call, ast.Name)):
        inner = value(node.func.value, scope)
        if isinstance(inner, Text):
            return _method(inner, node)
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
        inner = value(node.func.value, scope)
        return _method(inner, node) if isinstance(inner, Text) else UNKNOWN
    name = dotted(node.func).rpartition(".")[2]
    if name == "is_offline_mode":
        return False
    if name not in {"f", "dedent", "cleandoc", "text", "quoted_name", "_f"} or not node.args:
        return UNKNOWN
    inner = value(node.args[0], scope)
    if not isinstance(inner, Text):
        return UNKNOWN
    if name == "dedent":
        return inner.relined(textwrap.dedent(inner.value))
    return inner.stripped() if name == "cleandoc" else inner


def _method(inner: Text, node: ast.Call) -> object:
    assert isinstance(node.func, ast.Attribute)
    if node.func.attr == "strip" and not node.args:
        return inner.stripped()
    same = {"bindparams", "execution_options", "columns"}
    return inner if node.func.attr in same else UNKNOWN


def truth(node: ast.expr, scope: Scope) -> bool | None:
    """Whether a condition holds, None where only running it can tell."""
    match node:
        case ast.UnaryOp(op=ast.Not()):
            inner = truth(node.operand, scope)
            return None if inner is None else not inner
        case ast.BoolOp():
            return _several(node, scope)
        case ast.Compare(ops=[op], comparators=[other]):
            return _compared(literal(node.left, scope), op, literal(other, scope))
        case _:
            found = literal(node, scope)
            return bool(found) if isinstance(found, (bool, int, str)) else None


def _several(node: ast.BoolOp, scope: Scope) -> bool | None:
    parts = [truth(v, scope) for v in node.values]
    decisive = isinstance(node.op, ast.Or)
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def _compared(left: object, op: ast.cmpop, right: object) -> bool | None:
    simple = (str, int, float)
    if not isinstance(left, simple):
        return None
    if isinstance(op, (ast.Eq, ast.NotEq)) and isinstance(right, simple):
        return (left == right) is isinstance(op, ast.Eq)
    if isinstance(op, (ast.In, ast.NotIn)) and isinstance(right, tuple):
        known = all(isinstance(r, simple) for r in right)
        return (left in right) is isinstance(op, ast.In) if known else None
    return None


def _formatted(node: ast.JoinedStr, scope: Scope) -> object:
    made = Text("", ())
    for part in node.values:
        piece = _piece(part, scope)
        if piece is None:
            return UNKNOWN
        made = Text(made.value + piece, ())
    height = (node.end_lineno or node.lineno) - node.lineno
    first = (0, node.lineno, node.col_offset + 1)
    if made.value.count("\n") != height:
        return Text(made.value, (first,))
    starts = _line_starts(made.value)[1:]
    rest = ((start, node.lineno + i, 1) for i, start in enumerate(starts, 1))
    return Text(made.value, (first, *rest))


def _piece(part: ast.expr, scope: Scope) -> str | None:
    if isinstance(part, ast.Constant):
        return str(part.value)
    if not isinstance(part, ast.FormattedValue) or part.format_spec or part.conversion != -1:
        return None
    found = literal(part.value, scope)
    return str(found) if isinstance(found, (str, int)) else None


# -- the places of a string literal's lines -------------------------------------------------------


def _marks(node: ast.Constant, scope: Scope) -> tuple[Mark, ...]:
    first = (0, node.lineno, node.col_offset + 1)
    if node.lineno == node.end_lineno:
        return (first,)
    segment = scope.segment(node)
    try:
        marks = tuple(_token_marks(segment, node))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return (first,)
    return marks or (first,)


def _token_marks(segment: str, node: ast.Constant) -> Iterator[Mark]:
    """A literal may be several tokens in a row; in parentheses they may stand on several lines."""
    done = 0
    for token in tokenize.generate_tokens(io.StringIO(f"({segment})").readline):
        if token.type != tokenize.STRING:
            continue
        line = node.lineno + token.start[0] - 1
        column = token.start[1] + (node.col_offset if token.start[0] == 1 else 1)
        opening, body, closing = _parts(token.string)
        yield done, line, column + len(opening)
        for count, at in enumerate((i + 1 for i, c in enumerate(body) if c == "\n"), 1):
            yield done + len(ast.literal_eval(opening + body[:at] + closing)), line + count, 1
        done += len(ast.literal_eval(token.string))


def _parts(token: str) -> tuple[str, str, str]:
    prefix = token[: len(token) - len(token.lstrip("rRuUbBfF"))]
    quote = token[len(prefix) :][:3]
    quote = quote if quote in {'"""', "'''"} else quote[0]
    return prefix + quote, token[len(prefix + quote) : -len(quote)], quote
