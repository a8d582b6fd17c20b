"""Read Django's migrations by their syntax alone: all apps of a project as one history.

The apps' graphs are put in one line, dependencies first (db/migrations/graph.py); a squashed
migration stands for those that it replaces, as it does for a fresh database.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from migsafe.adapters import django_files
from migsafe.adapters.alembic_calls import opaque
from migsafe.adapters.alembic_columns import arguments
from migsafe.adapters.alembic_scripts import functions, module_scope, parse, script_comments
from migsafe.adapters.alembic_text import Scope, dotted, literal
from migsafe.adapters.django_files import App, apps, is_migration, user_model
from migsafe.adapters.django_operations import listed
from migsafe.adapters.django_state import State
from migsafe.adapters.django_steps import Steps
from migsafe.adapters.files import digest, relative
from migsafe.adapters.options import Options
from migsafe.adapters.python_syntax import imports_of_models
from migsafe.errors import BrokenHistory, MigsafeError, NothingToCheck
from migsafe.model.migration import History, Migration, Span, Statement

detect = django_files.detect
recognises = django_files.recognises

Key = tuple[str, str]
"""An app's label and a migration's name."""
_TABLE = "django_migrations"
_FIRST, _LATEST = "__first__", "__latest__"


@dataclass(frozen=True, slots=True)
class _Script:
    """A migration's file, and what its class says about its place in the graph."""

    key: Key
    path: str
    text: str
    tree: ast.Module
    scope: Scope
    needs: tuple[Key, ...] = ()
    before: tuple[Key, ...] = ()
    replaces: tuple[Key, ...] = ()
    atomic: bool = True
    operations: ast.expr | None = None


def runner(_: Path, path: Path) -> NoReturn:
    """Nothing runs Django's migrations yet. Raises MigsafeError."""
    raise MigsafeError(
        "Django's migrations are read, but not replayed yet",
        place=path.name,
        hint="`migsafe lint` reads them and runs every rule that needs no rows",
    )


def load(root: Path, path: Path, options: Options, _: str = "django") -> History:
    """The history of a Django project.

    Raises NothingToCheck, UnreadableMigration or BrokenHistory.
    """
    found = apps(root, path, options)
    user = user_model(root)
    scripts: list[_Script] = []
    ignored: list[str] = []
    for app in found:
        _collect(app, user, scripts, ignored)
    if not scripts:
        raise NothingToCheck(
            f"there are no Django migrations in {relative(path, root)}",
            hint="make the first one with `manage.py makemigrations`",
        )
    kept, replaced = _unsquashed(scripts)
    line = _in_line(kept, replaced)
    labels = sorted({s.key[0] for s in kept})
    return History(
        dialect=options.dialect,
        framework="django",
        migrations=tuple(_migrations(line, State(options.dialect, user))),
        version_tables=(_TABLE,),
        version_query=_version_query(labels),
        transactional=True if options.transaction is None else options.transaction,
        ignored=tuple(sorted([*ignored, *(s.path for s in scripts if s.key in replaced)])),
    )


def _version_query(labels: Iterable[str]) -> str:
    """The newest of the project's own migrations that a database has had."""
    listed_labels = ", ".join("'" + name.replace("'", "''") + "'" for name in labels)
    wanted = f"SELECT max(id) FROM {_TABLE} WHERE app IN ({listed_labels})"
    return f"SELECT app || '.' || name FROM {_TABLE} WHERE id = ({wanted})"


def _collect(app: App, user: str, scripts: list[_Script], ignored: list[str]) -> None:
    for name in app.folder.names():
        text = app.folder.text(name) if name.endswith(".py") else ""
        if is_migration(text):
            scripts.append(_script(app, name, text, user))
        elif name != "__init__.py":
            ignored.append(app.folder.name(name))


# -- one file -------------------------------------------------------------------------------------


def _script(app: App, name: str, text: str, user: str) -> _Script:
    path = app.folder.name(name)
    tree = parse(text, path)
    scope = module_scope(tree, text)
    node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Migration")
    said = dict(_assigned(node))
    return _Script(
        (app.label, name.removesuffix(".py")),
        path,
        text,
        tree,
        scope,
        tuple(_keys(said.get("dependencies"), scope, user)),
        tuple(_keys(said.get("run_before"), scope, user)),
        tuple(_keys(said.get("replaces"), scope, user)),
        literal(said.get("atomic"), scope) is not False,
        said.get("operations"),
    )


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for each in node.body:
        match each:
            case ast.Assign(targets=[ast.Name(id=name)], value=given):
                yield name, given
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as given):
                yield name, given
            case _:
                pass


