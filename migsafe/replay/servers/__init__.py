"""Replay on PostgreSQL, MariaDB and MySQL: real servers, in databases of our own."""
