"""The report as one page of HTML: no script, nothing from elsewhere, to read, send and print.

It reads as the text report does, with everything that `-v` shows, and a table of the failures by
version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from migsafe.model.finding import Finding
from migsafe.model.outcome import Failure
from migsafe.model.report import MutationScore, ReplaySummary, Report
from migsafe.report import populations, words
from migsafe.report.page_style import STYLE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(report: Report) -> str:
    """The whole page, in UTF-8."""
    lines = ["<!doctype html>", '<html lang="en">', *_head(report), "<body>", "<main>"]
    lines += [*_body(report), "</main>", "</body>", "</html>"]
    return "\n".join(lines) + "\n"


def _head(report: Report) -> Iterator[str]:
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>migsafe {_text(report.command)}: {_text(str(report.conclusion))}</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"


def _body(report: Report) -> Iterator[str]:
    yield f"<h1>migsafe {_text(report.command)}</h1>"
    yield f'<p class="verdict {report.conclusion}">{_text(words.verdict(report))}</p>'
    yield f'<p class="quiet">{_text(words.head(report))}</p>'
    yield from _hotfix(report)
    opened = [f for f in report.findings if f.open]
    closed = [f for f in report.findings if not f.open]
    told: dict[str, str] = {}
    yield from _section("Findings", [x for f in opened for x in _finding(report, f, told)])
    if report.replay is not None:
        yield from _section("Where it fails, by version", list(_groups(report.replay)))
        yield from _section("Mutants", list(_mutants(report.replay.mutants)))
    yield from _section("Rewritten", _items(_rewrites(report)))
    failed = (f"{n.what} ({n.why})" for n in report.not_run if n.failed)
    yield from _section("Could not check", _items(failed))
    quiet = (f"{n.what} ({n.why})" for n in report.not_run if not n.failed)
    yield from _section("Not run", _items(quiet))
    yield from _section("Notes", _items(f"{n.what} ({n.why})" for n in report.notes))
    yield from _section("Does not count", [x for f in closed for x in _finding(report, f, told)])


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield "<section>"
        yield f"<h2>{title}</h2>"
        yield from lines
        yield "</section>"


def _items(texts: Iterable[str]) -> list[str]:
    items = [f"<li>{_text(text)}</li>" for text in texts]
    return ["<ul>", *items, "</ul>"] if items else []


def _hotfix(report: Report) -> Iterator[str]:
    if report.fix_for is not None:
        text = "\n".join(populations.lines(report.fix_for, lambda text, _: text, 1))
        yield from _section("The hotfix", [f"<pre>{_block(text)}</pre>"])


# -- findings -------------------------------------------------------------------------------------


def _finding(report: Report, finding: Finding, told: dict[str, str]) -> Iterator[str]:
    """One finding. `told` are the remedies that were shown, each with its place."""
    place = f"{finding.path}:{finding.line}"
    yield f'<article class="{finding.severity}">'
    yield (
        f'<h3><span class="severity">{finding.severity}</span> '
        f"{_text(place)} <code>{_text(finding.rule)}</code></h3>"
    )
    if finding.source:
        number = f'<span class="quiet">{finding.line:>4} | </span>'
        yield f"<pre>{number}{_text(finding.source)}</pre>"
    sentences = list(words.said(finding))
    yield f'<p class="message">{_text(sentences[0])}</p>'
    yield from (f"<p>{_text(sentence)}</p>" for sentence in sentences[1:])
    if finding.blast and len(finding.blast.versions) > 1:
        yield f'<p class="quiet">by version: {_text(words.by_version(finding.blast))}</p>'
    if finding.smallest:
        rows = words.count(finding.smallest.rows, "row")
        yield f"<p>smallest database: {rows} ({_text(finding.smallest.path)})</p>"
    if finding.open:
        yield from _advice(report, finding, told)
    else:
        yield f'<p class="quiet">{_text(words.why_not(finding))}</p>'
    yield "</article>"


def _advice(report: Report, finding: Finding, told: dict[str, str]) -> Iterator[str]:
    if finding.severity >= report.fail_on and not report.fails(finding):
        yield '<p class="quiet">does not fail: within --max-blast</p>'
    before = told.get(finding.remedy)
    if before is not None:
        yield f'<p class="quiet">instead: as at {_text(before)}</p>'
        return
    told[finding.remedy] = f"{finding.path}:{finding.line}"
    first, rest = words.remedy(finding)
    if first:
        yield f"<p>instead: {_text(first)}</p>"
    if rest:
        yield f"<pre>{_block(rest)}</pre>"
    yield f'<p class="quiet">more: <code>migsafe rules explain {_text(finding.rule)}</code></p>'


# -- the replay -----------------------------------------------------------------------------------


def _groups(replay: ReplaySummary) -> Iterator[str]:
    """A row for each failure, a column for each version: hit databases of all."""
    groups = [g for g in replay.groups if g.samples]
    if not groups:
        return
    versions = list(dict.fromkeys(v for g in groups for v, _, _ in g.blast.versions))
    yield '<div class="wide" role="region" aria-label="failures by version" tabindex="0"><table>'
    yield "<caption>Databases that show a failure, of all that were sampled</caption>"
    heads = "".join(f'<th scope="col">{_text(v)}</th>' for v in versions)
    yield f'<thead><tr><th scope="col">failure</th><th scope="col">where</th>{heads}</tr></thead>'
    yield "<tbody>"
    yield from (_group(group, versions) for group in groups)
    yield "</tbody></table></div>"


def _group(group: Failure, versions: list[str]) -> str:
    place = group.observation.place
    where = f"{place.path}:{place.line}" if place and place.line else place.path if place else ""
    hits = {v: f"{k:,} of {n:,}" if k else "-" for v, k, n in group.blast.versions}
    cells = "".join(f"<td>{_text(hits.get(v, ''))}</td>" for v in versions)
    what = words.seen(group.observation) + (" (the app would not start)" if group.launch else "")
    return f'<tr><th scope="row">{_text(what)}</th><td>{_text(where)}</td>{cells}</tr>'


def _mutants(score: MutationScore | None) -> Iterator[str]:
    if score is None:
        return
    yield f"<p>{score.noticed:,} of {score.tried:,} noticed</p>"
    yield from _items(f"{m.path}:{m.line} {m.what}" for m in score.unnoticed)


def _rewrites(report: Report) -> Iterator[str]:
    for r in report.rewrites or ():
        yield f"{'fixed' if r.done else 'not fixed'}: {r.path}:{r.line} {r.rule} ({r.what})"


# -- text -----------------------------------------------------------------------------------------


def _text(text: str) -> str:
    return escape(words.printable(text))


def _block(text: str) -> str:
    return "\n".join(_text(line) for line in text.split("\n"))
