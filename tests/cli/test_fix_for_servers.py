"""`migsafe check --fix-for` on real servers: what a failed migration leaves there."""

from __future__ import annotations

from typing import Any

import pytest

ACCOUNT = "CREATE TABLE account (id INTEGER PRIMARY KEY, name VARCHAR(40), client VARCHAR(40));\n"
OLD = f"{ACCOUNT}INSERT INTO account VALUES (1, 'ann', 'web'), (2, 'bob', NULL);\n"
ADD = "ALTER TABLE account ADD COLUMN note VARCHAR(40);\n"


def files(dialect: str, broken: str, fixed: str) -> dict[str, str]:
    listed = "".join(
        f"[[sample]]\nfile = '{name}.sql'\nversion = '0001'\n" for name in ("old", "sound")
    )
    return {
        "migrations/0001_account.sql": ACCOUNT,
        "migrations/0002_client.sql": fixed,
        "shipped/0001_account.sql": ACCOUNT,
        "shipped/0002_client.sql": broken,
        "samples/old.sql": OLD,
        "samples/sound.sql": OLD.replace("NULL", "'app'"),
        "samples/samples.toml": listed,
        "migsafe.toml": f"dialect = '{dialect}'\n[migrations]\npath = 'migrations'\n"
        "[samples]\npath = 'samples'\n",
    }


def kinds(run: Any) -> dict[str, tuple[int, int]]:
    found = run.json["fix_for"]["populations"]
    return {p["name"].removeprefix("updated and "): (p["databases"], p["failed"]) for p in found}


def messages(run: Any) -> set[str]:
    return {f["message"] for p in run.json["fix_for"]["populations"] for f in p["findings"]}


def check(inside: Any, root: Any) -> Any:
    return inside("check", "--broken", "shipped", "--no-made", "--format", "json", cwd=root)


def test_postgres_undoes_what_stands_in_a_transaction(project, inside, postgres):
    demand = "ALTER TABLE account ALTER COLUMN client SET NOT NULL;\n"
    fill = "UPDATE account SET client = '' WHERE client IS NULL;\n"
    wrapped = f"BEGIN;\n{ADD}{demand}COMMIT;\n"
    run = check(
        inside, project(files("postgres", wrapped, f"BEGIN;\n{ADD}{fill}{demand}COMMIT;\n"))
    )
    assert kinds(run) == {"not yet updated": (2, 0), "broken": (1, 0), "unharmed": (1, 0)}
    assert run.code == 0
    root = project(files("postgres", ADD + demand, ADD + fill + demand), "bare")
    run = check(inside, root)
    assert run.code == 1
    # Stopped at the second statement, and killed after the first.
    assert kinds(run)["broken"] == (2, 2)
    assert kinds(run)["unharmed"] == (1, 0)
    assert any("already exists" in message for message in messages(run))


@pytest.mark.slow
def test_postgres_rolled_forward_and_edited_in_place(project, inside, postgres):
    demand = "ALTER TABLE account ALTER COLUMN client SET NOT NULL;\n"
    fill = "UPDATE account SET client = '' WHERE client IS NULL;\n"
    index = "CREATE INDEX account_name ON account (name);\n"
    broken, fixed = (f"BEGIN;\n{ADD}{more}{demand}COMMIT;\n" for more in ("", fill))
    made = files("postgres", broken, fixed.replace("COMMIT", f"{index}COMMIT"))
    run = check(inside, project(made, "edited"))
    assert kinds(run) == {"not yet updated": (2, 0), "broken": (1, 0), "unharmed": (1, 1)}
    made = {**files("postgres", broken, fixed), "migrations/0003_name.sql": index}
    run = check(inside, project(made, "forward"))
    assert kinds(run) == {"not yet updated": (2, 0), "broken": (1, 0), "unharmed": (1, 0)}


def test_mysql_commits_every_change_of_the_schema(project, inside, mysql):
    demand = "ALTER TABLE account MODIFY client VARCHAR(40) NOT NULL;\n"
    fill = "UPDATE account SET client = '' WHERE client IS NULL;\n"
    wrapped = f"START TRANSACTION;\n{ADD}{demand}COMMIT;\n"
    fixed = f"START TRANSACTION;\n{ADD}{fill}{demand}COMMIT;\n"
    run = check(inside, project(files("mysql", wrapped, fixed)))
    assert run.code == 1
    assert kinds(run)["not yet updated"][0] == 2
    databases, failed = kinds(run)["broken"]
    assert databases == failed >= 1
    assert any("Duplicate column name" in message for message in messages(run))
