"""[launch] callable and models: the project's own code reads migrated databases."""

from __future__ import annotations

import pytest

SECRET = "Zebra7Canary"
SCHEMA = (
    "CREATE TABLE note (id INTEGER PRIMARY KEY, title TEXT, status TEXT, due TEXT, tags TEXT,"
    " kind TEXT, done BOOLEAN);\n"
)
ROWS = f"""
INSERT INTO note VALUES (1, 'a', 'open', '2020-01-01 00:00:00', '[]', 'note', 0);
INSERT INTO note VALUES (2, 'b', '{SECRET}', '{SECRET}', '{SECRET}', '{SECRET}', 0);
INSERT INTO note VALUES (3, NULL, '{SECRET}', NULL, NULL, 'note', 1);
"""
FILES = {
    "migrations/0001_note.sql": SCHEMA,
    "migrations/0002_more.sql": "CREATE TABLE tag (name TEXT PRIMARY KEY);\n",
    "samples/old.sql": SCHEMA + ROWS,
    "samples/samples.toml": '[[sample]]\nfile = "old.sql"\nversion = "0001"\n',
}
MODELS = """\
import enum
from datetime import datetime

from sqlalchemy import JSON, MetaData, TypeDecorator, Integer
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Status(enum.Enum):
    open = 1


class Switch(TypeDecorator):
    impl = Integer
    cache_ok = True

    def process_result_value(self, value, dialect):
        return {0: "off"}[value]


class Base(DeclarativeBase):
    pass


"""


def mapped(*columns: str, table: str = "note", more: str = "") -> str:
    lines = [f"__tablename__ = {table!r}", "id: Mapped[int] = mapped_column(primary_key=True)"]
    body = "".join(f"    {line}\n" for line in (*lines, *columns))
    return f"{MODELS}class Note(Base):\n{body}{more}"


@pytest.fixture
def check(project, inside):
    """Runs `migsafe check` with these keys of [launch], and more files of the project."""

    def run(launch: str, *arguments: str, **more: str):
        settings = f'[samples]\npath = "samples"\n[launch]\n{launch}\n'
        root = project({**FILES, "migsafe.toml": settings, **more})
        return inside("check", "--no-made", "--format", "json", *arguments, cwd=root)

    return run


def failures(run: object) -> list[str]:
    groups = run.json["replay"]["groups"]  # type: ignore[attr-defined]
    return [g["error"] or g["detail"] for g in groups]


# -- a callable -----------------------------------------------------------------------------------


def called(check, body: str, *arguments: str, **more: str):
    text = f"import os, sqlite3, sys, time\n\n\ndef start(path):\n{body}"
    return check('callable = "app.start:start"', *arguments, **{"app/start.py": text, **more})


READ = '    word = sqlite3.connect(path).execute("SELECT tags FROM note").fetchall()[1][0]\n'


def test_an_exception_is_an_error_at_the_line_that_raised_it(check):
    run = called(check, f"{READ}    print(word)\n    raise ValueError('no list: ' + word)\n")
    (finding,) = run.json["findings"]
    assert run.code == 1
    assert (finding["rule"], finding["severity"]) == ("launch-callable-fails", "error")
    assert (finding["path"], finding["line"]) == ("app/start.py", 7)
    assert finding["message"] == (
        "app.start:start fails on migrated data: ValueError: no list: ..."
    )
    assert SECRET not in run.out + run.err


def test_the_frame_is_the_innermost_of_the_project(check):
    more = {"app/reading.py": "import json\n\n\ndef read(text):\n    return json.loads(text)\n"}
    body = f"{READ}    from app.reading import read\n    read(word)\n"
    run = called(check, body, **more)
    (finding,) = run.json["findings"]
    assert (finding["path"], finding["line"]) == ("app/reading.py", 5)
    assert "JSONDecodeError" in finding["message"]
    assert SECRET not in run.out + run.err


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("    return False\n", "it returned False"),
        ("    raise SystemExit(path)\n", "SystemExit"),
        ("    sys.exit(3)\n", "SystemExit"),
        ("    os._exit(4)\n", "exit code 4"),
        ("    os._exit(0)\n", "its process ended without an answer"),
        ("    os.kill(os.getpid(), 11)\n", "killed by SIGSEGV"),
    ],
)
def test_every_other_end_is_told(check, body, error):
    run = called(check, body)
    assert (run.code, failures(run)) == (1, [error])


