"""What has been released: migrations that users have run, as the lock remembers them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What became of a released migration."""

    SAME = "same"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Released:
    """One released migration: `version` had it first, `line` (1-based) of `lock` says so.

    `path` is its file at that time. `moved` is an unreleased migration that holds what it held,
    "" for none.
    """

    revision: str
    path: str
    version: str
    state: State
    lock: str
    line: int
    moved: str = ""
