"""What servers cost: watching statements, the first verdict, a long Alembic history.

python -m benchmarks.servers                       watching, and the first verdict on PostgreSQL
python -m benchmarks.servers history PROJECT --revisions A,B,C [--url-variable NAME]

A revision behind a + is only stopped at: the next process goes on from there, and nothing is timed.
PROJECT holds alembic.ini and what it names; the Python that runs this must be able to import what
its scripts import. NAME is the environment variable in which the project looks for its database,
where its scripts open connections of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.measure import Comparison, compare
from migsafe import config
from migsafe.cli.check import Effort
from migsafe.cli.check_servers import base_of, plan_on
from migsafe.cli.project import Project, Request, open_project
from migsafe.engines import dsn as dsns
from migsafe.engines import postgres, running
from migsafe.engines.servers import Server
from migsafe.model.migration import Dialect
from migsafe.replay.servers.case import Prober
from migsafe.replay.servers.interrupted import Log
from migsafe.replay.servers.plan import ServerPlan
from migsafe.replay.servers.running import upgrade
from migsafe.replay.servers.traffic_seen import Watch

ROWS = 150_000
TABLES, QUICK = 20, 200
_OLD = f"""
CREATE TABLE item (id int PRIMARY KEY, a int NOT NULL, b text);
INSERT INTO item SELECT i, i, 'item ' || i FROM generate_series(1, {ROWS}) AS i;
"""
_HEAVY = (
    "ALTER TABLE item ADD COLUMN c bigint",
    "UPDATE item SET c = a * 2, b = upper(b)",
    "ALTER TABLE item ALTER COLUMN c SET NOT NULL",
    "CREATE INDEX item_b ON item (b)",
    "ALTER TABLE item ALTER COLUMN a TYPE bigint",
    "CREATE UNIQUE INDEX item_c ON item (c)",
)
_TABLES = ";\n".join(f"CREATE TABLE t{n} (id int PRIMARY KEY, a int)" for n in range(TABLES))
_QUICK = tuple(f"ALTER TABLE t{n % TABLES} ADD COLUMN c{n} int" for n in range(QUICK))
_SETTINGS = 'dialect = "postgres"\n[migrations]\npath = "migrations"\nframework = "numbered"\n'


# -- watching -------------------------------------------------------------------------------------


def watching(root: Path) -> Iterator[str]:
    """A replay whose locks, rewrites and scans are looked at, against one that only runs."""
    for name, old, change, goal in (
        ("a migration of about 1 s", _OLD, _HEAVY, "<= 1.05x"),
        (f"{QUICK} quick statements", f"{_TABLES};\n", _QUICK, "<= 2 ms a statement"),
    ):
        folder = root / name.replace(" ", "-")
        project = _project(folder, {"0001_old": old, "0002_new": ";\n".join(change) + ";\n"})
        found = _watched(project, name, goal)
        more = (found.subject[1] - found.floor[1]) / len(change)
        yield f"{found.line()}\n  that is  {1000 * more:9.2f} ms more for each statement"


def _watched(project: Project, name: str, goal: str) -> Comparison:
    server = running.server(Dialect.POSTGRES)
    plan = plan_on(project, server, base_of(project, Effort(1)))
    old, new = project.history.migrations
    template = server.create_database()
    upgrade(plan, template, (old,))
    database = ""

    def renew() -> None:
        nonlocal database
        if database:
            server.drop_database(database)
        database = server.create_database(template)

    def plain() -> None:
        assert upgrade(plan, database, (new,)).raised is None

    def watched() -> None:
        watch = Watch()
        assert upgrade(plan, database, (new,), watch.before, watch.after).raised is None

    return compare(
        f"watch {name}", goal, ("the same replay unwatched", plain), watched, prepare=renew
    )


def _project(folder: Path, files: Mapping[str, str]) -> Project:
    (folder / "migrations").mkdir(parents=True)
    for name, text in files.items():
        (folder / "migrations" / f"{name}.sql").write_text(text, "utf-8")
    (folder / config.NAME).write_text(_SETTINGS, "utf-8")
    return _opened(folder)


def _opened(folder: Path) -> Project:
    from migsafe.analyse import read  # noqa: PLC0415 - beside what it serves

    settings = config.load(folder)
    project = open_project(settings, settings.migrations[0], Request())
    return replace(project, history=read(project.history))


# -- the first verdict ----------------------------------------------------------------------------


def first_verdict(root: Path) -> Iterator[str]:
    """A whole `migsafe check` with one sample, against initdb and the server's start alone."""
    program = next(postgres.found())
    folder = root / "first"
    _project(folder, {
        "0001_old": "CREATE TABLE t (id int PRIMARY KEY, a text);\n",
        "0002_new": "ALTER TABLE t ADD COLUMN b int;\n",
    })  # fmt: skip
    (folder / "samples").mkdir()
    (folder / "samples" / "old.sql").write_text(
        "CREATE TABLE t (id int PRIMARY KEY, a text);\nINSERT INTO t VALUES (1, 'x');\n", "utf-8"
    )
    (folder / "samples" / "samples.toml").write_text(
        '[[sample]]\nfile = "old.sql"\nversion = "0001"\n', "utf-8"
    )
    with (folder / config.NAME).open("a", encoding="utf-8") as settings:
        settings.write('[samples]\npath = "samples"\n')
    words = (sys.executable, "-m", "migsafe", "check")
    env = {**os.environ, "MIGSAFE_CACHE": "off", "PYTHONPATH": str(Path(__file__).parents[1])}

    def verdict() -> None:
        done = subprocess.run(words, cwd=folder, env=env, check=False, capture_output=True)
        assert done.returncode == 0, done.stderr

    with TemporaryDirectory(prefix="migsafe-bench-") as name:
        bare = _Bare(Path(name), program)
        floor = ("initdb and the server's start", bare.start)
        found = compare(
            "the first verdict on PostgreSQL", "<= 2x", floor, verdict, prepare=bare.stop
        )
        bare.stop()
    yield found.line()