@pytest.mark.parametrize(
    "body",
    [
        "    pass\n",
        "    return 0\n",
        "    sys.exit()\n",
        "    sys.stdout.write('x' * 100_000)\n    assert sys.stdin.read() == ''\n",
        "    assert type(path) is str\n",
        "    assert os.path.samefile(os.getcwd(), os.path.dirname(os.path.dirname(__file__)))\n",
        "    sqlite3.connect(path).execute('SELECT name FROM tag')\n",
    ],
)
def test_what_ends_well_is_no_finding(check, body):
    assert called(check, body).code == 0


def test_what_does_not_end_is_stopped(check):
    run = called(check, "    time.sleep(600)\n", "--timeout", "0.5")
    assert (run.code, failures(run)) == (1, ["not done after 0.5 s"])


def test_it_gets_a_copy_and_leaves_nothing_in_the_project(project, migsafe, snapshot):
    text = (
        "import sqlite3\n\n\ndef start(path):\n    database = sqlite3.connect(path)\n"
        "    database.execute('DROP TABLE note')\n    database.commit()\n"
    )
    settings = '[samples]\npath = "samples"\n[launch]\ncallable = "start:start"\n'
    root = project({**FILES, "migsafe.toml": settings, "start.py": text})
    before = snapshot(root)
    run = migsafe("check", cwd=root)
    assert (run.code, run.out.splitlines()[-1]) == (0, "safe: nothing found")
    assert snapshot(root) == before


def test_lint_runs_nothing_of_it(project, inside):
    trap = "raise SystemExit('executed')\n"
    settings = '[launch]\ncallable = "trap:start"\nmodels = "trap:Base"\n'
    root = project({**FILES, "migsafe.toml": settings, "trap.py": trap})
    assert inside("lint", cwd=root).code == 0


@pytest.mark.parametrize(
    ("launch", "words"),
    [
        ("callable = 'start'", "launch.callable is 'start'"),
        ("callable = 'start:start()'", "launch.callable is 'start:start()'"),
        ("callable = 'gone.start:start'", "there is no module gone"),
        ("callable = 'start:gone'", "start has no gone"),
        ("callable = 'start:NAME'", "start:NAME is no function"),
        ("callable = 'start:later'", "start:later is asynchronous"),
        ("callable = 'broken:start'", "importing broken raises ZeroDivisionError at broken.py:2"),
        ("callable = 'needs:start'", "there is no module not_installed"),
        ("callable = 'dies:start'", "importing it ends the process: exit code 7"),
        ("models = 'a b'", "launch.models is 'a b'"),
        ("models = 'start'", "start maps no table"),
        ("models = 'gone'", "there is no module gone"),
        ("models = 'torn:Base'", "the models of torn:Base cannot be put together"),
    ],
)
def test_what_cannot_be_imported_is_a_mistake_of_the_configuration(check, launch, words):
    files = {
        "start.py": "NAME = 'x'\n\n\nasync def later(path):\n    pass\n",
        "broken.py": "X = 1\nY = X / 0\n",
        "needs.py": "import not_installed\n",
        "dies.py": "import os\nos._exit(7)\n",
        "torn.py": mapped("other: Mapped['Gone'] = relationship()").replace(
            "mapped_column\n", "mapped_column, relationship\n", 1
        ),
    }
    run = check(launch, **files)
    assert (run.code, run.out) == (2, "")
    assert words in run.err
    assert "migsafe.toml:4" in run.err
    assert "hint" in run.err or "dies" in launch


