"""Migrations as values: places, statements, operations, and the history that orders them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from migsafe.errors import BrokenHistory
from migsafe.model.release import Released
from migsafe.model.schema import Index, Sequence, Table, Trigger, UserType, View


class Dialect(StrEnum):
    """The SQL dialects of the contract."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    MYSQL = "mysql"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file. Lines and columns are 1-based, the end is exclusive."""

    path: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0

    def covers(self, line: int) -> bool:
        """Whether the line lies within this stretch."""
        return self.line <= line <= max(self.line, self.end_line)


class Kind(StrEnum):
    """What an operation does; the values are the facts' vocabulary."""

    CREATE_TABLE = "create_table"
    DROP_TABLE = "drop_table"
    RENAME_TABLE = "rename_table"
    ADD_COLUMN = "add_column"
    DROP_COLUMN = "drop_column"
    RENAME_COLUMN = "rename_column"
    ALTER_COLUMN = "alter_column"
    ADD_CONSTRAINT = "add_constraint"
    DROP_CONSTRAINT = "drop_constraint"
    CREATE_INDEX = "create_index"
    DROP_INDEX = "drop_index"
    CREATE_TRIGGER = "create_trigger"
    DROP_TRIGGER = "drop_trigger"
    CREATE_VIEW = "create_view"
    DROP_VIEW = "drop_view"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    SELECT = "select"
    PRAGMA = "pragma"
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"
    RELEASE = "release"
    ATTACH = "attach"
    DETACH = "detach"
    VACUUM = "vacuum"
    MAINTENANCE = "maintenance"  # ANALYZE, EXPLAIN: changes neither schema nor rows
    # What only servers have. What an ALTER TABLE does beyond the kinds above is `table_option`.
    VALIDATE_CONSTRAINT = "validate_constraint"
    ALTER_CONSTRAINT = "alter_constraint"
    RENAME_CONSTRAINT = "rename_constraint"
    RENAME_INDEX = "rename_index"
    RENAME_VIEW = "rename_view"
    ALTER_INDEX = "alter_index"
    ATTACH_PARTITION = "attach_partition"
    DETACH_PARTITION = "detach_partition"
    TABLE_OPTION = "table_option"  # `name` says which, `value` what it becomes
    TRUNCATE = "truncate"
    LOCK_TABLE = "lock_table"
    REINDEX = "reindex"
    CLUSTER = "cluster"
    REFRESH_VIEW = "refresh_view"
    CREATE_TYPE = "create_type"  # enum, domain, composite, range: `options` say which
    ALTER_TYPE = "alter_type"
    DROP_TYPE = "drop_type"
    CREATE_SEQUENCE = "create_sequence"
    ALTER_SEQUENCE = "alter_sequence"
    DROP_SEQUENCE = "drop_sequence"
    CREATE_FUNCTION = "create_function"
    DROP_FUNCTION = "drop_function"
    CREATE_SCHEMA = "create_schema"
    DROP_SCHEMA = "drop_schema"
    CREATE_EXTENSION = "create_extension"
    DROP_EXTENSION = "drop_extension"
    CREATE_POLICY = "create_policy"
    DROP_POLICY = "drop_policy"
    CREATE_OTHER = "create_other"  # an object that rules know only by its kind: `value`
    ALTER_OTHER = "alter_other"
    DROP_OTHER = "drop_other"
    GRANT = "grant"
    REVOKE = "revoke"
    COMMENT = "comment"
    SET = "set"  # a setting of the session: `name`, `value`; option local
    CALL = "call"
    BLOCK = "block"  # DO: what it does follows as operations of their own, option nested
    COPY = "copy"
    OPAQUE = "opaque"  # program code that lint cannot read
    UNREAD = "unread"  # SQL that nothing could read; never taken as safe