class _Bare:
    """A server that is made and started with PostgreSQL's own programs."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._folder, self._program = folder, program
        self._user = "postgres" if os.geteuid() == 0 else None
        folder.chmod(0o777)

    def start(self) -> None:
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-locale", "--no-sync")
        options = f"-k {self._folder} -c listen_addresses= -c fsync=off"
        self._run("pg_ctl", "-D", data, "-w", "-s", "-o", options, "-l", f"{data}/log", "start")

    def stop(self) -> None:
        data = self._folder / "data"
        if data.exists():
            self._run("pg_ctl", "-D", str(data), "-w", "-s", "-m", "immediate", "stop")
            shutil.rmtree(data)

    def _run(self, program: str, *words: str) -> None:
        command = (str(self._program.with_name(program)), *words)
        subprocess.run(command, check=True, user=self._user, cwd="/",
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


# -- a long history -------------------------------------------------------------------------------

Step = Callable[[str, str, str], float]
"""Runs `plain` or `migsafe` on a database up to a revision in a new process: the seconds of it."""


def history(
    project: Path, revisions: list[str], variable: str, rounds: int, engines: str
) -> Iterator[str]:
    """The straight replay from old databases to the head, against plain `alembic upgrade head`."""
    if "sqlite" in engines:
        with TemporaryDirectory(prefix="migsafe-bench-") as name:
            yield from _on_sqlite(project, revisions, variable, rounds, Path(name))
    if "postgres" in engines:
        server = running.server(Dialect.POSTGRES)
        yield from _on_postgres(project, revisions, variable, rounds, server)


def _on_sqlite(
    project: Path, revisions: list[str], variable: str, rounds: int, folder: Path
) -> Iterator[str]:
    step = partial(_stepped, project, variable, "sqlite")
    built, database = folder / "built.db", folder / "run.db"
    for revision in revisions:
        step("plain", f"sqlite:///{built}", revision.removeprefix("+"))
        if revision.startswith("+"):
            continue
        sample = folder / f"{revision}.db"
        shutil.copy(built, sample)
        seconds: dict[str, list[float]] = {"plain": [], "migsafe": []}
        for how in ("plain", "migsafe") * rounds:
            shutil.copy(sample, database)
            seconds[how].append(step(how, f"sqlite:///{database}", "head"))
        yield _told(f"SQLite, from {revision}", seconds)


def _on_postgres(
    project: Path, revisions: list[str], variable: str, rounds: int, server: Server
) -> Iterator[str]:
    step = partial(_stepped, project, variable, "postgres")

    def url(database: str) -> str:
        return dsns.url("postgresql", server.address, database)

    built = server.create_database()
    for revision in revisions:
        step("plain", url(built), revision.removeprefix("+"))
        if revision.startswith("+"):
            continue
        seconds: dict[str, list[float]] = {"plain": [], "migsafe": []}
        for how in ("plain", "migsafe") * rounds:
            database = server.create_database(built)
            seconds[how].append(step(how, url(database), "head"))
            server.drop_database(database)
        yield _told(f"PostgreSQL, from {revision}", seconds)


def _told(what: str, seconds: Mapping[str, list[float]]) -> str:
    floor, subject = (median(seconds[how]) for how in ("plain", "migsafe"))
    spread = ", ".join(f"{how} {min(s):.2f} to {max(s):.2f} s" for how, s in seconds.items())
    return (
        f"{what}: alembic upgrade head {floor:.2f} s, replayed {subject:.2f} s, "
        f"ratio {subject / floor:.2f}x (goal: <= 1.3x; {spread})"
    )


def _stepped(
    project: Path, variable: str, dialect: str, how: str, url: str, revision: str
) -> float:
    """A process of its own: engines that a package of the project keeps are made anew."""
    env = dict(os.environ)
    if variable:
        env[variable] = url
    env["PYTHONPATH"] = os.pathsep.join((str(Path(__file__).parents[1]), *sys.path[1:]))
    words = (sys.executable, "-m", "benchmarks.servers", "once", str(project),
             json.dumps([how, dialect, url, revision]))  # fmt: skip
    done = subprocess.run(words, env=env, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SystemExit(f"{how}, {dialect}, {revision}: {done.stderr[-2000:]}{done.stdout[-500:]}")
    return float(done.stdout.splitlines()[-1])


def once(project: Path, how: str, dialect: str, url: str, revision: str) -> float:
    """Upgrade that database, and the seconds that it took, imports of the scripts included."""
    run = _plain if how == "plain" else _replayed
    go = run(project, dialect, url, revision)
    begun = time.perf_counter()
    go()
    return time.perf_counter() - begun


def _plain(project: Path, _: str, url: str, revision: str) -> Callable[[], None]:
    from alembic import command  # noqa: PLC0415 - only a project of Alembic has them
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine, pool  # noqa: PLC0415

    os.chdir(project)
    settings = Config("alembic.ini")
    settings.set_main_option("sqlalchemy.url", url.replace("%", "%%"))

    def go() -> None:
        with create_engine(url, poolclass=pool.NullPool).connect() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, revision)
            with suppress(AttributeError):  # SQLAlchemy 1.4 commits by itself
                connection.commit()

    return go


def _replayed(project: Path, dialect: str, url: str, revision: str) -> Callable[[], None]:
    if dialect == "sqlite":
        return _replayed_on_sqlite(project, url, revision)
    address = dsns.address(url, 5432, ".s.PGSQL.{port}", "postgres")
    opened = _opened(project)
    opened = replace(opened, history=replace(opened.history, dialect=Dialect.POSTGRES))
    plan = _plan(opened, dsns.url("postgresql", address, "postgres"))
    pending = opened.history.migrations

    def go() -> None:
        hooks = Prober(plan).before_statement, Log(plan.dialect).after
        raised = upgrade(plan, address.database, pending, *hooks).raised
        assert raised is None, f"{raised.place}: {raised.message}"

    return go


def _plan(project: Project, dsn: str) -> ServerPlan:
    server = running.server(Dialect.POSTGRES, dsn)
    return plan_on(project, server, base_of(project, Effort(1, 280.0)))


def _replayed_on_sqlite(project: Path, url: str, revision: str) -> Callable[[], None]:
    from migsafe.adapters.alembic_runner import AlembicRunner  # noqa: PLC0415 - as in a check

    runner = AlembicRunner(project, project)
    sent: list[object] = []

    def go() -> None:
        path = Path(url.removeprefix("sqlite:///"))
        runner.upgrade(path, revision, False, sent.append, sent.append)

    return go


# -- the command ----------------------------------------------------------------------------------


def main() -> int:
    """Print every comparison as soon as it is known."""
    parser = argparse.ArgumentParser(prog="servers")
    parser.add_argument("what", nargs="?", default="costs", choices=("costs", "history", "once"))
    parser.add_argument("project", nargs="?", type=Path)
    parser.add_argument("step", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--revisions", default="", help="old revisions, with commas between them")
    parser.add_argument("--url-variable", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--on", default="sqlite,postgres", help="the engines of a history")
    given = parser.parse_args()
    if given.what == "once":
        print(once(given.project, *json.loads(given.step)))
        return 0
    if given.what == "history":
        revisions, variable = given.revisions.split(","), given.url_variable
        lines = history(given.project.absolute(), revisions, variable, given.rounds, given.on)
        for line in lines:
            print(line, flush=True)
        return 0
    with TemporaryDirectory(prefix="migsafe-bench-") as name:
        for measured in (watching, first_verdict):
            for line in measured(Path(name)):
                print(line + "\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
