"""Database engines: open, clone, run one statement, stop it in time."""
