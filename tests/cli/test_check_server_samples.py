"""What the samples of a server may be: large, compressed, or pg_restore's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migsafe.replay.servers import mirror
from tests.cli.test_check_servers import checked, files, found
from tests.conftest import Run

Project = Callable[..., Path]
Program = Callable[..., Run]


@pytest.mark.usefixtures("postgres")
class TestLarge:
    """Tables with more rows than are compared."""

    OLD = (
        "CREATE TABLE large (id int PRIMARY KEY, note text);\n"
        "CREATE TABLE small (id int PRIMARY KEY, note text);\n"
        "INSERT INTO large SELECT g, 'x' FROM generate_series(1, 12) g;\n"
        "INSERT INTO small VALUES (1, 'a'), (2, 'b');\n"
    )

    def test_they_are_named_and_the_exit_code_stays(
        self, project: Project, inside: Program, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = project(files("ALTER TABLE small ADD COLUMN more text;", self.OLD))
        whole = checked(inside, root)
        monkeypatch.setattr(mirror, "LIMIT", 10)
        run = checked(inside, root)
        assert (whole.code, run.code) == (0, 0)
        told = {n["what"]: n["why"] for n in run.json["not_run"]}
        assert told["rows of large"] == mirror.too_many()
        assert "large" in told["foreign keys in all rows"]
        assert "rows of small" not in told
        assert "rows of large" not in {n["what"] for n in whole.json["not_run"]}

    def test_the_others_are_compared(
        self, project: Project, inside: Program, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mirror, "LIMIT", 10)
        change = (
            "CREATE TABLE fresh (id int PRIMARY KEY, note text);\n"
            "INSERT INTO fresh SELECT s.* FROM small s JOIN large l ON l.id = s.id + 11;\n"
            "DROP TABLE small;\nALTER TABLE fresh RENAME TO small;\n"
        )
        assert found(checked(inside, project(files(change, self.OLD))), "rows-lost")
