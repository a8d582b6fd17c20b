"""Rewrite calls in an Alembic script and operations in a Django migration, by their text."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from migsafe.fix.target import Edit, Refused, Target, line_start
from migsafe.model.evidence import Step
from migsafe.model.migration import Kind, Span

_ALEMBIC_INDEX = {"create_index", "drop_index"}
_DJANGO_INDEX = {"AddIndex": "AddIndexConcurrently", "RemoveIndex": "RemoveIndexConcurrently"}
_DJANGO_IMPORT = "from django.contrib.postgres.operations import "


class Script:
    """A migration's Python file, and where its nodes stand. Raises Refused for odd line ends."""

    def __init__(self, path: str, text: str) -> None:
        if re.search(r"\r(?!\n)", text):
            raise Refused("lines end in a lone carriage return")  # a line to Python, none to us
        self.path = path
        self.text = text
        self.tree = ast.parse(text)

    def start(self, node: ast.expr | ast.stmt) -> int:
        """The offset of the node's first character."""
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """The offset behind the node's last character."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        start = line_start(self.text, line)
        # Columns of the syntax tree count bytes.
        return start + len(self.text[start:].encode()[:column].decode(errors="ignore"))

    def body(self, name: str) -> list[ast.stmt]:
        """The statements of a function at the module's level; () where it is not there."""
        found = (n for n in self.tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
        return next((n.body for n in found), [])

    def call(self, span: Span) -> ast.Call:
        """The call that a statement was read from. Raises Refused where there is none."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (node.lineno, node.col_offset + 1) == (
                span.line,
                span.column,
            ):
                return node
        raise Refused("the call is not written out in the file")

    def insert(self, at: int, text: str) -> Edit:
        """An edit that adds text."""
        return Edit(self.path, at, at, text)


def script(target: Target) -> Script:
    """The target's file."""
    return Script(target.migration.path, target.text)


def own_line(found: Script, call: ast.Call, function: str = "upgrade") -> ast.Expr:
    """The call as a statement right in the function: neither under a condition nor in a loop."""
    for statement in found.body(function):
        if isinstance(statement, ast.Expr) and statement.value is call:
            return statement
    raise Refused("the call does not stand by itself in the function")


def method(call: ast.Call, names: set[str]) -> str:
    """Which of these functions of `op` is called. Raises Refused for any other call."""
    func = call.func
    on_op = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)
    if on_op and func.value.id == "op" and func.attr in names:  # type: ignore[attr-defined]
        return str(func.attr)  # type: ignore[attr-defined]
    raise Refused("the call is not one of op's that can be rewritten")


def with_keyword(found: Script, call: ast.Call, keyword: str) -> Edit:
    """One more keyword argument, behind the last one."""
    if any(k.arg is None or k.arg == keyword.partition("=")[0] for k in call.keywords):
        raise Refused("the arguments of the call are not all written out")
    ends = [found.end(a) for a in call.args] + [found.end(k.value) for k in call.keywords]
    if not ends:
        raise Refused("the arguments of the call are not all written out")
    return found.insert(max(ends), f", {keyword}")


# -- CONCURRENTLY ---------------------------------------------------------------------------------


def concurrently(target: Target, steps: tuple[Step, ...], *, inside: bool) -> tuple[Edit, ...]:
    """The calls of these steps, so that they build or drop their indexes concurrently."""
    found = script(target)
    if target.history.framework == "django":
        return tuple(_django(found, steps, inside=inside))
    spans = dict.fromkeys(s.statement.span for s in steps)
    builds = sum(1 for s in steps for o in s.statement.operations or () if _builds(o.kind))
    edits: list[Edit] = []
    for span in spans:
        call = found.call(span)
        method(call, _ALEMBIC_INDEX)
        edits.append(with_keyword(found, call, "postgresql_concurrently=True"))
        if inside:
            step = next(s for s in steps if s.statement.span == span)
            again = _dropped_first(step) if builds > 1 else ""
            edits += _in_block(found, own_line(found, call), again)
    return tuple(edits)


def _builds(kind: Kind) -> bool:
    return kind is Kind.CREATE_INDEX


def _dropped_first(step: Step) -> str:
    """What removes the rest of a build that was cut off, so that the next run can build again."""
    (operation, *_) = step.statement.operations or ()
    if not _builds(operation.kind) or operation.if_not_exists:
        return ""
    if "." in operation.name or "." in operation.table:
        raise Refused("with several builds each must be retried, and its schema is not known")
    return (
        f"op.drop_index({operation.name!r}, table_name={operation.table!r},"
        " if_exists=True, postgresql_concurrently=True)\n"
    )


