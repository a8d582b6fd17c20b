"""Errors a user can mend: one sentence of what, one of what to do, a place and an exit code."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command; part of the command-line contract."""

    OK = 0
    """checked, and nothing at or above `fail_on` was found"""
    FINDINGS = 1
    """there are findings at or above `fail_on`"""
    USAGE = 2
    """the command line, the configuration or a rule is wrong"""
    NOTHING_CHECKED = 3
    """there was nothing to check: no migrations, or none pending"""
    COULD_NOT_CHECK = 4
    """a check that was asked for could not run: unreadable sample, broken history, no engine"""
    INTERNAL = 5
    """migsafe itself failed; the message says how to report it"""


class MigsafeError(Exception):
    """A failure that the user can mend.

    `message` is one sentence that names the object first; `place` is `path` or `path:line`;
    `hint` says what to do next.
    """

    exit_code: ExitCode = ExitCode.COULD_NOT_CHECK

    def __init__(self, message: str, *, place: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders; keyword-only arguments need help with pickling.
        return (_rebuild, (type(self), self.message, self.place, self.hint))


def _rebuild(kind: type[MigsafeError], message: str, place: str, hint: str) -> MigsafeError:
    return kind(message, place=place, hint=hint)


class UsageError(MigsafeError):
    """The command line asks for something that cannot be."""

    exit_code = ExitCode.USAGE


class ConfigError(MigsafeError):
    """The configuration, or a file that it names, is wrong."""

    exit_code = ExitCode.USAGE


class RuleInvalid(MigsafeError):
    """A rule cannot be loaded or run."""

    exit_code = ExitCode.USAGE


class RuleTooSlow(RuleInvalid):
    """A rule's SELECT does not end in time."""


class RuleTooMany(RuleInvalid):
    """A rule's SELECT returns more rows than anybody reads."""


class NothingToCheck(MigsafeError):
    """No migrations were found, or none of them is pending."""

    exit_code = ExitCode.NOTHING_CHECKED


class BrokenHistory(MigsafeError):
    """The migrations do not form one line: duplicate, missing parent, cycle, several heads."""


class UnreadableMigration(MigsafeError):
    """A migration file cannot be read at all."""


class UnreadableSample(MigsafeError):
    """A sampled database is corrupt, encrypted, or of a version the history does not know."""


class ReplayAborted(MigsafeError):
    """The replay could not go on for a reason that is not the migration's fault."""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known name that is most like this one, for a hint; none where none is like it."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a wrong name needs it

    return get_close_matches(name, list(known), n=1)
