"""What the functions of RunPython are known to do, and what is not held against them."""

from __future__ import annotations

import ast

import pytest

from migsafe.adapters.django_python import marks
from migsafe.adapters.django_state import Model, State
from migsafe.model.migration import Dialect

NOTE = 'Note = apps.get_model("shop", "Note")\n'


def known(body: str, imports: frozenset[str] = frozenset()) -> list[str]:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    function = ast.parse(f"def fill(apps, schema_editor):\n{lines}").body[0]
    assert isinstance(function, ast.FunctionDef)
    state = State(Dialect.POSTGRES)
    state.put(Model("shop", "Note"))
    return list(marks(function, imports, state))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (NOTE + "Note.objects.create(title='x')", ["inserts=shop_note"]),
        (NOTE + "Note.objects.filter(a=1).update(b=2, c=3)",
         ["sets=shop_note.b", "sets=shop_note.c"]),
        (NOTE + "for n in Note.objects.all():\n    n.save()", ["row by row"]),
        (NOTE + "for n in Note.objects.filter(x=1).iterator():\n    n.delete()", ["row by row"]),
        ("from shop.models import Note\nNote.objects.all()", ["todays models"]),
        ("import shop.models\nshop.models.Note.objects.all()", ["todays models"]),
        # a page at a time, in a transaction each
        (NOTE + "for n in Note.objects.all()[:100]:\n    n.save()", []),
        (NOTE + "for n in Note.objects.all():\n    with atomic.begin():\n        n.save()", []),
        (NOTE + "for n in Note.objects.all():\n    print(n)", []),
        (NOTE + "for n in [1, 2]:\n    n.save()", []),
        ("from shop.models import TITLES\n" + NOTE + "Note.objects.filter(t__in=TITLES)", []),
        ("from django.contrib.auth.models import User\nUser.objects.all()", []),
        ('Other = apps.get_model("shop", "Other")\nOther.objects.create()', []),
    ],
)  # fmt: skip
def test_marks(body: str, found: list[str]):
    assert known(body) == found


def test_an_import_at_the_top_of_the_file_counts():
    assert known("Note.objects.all()", frozenset({"Note"})) == ["todays models"]
    assert known("Note.objects.all()") == []