def _in_block(found: Script, statement: ast.Expr, first: str) -> Iterator[Edit]:
    """The statement in a block that Alembic runs outside of its transaction."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Constant) and node.lineno != node.end_lineno:
            raise Refused("a text of several lines stands in the call")
    start = found.start(statement)
    line = found.text.rfind("\n", 0, start) + 1
    indent = found.text[line:start]
    if indent.strip():
        raise Refused("other text stands before it on the same line")
    head = f"with op.get_context().autocommit_block():\n{indent}    "
    again = f"{first}{indent}    " if first else ""
    yield found.insert(start, head + again)
    for number in range(statement.lineno + 1, (statement.end_lineno or 0) + 1):
        yield found.insert(line_start(found.text, number), "    ")


def _django(found: Script, steps: tuple[Step, ...], *, inside: bool) -> Iterator[Edit]:
    names: set[str] = set()
    for step in steps:
        func = found.call(step.statement.span).func
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        if name not in _DJANGO_INDEX:
            raise Refused("the operation has no concurrent form")
        names.add(_DJANGO_INDEX[name])
        yield Edit(found.path, found.start(func), found.end(func), _DJANGO_INDEX[name])
    imports = [n for n in found.tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    if not imports:
        raise Refused("the file imports nothing")
    line = f"\n{_DJANGO_IMPORT}{', '.join(sorted(names))}"
    yield found.insert(found.end(imports[-1]), line)
    if inside:
        yield _not_atomic(found)


def _not_atomic(found: Script) -> Edit:
    classes = (n for n in found.tree.body if isinstance(n, ast.ClassDef) and n.name == "Migration")
    migration = next(classes, None)
    if migration is None:
        raise Refused("the class Migration is not in the file")
    if any(isinstance(n, ast.Assign) and _sets(n, "atomic") for n in migration.body):
        raise Refused("the migration says atomic itself")
    body = migration.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = body[1] if documented and len(body) > 1 else body[0]
    indent = " " * first.col_offset
    return found.insert(found.start(first), f"atomic = False\n{indent}")


def _sets(node: ast.Assign, name: str) -> bool:
    return any(isinstance(t, ast.Name) and t.id == name for t in node.targets)


# -- statements before others ---------------------------------------------------------------------


def execute_before(target: Target, step: Step, sql: str) -> Edit:
    """`op.execute` (Django: RunSQL) of a statement before the one that sends the step."""
    found = script(target)
    line = step.statement.span.line
    if target.history.framework == "django":
        return _run_before(found, step, sql)
    for statement in found.body("upgrade"):
        if statement.lineno <= line <= (statement.end_lineno or line):
            return _executed(found, statement, sql)
    raise Refused("the call does not stand in the function upgrade")


def execute_first(found: Script, function: str, sql: str) -> Edit | None:
    """The same as the first statement of a function; None where the function does nothing."""
    body = found.body(function)
    does = [n for n in body if not isinstance(n, ast.Pass) and not _is_text(n)]
    return _executed(found, does[0], sql) if does else None


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _executed(found: Script, statement: ast.stmt, sql: str) -> Edit:
    start = found.start(statement)
    line = found.text.rfind("\n", 0, start) + 1
    indent = found.text[line:start]
    if indent.strip():
        raise Refused("other text stands before it on the same line")
    above = above_comments(found.text, line)
    return found.insert(above, f"{indent}op.execute({_text(sql)})\n")


def above_comments(text: str, at: int) -> int:
    """The begin of the comment lines right above an offset."""
    while at > 0:
        previous = text.rfind("\n", 0, at - 1) + 1
        if not text[previous:at].strip().startswith("#"):
            break
        at = previous
    return at


def _text(sql: str) -> str:
    """The statement as Python's text, in double quotes."""
    return '"' + sql.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _run_before(found: Script, step: Step, sql: str) -> Edit:
    call = found.call(step.statement.span)
    start = found.start(call)
    line = found.text.rfind("\n", 0, start) + 1
    indent = found.text[line:start]
    if indent.strip():
        raise Refused("other text stands before it on the same line")
    made = f"{indent}migrations.RunSQL({_text(sql)}, migrations.RunSQL.noop),\n"
    return found.insert(above_comments(found.text, line), made)


# -- the next revision ----------------------------------------------------------------------------


def next_revision(target: Target, title: str, statements: tuple[str, ...]) -> tuple[str, str]:
    """A revision script behind the newest one; what may take long runs outside a transaction."""
    parent = target.migration.revision
    revision = _revision(parent, statements)
    if target.history.get(revision) is not None:
        raise Refused(f"the revision {revision} is there already")
    path = str(PurePosixPath(target.migration.path).with_name(f"{revision}_{title}.py"))
    if target.read(path) is not None:
        raise Refused(f"{path} is there already")
    lines = "".join(f"        op.execute({_text(s)})\n" for s in statements)
    return path, _SCRIPT.format(
        title=title.replace("_", " "), revision=revision, parent=parent, lines=lines
    )


def _revision(parent: str, statements: tuple[str, ...]) -> str:
    if re.fullmatch(r"\d+", parent):
        return str(int(parent) + 1).zfill(len(parent))
    return hashlib.sha256("\n".join((parent, *statements)).encode()).hexdigest()[:12]


_SCRIPT = '''"""{title}

Revision ID: {revision}
Revises: {parent}
"""

from alembic import op

revision = "{revision}"
down_revision = "{parent}"
branch_labels = None
depends_on = None


def upgrade():
    with op.get_context().autocommit_block():
{lines}

def downgrade():
    pass
'''
