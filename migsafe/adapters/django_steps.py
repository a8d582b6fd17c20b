"""`operations = [...]` of one Django migration -> its statements in the order in which they run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from migsafe.adapters.alembic_calls import opaque
from migsafe.adapters.alembic_columns import Unreadable, arguments
from migsafe.adapters.alembic_sql import split_text
from migsafe.adapters.alembic_text import Scope, Text, dotted, value
from migsafe.adapters.django_editor import Editor, followed
from migsafe.adapters.django_operations import OPERATIONS, Step, listed
from migsafe.adapters.django_python import marks
from migsafe.adapters.django_state import State
from migsafe.model.migration import Operation, Span, Statement

_SILENT = {"AlterModelOptions", "AlterModelManagers", "AlterModelTableComment"}


@dataclass(slots=True)
class Steps:
    """Reads the operations of one migration; `found` grows in the order in which they run."""

    path: str
    app: str
    scope: Scope
    state: State
    functions: Mapping[str, ast.FunctionDef]
    found: list[Statement] = field(default_factory=list)
    deferred: list[Statement] = field(default_factory=list)
    silent: bool = False  # only the models change
    imports: frozenset[str] = frozenset()  # what the file imports at its top
    one_way: list[tuple[int, str]] = field(default_factory=list)

    def run(self, nodes: list[ast.expr]) -> None:
        """Read the operations in order."""
        for node in nodes:
            if isinstance(node, ast.Call):
                self._operation(node)
            else:
                self._opaque("an operation is not written out", node)

    def finish(self) -> tuple[Statement, ...]:
        """All statements; what is deferred comes last."""
        return (*self.found, *self.deferred)

    def _operation(self, node: ast.Call) -> None:
        name = dotted(node.func).rpartition(".")[2]
        if name == "RunSQL":
            self._run_sql(node)
        elif name == "RunPython":
            self._run_python(node)
        elif name == "SeparateDatabaseAndState":
            self._separate(node)
        elif name not in _SILENT:
            self._model(node, name)

    def _model(self, node: ast.Call, name: str) -> None:
        """An operation on models, indexes, constraints or extensions."""
        known = OPERATIONS.get(name)
        if known is None:
            self._opaque(f"the operation {name or 'here'} is not read", node)
            return
        parameters, read = known
        editor = Editor(self.state, self.state.dialect, node.lineno)
        step = Step(editor, self.app, arguments(node, parameters, self.scope), name)
        try:
            read(step)
        except Unreadable as error:
            self._opaque(f"{name}: {error}", node)
            return
        if editor.moved:
            self.deferred = list(self._followed(editor.moved))
        self._emit(node, tuple(editor.made), self.found)
        self._emit(node, tuple(editor.deferred), self.deferred)

    def _followed(self, moved: Mapping[str, str]) -> Iterator[Statement]:
        for statement in self.deferred:
            left = followed(statement.operations or (), moved)
            if left:
                yield replace(statement, operations=left)

    def _emit(self, node: ast.expr, made: tuple[Operation, ...], into: list[Statement]) -> None:
        if made and not self.silent:
            into.append(Statement(self.scope.segment(node), self._span(node), "call", made))

    def _opaque(self, why: str, node: ast.expr, known: tuple[str, ...] = ()) -> None:
        if not self.silent:
            made = (replace(opaque(why, node.lineno), options=known),)
            text = self.scope.segment(node)
            self.found.append(Statement(text, self._span(node), "code", made))

    def _span(self, node: ast.expr) -> Span:
        end, column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return Span(self.path, node.lineno, node.col_offset + 1, end, column + 1)

    # -- SQL and Python ---------------------------------------------------------------------------

    def _run_sql(self, node: ast.Call) -> None:
        given = arguments(node, ("sql", "reverse_sql", "state_operations"), self.scope)
        if given.node("reverse_sql") is None:
            self.one_way.append((node.lineno, "RunSQL has no reverse_sql"))
        for part in _sql_parts(given.node("sql"), self.scope):
            text = value(part, self.scope)
            if isinstance(text, Text):
                self._statements(text)
            elif not dotted(part).endswith("noop"):
                self._opaque("RunSQL of something built at run time", part)
        self._only_models(given.node("state_operations"))

    def _statements(self, text: Text) -> None:
        if not self.silent:
            self.found += split_text(text, self.state.dialect, self.path)

    def _run_python(self, node: ast.Call) -> None:
        given = arguments(node, ("code", "reverse_code"), self.scope)
        code = given.node("code")
        name = dotted(code) if code is not None else ""
        if name.endswith("noop"):
            return
        function = self.functions.get(name)
        if given.node("reverse_code") is None:
            self.one_way.append((node.lineno, "RunPython has no reverse_code"))
        known = tuple(marks(function, self.imports, self.state)) if function else ()
        said = f"RunPython runs {name or 'program code'}"
        if "todays models" in known:
            said += ", which imports models as they are today instead of apps.get_model"
        self._opaque(said, node, ("run python", *known))

    def _separate(self, node: ast.Call) -> None:
        """The database gets one list of operations, the models the other."""
        names = ("database_operations", "state_operations")
        given = arguments(node, names, self.scope)
        real = self.state
        self.state = real.copy()
        self.run(listed(given.node("database_operations"), self.scope))
        self.state = real
        self._only_models(given.node("state_operations"))

    def _only_models(self, node: ast.expr | None) -> None:
        before, self.silent = self.silent, True
        self.run(listed(node, self.scope))
        self.silent = before


def _sql_parts(node: ast.expr | None, scope: Scope) -> Iterator[ast.expr]:
    """The texts of RunSQL: one, or a list of texts and of (text, parameters)."""
    if not isinstance(node, (ast.List, ast.Tuple)):
        yield from (node,) if node is not None else ()
        return
    for part in node.elts:
        pair = isinstance(part, (ast.Tuple, ast.List)) and part.elts
        yield part.elts[0] if pair and isinstance(part, (ast.Tuple, ast.List)) else part
