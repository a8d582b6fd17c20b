"""The configured callable and models: what they are, where they stand, whether they can start."""

from __future__ import annotations

import re

from migsafe.cli.launch_command import place_of_key
from migsafe.config import Config
from migsafe.errors import ConfigError
from migsafe.replay import programs
from migsafe.replay.plan import Program

_SHAPES = {
    "callable": (re.compile(r"[\w.]+:[\w.]+"), "package.module:function"),
    "models": (re.compile(r"[\w.]+(?::[\w.]+)?"), "package.module:Base"),
}


def launch_callable(config: Config) -> Program | None:
    """[launch] callable as the replay needs it; None where there is none. Raises ConfigError."""
    return _program(config, "callable", config.launch.callable)


def launch_models(config: Config) -> Program | None:
    """[launch] models, likewise. Raises ReplayAborted without SQLAlchemy."""
    return _program(config, "models", config.launch.models)


def _program(config: Config, kind: str, target: str | None) -> Program | None:
    """The program, after a process has imported it once."""
    if target is None:
        return None
    place = place_of_key(config, kind)
    shape, example = _SHAPES[kind]
    if not shape.fullmatch(target):
        raise ConfigError(
            f"launch.{kind} is {target!r}",
            place=f"{place.path}:{place.line}",
            hint=f'write "{example}"',
        )
    program = Program(kind, target, config.root.absolute(), place)
    programs.require(program)
    return program
