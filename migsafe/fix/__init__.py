"""Rewrites of migrations that are provably safe: a proposal is text edits, and never a write."""

from migsafe.fix.proposals import ORDER, propose
from migsafe.fix.target import Edit, Proposal, Refused, Target

__all__ = ["ORDER", "Edit", "Proposal", "Refused", "Target", "propose"]
