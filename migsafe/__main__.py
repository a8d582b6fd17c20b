"""The `migsafe` command: `python -m migsafe`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    if sys.argv[1:] == ["--version"]:
        # Answered before click is imported: hooks ask for it often.
        from migsafe import __version__  # noqa: PLC0415

        sys.stdout.write(f"migsafe {__version__}\n")
        return
    from migsafe.cli import run  # noqa: PLC0415

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
