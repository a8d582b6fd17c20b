"""A document as one file of HTML: no script, nothing from elsewhere, to read and to print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from migsafe.incident.document import Block, Chapter, Document, Facts, Items, Missing, Prose, Table
from migsafe.incident.prose import html, inline

_STYLE = """
:root { color-scheme: light dark; --text: #1a1a1a; --quiet: #595959; --line: #c9c9c9;
  --back: #ffffff; --code: #f2f2f2; --link: #0b57a4; --open: #8a3c00; }
@media (prefers-color-scheme: dark) { :root { --text: #ececec; --quiet: #b4b4b4; --line: #4d4d4d;
  --back: #161616; --code: #262626; --link: #8ab8ff; --open: #ffb27a; } }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: var(--text);
  background: var(--back); font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .2rem; }
h2 { font-size: 1.1rem; margin: 1.3rem 0 .3rem; border-bottom: 1px solid var(--line); }
h3, h4, h5, h6 { font-size: 1rem; margin: .8rem 0 .2rem; }
p, ul, ol, dl, table, pre, blockquote { margin: .4rem 0; }
.below, th, dt { color: var(--quiet); }
dl { display: grid; grid-template-columns: minmax(6rem, 11rem) 1fr; gap: .15rem .8rem; }
dd { margin: 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .1rem .8rem .1rem 0; font-weight: normal;
  border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { width: 1%; white-space: nowrap; }
code { background: var(--code); font-size: .92em; }
pre { background: var(--code); padding: .5rem; overflow-x: auto; }
a { color: var(--link); }
blockquote { border-left: 3px solid var(--line); padding-left: .8rem; }
.open { color: var(--open); font-style: italic; }
@page { size: A4; margin: 13mm 15mm; }
@media print { :root { color-scheme: light; --text: #000; --quiet: #444; --line: #bbb;
  --back: #fff; --code: #f2f2f2; --link: #000; --open: #000; }
  body { max-width: none; margin: 0; padding: 0; font-size: 8.8pt; line-height: 1.25; }
  h1 { font-size: 14pt; } h2 { font-size: 10pt; margin: 5pt 0 1pt; break-after: avoid; }
  p, ul, ol, dl, table, pre { margin: 1pt 0; } ul, ol { padding-left: 14pt; }
  dl { row-gap: 0; } th, td { padding: 0 8pt 0 0; border-bottom-style: dotted; }
  pre { white-space: pre-wrap; } tr, li { break-inside: avoid; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(document: Document) -> str:
    """The whole page."""
    title = escape(document.title)
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<h1>{inline(document.title)}</h1>",
            f'<p class="below">{escape(document.line)}</p>',
            *(line for chapter in document.chapters for line in _chapter(chapter)),
            "</main>",
            "</body>",
            "</html>",
            "",
        )
    )


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield "<section>"
    if chapter.title:
        yield f"<h2>{escape(chapter.title)}</h2>"
    yield from map(_block, chapter.blocks)
    yield "</section>"


def _block(block: Block) -> str:
    match block:
        case Facts(pairs):
            entries = (f"<dt>{escape(k)}</dt><dd>{inline(v)}</dd>" for k, v in pairs)
            return f"<dl>{''.join(entries)}</dl>"
        case Table(heads, rows):
            head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
            body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
            return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        case Items(items, numbered):
            tag = "ol" if numbered else "ul"
            return f"<{tag}>{''.join(f'<li>{inline(i)}</li>' for i in items)}</{tag}>"
        case Prose(text):
            return html(text)
        case Missing(what):
            return f'<p class="open">To be written: {escape(what)}.</p>'


def _cells(row: Iterable[str]) -> str:
    return "".join(f"<td>{inline(cell)}</td>" for cell in row)