# -- models ---------------------------------------------------------------------------------------


def read(check, text: str, name: str = "app.models:Base", **more: str):
    return check(f'models = "{name}"', **{"app/models.py": text, **more})


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (
            "status: Mapped[Status]",
            "2 of 3 rows cannot be read through Enum: note.status raises LookupError",
        ),
        (
            "due: Mapped[datetime | None]",
            "1 of 3 rows cannot be read through DateTime: note.due raises ValueError",
        ),
        (
            "tags: Mapped[list | None] = mapped_column(JSON)",
            "1 of 3 rows cannot be read through JSON: note.tags raises JSONDecodeError",
        ),
        (
            "done: Mapped[str] = mapped_column(Switch)",
            "1 of 3 rows cannot be read through Switch: note.done raises KeyError",
        ),
        (
            "title: Mapped[str]",
            "1 of 3 rows hold NULL in note.title, which the models have as NOT NULL",
        ),
        (
            "kind: Mapped[str]\n"
            "    __mapper_args__ = {'polymorphic_on': 'kind', 'polymorphic_identity': 'note'}",
            "1 of 3 rows cannot be loaded as Note: it raises AssertionError",
        ),
    ],
)
def test_rows_that_the_models_cannot_read_are_counted(check, column, said):
    run = read(check, mapped(column))
    (finding,) = run.json["findings"]
    assert (finding["rule"], finding["message"]) == ("rows-unreadable-by-models", said)
    assert (finding["severity"], finding["path"]) == ("error", "migsafe.toml")
    assert SECRET not in run.out + run.err


def test_text_that_is_no_text_is_counted(check):
    rows = ROWS.replace("'a'", "CAST(x'ff' AS TEXT)").replace("'b'", "CAST(x'fe' AS TEXT)")
    run = read(check, mapped("title: Mapped[str | None]"), **{"samples/old.sql": SCHEMA + rows})
    assert [f["message"] for f in run.json["findings"]] == [
        "2 of 3 rows cannot be read through String: note.title raises OperationalError"
    ]


def test_a_missing_table_or_column_is_told_and_the_rest_is_read(check):
    more = "\n\nclass Gone(Base):\n    __tablename__ = 'gone'\n"
    more += "    id: Mapped[int] = mapped_column(primary_key=True)\n"
    run = read(check, mapped("colour: Mapped[str]", "status: Mapped[Status]", more=more))
    assert sorted(f["message"] for f in run.json["findings"]) == [
        "2 of 3 rows cannot be read through Enum: note.status raises LookupError",
        "the models read note.colour, which is missing",
        "the models read the table gone, which is missing",
    ]


def test_models_that_read_every_row_are_silent(check):
    run = read(check, mapped("title: Mapped[str | None]", "done: Mapped[bool | None]"))
    assert (run.code, run.json["findings"]) == (0, [])


@pytest.mark.parametrize(
    "name",
    ["app.models", "app.models:Base", "app.models:Base.metadata", "app.models:Base.registry"],
)
def test_a_base_a_registry_a_metadata_or_a_module_will_do(check, name):
    run = read(check, mapped("status: Mapped[Status]"), name)
    assert run.rules == ["rows-unreadable-by-models"]


def test_tables_without_classes_will_do(check):
    text = (
        "from sqlalchemy import Column, DateTime, Integer, MetaData, Table\n\n"
        "metadata = MetaData()\n"
        "key = Column('ID', Integer, primary_key=True)\n"
        "Table('NOTE', metadata, key, Column('due', DateTime))\n"
    )
    run = read(check, text, "app.models:metadata")
    assert [f["message"] for f in run.json["findings"]] == [
        "1 of 3 rows cannot be read through DateTime: NOTE.due raises ValueError"
    ]


