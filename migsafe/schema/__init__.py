"""What a schema is after a statement: folded from operations, or read from a live database."""
