"""The values every floor shares: frozen, slotted dataclasses on the standard library alone."""
