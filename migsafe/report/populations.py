"""The three populations of a hotfix in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from migsafe.model.fix_for import FixFor, Population

Style = Callable[[str, str], str]
_SHOWN = 8  # lines of one kind without -v


def lines(fix_for: FixFor, style: Style, verbosity: int) -> Iterator[str]:
    """What the hotfix for the incident does to each kind of database."""
    yield f"the hotfix for {fix_for.incident} meets"
    for population in fix_for.populations:
        yield f"  {style(_head(population), 'blocker' if population.failed else 'good')}"
        inner = list(_inner(population, style))
        shown = inner if verbosity >= 1 else inner[:_SHOWN]
        yield from (f"    {line}" for line in shown)
        if len(shown) < len(inner):
            yield style(f"    and {len(inner) - len(shown)} more (-v shows them)", "dim")


def _head(population: Population) -> str:
    number, failed = population.databases, population.failed
    if not number:
        return f"{population.kind}: no database"
    if not failed:
        all_ = "the database comes" if number == 1 else f"all {number:,} databases come"
        return f"{population.kind}: {all_} through"
    fails = "fails" if failed == 1 else "fail"
    return f"{population.kind}: {failed:,} of {_databases(number)} {fails}"


def _databases(number: int) -> str:
    return f"{number:,} database{'' if number == 1 else 's'}"


def _inner(population: Population, style: Style) -> Iterator[str]:
    if population.made:
        made = ", ".join(f"{n:,} {how}" for how, n in population.made)
        yield style(f"({made})", "dim")
    for path, line, rule, message, hit in population.findings:
        yield f"{style(f'{path}:{line}', 'path')}  {rule}: {message} ({_databases(hit)})"
    for trouble in population.troubles:
        severity = style(str(trouble.severity), str(trouble.severity))
        yield f"{severity}: {trouble.sentence} ({_databases(len(trouble.databases))})"
    for note in population.notes:
        yield style(f"note: {note}", "dim")


def failing(fix_for: FixFor) -> list[str]:
    """The kinds of database that the hotfix fails on, for the verdict."""
    names = [str(p.kind) for p in fix_for.populations if p.failed]
    return [f"the hotfix fails on databases {'; '.join(names)}"] if names else []


def document(fix_for: FixFor) -> dict[str, object]:
    """The same as plain values."""
    return {
        "incident": fix_for.incident,
        "populations": [_document(p) for p in fix_for.populations],
    }


def _document(population: Population) -> dict[str, object]:
    names = ("path", "line", "rule", "message", "databases")
    return {
        "name": str(population.kind),
        "databases": population.databases,
        "failed": population.failed,
        "made": [{"how": how, "databases": n} for how, n in population.made],
        "findings": [dict(zip(names, f, strict=True)) for f in population.findings],
        "troubles": [
            {
                "what": t.what,
                "severity": str(t.severity),
                "sentence": t.sentence,
                "databases": list(t.databases),
            }
            for t in population.troubles
        ],
        "notes": list(population.notes),
    }
