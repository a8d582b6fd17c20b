"""What the samples of a server may be: large, compressed, or pg_restore's."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from migsafe.engines import postgres as postgres_engine
from migsafe.engines import postgres_archive
from migsafe.engines.postgres import PostgresServer
from migsafe.replay.servers import mirror
from tests.cli.test_check_servers import CANARY, OLD, checked, files, found
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


FORMATS = {
    "old.dump": "custom",
    "old.pgdump": "custom",
    "old.tar": "tar",
    "older": "directory",
}


@pytest.fixture
def archives(postgres: PostgresServer, tmp_path: Path) -> Callable[[str], Path]:
    """Writes the old version's database as an archive of that name."""

    def write(name: str) -> Path:
        program = next(postgres_engine.found("pg_dump"), None)
        if program is None:
            pytest.skip("pg_dump is not beside the server's programs")
        database = postgres.create_database()
        session = postgres.connect(database)
        session.execute(OLD.replace("a@x.org", CANARY).replace("b@x.org", "\restrict ab"))
        session.close()
        at, target = postgres.address, tmp_path / name
        folder = str(Path(at.socket).parent)
        subprocess.run(
            [program, "-h", folder, "-U", at.user, "-F", FORMATS[name], "-f", target, database],
            check=True,
        )
        postgres.drop_database(database)
        return target

    return write


@pytest.mark.usefixtures("postgres")
class TestArchives:
    """What pg_dump writes besides SQL."""

    NULLS = "ALTER TABLE person ALTER COLUMN email SET NOT NULL;"

    def of(self, project: Project, archive: Path, change: str = NULLS) -> Path:
        made = dict(files(change))
        del made["samples/old.sql"]
        listed = str(made["samples/samples.toml"])
        made["samples/samples.toml"] = listed.replace("old.sql", archive.name)
        root = project(made)
        archive.rename(root / "samples" / archive.name)
        return root

    @pytest.mark.parametrize("name", FORMATS)
    def test_each_format_is_a_sample(
        self, name: str, project: Project, inside: Program, archives: Callable[[str], Path]
    ) -> None:
        root = self.of(project, archives(name))
        first, second = checked(inside, root), checked(inside, root)
        assert first.code == 1
        assert "SQLSTATE 23502" in first.out
        assert CANARY not in first.out + first.err
        assert first.json["findings"] == second.json["findings"]
        safe = "UPDATE person SET email = id WHERE email IS NULL;" + self.NULLS
        (root / "migrations/0002_change.sql").write_text(safe)
        run = checked(inside, root)
        assert (run.code, run.json["replay"]["samples"]) == (0, 1)

    def test_one_that_is_compressed_once_more(
        self, project: Project, inside: Program, archives: Callable[[str], Path]
    ) -> None:
        archive = archives("old.dump")
        packed = archive.with_name("old.dump.gz")
        packed.write_bytes(gzip.compress(archive.read_bytes()))
        assert checked(inside, self.of(project, packed)).code == 1

    def test_the_script_is_the_same_each_time_and_its_rows_are_whole(
        self, archives: Callable[[str], Path]
    ) -> None:
        data = archives("old.dump").read_bytes()
        first, second = (postgres_archive.script(data, "old.dump") for _ in range(2))
        assert first == second
        assert not first.lstrip(b"-\nPostgreSQL database dump ").startswith(b"\\restrict")

    def test_one_of_a_later_version_says_so(
        self, project: Project, inside: Program, archives: Callable[[str], Path]
    ) -> None:
        archive = archives("old.dump")
        data = bytearray(archive.read_bytes())
        data[6] = 99  # the second number of the archive's version
        archive.write_bytes(data)
        run = checked(inside, self.of(project, archive))
        assert run.code == 4
        assert "version 1.99, which pg_restore here is too old to read" in run.out

    def test_half_of_one_and_no_pg_restore(
        self,
        project: Project,
        inside: Program,
        archives: Callable[[str], Path],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        archive = archives("old.dump")
        archive.write_bytes(archive.read_bytes()[:400])
        root = self.of(project, archive)
        run = checked(inside, root)
        assert (run.code, "pg_restore cannot read the archive" in run.out) == (4, True)
        monkeypatch.setattr(postgres_archive, "_programs", lambda: iter(()))
        run = checked(inside, root)
        assert (run.code, "there is no pg_restore to read it" in run.out) == (4, True)


@pytest.mark.usefixtures("postgres")
def test_compressed_sql(project: Project, inside: Program) -> None:
    made = dict(files(TestArchives.NULLS))
    made["samples/old.sql.gz"] = gzip.compress(str(made.pop("samples/old.sql")).encode())
    made["samples/samples.toml"] = str(made["samples/samples.toml"]).replace(".sql", ".sql.gz")
    run = checked(inside, project(made))
    assert run.code == 1
    assert "23502" in run.out
