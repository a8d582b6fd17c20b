"""Frameworks that keep migrations: where they lie, how they are read, how program code runs.

A framework is a module here: `detect(root) -> path`, `load(root, path, options, name) -> History`
and, where SQL alone cannot run it, `runner(root, path)`. Reading never executes user code.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migsafe.adapters.options import Options as Options
from migsafe.adapters.revisions import revision_of as revision_of
from migsafe.errors import ConfigError, UsageError, nearest
from migsafe.model.migration import History

if TYPE_CHECKING:
    from migsafe.adapters.alembic_runner import AlembicRunner

FRAMEWORKS = {
    "alembic": "migsafe.adapters.alembic_scripts",
    "django": "migsafe.adapters.django_migrations",
    "sql": "migsafe.adapters.sqldir",
    "numbered": "migsafe.adapters.sqldir",
    "golang-migrate": "migsafe.adapters.sqldir",
    "goose": "migsafe.adapters.sqldir",
    "dbmate": "migsafe.adapters.sqldir",
    "sqlx": "migsafe.adapters.sqldir",
    "flyway": "migsafe.adapters.sqldir",
}


_FINDERS = {
    "alembic": "migsafe.adapters.alembic_config",
    "django": "migsafe.adapters.django_files",
    "sql": "migsafe.adapters.sqldir",
}
"""The part of each that knows where migrations lie: the readers are imported only where needed."""


def _finder(framework: str) -> Any:
    return import_module(_FINDERS[framework])


def _module(framework: str) -> Any:
    name = FRAMEWORKS.get(framework)
    if name is None:
        near = nearest(framework, FRAMEWORKS)
        raise ConfigError(
            f"the framework {framework!r} is not known",
            hint=f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(FRAMEWORKS)}",
        )
    return import_module(name)


def detect(root: Path) -> tuple[str, Path] | None:
    """A project's framework and where its migrations lie; None: not in any of the usual places."""
    for framework in ("alembic", "django", "sql"):
        path = _finder(framework).detect(root)
        if path is not None:
            return framework, path
    return None


def load(framework: str | None, root: Path, path: Path, options: Options) -> History:
    """Read the migrations at `path`; `framework` None: found by looking at it.

    Paths in the History are relative to `root`. Raises ConfigError for an unknown framework or a
    wrong configuration of it, NothingToCheck where there are no migrations, UnreadableMigration
    for a file that cannot be read, BrokenHistory where the migrations form no line.
    """
    if framework is None:
        own = (name for name in ("alembic", "django") if _finder(name).recognises(path))
        framework = next(own, "sql")
    history: History = _module(framework).load(root, path, options, framework)
    return history


def runner(framework: str, root: Path, path: Path) -> AlembicRunner:
    """What runs this framework's program code. Raises UsageError where SQL is all there is."""
    module = _module(framework)
    if not hasattr(module, "runner"):
        raise UsageError(f"{framework} migrations are SQL: no runner is needed")
    made: AlembicRunner = module.runner(root, path)
    return made
