"""What a reader of migrations is told besides the folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migsafe.model.migration import Dialect


@dataclass(frozen=True, slots=True)
class Options:
    """How to read a project.

    `transaction` is the project's own word on whether each migration is wrapped, None for the
    framework's default; `overrides` maps paths relative to the root (forward slashes) to text
    that stands in for the file's, which need not exist.
    """

    dialect: Dialect
    transaction: bool | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
