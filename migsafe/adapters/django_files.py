"""Where a Django project keeps its migrations, and how its apps are called. Nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migsafe.adapters.files import Folder, read, relative
from migsafe.adapters.options import Options
from migsafe.errors import UnreadableMigration

FOLDER = "migrations"
_DEEPEST = 6  # folders below the root; apps lie no deeper
_ELSEWHERE = {"node_modules", "site-packages", "build", "dist", "__pycache__"}
_CLASS = re.compile(r"^class Migration\(.*Migration\)", re.M)
_USER = re.compile(r"^AUTH_USER_MODEL\s*=\s*['\"](\w+\.\w+)['\"]", re.M)


@dataclass(frozen=True, slots=True)
class App:
    """An app of the project: its label, and the folder of its migrations."""

    label: str
    folder: Folder


def detect(root: Path) -> Path | None:
    """The root itself where an app near it has migrations of Django's."""
    near = root.glob(f"*/{FOLDER}/0001_*.py")
    found = [p for p in near if not _is_elsewhere(p.parent.parent)]
    if any(map(_is_django, found[:5])):
        return root
    if not (root / "manage.py").is_file() and not any(root.glob("*/manage.py")):
        return None
    deep = (p for f in _folders(root, 1) for p in sorted(f.glob("0001_*.py")))
    return root if any(map(_is_django, deep)) else None


def recognises(path: Path) -> bool:
    """Is it the folder of a Django project, of an app, or of an app's migrations?"""
    if not path.is_dir():
        return False
    if any(map(_is_django, sorted(path.glob("0*.py"))[:3])):
        return True
    return any(map(_is_django, sorted(path.glob(f"{FOLDER}/0*.py"))[:3])) or bool(detect(path))


def _is_django(path: Path) -> bool:
    try:
        return bool(_CLASS.search(path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return False


def is_migration(text: str) -> bool:
    """Does a file declare a migration?"""
    return bool(_CLASS.search(text))


def _is_elsewhere(path: Path) -> bool:
    name = path.name
    return name.startswith(".") or name in _ELSEWHERE or (path / "pyvenv.cfg").is_file()


def _folders(path: Path, depth: int) -> Iterator[Path]:
    """The folders called migrations below a path, sorted; links are not followed."""
    if depth > _DEEPEST:
        return
    for child in sorted(p for p in path.iterdir() if p.is_dir() and not p.is_symlink()):
        if child.name == FOLDER:
            yield child
        elif not _is_elsewhere(child):
            yield from _folders(child, depth + 1)


def apps(root: Path, path: Path, options: Options) -> list[App]:
    """The apps below a path, in the order of their folders; of one label only the first."""
    folders = [path] if _holds(path) else list(_folders(path, 0))
    made: dict[str, App] = {}
    for folder in folders:
        if _holds(folder):
            app = App(label_of(folder.parent), Folder(root, folder, options))
            made.setdefault(app.label, app)
    return list(made.values())


def _holds(folder: Path) -> bool:
    return folder.name == FOLDER and any(map(_is_django, sorted(folder.glob("[0-9]*.py"))[:3]))


def label_of(folder: Path) -> str:
    """An app's label: what its AppConfig says, else the folder's name."""
    # This module is asked in every project whether it is Django's.
    from migsafe.adapters.alembic_text import dotted  # noqa: PLC0415

    try:
        tree = ast.parse(read(folder / "apps.py", "apps.py"))
    except (UnreadableMigration, SyntaxError, ValueError, RecursionError):
        return folder.name
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("Config" in dotted(b) for b in node.bases):
            said = dict(_texts(node))
            label = said.get("label") or said.get("name", "").rpartition(".")[2]
            if label:
                return label
    return folder.name


def _texts(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for each in node.body:
        match each:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() as text)):
                yield name, text
            case _:
                pass


def user_model(root: Path) -> str:
    """AUTH_USER_MODEL where a settings file near the root writes it out; else Django's own."""
    places = ("settings.py", "*/settings.py", "*/settings/*.py", "*/*/settings.py",
              "*/*/settings/*.py", "settings/*.py")  # fmt: skip
    for pattern in places:
        for path in sorted(root.glob(pattern)):
            if _is_elsewhere(path.parent):
                continue
            try:
                found = _USER.search(read(path, relative(path, root)))
            except UnreadableMigration:
                continue
            if found:
                return found[1]
    return "auth.User"
