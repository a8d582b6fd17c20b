"""Write a file whole or not at all."""

from __future__ import annotations

from pathlib import Path

from migsafe.errors import UsageError


def put(path: Path, text: str) -> None:
    """Write the text beside its place first, so that a failure leaves what stood there.

    Raises UsageError for a file that cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(text.encode())
        part.replace(path)
    except (OSError, UnicodeEncodeError) as error:
        part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or "it holds text that is not Unicode"
        raise UsageError(f"{path.name} cannot be written: {reason}") from error
