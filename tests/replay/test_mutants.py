"""Mutants of whole migrations: dropped, reordered, evenly spread, and always the same."""

from __future__ import annotations

from migsafe.model.migration import Dialect, History, Migration
from migsafe.replay.mutants import Mutant, mutants
from migsafe.sql.split import split

REBUILD = """\
CREATE TABLE n (id INTEGER PRIMARY KEY, a);
INSERT INTO n SELECT id, a FROM o;
DROP TABLE o;
"""


def made(
    script: str, limit: int = 200, *, wrapped: bool = True, program: bool = False
) -> tuple[Mutant, ...]:
    statements = split(script, Dialect.SQLITE, "m/0007.sql")
    migration = Migration("0007", "m/0007.sql", statements=statements, program=program)
    history = History(Dialect.SQLITE, "numbered", (migration,))
    return mutants(history, (migration,), limit, {"0007": wrapped})


def told(found: tuple[Mutant, ...]) -> list[tuple[int, str, str]]:
    """(line, what, the statements' first words) of each mutant."""
    return [(m.place.line, m.what, order(m)) for m in found]


def order(mutant: Mutant) -> str:
    return ", ".join(" ".join(s.sql.split()[:2]) for s in mutant.migration.statements)


def test_each_statement_is_dropped_and_neighbours_on_one_table_change_places():
    assert told(made(REBUILD)) == [
        (1, "without this statement", "INSERT INTO, DROP TABLE"),
        (1, "run after the next statement", "INSERT INTO, CREATE TABLE, DROP TABLE"),
        (2, "without this statement", "CREATE TABLE, DROP TABLE"),
        (2, "run after the next statement", "CREATE TABLE, DROP TABLE, INSERT INTO"),
        (3, "without this statement", "CREATE TABLE, INSERT INTO"),
    ]


def test_neighbours_that_do_not_meet_stay_in_order():
    script = "UPDATE a SET x = 1;\nUPDATE b SET x = 1;\nCREATE INDEX i ON b (x);\nDROP VIEW v;\n"
    assert {m.what for m in made(script)} == {"without this statement"}


def test_a_statement_that_repeats_its_neighbour_gives_no_mutant_of_the_order():
    assert told(made("UPDATE a SET x = x + 1;\nUPDATE a\nSET x = x + 1;\n")) == [
        (1, "without this statement", "UPDATE a"),
        (2, "without this statement", "UPDATE a"),
    ]


def test_what_changes_nothing_is_not_dropped():
    script = "SELECT 1;\nANALYZE;\nVACUUM;\nPRAGMA cache_size = 10;\nPRAGMA user_version;\n"
    assert made(script) == ()


def test_a_weakened_statement_keeps_its_place_and_tells_its_own_line():
    script = "SELECT 1;\n\n  INSERT INTO n (id)\n  SELECT id FROM o\n  LEFT JOIN p USING (id);\n"
    (mutant,) = [m for m in made(script) if "JOIN" in m.what]
    assert (mutant.place.line, mutant.place.column) == (5, 3)
    changed = mutant.migration.statements[1]
    assert changed.sql.endswith("FROM o\n  JOIN p USING (id)")
    assert (changed.span.line, changed.span.column) == (3, 3)
    assert changed.operations is not None
    assert changed.operations[0].table == "n"


def test_the_version_moves_where_no_transaction_holds_all_together():
    script = "UPDATE t SET a = 1;\nPRAGMA user_version = 7;\n"
    dropped = (2, "without this statement", "UPDATE t")
    moved = (2, "run as the first statement", "PRAGMA user_version, UPDATE t")
    assert told(made(script, wrapped=True))[1:] == [dropped]
    assert told(made(script, wrapped=False))[1:] == [dropped, moved]
    first = "PRAGMA user_version = 7;\nUPDATE t SET a = 1;\n"
    assert (1, "run as the last statement", "UPDATE t, PRAGMA user_version") in told(
        made(first, wrapped=False)
    )


def test_a_transaction_of_the_file_goes_as_a_whole():
    script = "BEGIN;\nUPDATE t SET a = 1;\nCOMMIT;\n"
    assert told(made(script, wrapped=False)) == [
        (2, "without this statement", "BEGIN, COMMIT"),
        (1, "without this transaction", "UPDATE t"),
    ]


def test_what_cannot_be_read_is_only_left_alone():
    assert made("FROBNICATE t;\n") == ()


def test_program_code_has_no_mutants():
    assert made(REBUILD, program=True) == ()


def test_the_limit_spreads_evenly_and_keeps_the_names():
    script = "".join(f"UPDATE t{n} SET a = 1;\n" for n in range(100))
    everything = made(script)
    some = made(script, 4)
    assert len(everything) == 100
    assert [m.place.line for m in some] == [1, 26, 51, 76]
    assert [m.id for m in some] == ["0007-1", "0007-26", "0007-51", "0007-76"]
    assert set(some) < set(everything)


def test_the_same_every_time():
    assert made(REBUILD) == made(REBUILD)
    ids = [m.id for m in made(REBUILD)]
    assert len(set(ids)) == len(ids)