@dataclass(frozen=True, slots=True)
class Assignment:
    """One column that an INSERT or UPDATE fills, and what fills it.

    `kind`: column (a plain column of a source table), literal, null, parameter, subquery
    (a scalar subquery), star (a whole row by position), expression. `source_table` and
    `source_column` name the column that a plain column or a scalar subquery's one output column
    comes from, where that is certain. `guarded` is True where NULL cannot come through (literal,
    COALESCE or IFNULL ending in something not NULL, count(*), ...).
    """

    column: str
    expression: str
    kind: str
    source_table: str = ""
    source_column: str = ""
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A name used in a statement. `role` is read or write; `column` is "" for a table.

    `quote` is the quote character it was written in, "" for none. `table` is resolved through
    aliases, "" where it is not certain.
    """

    role: str
    table: str
    column: str = ""
    quote: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Feature:
    """Something a statement needs that older engines lack.

    `since` is the first version that has it ("3.35.0"), `since_number` the same as a number
    (3035000); `extension` what it belongs to (json, fts5, math, ...), "" for the core; `source`
    where that is written. `line` counts from 0 at the statement's first line.
    """

    name: str
    since: str
    since_number: int
    extension: str = ""
    source: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a statement does. Which fields are used depends on `kind`.

    `table` is the table acted on; `name` an index, trigger, view, constraint, pragma or savepoint;
    `definition` the object created (Table, Index, Trigger, View, UserType, Sequence), or for an
    added or altered column a table of that one column with its constraints (`complete` False);
    `columns` the explicit
    column list of an INSERT, or the columns of a dropped or added constraint; `where` the
    predicate's source text, None for none; `value` a pragma's value ("" when only read), an
    attached file, the text that could not be read; `conflict` IGNORE, REPLACE, ... of an INSERT or
    UPDATE, "UPSERT" for ON CONFLICT; `sources` the tables an INSERT .. SELECT, UPDATE .. FROM or
    CREATE TABLE .. AS reads in its outer FROM; `narrowing` what can drop source rows on the
    way: where, join, distinct, group, limit (tuple of those words); `query` the source text of the
    SELECT or VALUES that gives an INSERT's rows; `options` what else the statement says, as
    lower-case words with what they are given: concurrently, not valid, cascade, only, or replace,
    local, `algorithm=inplace`, `lock=none`, `using=<expression>`, `using index=<name>`,
    `after=<column>`; nested stands for an operation in the body of a DO block or procedure, loop
    and conditional for what stands in such parts of it. `body` is what a procedure does once it is
    called.
    """

    kind: Kind
    table: str = ""
    column: str = ""
    name: str = ""
    new_name: str = ""
    definition: Table | Index | Trigger | View | UserType | Sequence | None = None
    if_exists: bool = False
    if_not_exists: bool = False
    temporary: bool = False
    where: str | None = None
    value: str = ""
    conflict: str = ""
    columns: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    sources: tuple[str, ...] = ()
    narrowing: tuple[str, ...] = ()
    query: str = ""
    references: tuple[Reference, ...] = ()
    options: tuple[str, ...] = ()
    line: int = 0
    body: tuple[Operation, ...] = ()

    def option(self, name: str) -> str | None:
        """What an option is given: "" where it stands alone, None where it is not there."""
        for option in self.options:
            word, _, value = option.partition("=")
            if word == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a migration, in its own words.

    `sql` is the exact source slice, without the terminating semicolon (for an `op.*` call: the
    source of the call, with `origin` "call"). `operations` and `features` are None until the
    statement is read.
    `in_transaction` and `conditional` (run only under a condition in program code) are None or
    False until they are known. `repeated`: a loop in program code, that ends no transaction, runs
    it as often as the data wants. `fresh`: what it repeats has shipped before, so that only a
    new database runs it (Django's squashed migrations).
    """

    sql: str
    span: Span
    origin: str = "sql"  # sql | call | code
    operations: tuple[Operation, ...] | None = None
    features: tuple[Feature, ...] | None = None
    in_transaction: bool | None = None
    foreign_keys: bool | None = None
    conditional: bool = False
    repeated: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Migration:
    """One revision: what leads up to it, and its upgrade statements in order.

    `transactional`: None where the project's setting decides, else what the file itself says.
    `program` is True where the upgrade is program code, so that only its own runner can run it.
    `comments` are (line, text) of comments that start with "migsafe:", `one_way` (line, reason) of
    what refuses the way back.
    """

    revision: str
    path: str
    parents: tuple[str, ...] = ()
    title: str = ""
    statements: tuple[Statement, ...] = ()
    downgrade: tuple[Statement, ...] = ()
    transactional: bool | None = None
    program: bool = False
    comments: tuple[tuple[int, str], ...] = ()
    digest: str = ""
    one_way: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CodeStep:
    """A file of program code that takes its turn among SQL migrations, and that nothing reads.

    It runs before, or as a part of, the migration with the revision `before` ("": after the last).
    """

    path: str
    before: str


@dataclass(frozen=True, slots=True)
class History:
    """All migrations of one project, parents before children, with exactly one head.

    `begins_with_rows`: the driver opens that transaction only before the first statement that
    writes rows, as Python's sqlite3 does (docs.python.org, sqlite3, transaction control).
    `ignored` are files of the folder that are no migrations, relative to the project; those of
    them that take their turn among the migrations are `code` as well. `out_of_order`: a migration
    that comes to stand before one that a database has had is run there all the same. `released` are
    those that the release lock remembers, whatever became of them.
    """

    dialect: Dialect
    framework: str
    migrations: tuple[Migration, ...]
    version_tables: tuple[str, ...] = ()
    version_query: str = ""  # a SELECT on the old database that gives its revision
    transactional: bool = True  # does the runner wrap each migration, where the file is silent?
    one_transaction: bool = False  # does one transaction wrap all pending migrations?
    begins_with_rows: bool = False
    ignored: tuple[str, ...] = ()
    code: tuple[CodeStep, ...] = ()
    out_of_order: bool = False
    released: tuple[Released, ...] = field(default=(), repr=False)
    _index: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._index.update({m.revision: i for i, m in enumerate(self.migrations)})

    @property
    def head(self) -> str:
        """The newest revision."""
        return self.migrations[-1].revision

    def get(self, revision: str) -> Migration | None:
        """The migration of that revision, or None."""
        at = self._index.get(revision)
        return None if at is None else self.migrations[at]

    def pending(self, revision: str | None) -> tuple[Migration, ...]:
        """What a database at `revision` (None: before the first) has still to run, in order.

        Raises KeyError for a revision that the history does not know.
        """
        if revision is None:
            return self.migrations
        done = self._ancestors(revision)
        return tuple(m for m in self.migrations if m.revision not in done)

    def _ancestors(self, revision: str) -> set[str]:
        seen: set[str] = set()
        todo = [revision]
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            todo.extend(self.migrations[self._index[name]].parents)
        return seen


def ordered(migrations: list[Migration]) -> tuple[Migration, ...]:
    """Parents before children, in a stable order; the last one is the only head.

    Raises BrokenHistory for a duplicate revision, a missing parent, a cycle or several heads.
    """
    by_revision: dict[str, Migration] = {}
    for migration in migrations:
        other = by_revision.setdefault(migration.revision, migration)
        if other is not migration:
            raise BrokenHistory(
                f"revision {migration.revision} exists twice: {other.path} and {migration.path}",
                place=migration.path,
                hint="give one of them another revision and put it after the other",
            )
    _require_parents(by_revision)
    done = _topological(migrations, by_revision)
    _require_one_head(done)
    return tuple(done)


def _require_parents(by_revision: dict[str, Migration]) -> None:
    for migration in by_revision.values():
        for parent in migration.parents:
            if parent not in by_revision:
                raise BrokenHistory(
                    f"revision {migration.revision} follows {parent}, which does not exist",
                    place=migration.path,
                    hint="restore the missing migration or correct the parent's name",
                )


def _topological(migrations: list[Migration], by_revision: dict[str, Migration]) -> list[Migration]:
    waiting = {m.revision: set(m.parents) for m in migrations}
    children: dict[str, list[str]] = {}
    for migration in migrations:
        for parent in migration.parents:
            children.setdefault(parent, []).append(migration.revision)
    ready = [m.revision for m in reversed(migrations) if not m.parents]
    done: list[Migration] = []
    while ready:
        name = ready.pop()
        done.append(by_revision[name])
        for child in reversed(children.get(name, [])):
            waiting[child].discard(name)
            if not waiting[child]:
                ready.append(child)
    if len(done) < len(migrations):
        stuck = sorted(set(by_revision) - {m.revision for m in done})
        raise BrokenHistory(
            f"the history runs in a circle through {', '.join(stuck[:5])}",
            place=by_revision[stuck[0]].path,
            hint="one of these must follow an earlier revision",
        )
    return done


def _require_one_head(done: list[Migration]) -> None:
    followed = {parent for m in done for parent in m.parents}
    heads = [m for m in done if m.revision not in followed]
    if len(heads) > 1:
        names = ", ".join(f"{m.revision} ({m.path})" for m in heads)
        raise BrokenHistory(
            f"the history has {len(heads)} heads: {names}",
            place=heads[-1].path,
            hint="merge them, or let the newer one follow the other",
        )
