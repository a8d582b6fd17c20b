"""Progress of long work, for a person who watches."""

from __future__ import annotations

import os
import sys
import time

import click

from migsafe.replay import fleet

_PATIENCE = 1.0  # seconds before progress is shown


def progress(did: str = "replayed", what: str = "databases") -> fleet.Progress | None:
    """Progress on standard error, only where a person watches and only when it takes a while."""
    if not sys.stderr.isatty() or os.environ.get("CI") or os.environ.get("PRE_COMMIT"):
        return None
    begun = time.monotonic()

    def show(done: int, total: int) -> None:
        if time.monotonic() - begun > _PATIENCE:
            end = "\n" if done == total else ""
            click.echo(f"\r{did} {done:,} of {total:,} {what}{end}", err=True, nl=False)

    return show
