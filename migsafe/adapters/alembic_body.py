"""Read the body of `upgrade()` without running it: what it certainly sends, and what stays open.

Nothing is guessed: a call that may touch the database and cannot be read becomes a statement of
origin "code" with an OPAQUE operation.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from migsafe.adapters.alembic_calls import BatchTable, opaque, operations
from migsafe.adapters.alembic_core import statement_of
from migsafe.adapters.alembic_enums import type_call
from migsafe.adapters.alembic_roles import (
    LOOKS,
    Known,
    Role,
    class_meaning,
    imported,
    lasting,
    meaning,
    names_foreign,
    reaches,
    role,
)
from migsafe.adapters.alembic_sql import split_text
from migsafe.adapters.alembic_text import (
    UNKNOWN,
    Scope,
    Text,
    dotted,
    literal,
    truth,
    value,
)
from migsafe.adapters.python_syntax import (
    assigned,
    changes_its_rows,
    ends_transaction,
    first,
    is_comprehension,
    keyword,
    method_name,
)
from migsafe.model.migration import Dialect, Kind, Operation, Span, Statement

_MOST_TURNS = 200  # a longer loop is read once, as a condition
_MOST_DEPTH = 4  # of functions that call each other
_SILENT_OP = {"f", "get_bind", "get_context", "inline_literal"}
_SENDS = {"execute", "exec_driver_sql", "scalar", "scalars", "executemany", "executescript"}
_SILENT_BIND = {"commit", "close", "begin", "begin_nested", "connect", "connection",
                "execution_options", "in_transaction", "expire_all", "expunge_all", "rollback",
                "bind", "remove"}  # fmt: skip
_SILENT_PREFIX = ("get_", "has_", "is_")


@dataclass(frozen=True, slots=True)
class Found:
    """A statement, and the line of the call that sends it."""

    line: int
    statement: Statement


@dataclass(slots=True)
class _Block:
    """A `with op.batch_alter_table(...)` while its calls are read."""

    operations: list[Operation] = field(default_factory=list)
    conditional: bool = False


@dataclass(slots=True)
class Body:
    """Reads one function of a script; `found` grows in the order in which things would run."""

    path: str
    dialect: Dialect
    scope: Scope
    functions: Mapping[str, ast.FunctionDef]
    depth: int = 0
    conditional: bool = False
    autocommit: bool = False
    repeated: bool = False
    row_loop: bool = False  # what is read now are the rows that a loop changes
    found: list[Found] = field(default_factory=list)
    block: _Block | None = None

    def run(self, body: Sequence[ast.stmt]) -> bool:
        """Read statements in order; True where the function certainly ends among them."""
        return any(self._statement(node) for node in body)

    # -- statements of Python ---------------------------------------------------------------------

    def _statement(self, node: ast.stmt) -> bool:
        match node:
            case ast.Return() | ast.Raise():
                self._expressions(node)
                return True
            case ast.If():
                return self._if(node)
            case ast.For() | ast.AsyncFor():
                self._for(node)
            case ast.While():
                self._expression(node.test)
                self._turns(node)
                self._maybe(node.orelse)
            case ast.With() | ast.AsyncWith():
                return self._with(node, list(node.items))
            case ast.Try() | ast.TryStar():
                return self._try(node)
            case ast.Match():
                self._expression(node.subject)
                for each in node.cases:
                    self._maybe(each.body)
            case _:
                self._simple(node)
        return False

    def _simple(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign():
                self._expression(node.value)
                for target in node.targets:
                    self._bind(target, self._meaning(node.value))
            case ast.AnnAssign(value=ast.expr() as given):
                self._expression(given)
                self._bind(node.target, self._meaning(given))
            case ast.AugAssign():
                self._expression(node.value)
                both = ast.BinOp(_loaded(node.target), node.op, node.value)
                self._bind(node.target, value(both, self.scope))
            case ast.Import() | ast.ImportFrom():
                self._name(dict(imported(node)))
            case ast.FunctionDef():
                self.functions = {**self.functions, node.name: node}
            case ast.ClassDef():
                self._name({node.name: class_meaning(node, self.scope)})
            case _:
                self._expressions(node)

    def _if(self, node: ast.If) -> bool:
        self._expression(node.test)
        known = truth(node.test, self.scope)
        if known is not None:
            return self.run(node.body if known else node.orelse)
        ended = [self._maybe(node.body), self._maybe(node.orelse)]
        if any(ended):
            self.conditional = True
        return all(ended)

    def _maybe(self, body: Sequence[ast.stmt]) -> bool:
        """Read what runs only under a condition; names that it sets are uncertain afterwards."""
        before, names = self.conditional, dict(self.scope.names)
        self._name(self._uncertain(body))
        self.conditional = True
        ended = self.run(body)
        changed = self.scope.names
        kept = {n: changed.get(n) for n in assigned(body) if lasting(changed.get(n))}
        self.scope = replace(self.scope, names=names)
        self._name({**self._uncertain(body), **kept})
        self.conditional = before
        return ended

    def _uncertain(self, body: Iterable[ast.stmt]) -> dict[str, object]:
        known = self.scope.names
        return {n: Role.LOCAL for n in assigned(body) if not lasting(known.get(n))}

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self.row_loop = changes_its_rows(node)
        self._expression(node.iter)
        self.row_loop = False
        turns = value(node.iter, self.scope)
        simple = not any(isinstance(n, (ast.Break, ast.Continue)) for n in ast.walk(node))
        if isinstance(turns, tuple) and len(turns) <= _MOST_TURNS and simple:
            for turn in turns:
                self._bind(node.target, turn)
                self.run(node.body)
        else:
            self._bind(node.target, Role.LOCAL)
            self._turns(node)
        self.run(node.orelse)

    def _turns(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        """The body of a loop of unknown length."""
        before, self.repeated = self.repeated, not ends_transaction(node)
        self._maybe(node.body)
        self.repeated = before

    def _try(self, node: ast.Try | ast.TryStar) -> bool:
        ended = self.run(node.body)
        for handler in node.handlers:
            self._maybe(handler.body)
        if not ended:
            ended = self.run(node.orelse)
        return self.run(node.finalbody) or (ended and not node.handlers)

    def _with(self, node: ast.With | ast.AsyncWith, items: list[ast.withitem]) -> bool:
        """One context manager after the other, then the body."""
        if not items:
            return self.run(node.body)
        item, rest = items[0], items[1:]
        call = item.context_expr
        name = method_name(call)
        if name == "batch_alter_table" and isinstance(call, ast.Call):
            return self._batch(node, call, item, rest)
        if name == "autocommit_block":
            before, self.autocommit = self.autocommit, True
            ended = self._with(node, rest)
            self.autocommit = before
            return ended
        self._expression(call)
        if item.optional_vars is not None:
            self._bind(item.optional_vars, role(call, self.scope))
        return self._with(node, rest)

    def _batch(
        self,
        node: ast.With | ast.AsyncWith,
        call: ast.Call,
        item: ast.withitem,
        rest: list[ast.withitem],
    ) -> bool:
        """A batch is one statement: its changes are made together when the block ends."""
        table = literal(first(call, "table_name"), self.scope)
        if not isinstance(table, str):
            self._opaque("op.batch_alter_table: the table is not a literal", call)
            table = ""
        schema = literal(keyword(call, "schema"), self.scope)
        if item.optional_vars is not None:
            named = BatchTable(table, schema if isinstance(schema, str) else "")
            self._bind(item.optional_vars, named)
        if self.dialect is not Dialect.SQLITE:
            return self._with(node, rest)  # servers get one ALTER TABLE after the other
        outer, self.block = self.block, _Block()
        ended = self._with(node, rest)
        made, self.block = self.block, outer
        if made.operations and table:
            self._emit(node, tuple(made.operations), made.conditional)
        return ended

    # -- names ------------------------------------------------------------------------------------

    def _name(self, names: Mapping[str, object]) -> None:
        if names:
            self.scope = replace(self.scope, names={**self.scope.names, **names})

    def _bind(self, target: ast.expr, found: object) -> None:
        if isinstance(target, ast.Name):
            self._name({target.id: Role.LOCAL if found is UNKNOWN else found})
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = found if isinstance(found, tuple) else ()
            fits = len(parts) == len(target.elts)
            for i, element in enumerate(target.elts):
                self._bind(element, parts[i] if fits else UNKNOWN)

    def _meaning(self, node: ast.expr) -> object:
        found = value(node, self.scope)
        return meaning(node, self.scope) if found is UNKNOWN else found

    # -- expressions ------------------------------------------------------------------------------

    def _expressions(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._expression(child)

    def _expression(self, node: ast.expr | None) -> None:
        """Everything that an expression calls, innermost first."""
        if node is None:
            return
        if isinstance(node, ast.Call):
            self._call(node)
            return
        later = isinstance(node, (ast.Lambda, ast.IfExp, ast.BoolOp)) or is_comprehension(node)
        before, self.conditional = self.conditional, self.conditional or later
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._expression(child)
            elif isinstance(child, ast.comprehension):
                self._expressions(child)
        self.conditional = before

    def _call(self, node: ast.Call) -> None:
        owner: Known = Role.LOCAL
        if isinstance(node.func, ast.Attribute):
            self._expression(node.func.value)
            owner = role(node.func.value, self.scope)
        if owner is Role.OP and isinstance(node.func, ast.Attribute):
            self._op(node, node.func.attr)
        elif isinstance(owner, BatchTable) and isinstance(node.func, ast.Attribute):
            self._batch_op(node, node.func.attr, owner)
        elif owner is Role.BIND and isinstance(node.func, ast.Attribute):
            self._on_bind(node, node.func.attr)
        elif owner is not Role.CONTEXT and not self._makes_type(node):
            self._other(node)

    def _makes_type(self, node: ast.Call) -> bool:
        """`sa.Enum(...).create(bind)` makes a type where the server has such types."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in {"create", "drop"}:
            return False
        made = type_call(node, self.scope, self.dialect)
        if made is not None:
            self._emit(node, made)
        return made is not None

    def _op(self, node: ast.Call, name: str) -> None:
        if name == "execute":
            self._sql(node, first(node, "sqltext"), "op.execute")
        elif name not in _SILENT_OP:
            made = operations(node, name, None, self.scope, self.dialect)
            self._emit(node, made)

    def _batch_op(self, node: ast.Call, name: str, table: BatchTable) -> None:
        if name == "execute":
            self._sql(node, first(node, "sqltext"), "batch_op.execute")
        elif name not in _SILENT_OP and table.name:
            made = operations(node, name, table, self.scope, self.dialect)
            if self.block is None:
                self._emit(node, made)
                return
            self.block.operations += made
            self.block.conditional |= self.conditional

    def _on_bind(self, node: ast.Call, name: str) -> None:
        if name in _SENDS:
            self._sql(node, first(node, "statement"), f"{name}()")
        elif name == "run_callable" or not (
            name in _SILENT_BIND or name.startswith(_SILENT_PREFIX)
        ):
            self._opaque(f"{name}() on a connection or session", node)

    def _other(self, node: ast.Call) -> None:
        if not isinstance(node.func, (ast.Attribute, ast.Name)):
            self._expression(node.func)
        for given in (*node.args, *(k.value for k in node.keywords)):
            self._expression(given)
        name = dotted(node.func)
        if isinstance(node.func, ast.Name) and name in self.functions:
            self._follow(node, self.functions[name])
        elif isinstance(node.func, ast.Subscript):
            self._opaque("it calls a function that is chosen at run time", node)
        elif role(node.func, self.scope) is Role.FOREIGN:
            self._opaque(f"it calls {name or 'code'} from another module", node)
        elif reaches(node, self.scope) and not _only_looks(node, self.scope):
            self._opaque(f"it hands the connection to {name or 'other code'}", node)

    def _follow(self, node: ast.Call, function: ast.FunctionDef) -> None:
        """Read a function of the same script with the arguments given."""
        if self.depth >= _MOST_DEPTH:
            self._opaque(f"{function.name}() calls too deep to be read", node)
            return
        inner = Body(
            self.path,
            self.dialect,
            replace(self.scope, names={**self.scope.names, **self._parameters(node, function)}),
            self.functions,
            self.depth + 1,
            self.conditional,
            self.autocommit,
            self.repeated,
            block=self.block,
        )
        inner.run(function.body)
        self.found += inner.found

    def _parameters(self, node: ast.Call, function: ast.FunctionDef) -> dict[str, object]:
        spec = function.args
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        every = [*names, *(a.arg for a in spec.kwonlyargs)]
        given: dict[str, object] = dict.fromkeys(every, Role.LOCAL)
        last = names[len(names) - len(spec.defaults) :]
        defaults = [*zip(last, spec.defaults, strict=True)]
        keyed = zip((a.arg for a in spec.kwonlyargs), spec.kw_defaults, strict=True)
        defaults += [(name, d) for name, d in keyed if d is not None]
        given.update({name: self._meaning(d) for name, d in defaults})
        given.update(zip(names, map(self._meaning, node.args), strict=False))
        given.update({k.arg: self._meaning(k.value) for k in node.keywords if k.arg})
        return {n: Role.LOCAL if found is UNKNOWN else found for n, found in given.items()}

    # -- what comes out ---------------------------------------------------------------------------

    def _sql(self, node: ast.Call, given: ast.expr | None, what: str) -> None:
        text = value(given, self.scope)
        if isinstance(text, Text):
            for statement in split_text(text, self.dialect, self.path):
                self._add(node, self._stated(statement))
        elif made := statement_of(given, self.scope):
            marks = ("todays models",) * names_foreign(node, self.scope)
            self._emit(node, (replace(made, options=marks),))
        else:
            self._opaque(f"{what} of something built at run time", node)

    def _stated(self, statement: Statement, conditional: bool = False) -> Statement:
        outside = False if self.autocommit else None
        given = conditional or self.conditional
        return replace(statement, conditional=given, in_transaction=outside, repeated=self.repeated)

    def _opaque(self, why: str, node: ast.expr) -> None:
        last = self.found[-1].statement if self.found else None
        if last and last.origin == "code" and last.span.line == node.lineno:
            return  # one chain of calls is one thing that cannot be read
        marks = ("todays models",) * names_foreign(node, self.scope)
        marks += ("row by row",) * self.row_loop
        self._emit(node, (replace(opaque(why, node.lineno), options=marks),))

    def _emit(
        self,
        node: ast.expr | ast.stmt,
        made: tuple[Operation, ...],
        conditional: bool = False,
    ) -> None:
        unread = any(o.kind is Kind.OPAQUE for o in made)
        origin = "code" if unread and len(made) == 1 else "call"
        statement = Statement(self.scope.segment(node), _span(self.path, node), origin, made)
        if made:
            self._add(node, self._stated(statement, conditional))

    def _add(self, node: ast.expr | ast.stmt, statement: Statement) -> None:
        self.found.append(Found(_sent_from(node), statement))


def _span(path: str, node: ast.expr | ast.stmt) -> Span:
    end, column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return Span(path, node.lineno, node.col_offset + 1, end, column + 1)


def _sent_from(node: ast.expr | ast.stmt) -> int:
    """The line that a traceback shows for a call: where its method's name stands."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.end_lineno or node.lineno
    return node.lineno


def _loaded(target: ast.expr) -> ast.expr:
    return ast.Name(target.id, ast.Load()) if isinstance(target, ast.Name) else target


def _only_looks(node: ast.Call, scope: Scope) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)
    return name in LOOKS or role(node, scope) is Role.BIND
