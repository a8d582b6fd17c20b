"""A small old database for a fixture, and what was made sure of while its values were hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migsafe.model.content import Content

Fails = Callable[[tuple[Content, ...]], bool]
"""Does the database with these rows fail as the original does?"""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Rows whose values were replaced, and what that was checked for.

    `columns` and `values` count what was changed. `classes_kept` is (values that stayed in their
    class, values looked at), `originals_left` how many values of the originals are still there, and
    `refused` are the (table, column) pairs whose values could not be hidden.
    """

    contents: tuple[Content, ...]
    failure_kept: bool = True
    columns: int = 0
    values: int = 0
    classes_kept: tuple[int, int] = (0, 0)
    originals_left: int = 0
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Checks:
    """What was made sure of on the database that the text gives; see `Hidden`."""

    failure_kept: bool
    classes_kept: tuple[int, int] = (0, 0)
    originals_left: int = 0
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Seed:
    """An old database as text, for a fixture: `text` is its old.sql.

    `version` is the revision that it is at, None before the first. `rows` are (table, rows) of
    those that have any, `rows_before` how many there were. `masked` says that no value is an
    original's; `masked_columns` and `masked_values` count what was changed, `replays` what the
    search took. `text` is "" where it may not be written, and `why_not` says why.
    """

    text: str
    version: str | None
    rows: tuple[tuple[str, int], ...]
    rows_before: int
    masked: bool
    checks: Checks
    masked_columns: int = 0
    masked_values: int = 0
    replays: int = 0
    why_not: str = ""

    @property
    def total(self) -> int:
        """The number of rows in all tables."""
        return sum(count for _, count in self.rows)
