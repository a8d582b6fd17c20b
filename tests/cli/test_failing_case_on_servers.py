"""The same on real servers: a small dump that fails as the sample does, without its values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migsafe.cli.check import Effort
from migsafe.cli.failing_case import FailingCase, Seed, failing_cases, shrink
from migsafe.cli.project import Request, open_all
from migsafe.model.rule import Severity

CANARY = "k4n4ri3 Mustermann"
PG = """
SET standard_conforming_strings = on;
CREATE TYPE mood AS ENUM ('sad', 'content');
CREATE TABLE team (id serial PRIMARY KEY, name text NOT NULL, parent int REFERENCES team (id));
CREATE TABLE person (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, team int REFERENCES team (id),
  email text, born date, doc jsonb, raw bytea, feeling mood, amount numeric(8,2), tags text[],
  loud text GENERATED ALWAYS AS (upper(email)) STORED);
INSERT INTO team (name) SELECT 'team ' || n FROM generate_series(1, 30) n;
INSERT INTO person (team, email, feeling) SELECT n, 'mail' || n || '@host.example', 'sad'
  FROM generate_series(1, 30) n;
INSERT INTO person (team, email, born, doc, raw, feeling, amount, tags) VALUES
 (7, 'k4n4ri3 Mustermann', '1987-06-05', '{"name": "k4n4ri3 Mustermann", "id": 987654}',
  '\\x00ff41', 'content', 1234.56, '{"k4n4ri3 one",two}'),
 (8, E'k4n4ri3\\tMustermann ', NULL, NULL, NULL, NULL, NULL, NULL),
 (9, 'K4N4RI3 MUSTERMANN', NULL, NULL, NULL, NULL, NULL, NULL);
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.name := NEW.name || '!'; RETURN NEW; END $$;
CREATE TRIGGER noting BEFORE INSERT ON team FOR EACH ROW EXECUTE FUNCTION noted();
"""
MY = """
CREATE TABLE team (id int AUTO_INCREMENT PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE person (id int AUTO_INCREMENT PRIMARY KEY, team int, email varchar(60), born date,
  doc json, raw blob, amount decimal(8,2), loud varchar(60) AS (upper(email)) STORED,
  FOREIGN KEY (team) REFERENCES team (id));
INSERT INTO team (name) VALUES ('a team'), ('b team'), ('c team');
INSERT INTO person (team, email) VALUES (1, 'x1@host.example'), (2, 'x2@host.example');
INSERT INTO person (team, email, born, doc, raw, amount) VALUES
 (3, 'k4n4ri3 Mustermann', '1987-06-05', '{"name": "k4n4ri3"}', x'00ff41', 1234.56),
 (3, 'k4n4ri3\\tMustermann\\'s', NULL, NULL, NULL, NULL),
 (2, 'K4N4RI3 MUSTERMANN', NULL, NULL, NULL, NULL);
"""
UNIQUE = {
    "postgres": "CREATE UNIQUE INDEX one ON person (lower(email));\n",
    "mysql": "CREATE UNIQUE INDEX one ON person (email);\n",
}

Cases = Callable[..., tuple[FailingCase, ...]]


def files(dialect: str, change: str, more: str = "") -> dict[str, str]:
    old = PG if dialect == "postgres" else MY
    schema = "".join(f"{s};" for s in old.split(";") if "CREATE T" in s and "TRIGGER" not in s)
    return {
        "migsafe.toml": f'dialect = "{dialect}"\n[samples]\npath = "samples"\n{more}',
        "migrations/0001_old.sql": schema,
        "migrations/0002_change.sql": change,
        "samples/old.sql": old,
        "samples/samples.toml": '[[sample]]\nfile = "old.sql"\nversion = "0001"\n',
    }


@pytest.fixture
def cases(project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Cases:
    def check(content: dict[str, str], *, made: bool = False) -> tuple[FailingCase, ...]:
        monkeypatch.chdir(project(content))
        opened = open_all(Request(today="2026-01-01"))[0]
        return failing_cases(opened, Severity.ERROR, Effort(made=made))[1]

    return check


def proven(seed: Seed) -> None:
    assert seed.text, seed.why_not
    assert seed.masked
    assert seed.checks.failure_kept
    good, of = seed.checks.classes_kept
    assert good == of
    assert (seed.checks.originals_left, seed.checks.refused) == (0, ())
    for word in ("k4n4ri3", "mustermann", "1987", "987654", "1234.56"):
        assert word not in seed.text.lower()


def check_again(inside: Callable[..., object], root: Path, seed: Seed) -> list[str]:
    """The errors that a check shows with the seed as its only sample."""
    (root / "samples/old.sql").write_text(seed.text, encoding="utf-8")
    run = inside("check", "--no-made", "--format", "json", cwd=root)
    return [g["error"] for g in run.json["replay"]["groups"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
def test_two_rows_and_their_parents_are_left_and_fail_again(dialect, cases, inside, request):
    request.getfixturevalue(dialect)
    case = next(c for c in cases(files(dialect, UNIQUE[dialect])) if c.kind == "raised")
    assert (case.path, case.version) == ("migrations/0002_change.sql", "0001")
    seed = shrink(case)
    proven(seed)
    assert dict(seed.rows)["person"] == 2
    assert seed.total <= 4 < seed.rows_before
    assert check_again(inside, Path.cwd(), seed) == [case.error]


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
@pytest.mark.slow
def test_values_of_every_type_are_written_and_read_again(dialect, cases, request):
    request.getfixturevalue(dialect)
    change = (
        "ALTER TABLE person ADD CONSTRAINT young CHECK (born > '2000-01-01' OR amount < 1000);\n"
    )
    found = cases(files(dialect, change))
    case = next(c for c in found if c.kind == "raised")
    seed = shrink(case)
    proven(seed)
    assert dict(seed.rows)["person"] == 1
    assert seed.masked_columns >= 4
    if dialect == "postgres":
        assert "OVERRIDING SYSTEM VALUE" in seed.text
        assert "'content'" in seed.text
        assert "setval" in seed.text


@pytest.mark.usefixtures("postgres")
@pytest.mark.slow
def test_what_only_a_made_up_row_shows(cases, inside):
    change = "UPDATE person SET email = '';\nALTER TABLE team ADD CHECK (parent IS NULL);\n"
    change += "ALTER TABLE person ALTER COLUMN team SET NOT NULL;\n"
    found = [c for c in cases(files("postgres", change), made=True) if c.made]
    assert found
    seed = shrink(found[0])
    proven(seed)
    assert check_again(inside, Path.cwd(), seed) == [found[0].error]


@pytest.mark.usefixtures("postgres")
@pytest.mark.slow
def test_a_launch_query_and_a_text_alone_need_no_rows(cases, project):
    more = '[launch]\nqueries = "launch.sql"\n'
    content = files("postgres", "ALTER TABLE person DROP COLUMN born;\n", more)
    found = cases({**content, "launch.sql": "SELECT born FROM person;\n"})
    launch = next(c for c in found if c.kind == "launch-query")
    seed = shrink(launch)
    proven(seed)
    assert seed.rows == ()
    alone = next(c for c in found if c.failure is None)
    seed = shrink(alone)
    proven(seed)
    assert seed.rows == ()


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
@pytest.mark.slow
def test_the_smallest_dump_is_kept_where_that_is_asked(dialect, project, inside, request):
    request.getfixturevalue(dialect)
    root = project(files(dialect, UNIQUE[dialect]))
    run = inside("check", "--no-made", "--keep-failing", "failing", cwd=root)
    assert run.code == 1
    assert "smallest database: " in run.out
    assert CANARY not in run.out + run.err
    names = sorted(p.name for p in (root / "failing").iterdir())
    assert names == [
        ".gitignore", "1-unique-index-over-duplicates.sql", "README.md", "samples.toml",
    ]  # fmt: skip
    text = (root / "failing" / names[1]).read_text()
    assert "k4n4ri3" in text.lower()  # that is its purpose
    again = inside("check", "--no-made", "--samples", "failing", "--format", "json", cwd=root)
    assert again.code == 1
    assert again.json["findings"][0]["rule"] == "unique-index-over-duplicates"


DUMPED = """
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.child (id integer NOT NULL, parent integer, name text);
CREATE TABLE public.parent (id integer NOT NULL, name text);
CREATE SEQUENCE public.parent_id_seq AS integer START WITH 1 INCREMENT BY 1 CACHE 1;
ALTER SEQUENCE public.parent_id_seq OWNED BY public.parent.id;
ALTER TABLE ONLY public.parent ALTER COLUMN id SET DEFAULT nextval('public.parent_id_seq');
COPY public.child (id, parent, name) FROM stdin;
1\t4001\tk4n4ri3 one
2\t4002\t\\N
3\t4003\tother
\\.
COPY public.parent (id, name) FROM stdin;
4001\tk4n4ri3 Mustermann
4002\tsecond
4003\tthird
\\.
SELECT pg_catalog.setval('public.parent_id_seq', 4003, true);
ALTER TABLE ONLY public.parent ADD CONSTRAINT parent_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.child
    ADD CONSTRAINT up FOREIGN KEY (parent) REFERENCES public.parent(id);
"""


@pytest.mark.usefixtures("postgres")
def test_a_dump_of_pg_dump_keeps_its_form_and_its_counters(cases, inside):
    change = "ALTER TABLE public.child ALTER COLUMN name SET NOT NULL;\n"
    content = files("postgres", change) | {"samples/old.sql": DUMPED}
    content["migrations/0001_old.sql"] = "".join(
        f"{s};" for s in DUMPED.split(";") if "CREATE TABLE" in s
    )
    case = next(c for c in cases(content) if c.kind == "raised")
    seed = shrink(case)
    proven(seed)
    assert dict(seed.rows) == {"parent": 1, "child": 1}
    assert "COPY" not in seed.text
    assert seed.text.index("INSERT") < seed.text.index("ADD CONSTRAINT")
    assert "setval('public.parent_id_seq', 4003" not in seed.text
    assert "setval('public.parent_id_seq', " in seed.text
    assert check_again(inside, Path.cwd(), seed) == [case.error]


@pytest.mark.usefixtures("postgres")
@pytest.mark.slow
def test_a_made_up_row_where_no_samples_are_configured(cases):
    change = "ALTER TABLE person ALTER COLUMN email SET NOT NULL;\n"
    content = {k: v for k, v in files("postgres", change).items() if "samples" not in k}
    content["migsafe.toml"] = 'dialect = "postgres"\n'
    case = next(c for c in cases(content, made=True) if c.made)
    seed = shrink(case)
    proven(seed)
    assert (dict(seed.rows)["person"], seed.version) == (1, "0001")
    assert "CREATE TABLE person" in seed.text