RELATED = """
    labels: Mapped[list["Label"]] = relationship(lazy="joined")


class Label(Base):
    __tablename__ = "label"
    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[int] = mapped_column(ForeignKey("note.id"))
    kind: Mapped[Status]
"""


def test_what_is_loaded_by_a_join_is_read_too(check):
    """A class is not loaded where the tables that come with it are no good: that is told once."""
    text = mapped("title: Mapped[str | None]", more=RELATED)
    text = text.replace("import JSON,", "import JSON, ForeignKey,")
    text = text.replace("mapped_column\n", "mapped_column, relationship\n", 1)
    label = "CREATE TABLE label (id INTEGER PRIMARY KEY, note INTEGER NOT NULL, kind TEXT);\n"
    rows = f"{label}INSERT INTO label VALUES (1, 1, 'open'), (2, 1, 'open'), (3, 2, '{{}}');\n"
    more = {"migrations/0001_note.sql": SCHEMA + label}
    good = {**more, "samples/old.sql": SCHEMA + ROWS + rows.format("open")}
    assert read(check, text, **good).json["findings"] == []
    bad = {**more, "samples/old.sql": SCHEMA + ROWS + rows.format(SECRET)}
    assert [f["message"] for f in read(check, text, **bad).json["findings"]] == [
        "1 of 3 rows cannot be read through Enum: label.kind raises LookupError"
    ]


def test_processes_that_check_read_with_processes_of_their_own(check):
    names = [f"s{n}" for n in range(6)]
    samples = {f"samples/{name}.sql": SCHEMA + ROWS for name in names}
    toml = "".join(f'[[sample]]\nfile = "{n}.sql"\nversion = "0001"\n' for n in ("old", *names))
    run = check(
        'models = "app.models:Base"',
        "--jobs",
        "2",
        **{"app/models.py": mapped("status: Mapped[Status]")},
        **samples,
        **{"samples/samples.toml": toml},
    )
    assert [f["message"] for f in run.json["findings"]] == [
        "14 of 21 rows cannot be read through Enum: note.status raises LookupError"
    ]


def test_every_sample_is_read_and_counted(check):
    toml = "".join(
        f'[[sample]]\nfile = "{name}.sql"\nversion = "0001"\n' for name in ("old", "other", "good")
    )
    samples = {
        "samples/other.sql": SCHEMA + ROWS,
        "samples/good.sql": SCHEMA,
        "samples/samples.toml": toml,
    }
    run = read(check, mapped("status: Mapped[Status]"), **samples)
    (finding,) = run.json["findings"]
    assert finding["message"].startswith("4 of 6 rows")
    (group,) = run.json["replay"]["groups"]
    assert len(group["samples"]) == 2


def test_models_that_end_their_process_are_told(check):
    body = "\n\nfrom sqlalchemy import event\n\n\n@event.listens_for(Note, 'load')\n"
    body += "def dies(target, context):\n    import os\n    os._exit(9)\n"
    run = read(check, mapped(more=body))
    (finding,) = run.json["findings"]
    assert finding["message"] == ("reading all rows through the models ends early: exit code 9")


def test_without_sqlalchemy_it_could_not_check(check):
    """The project's own folder comes first: there SQLAlchemy is not to be found."""
    text = "raise ModuleNotFoundError(\"No module named 'sqlalchemy'\", name='sqlalchemy')\n"
    run = read(check, mapped(), **{"sqlalchemy.py": text})
    assert run.code == 4
    assert "reading models needs the package sqlalchemy" in run.err
    assert "migsafe[alembic]" in run.err


def test_the_smallest_database_that_models_cannot_read_is_kept(check, tmp_path):
    run = check(
        'models = "app.models:Base"',
        "--keep-failing",
        str(tmp_path / "kept"),
        **{"app/models.py": mapped("due: Mapped[datetime | None]")},
    )
    assert run.code == 1
    (script,) = (tmp_path / "kept").glob("*.sql")
    assert script.read_text().count("INSERT INTO") == 1
