"""What migration tools note of a migration that ran or failed, and when they refuse to start."""

from __future__ import annotations

from dataclasses import dataclass

from migsafe.model.migration import Dialect


@dataclass(frozen=True, slots=True)
class Noted:
    """What a tool finds at its start.

    `removed` and `edited` are versions that it has run and whose file is gone or another one now;
    `late` are those that it has not run and that stand before one that it has. `failed` is the
    version that stopped ("": none), `newest`: is what is gone newer than every file?
    """

    dialect: Dialect
    removed: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    failed: str = ""
    newest: bool = False


def refusal(tool: str, noted: Noted) -> str:
    """Why the tool does not start to migrate, in a sentence; "" where it does, or nobody can know.

    Sources: golang-migrate `migrate.go` (ErrDirty, versionExists); goose `up.go` (missing
    migrations); sqlx `migrate/migrator.rs` (Dirty, VersionMissing, VersionMismatch); Flyway's
    documentation of `validate`, `ignoreMigrationPatterns` (*:future by default) and `repair`.
    """
    check = _TOOLS.get(tool)
    return check(noted) if check else ""


def _golang_migrate(noted: Noted) -> str:
    if noted.failed:
        return (
            f"golang-migrate has marked the database dirty at {noted.failed} and runs nothing more:"
            " `migrate force VERSION` has to come first"
        )
    if noted.removed:
        return f"golang-migrate finds no file of the version {noted.removed[-1]} and runs nothing"
    return ""


def _goose(noted: Noted) -> str:
    if not noted.late:
        return ""
    return (
        f"goose runs nothing: {noted.late[0]} stands before a version that was run"
        " (-allow-missing lets it through)"
    )


def _sqlx(noted: Noted) -> str:
    if noted.failed and noted.dialect is Dialect.MYSQL:
        return f"sqlx has noted {noted.failed} as begun and not finished, and runs nothing more"
    if noted.removed:
        return f"sqlx finds no file of the version {noted.removed[-1]} and runs nothing"
    if noted.edited:
        return f"sqlx has noted another checksum of {noted.edited[-1]} and runs nothing"
    return ""


def _flyway(noted: Noted) -> str:
    if noted.failed and noted.dialect is Dialect.MYSQL:
        return f"Flyway has noted {noted.failed} as failed and runs nothing: `flyway repair` first"
    if noted.edited:
        return (
            f"Flyway has noted another checksum of {noted.edited[-1]} and runs nothing:"
            " `flyway repair` first"
        )
    if noted.removed and not noted.newest:
        return f"Flyway finds no file of the version {noted.removed[-1]} and runs nothing"
    return ""


_TOOLS = {
    "golang-migrate": _golang_migrate,
    "goose": _goose,
    "sqlx": _sqlx,
    "flyway": _flyway,
}


def stamp(tool: str, versions: tuple[str, ...], failed: str = "") -> tuple[str, ...]:
    """The statements by which the tool notes these versions, oldest first, in its own table.

    `failed` is the one that stopped. () for a tool without a table of its own, or one that notes
    its versions itself while it is replayed.
    """
    if tool == "golang-migrate" and (versions or failed):
        row = f"{int(failed or versions[-1])}, {1 if failed else 0}"
        return (
            "DELETE FROM schema_migrations",
            f"INSERT INTO schema_migrations (version, dirty) VALUES ({row})",
        )
    form = _FORMS.get(tool, "")
    texts = ((_number(v), v.replace("'", "''")) for v in versions if form)
    return tuple(form.format(number=number, text=text) for number, text in texts)


def _number(version: str) -> str:
    return str(int(version)) if version.isdecimal() else "0"


_FORMS = {
    "goose": "INSERT INTO goose_db_version (version_id, is_applied) VALUES ({number}, 1)",
    "dbmate": "INSERT INTO schema_migrations (version) VALUES ('{text}')",
    "sqlx": (
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)"
        " VALUES ({number}, '', 1, X'', 0)"
    ),
    "flyway": (
        "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script,"
        " installed_by, execution_time, success) SELECT coalesce(max(installed_rank), 0) + 1,"
        " '{text}', '', 'SQL', '', '', 0, 1 FROM flyway_schema_history"
    ),
}
