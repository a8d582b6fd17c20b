"""Patterns of statements -> a SELECT over the facts.

A pattern is read as a statement of the dialect, and what it says of each operation is asked of
the facts' rows about operations: what it does not mention is not asked for. A metavariable takes
the value that stands in its place, and the same value wherever it stands again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from migsafe.errors import RuleInvalid
from migsafe.facts.operations import operation_rows
from migsafe.model.evidence import Step
from migsafe.model.migration import Dialect, Kind, Operation, Span, Statement
from migsafe.model.schema import Schema
from migsafe.rules import pattern_state
from migsafe.rules.pattern_match import Match, literal
from migsafe.rules.pattern_text import METAVARIABLE, Reading, names, read
from migsafe.sql.tokens import NUMBER, STRING, WORD, tokenize

_TEXTS = ("tbl", "col", "name", "new_name", "type", "default_sql", "condition", "value",
          "conflict", "ref_tbl")  # fmt: skip
_FLAGS = ("not_null", "is_unique", "primary_key", "generated", "if_exists", "if_not_exists",
          "temporary", "concurrently", "not_valid", "cascades", "nested")  # fmt: skip
_COLUMNS = (
    "id", "statement", "kind", "tbl", "col", "name", "new_name", "type", "not_null", "default_sql",
    "is_unique", "primary_key", "generated", "if_exists", "if_not_exists", "temporary",
    "condition", "value", "conflict", "narrowing", "table_existed", "table_in_migration", "line",
    "ref_tbl", "concurrently", "not_valid", "cascades", "nested", "options", "new_rows",
)  # fmt: skip
"""The columns of the facts table `operation`, in its order."""


def compiled(pattern: str, unless: Sequence[str], where: str, dialects: Sequence[Dialect]) -> str:
    """The SELECT that finds what the pattern fits, `unless` it fits one of the others as well.

    It gives `statement`, `line`, `tbl`, `col` and a column for each metavariable. `where` is SQL
    over `o` (operation_in_migration) and the metavariables, written `$T`.

    Raises RuleInvalid, without a place, for a pattern that some dialect cannot read, or of which
    something is not kept in the facts.
    """
    queries = {d: _query(pattern, unless, where, d) for d in dialects}
    if len(set(queries.values())) == 1:
        return next(iter(queries.values()))
    spoken = "(SELECT value FROM project WHERE key = 'dialect')"
    parts = (f"SELECT * FROM (\n{q}\n) WHERE {spoken} = '{d}'" for d, q in queries.items())
    return "\nUNION ALL\n".join(parts)


def _query(pattern: str, unless: Sequence[str], where: str, dialect: Dialect) -> str:
    _require_names(pattern, unless, where)
    main = _kept(pattern, dialect)
    conditions = [_not(other, pattern, dialect) for other in unless]
    if where:
        said = METAVARIABLE.sub(lambda m: f'p."{m["name"]}"', where.strip())
        conditions.append(f"({said})")
    lines = [f"WITH p AS ({main})", f"SELECT o.statement, o.line, o.tbl, o.col{_chosen(pattern)}"]
    lines.append("  FROM p JOIN operation_in_migration o ON o.id = p.operation")
    if conditions:
        lines.append(" WHERE " + "\n   AND ".join(conditions))
    return "\n".join(lines)


def _not(other: str, pattern: str, dialect: Dialect) -> str:
    """The condition that the statement is not of another shape, with the same values."""
    shared = [n for n in names(other) if n in names(pattern)]
    same = "".join(f' AND lower(u."{n}") = lower(p."{n}")' for n in shared)
    unsafe = f"u WHERE u.statement = p.statement{same}"
    return f"NOT EXISTS (SELECT 1 FROM ({_kept(other, dialect)}) {unsafe})"


def _chosen(pattern: str) -> str:
    return "".join(f', p."{n}"' for n in names(pattern))


def _require_names(pattern: str, unless: Sequence[str], where: str) -> None:
    reserved = {"STATEMENT", "LINE", "OPERATION"} & {
        n for p in (pattern, *unless) for n in names(p)
    }
    if reserved:
        raise RuleInvalid(
            f"${min(reserved)} cannot be a metavariable's name: it has a meaning already"
        )
    unknown = set(names(where)) - set(names(pattern))
    if unknown:
        raise RuleInvalid(f"where names ${min(unknown)}, which is not in the pattern")


# -- one pattern ----------------------------------------------------------------------------------


def _kept(pattern: str, dialect: Dialect) -> str:
    """The SELECT for one pattern, all of whose words are asked for."""
    reading = read(pattern, dialect)
    match = _match(reading, dialect)
    lost = [n for n in names(pattern) if n not in match.bound]
    if lost:
        raise RuleInvalid(
            f"${lost[0]} is lost: the facts of {dialect} do not keep what stands there",
            hint=f"write $... in its place, or `find` instead of a pattern: {pattern.strip()}",
        )
    if word := _unheard(reading, match, dialect):
        raise RuleInvalid(
            f"{word} in the pattern is not asked for: the facts of {dialect} do not keep it",
            hint="leave it out, or write `find` instead of a pattern",
        )
    return _select(match, names(pattern))


def _select(match: Match, wanted: Iterable[str]) -> str:
    chosen = "".join(f', {match.bound[n]} AS "{n}"' for n in wanted)
    joins = "".join(f" JOIN {j}" for j in match.joins)
    where = " AND ".join(match.conditions)
    return f"SELECT o1.statement, o1.id AS operation{chosen} FROM operation o1{joins} WHERE {where}"


def _match(reading: Reading, dialect: Dialect) -> Match:
    match = Match(reading.words)
    rows = _rows(reading.operations, dialect)
    for number, operation in enumerate(reading.operations, 1):
        o = f"o{number}"
        if number > 1:
            match.joins.append(f"operation {o} ON {o}.statement = o1.statement AND {o}.id <> o1.id")
        _ask(match, o, rows[number - 1])
        pattern_state.ask(match, o, operation)
        _Lists(match, o, operation).ask()
    return match


def _rows(found: tuple[Operation, ...], dialect: Dialect) -> list[dict[str, object]]:
    """The rows of the facts table `operation` for these operations, on an unknown schema."""
    unknown = Schema(complete=False)
    step = Step(1, "", 1, Statement("", Span("", 1), operations=found), unknown, unknown)
    rows = operation_rows((step,), dialect)["operation"]
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


def _ask(match: Match, o: str, row: dict[str, object]) -> None:
    match.conditions.append(f"{o}.kind = {literal(str(row['kind']))}")
    for name in _TEXTS:
        if row[name] and not match.is_rest(str(row[name])):
            match.text(f"{o}.{name}", str(row[name]))
    match.conditions.extend(f"{o}.{name} = 1" for name in _FLAGS if row[name])
    for word in str(row["narrowing"]).split():
        match.conditions.append(f"' ' || {o}.narrowing || ' ' LIKE '% {word} %'")
    for option in filter(None, str(row["options"]).strip(", ").split(", ")):
        _option(match, f"{o}.options", option)


def _option(match: Match, column: str, option: str) -> None:
    name, mark, value = option.partition("=")
    if not match.holds(value):
        match.conditions.append(f"{column} LIKE {literal(f'%, {option}, %')}")
        return
    start = f", {name}{mark}"
    rest = f"substr({column}, instr({column}, {literal(start)}) + {len(start)})"
    end = f"length({rest}) - 2" if name == "using" else f"instr({rest}, ', ') - 1"
    match.conditions.append(f"instr({column}, {literal(start)})")
    match.text(f"substr({rest}, 1, {end})", value)


@dataclass(frozen=True, slots=True)
class _Lists:
    """What is asked of an operation's lists: columns, assignments, sources."""

    match: Match
    o: str
    operation: Operation
    used: list[str] = field(default_factory=list)

    def ask(self) -> None:
        self._columns()
        self._assignments()
        for table in self.operation.sources:
            if not self.match.is_rest(table):
                alias = self._join("operation_source")
                self.match.text(f"{alias}.tbl", table)

    def _columns(self) -> None:
        listed = pattern_state.listed_columns(self.operation)
        if not listed:
            return
        total = f"(SELECT count(*) FROM operation_column x WHERE x.operation = {self.o}.id)"
        rest = [i for i, (name, _) in enumerate(listed) if self.match.is_rest(name)]
        if not rest:
            self.match.conditions.append(f"{total} = {len(listed)}")
        for at, (name, collation) in enumerate(listed):
            if at in rest:
                continue
            alias = self._join("operation_column")
            behind = bool(rest) and at > rest[0]
            place = f"{total} - {len(listed) - 1 - at}" if behind else str(at + 1)
            self.match.conditions.append(f"{alias}.position = {place}")
            self.match.text(f"{alias}.col", name)
            if collation:
                self.match.text(f"{alias}.collation", collation)

    def _assignments(self) -> None:
        fills = self.operation.assignments
        told = [a for a in fills if not self._is_rest(a.column, a.expression)]
        if self.operation.kind is Kind.UPDATE and len(told) == len(fills):
            total = f"(SELECT count(*) FROM assignment x WHERE x.operation = {self.o}.id)"
            self.match.conditions.append(f"{total} = {len(fills)}")
        for fill in told:
            alias = self._join("assignment")
            if fill.kind == "star":
                self.match.conditions.append(f"{alias}.kind = 'star' AND {alias}.position = 1")
                continue
            if self.operation.kind is Kind.UPDATE:
                self.match.text(f"{alias}.col", fill.column)
            if not self.match.is_rest(fill.expression):
                self.match.text(f"{alias}.expression", fill.expression)

    def _is_rest(self, *texts: str) -> bool:
        if self.operation.kind is Kind.UPDATE:
            return self.match.is_rest(texts[0])
        return any(self.match.is_rest(t) for t in texts)

    def _join(self, table: str) -> str:
        alias = (
            f"{self.o}_{table[:3] if table != 'operation_source' else 'src'}{len(self.used) + 1}"
        )
        self.match.joins.append(f"{table} {alias} ON {alias}.operation = {self.o}.id")
        if table == "assignment":
            others = [u for u in self.used if "_ass" in u]
            self.match.conditions.extend(f"{alias}.position <> {u}.position" for u in others)
        self.used.append(alias)
        return alias


