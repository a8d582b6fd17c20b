"""Read Alembic's revision scripts by their syntax alone: no user code runs."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from migsafe.adapters import alembic_config
from migsafe.adapters.alembic_body import Body, Found
from migsafe.adapters.alembic_calls import opaque
from migsafe.adapters.alembic_config import Project, open_project
from migsafe.adapters.alembic_fill import completed
from migsafe.adapters.alembic_roles import Role, class_meaning, imported, meaning
from migsafe.adapters.alembic_text import (
    DIALECT,
    UNKNOWN,
    Scope,
    literal,
    plain,
    value,
)
from migsafe.adapters.files import Folder, digest, read, relative
from migsafe.adapters.options import Options
from migsafe.errors import NothingToCheck, UnreadableMigration
from migsafe.model.migration import Dialect, History, Migration, Span, Statement, ordered
from migsafe.sql.tokens import quoted

if TYPE_CHECKING:
    from migsafe.adapters.alembic_runner import AlembicRunner

detect = alembic_config.detect
recognises = alembic_config.recognises

_SQLALCHEMY = {
    Dialect.SQLITE: "sqlite", Dialect.POSTGRES: "postgresql", Dialect.MYSQL: "mysql"
}  # fmt: skip
_TABLE = "alembic_version"


def runner(root: Path, path: Path) -> AlembicRunner:
    """What runs this project's scripts through its own env.py."""
    from migsafe.adapters.alembic_runner import AlembicRunner  # noqa: PLC0415 - static path

    return AlembicRunner(root, path)


def load(root: Path, path: Path, options: Options, _: str = "alembic") -> History:
    """The history of an Alembic project.

    Raises ConfigError, NothingToCheck, UnreadableMigration or BrokenHistory.
    """
    project = open_project(path)
    scripts: list[_Script] = []
    ignored: list[str] = []
    for folder in _folders(project, root, options):
        for name in folder.names():
            script = _script(folder, name) if name.endswith(".py") else None
            if script is not None:
                scripts.append(script)
            elif name != "__init__.py":
                ignored.append(folder.name(name))
    if not scripts:
        raise NothingToCheck(
            f"there are no revisions in {relative(project.versions[0], root)}",
            hint='make the first one with `alembic revision -m "..."`',
        )
    migrations = ordered([_migration(s, scripts, options.dialect) for s in scripts])
    table, one_transaction = _environment(project)
    return History(
        dialect=options.dialect,
        framework="alembic",
        migrations=completed(migrations, options.dialect),
        version_tables=(table,),
        version_query=f"SELECT version_num FROM {_quoted(table)}",
        transactional=True if options.transaction is None else options.transaction,
        one_transaction=one_transaction and options.dialect is Dialect.POSTGRES,
        begins_with_rows=options.dialect is Dialect.SQLITE,
        ignored=tuple(sorted(ignored)),
    )


def _quoted(name: str) -> str:
    return name if name == _TABLE else quoted(name)


def _folders(project: Project, root: Path, options: Options) -> Iterator[Folder]:
    todo = [Folder(root, p, options) for p in reversed(project.versions)]
    while todo:
        folder = todo.pop()
        yield folder
        if project.recursive:
            todo += reversed(folder.folders())


# -- one script -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Script:
    """A parsed revision script and the names that its module level makes certain."""

    path: str
    text: str
    tree: ast.Module
    scope: Scope
    revision: str
    down: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    functions: Mapping[str, ast.FunctionDef] = field(default_factory=dict)


def _script(folder: Folder, name: str) -> _Script | None:
    """The script, or None where the file declares no revision."""
    path, text = folder.name(name), folder.text(name)
    tree = parse(text, path)
    scope = module_scope(tree, text)
    if "revision" not in scope.names:
        return None
    revision = scope.names["revision"]
    texts = _texts(revision)
    if texts is None or len(texts) != 1:
        raise _not_literal(path, tree, "revision")
    return _Script(
        path,
        text,
        tree,
        scope,
        texts[0],
        down=_declared(path, tree, scope, "down_revision"),
        depends_on=_declared(path, tree, scope, "depends_on"),
        labels=_texts(scope.names.get("branch_labels")) or (),
        functions=functions(tree),
    )


def parse(text: str, path: str) -> ast.Module:
    """The syntax tree of a script. Raises UnreadableMigration with the line of the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's own string escapes
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        what = getattr(error, "msg", None) or "it is nested too deeply"
        raise UnreadableMigration(
            f"the migration {path} cannot be read as Python: {what}", place=f"{path}:{line}"
        ) from error


def module_scope(tree: ast.Module, text: str) -> Scope:
    """The names that a script's module level makes certain."""
    scope = Scope(text)
    names: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(imported(node))
        elif isinstance(node, ast.ClassDef):
            names[node.name] = class_meaning(node, replace(scope, names=names))
        for name, given in _assignments(node):
            scope = replace(scope, names=names)
            names[name] = _constant(given, scope)
    return replace(scope, names=names)


def _constant(node: ast.expr, scope: Scope) -> object:
    try:
        found = value(node, scope)
        return meaning(node, scope) if found is UNKNOWN else found
    except RecursionError:
        return Role.LOCAL


