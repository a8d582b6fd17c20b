"""Rows about what was released: what became of it, and what came to stand before it."""

from __future__ import annotations

from collections.abc import Iterator

from migsafe.model.migration import History
from migsafe.model.release import Released, State

Row = tuple[object, ...]


def release_rows(history: History, numbers: dict[str, int]) -> dict[str, list[Row]]:
    """The rows of the tables `released` and `inserted`; `numbers` are migration.id by revision."""
    return {
        "released": [_released(r, numbers) for r in history.released],
        "inserted": list(_inserted(history, numbers)) if history.released else [],
    }


def _released(r: Released, numbers: dict[str, int]) -> Row:
    at = numbers.get(r.revision)
    return (r.path, r.revision, r.version, r.state.value, r.lock, r.line, at, r.moved)


def _inserted(history: History, numbers: dict[str, int]) -> Iterator[Row]:
    """Each unreleased migration that a released one comes after."""
    by_revision = {r.revision: r for r in history.released if r.state is not State.DELETED}
    after: dict[str, Released] = {}
    for migration in reversed(history.migrations):
        later = by_revision.get(migration.revision) or after.get(migration.revision)
        if later is not None:
            after.update((p, later) for p in migration.parents if p not in after)
    for migration in history.migrations:
        later = after.get(migration.revision)
        if later is not None and migration.revision not in by_revision:
            yield (
                numbers[migration.revision],
                migration.path,
                later.path,
                later.version,
                history.out_of_order,
            )
