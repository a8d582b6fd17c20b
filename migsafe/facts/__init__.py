"""The facts: all evidence of a run as one small SQLite database, the contract for rules."""

from migsafe.facts.build import Kept, build, keep, save
from migsafe.facts.tables import SCHEMA_VERSION

__all__ = ["SCHEMA_VERSION", "Kept", "build", "keep", "save"]
