"""Which function makes the proposal for which fix, and in which order fixes are tried."""

from __future__ import annotations

from migsafe.fix import concurrently, later, limits, literals
from migsafe.fix.target import Proposal, Target
from migsafe.model.rule import Fix

_PROPOSERS = {
    # What changes which locks are taken comes before what limits the waiting for them.
    Fix.CONCURRENTLY: concurrently.propose,
    Fix.VALIDATE_LATER: later.validate_later,
    Fix.PROVE_NOT_NULL: later.prove_not_null,
    Fix.STATE_ALGORITHM: limits.state_algorithm,
    Fix.LOCK_TIMEOUT: limits.lock_timeout,
    Fix.SINGLE_QUOTES: literals.single_quotes,
    Fix.NAME_COLUMNS: literals.name_columns,
}
ORDER = tuple(_PROPOSERS)


def propose(fix: Fix, target: Target) -> Proposal:
    """The rewrite for the target's findings. Raises Refused where it would not be safe."""
    return _PROPOSERS[fix](target)
