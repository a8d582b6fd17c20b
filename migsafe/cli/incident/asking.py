"""Ask the questions: on the command line as options, at the terminal as prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from migsafe.errors import UsageError
from migsafe.incident.drafts import Draft
from migsafe.incident.questions import QUESTIONS, Part, Question, value

_Function = TypeVar("_Function", bound=Callable[..., Any])


def options(function: _Function, questions: Sequence[Question] = QUESTIONS) -> _Function:
    """An option for each question."""
    for question in reversed(questions):
        name = question.key.replace("-", "_")
        option = click.option(
            question.flag, f"answer_{name}", multiple=True, metavar="TEXT", help=_help(question)
        )
        function = option(function)
    return function


def _help(question: Question) -> str:
    again = "; may be given several times" if question.kind.several else ""
    return f"{question.text} ({question.help}{again})"


def given(flags: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """The answers that stand on the command line, by question."""
    found = {}
    for question in QUESTIONS:
        texts = flags.get(f"answer_{question.key.replace('-', '_')}")
        if isinstance(texts, tuple) and texts:
            found[question.key] = tuple(str(t) for t in texts)
    return found


def ask(draft: Draft, keep: Callable[[Draft], object]) -> Draft:
    """Ask what is not answered yet; each answer is kept at once."""
    part: Part | None = None
    for number, question in enumerate(q for q in QUESTIONS if q.key not in draft.answers):
        if number == 0:
            click.echo("An empty answer leaves the question open; Ctrl-C keeps what is there.")
        if question.part is not part:
            part = question.part
            click.echo(f"\n{click.style(part, bold=True)}")
        draft = draft.answered(question.key, *_answers(question, draft))
        keep(draft)
    return draft


def _answers(question: Question, draft: Draft) -> tuple[str, ...]:
    click.echo(click.style(f"  ({question.help})", dim=True))
    answers: list[str] = []
    while True:
        text = click.prompt(
            f"  {question.text}" if not answers else "  ...", default="", show_default=False
        ).strip()
        if not text:
            return tuple(answers)
        try:
            value(question, (text,), draft.known.now)
        except UsageError as error:
            hint = f" ({error.hint})" if error.hint else ""
            click.echo(f"  {error.message}{hint}")
            continue
        answers.append(text)
        if not question.kind.several:
            return tuple(answers)