# -- is every word asked for? ---------------------------------------------------------------------

_SILENT = frozenset(
    {"COLUMN", "TABLE", "INTO", "AS", "TO", "TRANSACTION", "WORK", "SESSION", "ASC", "RESTRICT",
     "CONSTRAINT", "INDEX", "KEY", "INNER", "OUTER", "MODE", "DEFERRED"}
)  # fmt: skip
"""Words without which a statement says the same."""

_STRUCTURE = frozenset({"SELECT", "FROM", "VALUES"})
"""Words that are there for what follows them."""


def _unheard(reading: Reading, match: Match, dialect: Dialect) -> str:
    """The first word of the pattern that changes nothing where it is another, or is left out."""
    tokens = tokenize(reading.text, dialect)
    for at, token in enumerate(tokens):
        if token.kind not in {WORD, STRING, NUMBER} or token.upper in _STRUCTURE:
            continue
        if any(spot.start <= token.start < spot.end for spot in reading.spots):
            continue
        other = "'mv_other_vm'" if token.kind == STRING else "mv_other_vm"
        if _same(reading, token.start, token.end, other, match, dialect):
            return token.text
        if token.upper in _SILENT or token.kind != WORD:
            continue
        after = tokens[at + 1] if at + 1 < len(tokens) else token
        ends = {token.end, after.end if after.kind == WORD else token.end}
        if any(_same(reading, token.start, end, "", match, dialect) for end in sorted(ends)):
            return token.text
    return ""


def _same(
    reading: Reading, start: int, end: int, other: str, match: Match, dialect: Dialect
) -> bool:
    """Would a pattern with another text there ask for the same?"""
    text = reading.text[:start] + other + reading.text[end:]
    if any(w not in text.lower() for w in reading.words):
        return False
    try:
        changed = read(text, dialect)
    except RuleInvalid:
        return False
    again = _match(Reading(text, reading.words, changed.operations), dialect)
    asked = (again.conditions, again.joins, again.bound)
    return asked == (match.conditions, match.joins, match.bound)
