"""Rules: load them, ask them, and turn their answers into findings."""
