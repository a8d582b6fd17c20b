"""Where an Alembic project keeps its scripts: alembic.ini and [tool.alembic], read without Alembic.

The options are those of Alembic 1.20 (tutorial.html, "Editing the .ini File" and "Using
pyproject.toml for configuration").
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migsafe.errors import ConfigError

INI = "alembic.ini"
PYPROJECT = "pyproject.toml"
_SEPARATORS = {"space": r"\s+", "newline": r"\n", "os": re.escape(os.pathsep), ":": ":", ";": ";"}


@dataclass(frozen=True, slots=True)
class Project:
    """An Alembic project on disk.

    `ini` is the configuration file, None where only the script folder is there; `folder` is what
    relative names and `prepend` (folders for sys.path) start from; `versions` hold the revisions.
    """

    folder: Path
    script: Path
    versions: tuple[Path, ...]
    recursive: bool = False
    prepend: tuple[Path, ...] = ()
    ini: Path | None = None
    toml: Path | None = None


def detect(root: Path) -> Path | None:
    """The folder of the configuration: the root, or one folder directly below it."""
    if _settings(root):
        return root
    found = sorted(p.parent for p in root.glob(f"*/{INI}") if not p.parent.name.startswith("."))
    return next((p for p in found if _settings(p)), None)


def recognises(path: Path) -> bool:
    """Is this Alembic's: a configuration file, its folder, or the script folder itself?"""
    if path.suffix == ".ini" or path.name == PYPROJECT:
        return path.is_file()
    return path.is_dir() and (_is_script_folder(path) or bool(_settings(path)))


def _is_script_folder(path: Path) -> bool:
    return (path / "env.py").is_file() and (path / "versions").is_dir()


def open_project(path: Path) -> Project:
    """The project of a configuration file, its folder or its script folder.

    Raises ConfigError where the configuration is unreadable or names no script folder.
    """
    if path.is_dir() and _is_script_folder(path) and not _settings(path):
        return _by_script_folder(path)
    folder = path.parent if path.is_file() else path
    settings = _settings(folder, path if path.is_file() else None)
    if not settings.get("script_location"):
        raise ConfigError(
            f"no script_location was found for Alembic in {folder.name or folder}",
            place=path.name if path.is_file() else "",
            hint="let [migrations] path name the folder of alembic.ini",
        )
    return _project(folder, settings, path)


def _by_script_folder(path: Path) -> Project:
    """The nearest configuration above that names this folder, else the folder on its own."""
    for folder in list(path.resolve().parents)[:3]:
        try:
            settings = _settings(folder)
            found = _project(folder, settings, folder) if settings else None
        except ConfigError:
            continue
        if found and found.script.resolve() == path.resolve():
            return found
    return Project(path.parent, path, (path / "versions",))


# -- the settings themselves ----------------------------------------------------------------------


def _settings(folder: Path, file: Path | None = None) -> dict[str, Any]:
    """The options of alembic.ini over those of pyproject.toml; empty where neither has any."""
    toml = _toml(folder / PYPROJECT)
    ini = file if file and file.suffix == ".ini" else folder / INI
    return {**toml, **_ini(ini)}


def _ini(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    import configparser  # noqa: PLC0415 - most projects have no such file

    here = str(path.parent.absolute()).replace("%", "%%")
    parser = configparser.ConfigParser({"here": here}, strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except (configparser.Error, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"{path.name} cannot be read: {first}", place=path.name) from error
    section = parser["alembic"] if parser.has_section("alembic") else {}
    return {key: _value(section, key) for key in section if key != "here"}


def _value(section: Mapping[str, str], key: str) -> str:
    import configparser  # noqa: PLC0415 - most projects have no such file

    try:
        return section[key]
    except configparser.InterpolationError:
        assert isinstance(section, configparser.SectionProxy)
        return section.get(key, raw=True) or ""


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}  # not ours to complain about: migsafe's own configuration reader does
    tool = table.get("tool", {})
    found = tool.get("alembic", {}) if isinstance(tool, dict) else {}
    here = str(path.parent.absolute())
    return {k: _placed(v, here) for k, v in found.items()} if isinstance(found, dict) else {}


def _placed(value: object, here: str) -> object:
    if isinstance(value, list):
        return [_placed(v, here) for v in value]
    return value.replace("%(here)s", here) if isinstance(value, str) else value


def _project(folder: Path, settings: Mapping[str, Any], path: Path) -> Project:
    prepend = tuple(folder / p for p in _many(settings, "prepend_sys_path"))
    script = _located(str(settings["script_location"]), folder, prepend)
    names = _many(settings, "version_locations")
    versions = tuple(_located(n, folder, prepend) for n in names) or (script / "versions",)
    ini = path if path.suffix == ".ini" else folder / INI
    toml = folder / PYPROJECT
    return Project(
        folder=folder,
        script=script,
        versions=versions,
        recursive=str(settings.get("recursive_version_locations", "")).lower() == "true",
        prepend=prepend,
        ini=ini if ini.is_file() else None,
        toml=toml if toml.is_file() else None,
    )


def _many(settings: Mapping[str, Any], name: str) -> list[str]:
    """A list of paths, divided as `path_separator` or its forerunner says."""
    value = settings.get(name, "")
    if isinstance(value, list):
        return [str(v) for v in value]
    said = settings.get("path_separator") or settings.get("version_path_separator") or ""
    divider = _SEPARATORS.get(str(said), r", *|\s+" if name == "version_locations" else r"[\s,:]+")
    return [part.strip() for part in re.split(divider, str(value)) if part.strip()]


def _located(name: str, folder: Path, prepend: tuple[Path, ...]) -> Path:
    """A folder, where `package:folder` is looked for without importing the package."""
    if re.fullmatch(r"[A-Za-z_][\w.]+:[^\\/].*", name) is None:
        return folder / name
    package, _, rest = name.partition(":")
    inside = Path(*package.split(".")) / rest
    for base in (*prepend, folder, folder / "src", folder.parent):
        if (base / inside).is_dir():
            return base / inside
    raise ConfigError(
        f"the script_location {name} was not found below {folder.name or folder}",
        hint="packages are looked for in prepend_sys_path, the folder of alembic.ini and src/",
    )


def with_versions(path: Path, versions: Path, folder: Path) -> Path:
    """A configuration in `folder` for the same env.py with the scripts of another folder.

    `path` is the project's, as `open_project` takes it; gives the new alembic.ini.
    """
    import configparser  # noqa: PLC0415 - as above

    project = open_project(path.absolute())
    parser = configparser.RawConfigParser(strict=False)
    if project.ini is not None:
        parser.read_string(project.ini.read_text(encoding="utf-8-sig"))
    if not parser.has_section("alembic"):
        parser.add_section("alembic")
    for key, value in (
        ("script_location", project.script.absolute()),
        ("version_locations", versions.absolute()),
        ("path_separator", "newline"),
        ("prepend_sys_path", "\n".join(str(p.absolute()) for p in project.prepend)),
    ):
        parser.set("alembic", key, str(value).replace("%", "%%"))
    here = str(project.folder.absolute()).replace("%", "%%")
    made = folder / INI
    with made.open("w", encoding="utf-8") as file:
        parser.write(file)
    text = made.read_text(encoding="utf-8")
    made.write_text(text.replace("%(here)s", here), encoding="utf-8")
    return made
