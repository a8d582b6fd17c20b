"""How the page of a report looks: light and dark, on a screen and on paper."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --text: #1a1a1a; --quiet: #595959; --line: #c9c9c9;
  --back: #ffffff; --code: #f2f2f2; --bad: #a5001f; --warn: #7a4a00; --good: #1b6e2d;
  --note: #0b57a4; }
@media (prefers-color-scheme: dark) { :root { --text: #ececec; --quiet: #b4b4b4; --line: #4d4d4d;
  --back: #161616; --code: #262626; --bad: #ff9aa8; --warn: #ffc27a; --good: #8fdc9f;
  --note: #8ab8ff; } }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: var(--text);
  background: var(--back); font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; }
h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 .3rem; }
p, ul, pre { margin: .3rem 0; }
.verdict { font-size: 1.2rem; font-weight: bold; }
.unsafe, .blocker .severity, .error .severity { color: var(--bad); }
.unchecked, .warning .severity { color: var(--warn); }
.safe { color: var(--good); }
.note .severity { color: var(--note); }
.quiet { color: var(--quiet); }
article { margin: .8rem 0 1.2rem; padding-left: .8rem; border-left: 3px solid var(--line); }
.message { font-weight: bold; }
code, pre { background: var(--code); font: .92em/1.4 ui-monospace, monospace; }
pre { padding: .5rem; white-space: pre-wrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
caption { text-align: left; color: var(--quiet); }
th, td { text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0;
  border-bottom: 1px solid var(--line); font-weight: normal; }
thead th { color: var(--quiet); }
tbody td { white-space: nowrap; }
tbody th { min-width: 14rem; }
@page { margin: 14mm; }
@media print { :root { color-scheme: light; --text: #000; --quiet: #444; --line: #bbb;
  --back: #fff; --code: #f2f2f2; --bad: #8a0019; --warn: #6b4100; --good: #14501f;
  --note: #0b3f75; }
  body { max-width: none; margin: 0; padding: 0; font-size: 9.5pt; }
  .wide { overflow: visible; } h2, h3 { break-after: avoid; } tr, article { break-inside: avoid; } }
"""
