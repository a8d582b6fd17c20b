"""The command line: one module per command, imported when it is called."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module

import click

from migsafe import __version__
from migsafe.errors import ExitCode, MigsafeError

COMMANDS = {
    "lint": "analyse only: no data, no database, no user code executed",
    "check": "everything: analyse, replay on the samples, launch probes; the gate",
    "merge": "the parts of a check (--shard), judged together",
    "rules": "list, explain, write and test the rules",
    "incident": "keep incidents: the page, the messages to users, the rule that guards",
    "facts": "write the evidence as a SQLite file",
    "release": "lock the migrations that a version ships",
    "baseline": "take migsafe up with the findings that are there already",
    "init": "detect the framework, write migsafe.toml and the hook",
}
"""Name and one line of each command, so that `--help` need not import them."""

EXIT_CODES = {
    ExitCode.OK: "checked: nothing at or above fail_on",
    ExitCode.FINDINGS: "findings at or above fail_on",
    ExitCode.USAGE: "usage, configuration or a rule is wrong",
    ExitCode.NOTHING_CHECKED: "nothing was checked: no migrations, or none pending",
    ExitCode.COULD_NOT_CHECK: "could not check: unreadable sample, broken history, ...",
    ExitCode.INTERNAL: "an error of migsafe's own",
}


class _Commands(click.Group):
    """Imports a command's module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands in the order of the contract."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"migsafe.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, and the exit codes below it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(c)), text) for c, text in EXIT_CODES.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="migsafe", message="%(prog)s %(version)s")
def group() -> None:
    """Check data-model migrations before they ship.

    `lint` reads them; `check` replays them on sampled old databases and says what would break, for
    what share of users, on which line.
    """


def run(arguments: list[str]) -> int:
    """Run one command; every way out is a documented exit code, never a traceback."""
    _print_any_text()
    try:
        # Not group.main(): on a closed pipe it leaves with 1, which says "findings" here.
        with group.make_context("migsafe", list(arguments)) as context:
            return int(group.invoke(context) or 0)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        click.echo(f"migsafe: {error.format_message()}", err=True)
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("migsafe: interrupted, nothing was changed", err=True)
        return ExitCode.COULD_NOT_CHECK
    except MigsafeError as error:
        _say(error)
        return error.exit_code
    except BrokenPipeError:
        drop_output()
        return ExitCode.COULD_NOT_CHECK
    except OSError as error:
        _say(_refused(error))
        return ExitCode.COULD_NOT_CHECK
    except Exception as error:  # the last stand before the user
        _own_error(error)
        return ExitCode.INTERNAL


def _print_any_text() -> None:
    """A name that the terminal's encoding lacks is printed escaped, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Whoever read standard output has gone: what is left to print goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refused(error: OSError) -> MigsafeError:
    """A file or folder that nobody foresaw the system to refuse, or a full disk."""
    place = os.path.relpath(error.filename) if isinstance(error.filename, str) else ""
    reason = (error.strerror or type(error).__name__).lower()
    return MigsafeError(f"cannot be read or written: {reason}", place=place)


def _say(error: MigsafeError) -> None:
    from migsafe.report.text import printable  # noqa: PLC0415 - most runs have no error

    place = f"{error.place}: " if error.place else ""
    click.echo(f"migsafe: {printable(place + error.message)}", err=True)
    if error.hint:
        click.echo(f"  hint: {printable(error.hint)}", err=True)


def _own_error(error: Exception) -> None:
    import traceback  # noqa: PLC0415 - costs a tenth of the start-up, and is hardly ever needed

    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.name} ({os.path.basename(frame.filename)}:{frame.lineno})"  # noqa: PTH119
    click.echo(
        f"migsafe: internal error: {type(error).__name__} in {where}\n"
        "  hint: this is a bug in migsafe; please report it with the command you ran"
        " (MIGSAFE_TRACEBACK=1 shows the whole traceback)",
        err=True,
    )
    if os.environ.get("MIGSAFE_TRACEBACK"):
        traceback.print_exception(error)
