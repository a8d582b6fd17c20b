"""From SQL text to statements and operations; the only floor that knows sqlglot."""
