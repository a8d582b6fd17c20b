"""Archives of pg_dump (custom format, tar, directory) as the SQL that pg_restore makes of them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.engines.postgres import found
from migsafe.errors import UnreadableSample

CONTENTS = "toc.dat"
"""What every archive in a folder holds, and a tar archive first (app-pgdump.html, --format)."""

_MAGIC = b"PGDMP"
_SECONDS = 600.0
_NEWER = re.compile(r"unsupported version \(([0-9.]+)\)")
_HEADER = re.compile(rb"\A((?:--[^\n]*\n|\s)*)\\restrict \w+\n")
_FOOTER = re.compile(rb"\n\\unrestrict \w+(\s*)\Z")
_PLAIN = "make it plain SQL where it was written: pg_restore --file=sample.sql sample.dump"


def is_archive(data: bytes) -> bool:
    """Is this an archive in custom format or tar, by its first bytes?"""
    return data.startswith((_MAGIC, CONTENTS.encode() + b"\0"))


def is_folder(path: Path) -> bool:
    """Is this an archive in directory format?"""
    return (path / CONTENTS).is_file()


def folder_bytes(path: Path) -> bytes:
    """All bytes of an archive in directory format, for its digest."""
    return b"".join(p.name.encode() + p.read_bytes() for p in sorted(path.iterdir()))


def script(archive: bytes | Path, name: str) -> bytes:
    """The SQL of an archive, of its bytes or its folder. Raises UnreadableSample.

    Of several pg_restore, the first that reads it counts: older ones refuse newer archives.
    """
    said = ""
    with TemporaryDirectory(prefix="migsafe-") as scratch:
        path = Path(scratch, "archive") if isinstance(archive, bytes) else archive.resolve()
        if isinstance(archive, bytes):
            path.write_bytes(archive)
        for program in _programs():
            sql, said = _restored(program, path, scratch)
            if sql:
                return _unmarked(sql)
    raise _unreadable(said, name)


def _restored(program: Path, path: Path, scratch: str) -> tuple[bytes, str]:
    """The script, else b"" and what the program says."""
    try:
        done = subprocess.run(  # noqa: S603 - the program that was found
            [program, "--file=-", path],
            cwd=scratch,  # before version 12, "-" is a file
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return b"", type(error).__name__
    failed = done.returncode != 0
    return b"" if failed else done.stdout, done.stderr.decode("utf-8", "replace") or "nothing"


def _programs() -> Iterator[Path]:
    return found("pg_restore", ())


def _unreadable(said: str, name: str) -> UnreadableSample:
    """Little of what pg_restore says is told: it names files and may quote what is in them."""
    if not said:
        return UnreadableSample(
            "it is an archive of pg_dump, and there is no pg_restore to read it", place=name,
            hint=f"install PostgreSQL's programs, or {_PLAIN}",
        )  # fmt: skip
    newer = _NEWER.search(said)
    if newer:
        return UnreadableSample(
            f"it is an archive of version {newer[1]}, which pg_restore here is too old to read",
            place=name,
            hint=f"install the PostgreSQL programs that wrote it, or {_PLAIN}",
        )
    return UnreadableSample(
        "pg_restore cannot read the archive", place=name, hint="is the dump whole?"
    )


def _unmarked(sql: bytes) -> bytes:
    """The script without the word of chance that newer versions fence it with for psql."""
    return _FOOTER.sub(rb"\n\1", _HEADER.sub(rb"\1", sql))
