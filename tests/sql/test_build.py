"""The tests of `sql` run on both builds of sqlglot: `make test-compiled` says which it means."""

from __future__ import annotations

import os

import sqlglot.parser


def test_sqlglot_is_the_build_that_this_run_means():
    compiled = not sqlglot.parser.__file__.endswith(".py")
    meant = os.environ.get("SQLGLOT_BUILD")
    assert meant is None or compiled == (meant == "compiled")