def _keys(node: ast.expr | None, scope: Scope, user: str) -> Iterator[Key]:
    for element in listed(node, scope):
        found = literal(element, scope)
        if isinstance(found, tuple) and len(found) == 2:
            yield str(found[0]), str(found[1])
        elif isinstance(element, ast.Call) and dotted(element.func).endswith(
            "swappable_dependency"
        ):
            given = arguments(element, ("value",), scope)
            wanted = given.maybe("value") or user
            yield wanted.partition(".")[0], _FIRST


# -- the graph ------------------------------------------------------------------------------------


def _unsquashed(scripts: list[_Script]) -> tuple[list[_Script], dict[Key, Key]]:
    """What a fresh database runs, and which squashed migration stands for which others."""
    replaced = {old: s.key for s in scripts for old in s.replaces}
    return [s for s in scripts if s.key not in replaced], replaced


def _in_line(scripts: list[_Script], replaced: Mapping[Key, Key]) -> list[_Script]:
    """Dependencies first, else by app and name. Raises BrokenHistory for a circle."""
    by_key = {s.key: s for s in scripts}
    needs = {s.key: _needed(s, by_key, replaced) for s in scripts}
    for script in scripts:
        for later in script.before:
            needs.get(_final(later, replaced), set()).add(script.key)
    done: dict[Key, None] = {}
    for key in sorted(by_key):
        _visit(key, needs, done, by_key)
    return [by_key[k] for k in done]


def _visit(
    start: Key, needs: Mapping[Key, set[Key]], done: dict[Key, None], by_key: Mapping[Key, _Script]
) -> None:
    """Append what comes first, without recursion: histories are long."""
    todo: list[tuple[Key, bool]] = [(start, False)]
    open_now: set[Key] = set()
    while todo:
        key, ready = todo.pop()
        if key in done:
            continue
        if ready:
            done[key] = None
            continue
        if key in open_now:
            raise BrokenHistory(
                f"the history runs in a circle through {'.'.join(key)}",
                place=by_key[key].path,
                hint="one of its dependencies must go",
            )
        open_now.add(key)
        todo.append((key, True))
        waiting = [k for k in sorted(needs[key], reverse=True) if k not in done]
        todo += [(k, False) for k in waiting]


def _final(key: Key, replaced: Mapping[Key, Key]) -> Key:
    seen: set[Key] = set()
    while key in replaced and key not in seen:
        seen.add(key)
        key = replaced[key]
    return key


def _needed(script: _Script, known: Mapping[Key, _Script], replaced: Mapping[Key, Key]) -> set[Key]:
    """The project's own migrations that must have run; other packages' count as run."""
    labels = {app for app, _ in known}
    found: set[Key] = set()
    for app, name in script.needs:
        if app not in labels:
            continue
        key = _final((app, name), replaced)
        if name in {_FIRST, _LATEST}:
            own = sorted(k for k in known if k[0] == app)
            key = own[0 if name == _FIRST else -1]
        if key not in known:
            raise BrokenHistory(
                f"{'.'.join(script.key)} depends on {app}.{name}, which does not exist",
                place=script.path,
                hint="restore the missing migration or correct the dependency",
            )
        found.add(key)
    return found - {script.key}


# -- the migrations -------------------------------------------------------------------------------


def _migrations(line: list[_Script], state: State) -> Iterator[Migration]:
    before: tuple[str, ...] = ()
    for script in line:
        revision = ".".join(script.key)
        steps = _steps(script, state)
        yield Migration(
            revision=revision,
            path=script.path,
            parents=before,
            title=script.key[1].lstrip("0123456789_").replace("_", " "),
            statements=_placed(script, steps.finish()),
            transactional=None if script.atomic else False,
            program=True,
            comments=tuple(script_comments(script.text)),
            digest=digest(script.text),
            one_way=tuple(steps.one_way),
        )
        before = (revision,)


def _placed(script: _Script, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """What a squashed migration repeats has shipped: only a new database runs it again."""
    return tuple(replace(s, fresh=True) for s in statements) if script.replaces else statements


def _steps(script: _Script, state: State) -> Steps:
    imports = frozenset(imports_of_models(script.tree.body))
    steps = Steps(
        script.path, script.key[0], script.scope, state, functions(script.tree), imports=imports
    )
    nodes = listed(script.operations, script.scope)
    try:
        steps.run(nodes)
    except RecursionError:
        made = (opaque("it is nested too deeply to be read", 1),)
        steps.found.append(Statement("", Span(script.path, 1), "code", made))
    return steps
