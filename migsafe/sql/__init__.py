"""Reading SQL: tokens, statements with exact places, operations. The only importer of sqlglot."""
