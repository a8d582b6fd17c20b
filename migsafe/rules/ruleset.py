"""Which rules speak in a project: those that ship, its packs' and its own, as its settings say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from migsafe.config import Config, Disable
from migsafe.errors import ConfigError, RuleInvalid, nearest
from migsafe.model.rule import Rule
from migsafe.rules.load import Source, enable, load, ours, shipped


def ruleset(config: Config, today: str) -> tuple[Rule, ...]:
    """Every rule of the project, by id; those that do not speak are `off`.

    `today` is YYYY-MM-DD. Raises RuleInvalid for a rule that is wrong, and ConfigError for settings
    that name a rule or a pack that is not there.
    """
    settings = config.rules
    rules = load(_sources(config))
    if not settings.allow_code:
        _require_no_code(rules)
    known = {rule.id for rule in rules}
    _require_known("rules.severity", (name for name, _ in settings.severity), known)
    _require_known("rules.disable", (d.rule for d in settings.disable), known)
    _require_known("suppress", (s.rule for s in config.suppress), known)
    loud = dict(settings.severity)
    silent = {d.rule: d for d in settings.disable}
    rules = enable(rules, settings.enable)
    rules = tuple(
        replace(r, severity=loud[r.id], settled=True) if r.id in loud else r for r in rules
    )
    return tuple(_disabled(r, silent[r.id], today) if r.id in silent else r for r in rules)


def _sources(config: Config) -> Iterator[Source]:
    yield Source(shipped(), "the rules that ship with migsafe")
    if config.rules.packs:
        from migsafe.rules import packs  # noqa: PLC0415 - looking for packages takes long

        yield from packs.sources(config.rules.packs)
    for path in config.rules.paths:
        yield Source(config.root / path, path)


def _require_no_code(rules: Iterable[Rule]) -> None:
    for rule in rules:
        if rule.check and not ours(rule):
            raise RuleInvalid(
                f"rule {rule.id} is Python code ({rule.check}), which is not allowed to run",
                place="/".join(rule.path.split("/")[-3:]),
                hint="read it, then set allow_code = true in [rules], or leave the rule out",
            )


def _require_known(key: str, names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near[0]}?" if near else "see `migsafe rules list`"
            raise ConfigError(f"{key} names {name}, and there is no such rule", hint=hint)


def _disabled(rule: Rule, disable: Disable, today: str) -> Rule:
    if disable.until and disable.until < today:
        return replace(rule, note=f"it was disabled until {disable.until}, and speaks again")
    end = f" until {disable.until}" if disable.until else ""
    return replace(rule, off=True, note=f"disabled{end}, {disable.reason}")