def _assignments(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
        yield node.target.id, node.value


def _texts(found: object) -> tuple[str, ...] | None:
    """None -> (), a text -> one, a list of texts -> all; None for anything else."""
    found = plain(found)
    if found is None:
        return ()
    if isinstance(found, str):
        return (found,)
    if isinstance(found, tuple) and all(isinstance(f, str) for f in found):
        return found
    return None


def _declared(path: str, tree: ast.Module, scope: Scope, name: str) -> tuple[str, ...]:
    found = _texts(scope.names.get(name))
    if found is None:
        raise _not_literal(path, tree, name)
    return found


def _not_literal(path: str, tree: ast.Module, name: str) -> UnreadableMigration:
    lines = [n.lineno for n in tree.body for made, _ in _assignments(n) if made == name]
    return UnreadableMigration(
        f"{name} in {path} is not a literal text",
        place=f"{path}:{lines[-1] if lines else 1}",
        hint=f'write it out: {name} = "..."',
    )


def functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The functions at a script's module level by name."""
    return {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}


# -- the migration --------------------------------------------------------------------------------


def _migration(script: _Script, scripts: Iterable[_Script], dialect: Dialect) -> Migration:
    needed = (_resolved(name, scripts) for name in script.depends_on)
    return Migration(
        revision=script.revision,
        path=script.path,
        parents=tuple(dict.fromkeys((*script.down, *needed))),
        title=_title(script),
        statements=tuple(f.statement for f in _found(script, "upgrade", dialect)),
        downgrade=tuple(f.statement for f in _found(script, "downgrade", dialect)),
        program=True,
        comments=tuple(script_comments(script.text)),
        digest=digest(script.text),
        one_way=tuple(_one_way(script)),
    )


def _one_way(script: _Script) -> Iterator[tuple[int, str]]:
    """Where `downgrade()` refuses, or does nothing."""
    function = script.functions.get("downgrade")
    if function is None:
        return
    said = [n for n in function.body if not isinstance(n, ast.Expr) or _is_call(n)]
    if said and isinstance(said[-1], ast.Raise):
        yield said[-1].lineno, "downgrade() raises an error"
    elif all(isinstance(n, ast.Pass) for n in said):
        yield function.lineno, "downgrade() does nothing"


def _is_call(node: ast.Expr) -> bool:
    return isinstance(node.value, (ast.Call, ast.Await))


def _resolved(name: str, scripts: Iterable[_Script]) -> str:
    """What a `depends_on` names: a revision, a branch label, or the beginning of a revision."""
    scripts = tuple(scripts)
    for script in scripts:
        if name == script.revision or name in script.labels:
            return script.revision
    short = [s.revision for s in scripts if s.revision.startswith(name)]
    return short[0] if len(short) == 1 else name


def _title(script: _Script) -> str:
    said = (ast.get_docstring(script.tree) or "").strip().splitlines()
    if said:
        return said[0].strip()
    stem = Path(script.path).stem
    return stem.removeprefix(script.revision).replace("_", " ").strip()


def _found(script: _Script, name: str, dialect: Dialect) -> list[Found]:
    function = script.functions.get(name)
    if function is None:
        return []
    names = {**script.scope.names, DIALECT: _SQLALCHEMY[dialect]}
    scope = replace(script.scope, names=names)
    body = Body(script.path, dialect, scope, script.functions)
    try:
        body.run(function.body)
    except RecursionError:
        span = Span(script.path, function.lineno)
        why = (opaque("it is nested too deeply to be read", function.lineno),)
        body.found.append(Found(function.lineno, Statement("", span, "code", why)))
    return body.found


def script_comments(text: str) -> Iterator[tuple[int, str]]:
    """The comments of a script that speak to migsafe, each with its line."""
    if "migsafe:" not in text:
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            said = token.string.lstrip("#").strip()
            if token.type == tokenize.COMMENT and said.startswith("migsafe:"):
                yield token.start[0], said
    except (tokenize.TokenError, SyntaxError):
        return


def places(path: Path, name: str) -> tuple[Found, ...]:
    """The statements of one script's upgrade, each with the line of the call that sends it."""
    text = read(path, name)
    tree = parse(text, name)
    script = _Script(name, text, tree, module_scope(tree, text), "", functions=functions(tree))
    return tuple(_found(script, "upgrade", Dialect.SQLITE))


def _environment(project: Project) -> tuple[str, bool]:
    """What env.py hands to Alembic: the version table; do all revisions share a transaction?

    They do unless it says `transaction_per_migration=True` (api/runtime.html, configure()). What
    is not a literal counts as Alembic's default.
    """
    env = project.script / "env.py"
    try:
        text = read(env, env.name)
        tree = parse(text, env.name)
    except UnreadableMigration:
        return _TABLE, True
    scope = module_scope(tree, text)
    said = {"version_table": _TABLE, "transaction_per_migration": False}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in said:
            found = literal(node.value, scope)
            if isinstance(found, (str, bool)):
                said[node.arg] = found
    return str(said["version_table"]), not said["transaction_per_migration"]
