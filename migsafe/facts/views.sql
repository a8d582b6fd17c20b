-- group: Views for a first rule

-- What a migration does to rows that are there already, one view for each kind of question. `statement`
-- and `line` say where; `focus`: does a finding there count in this run?; `old_rows`: may the table hold
-- rows from before this migration? (it was there before, or it was rebuilt and its rows copied over)
-- Views about a demand on old rows give the text of the question that a rule with `needs = "data"`
-- asks: `with_rows` (a WITH clause that holds the rows of a copy, else ''), `source` (the table to ask,
-- or `q`, the rows of the copy), `test` (SQL that is true for a bad row); `repaired`: does something
-- before it in this migration or in the one before delete or change such rows?

-- One row: the mark around a quoted name in the dialect of the project.
CREATE VIEW name_mark AS
  SELECT CASE (SELECT value FROM project WHERE key = 'dialect') WHEN 'mysql' THEN '`' ELSE '"' END AS mark;

-- What adds, changes or removes rows: `verb` insert, update, delete, truncate.
CREATE VIEW row_change AS
  SELECT o.statement, o.line, o.migration, o.focus, o.id AS operation, o.kind AS verb, o.tbl,
         o.condition IS NOT NULL AS has_where, o.condition, o.conflict, o.narrowing,
         EXISTS (SELECT 1 FROM operation_source x WHERE x.operation = o.id) AS has_source,
         NOT o.table_in_migration OR EXISTS
           (SELECT 1 FROM rebuild r WHERE r.migration = o.migration AND r.tbl = o.tbl AND r.copy < o.statement) AS old_rows
    FROM operation_in_migration o
   WHERE o.kind IN ('insert', 'update', 'delete', 'truncate');

-- What fills a column: an UPDATE or INSERT, with the expression as written; `literal` is the value of a
-- literal, without its quotes.
CREATE VIEW filled_column AS
  SELECT a.statement, v.line, v.migration, v.focus, v.verb, a.tbl, a.col, a.expression, a.kind AS filled_by,
         CASE a.kind WHEN 'literal' THEN replace(trim(a.expression, ''''), '''''', '''') END AS literal,
         a.source_tbl, a.source_col, a.guarded, v.has_where, v.has_source, v.old_rows
    FROM assignment a
    JOIN row_change v ON v.operation = a.operation;

-- ALTER TABLE .. ADD COLUMN.
CREATE VIEW added_column AS
  SELECT o.statement, o.line, o.migration, o.focus, o.tbl, o.col, o.type, o.not_null, o.default_sql,
         coalesce(upper(trim(o.default_sql, '() ')), 'NULL') <> 'NULL' AS has_default,
         o.is_unique, o.generated, o.ref_tbl,
         NOT o.table_in_migration OR EXISTS
           (SELECT 1 FROM rebuild r WHERE r.migration = o.migration AND r.tbl = o.tbl AND r.copy < o.statement) AS old_rows
    FROM operation_in_migration o
   WHERE o.kind = 'add_column';

-- A column that was there before the migration and is gone after it, dropped or left out by a rebuild.
CREATE VIEW dropped_column AS
  SELECT c.statement, s.line, c.migration, s.focus, c.tbl, c.name AS col, c.before AS was
    FROM migration_change c
    JOIN statement s ON s.id = c.statement
   WHERE c.what = 'column' AND c.how = 'removed'
     AND NOT EXISTS (SELECT 1 FROM operation_in_migration o
                      WHERE o.migration = c.migration AND o.kind = 'rename_column' AND o.tbl = c.tbl AND o.col = c.name);

-- A column with a new name.
CREATE VIEW renamed_column AS
  SELECT o.statement, o.line, o.migration, o.focus, o.tbl, o.col, o.new_name
    FROM operation_in_migration o
   WHERE o.kind = 'rename_column' AND NOT o.table_in_migration;

-- A table that is dropped for good: no step of a rebuild, and no table of this migration's own.
CREATE VIEW dropped_table AS
  SELECT o.statement, o.line, o.migration, o.focus, o.tbl, o.if_exists, o.cascades
    FROM operation_in_migration o
   WHERE o.kind = 'drop_table' AND NOT o.table_in_migration
     AND NOT EXISTS (SELECT 1 FROM rebuild r WHERE r.dropped = o.statement);

-- A table with a new name, outside of a rebuild.
CREATE VIEW renamed_table AS
  SELECT o.statement, o.line, o.migration, o.focus, o.tbl, o.new_name
    FROM operation_in_migration o
   WHERE o.kind = 'rename_table' AND NOT o.table_in_migration
     AND NOT EXISTS (SELECT 1 FROM rebuild r WHERE r.renamed = o.statement);

-- A table that was rebuilt and its rows copied over, at the copy: `narrowing` names what may leave rows
-- out on the way (where join distinct group limit), '' for nothing.
CREATE VIEW rebuilt_table AS
  SELECT coalesce(r.copy, r.renamed) AS statement, coalesce(o.line, s.line) AS line, r.migration, s.focus,
         r.tbl, r.scratch, r.copy IS NOT NULL AS copied, coalesce(o.narrowing, '') AS narrowing,
         coalesce(o.conflict, '') AS conflict, s.in_transaction, s.foreign_keys
    FROM rebuild r
    JOIN statement s ON s.id = coalesce(r.copy, r.renamed)
    LEFT JOIN operation o ON o.statement = r.copy AND o.kind = 'insert' AND o.tbl IN (r.tbl, r.scratch);

-- Rows that an INSERT .. SELECT puts into a table of this migration: the copy of a rebuild, or of a split.
CREATE VIEW copied_rows AS
  SELECT o.statement, o.line, o.migration, o.focus, o.id AS operation, o.tbl,
         coalesce((SELECT r.tbl FROM rebuild r WHERE r.copy = o.statement), o.tbl) AS final_tbl,
         'WITH ' || o.new_rows AS with_rows, o.narrowing, o.conflict
    FROM operation_in_migration o
   WHERE o.kind = 'insert' AND o.new_rows <> '' AND o.table_in_migration
     AND EXISTS (SELECT 1 FROM operation_source x WHERE x.operation = o.id);

-- A deletion, or an update of one column, that may be a repair of the old rows of a table: `col` is ''
-- for a deletion.
CREATE VIEW repair AS
  SELECT o.statement, o.migration, o.tbl, coalesce(a.col, '') AS col
    FROM operation_in_migration o
    LEFT JOIN assignment a ON a.operation = o.id
   WHERE o.kind IN ('delete', 'truncate') OR o.kind = 'update' AND a.col <> '';

-- A column that must not be NULL from here on: `how` is add (a column without a default), alter, or copy
-- (the table that the old rows are copied into demands it, and their column may be NULL).
CREATE VIEW new_not_null AS
  SELECT a.statement, a.line, a.migration, a.focus, a.tbl, a.tbl AS final_tbl, a.col, 'add' AS how, a.old_rows,
         '' AS with_rows, a.tbl AS source, '1 = 1' AS test,
         EXISTS (SELECT 1 FROM repair f WHERE f.migration BETWEEN a.migration - 1 AND a.migration
                    AND f.statement < a.statement AND f.tbl = a.tbl AND f.col = '') AS repaired
    FROM added_column a
   WHERE a.not_null AND NOT a.has_default AND NOT a.generated
     AND (SELECT value FROM project WHERE key = 'dialect') <> 'mysql'  -- there old rows get a zero
     AND NOT EXISTS (SELECT 1 FROM column_after k WHERE k.statement = a.statement AND k.tbl = a.tbl
                        AND k.col = a.col AND k.identity <> '')
   UNION ALL
  SELECT c.statement, o.line, o.migration, o.focus, c.tbl, c.tbl, c.name, 'alter',
         NOT o.table_in_migration, '', c.tbl, m.mark || replace(c.name, m.mark, m.mark || m.mark) || m.mark || ' IS NULL',
         EXISTS (SELECT 1 FROM repair f WHERE f.migration BETWEEN o.migration - 1 AND o.migration
                    AND f.statement < c.statement AND f.tbl = c.tbl AND f.col IN ('', c.name))
    FROM change c
    JOIN operation_in_migration o ON o.statement = c.statement AND o.kind = 'alter_column' AND o.tbl = c.tbl
         AND c.name IN (o.col, o.new_name)
    JOIN name_mark m
   WHERE c.what = 'column' AND c.how = 'altered' AND c.aspect = 'not null' AND c.after = 'yes'
   UNION ALL
  SELECT p.statement, p.line, p.migration, p.focus, p.tbl, p.final_tbl, a.col, 'copy', 1,
         p.with_rows, 'q', m.mark || replace(a.col, m.mark, m.mark || m.mark) || m.mark || ' IS NULL',
         EXISTS (SELECT 1 FROM repair f WHERE f.migration BETWEEN p.migration - 1 AND p.migration
                    AND f.statement < p.statement AND f.tbl = a.source_tbl AND f.col IN ('', a.source_col))
    FROM copied_rows p
    JOIN assignment a ON a.operation = p.operation AND NOT a.guarded
    JOIN column_before n ON n.statement = p.statement AND n.tbl = p.tbl AND n.col = a.col
    JOIN name_mark m
   WHERE n.not_null AND NOT n.rowid_alias AND p.conflict NOT IN ('IGNORE', 'REPLACE')
     AND NOT EXISTS (SELECT 1 FROM column_before s
                      WHERE a.kind IN ('column', 'star') AND s.statement = p.statement AND s.tbl = a.source_tbl
                        AND s.col = a.source_col AND (s.not_null OR s.rowid_alias OR s.primary_key)
                        AND (SELECT count(*) FROM operation_source x WHERE x.operation = p.operation) = 1);

-- Columns that must be unique from here on and were not: a unique index, constraint or primary key, made
-- over old rows (`how` is make) or waiting for those of a copy (copy). `terms` are the columns as SQL with
-- their collations; `test` is the condition of a partial index, else `1 = 1`.
CREATE VIEW new_unique AS
  SELECT o.statement, o.line, o.migration, o.focus, o.tbl, o.tbl AS final_tbl, i.name, i.columns, i.terms,
         CASE WHEN i.columns LIKE '%,%' THEN '' ELSE i.columns END AS col, 'make' AS how,
         NOT o.table_in_migration OR EXISTS
           (SELECT 1 FROM rebuild r WHERE r.migration = o.migration AND r.tbl = o.tbl AND r.copy < o.statement) AS old_rows,
         '' AS with_rows, o.tbl AS source,
         CASE i.condition WHEN '' THEN '1 = 1' ELSE i.condition END AS test,
         EXISTS (SELECT 1 FROM repair f WHERE f.migration BETWEEN o.migration - 1 AND o.migration
                    AND f.statement < o.statement AND f.tbl = o.tbl
                    AND instr(', ' || lower(i.columns) || ',', CASE f.col WHEN '' THEN ',' ELSE ', ' || lower(f.col) || ',' END)) AS repaired
    FROM operation_in_migration o
    JOIN index_state i ON i.since = o.statement AND i.tbl = o.tbl AND i.is_unique
         AND (o.kind = 'create_index' AND i.name = o.name
              OR o.kind = 'add_constraint' AND i.origin <> 'index' AND o.options NOT LIKE '%, using index=%'
                 AND o.ref_tbl = '' AND EXISTS (SELECT 1 FROM operation_column l WHERE l.operation = o.id
                                                   AND instr(', ' || lower(i.columns) || ',', ', ' || lower(l.col) || ',')))
   WHERE NOT EXISTS (SELECT 1 FROM index_before b
                      WHERE b.statement = o.statement AND b.tbl = o.tbl AND b.is_unique AND b.terms = i.terms
                        AND b.condition IN ('', i.condition))
   UNION ALL
  SELECT p.statement, p.line, p.migration, p.focus, p.tbl, p.final_tbl, i.name, i.columns, i.terms,
         CASE WHEN i.columns LIKE '%,%' THEN '' ELSE i.columns END, 'copy', 1, p.with_rows, 'q', '1 = 1',
         p.narrowing LIKE '%group%' OR p.narrowing LIKE '%distinct%'
         OR EXISTS (SELECT 1 FROM repair f
                     JOIN operation_source x ON x.operation = p.operation AND x.tbl = f.tbl
                    WHERE f.migration BETWEEN p.migration - 1 AND p.migration AND f.statement < p.statement
                      AND instr(', ' || lower(i.columns) || ',', CASE f.col WHEN '' THEN ',' ELSE ', ' || lower(f.col) || ',' END))
    FROM copied_rows p
    JOIN index_before i ON i.statement = p.statement AND i.tbl = p.tbl AND i.is_unique AND i.condition = ''
   WHERE p.conflict = ''
     AND EXISTS (SELECT 1 FROM assignment a WHERE a.operation = p.operation
                    AND instr(', ' || lower(i.columns) || ',', ', ' || lower(a.col) || ','))
     AND NOT EXISTS (SELECT 1 FROM index_before b
                       JOIN operation_source x ON x.operation = p.operation AND x.tbl = b.tbl
                       LEFT JOIN assignment a ON a.operation = p.operation AND a.col = i.columns AND a.source_tbl = b.tbl
                      WHERE b.statement = p.statement AND b.is_unique AND b.condition = ''
                        AND (b.columns = i.columns OR b.columns = a.source_col)
                        AND (SELECT count(*) FROM operation_source y WHERE y.operation = p.operation) = 1);

-- A foreign key that was not there, over old rows: `terms` are its columns and `ref_terms` those of the
-- parent as SQL, with the aliases `q` (the rows) and `p` (the parent) before them.
CREATE VIEW new_foreign_key AS
  SELECT o.statement, o.line, o.migration, o.focus, o.tbl, o.tbl AS final_tbl, k.columns, k.columns AS col, k.ref_tbl,
         k.ref_columns, 'q.' || replace(k.terms, ', ', ', q.') AS terms, 'p.' || replace(k.ref_terms, ', ', ', p.') AS ref_terms,
         k.on_delete, 'make' AS how, NOT o.table_in_migration AS old_rows, '' AS with_rows, o.tbl AS source,
         EXISTS (SELECT 1 FROM repair f WHERE f.migration BETWEEN o.migration - 1 AND o.migration
                    AND f.statement < o.statement AND f.tbl IN (o.tbl, k.ref_tbl) AND f.col IN ('', k.columns)) AS repaired
    FROM operation_in_migration o
    JOIN foreign_key_state k ON k.since = o.statement AND k.tbl = o.tbl
   WHERE o.kind = 'add_constraint' AND o.ref_tbl <> '' AND o.name IN ('', k.name) AND k.ref_columns <> ''
     AND k.ref_tbl = o.ref_tbl
     AND EXISTS (SELECT 1 FROM operation_column l WHERE l.operation = o.id
                    AND instr(', ' || lower(k.columns) || ',', ', ' || lower(l.col) || ','))
     AND NOT EXISTS (SELECT 1 FROM foreign_key_before b WHERE b.statement = o.statement AND b.tbl = o.tbl
                        AND b.columns = k.columns AND b.ref_tbl = k.ref_tbl)
   UNION ALL
  SELECT p.statement, p.line, p.migration, p.focus, p.tbl, p.final_tbl, k.columns, k.columns, k.ref_tbl, k.ref_columns,
         'q.' || replace(k.terms, ', ', ', q.'), 'p.' || replace(k.ref_terms, ', ', ', p.'), k.on_delete, 'copy', 1,
         p.with_rows, 'q',
         p.narrowing LIKE '%join%' OR p.narrowing LIKE '%where%'
         OR EXISTS (SELECT 1 FROM repair f
                     JOIN operation_source x ON x.operation = p.operation AND f.tbl IN (x.tbl, k.ref_tbl)
                    WHERE f.migration BETWEEN p.migration - 1 AND p.migration AND f.statement < p.statement
                      AND f.col IN ('', k.columns))
    FROM copied_rows p
    JOIN foreign_key_before k ON k.statement = p.statement AND k.tbl = p.tbl AND k.ref_columns <> ''
         AND k.ref_tbl NOT IN (p.tbl, p.final_tbl)
   WHERE EXISTS (SELECT 1 FROM assignment a WHERE a.operation = p.operation AND a.kind <> 'null'
                    AND instr(', ' || lower(k.columns) || ',', ', ' || lower(a.col) || ','))
     AND NOT EXISTS (SELECT 1 FROM foreign_key_before b
                       JOIN operation_source x ON x.operation = p.operation AND x.tbl = b.tbl
                      WHERE b.statement = p.statement AND b.columns = k.columns AND b.ref_tbl = k.ref_tbl);

-- A CHECK that was not there, over old rows: `test` is true for a row that breaks it.
CREATE VIEW new_check AS
  SELECT o.statement, o.line, o.migration, o.focus, o.tbl, o.tbl AS final_tbl, k.name, k.expression, 'make' AS how,
         NOT o.table_in_migration AS old_rows, '' AS with_rows, o.tbl AS source, 'NOT (' || k.expression || ')' AS test
    FROM operation_in_migration o
    JOIN check_state k ON k.since = o.statement AND k.tbl = o.tbl
   WHERE o.kind = 'add_constraint' AND o.ref_tbl = '' AND o.name IN ('', k.name)
     AND NOT EXISTS (SELECT 1 FROM operation_column l WHERE l.operation = o.id)
   UNION ALL
  SELECT p.statement, p.line, p.migration, p.focus, p.tbl, p.final_tbl, k.name, k.expression, 'copy', 1,
         p.with_rows, 'q', 'NOT (' || k.expression || ')'
    FROM copied_rows p
    JOIN check_before k ON k.statement = p.statement AND k.tbl = p.tbl
   WHERE NOT EXISTS (SELECT 1 FROM check_before b
                       JOIN operation_source x ON x.operation = p.operation AND x.tbl = b.tbl
                      WHERE b.statement = p.statement AND b.expression = k.expression);

-- A column whose declared type is another than that of the old rows: by ALTER, or in the table that they
-- are copied into. `expression` is what the new value is made of, '' for the value itself.
CREATE VIEW changed_type AS
  SELECT c.statement, o.line, o.migration, o.focus, c.tbl, c.tbl AS final_tbl, c.name AS col, c.before AS old_type, c.after AS new_type,
         'alter' AS how, NOT o.table_in_migration AS old_rows,
         CASE WHEN instr(o.options, ', using=')
              THEN substr(o.options, instr(o.options, ', using=') + 8, length(o.options) - instr(o.options, ', using=') - 9) ELSE '' END AS expression,
         c.tbl AS source, c.name AS old_col,
         EXISTS (SELECT 1 FROM repair f WHERE f.migration BETWEEN o.migration - 1 AND o.migration
                    AND f.statement < c.statement AND f.tbl = c.tbl AND f.col IN ('', c.name)) AS repaired
    FROM change c
    JOIN operation_in_migration o ON o.statement = c.statement AND o.kind = 'alter_column' AND o.tbl = c.tbl
         AND c.name IN (o.col, o.new_name)
   WHERE c.what = 'column' AND c.how = 'altered' AND c.aspect = 'type'
   UNION ALL
  SELECT p.statement, p.line, p.migration, p.focus, p.tbl, p.final_tbl, a.col, s.type, n.type, 'copy', 1,
         CASE WHEN a.kind IN ('column', 'star') THEN '' ELSE a.expression END, a.source_tbl, a.source_col,
         p.narrowing LIKE '%where%'
         OR EXISTS (SELECT 1 FROM repair f WHERE f.migration BETWEEN p.migration - 1 AND p.migration
                       AND f.statement < p.statement AND f.tbl = a.source_tbl AND f.col IN ('', a.source_col))
    FROM copied_rows p
    JOIN (SELECT a.operation, a.col, a.kind, a.expression, coalesce(nullif(a.source_tbl, ''), x.tbl) AS source_tbl,
                 coalesce(nullif(a.source_col, ''), r.col) AS source_col
            FROM assignment a
            JOIN operation_source x ON x.operation = a.operation
            LEFT JOIN reference r ON r.statement = a.statement AND r.role = 'read' AND r.tbl = x.tbl AND r.col <> ''
                 AND a.source_col = '' AND instr(' ' || replace(replace(replace(replace(replace(lower(a.expression),
                       '(', ' '), ')', ' '), ',', ' '), '.', ' '), '"', ' ') || ' ', ' ' || lower(r.col) || ' ')
           GROUP BY a.operation, a.position) a ON a.operation = p.operation
    JOIN column_before s ON s.statement = p.statement AND s.tbl = a.source_tbl AND s.col = a.source_col
    JOIN column_before n ON n.statement = p.statement AND n.tbl = p.tbl AND n.col = a.col
   WHERE lower(s.type) <> lower(n.type);

-- A new index, unique or not.
CREATE VIEW new_index AS
  SELECT o.statement, o.line, o.migration, o.focus, o.tbl, o.name, i.columns, i.is_unique, i.condition, i.method,
         o.concurrently, NOT o.table_in_migration AS old_rows
    FROM operation_in_migration o
    JOIN index_state i ON i.since = o.statement AND i.tbl = o.tbl AND i.name = o.name
   WHERE o.kind = 'create_index';

-- What a table had before the migration and lacks after it, although the table is still there: `what` is
-- index, unique, foreign key, check, trigger.
CREATE VIEW lost_object AS
  SELECT c.statement, s.line, c.migration, s.focus, c.what, c.tbl, c.name, c.before AS was
    FROM migration_change c
    JOIN statement s ON s.id = c.statement
   WHERE c.how = 'removed' AND c.what IN ('index', 'unique', 'foreign key', 'check', 'trigger');

-- A PRAGMA or SET that changes something: `name` and `value` in lower case, without quotes.
CREATE VIEW setting AS
  SELECT o.statement, o.line, o.migration, o.focus, lower(o.name) AS name, lower(trim(o.value, ' ''"')) AS value,
         o.options LIKE '%, local,%' AS local, o.in_transaction
    FROM operation_in_migration o
   WHERE o.kind IN ('pragma', 'set') AND o.value <> '';

-- Servers: a statement that locks a table that others use: `weight` is the severity that waiting has in
-- this project ([engine] live_traffic), `lock_timeout` milliseconds, 0 for none.
CREATE VIEW locking_statement AS
  SELECT b.statement, b.line, b.migration, b.focus, b.kind, b.tbl, b.lock, b.blocks_reads, b.blocks_writes,
         coalesce(b.rewrites, 0) AS rewrites, coalesce(b.scans, 0) AS scans, b.algorithm, b.why,
         coalesce(b.lock_timeout, 0) AS lock_timeout, b.concurrently, b.weight
    FROM busy_effect b
   WHERE b.lock NOT IN ('', 'NONE');

-- What nothing could read: program code (`kind` opaque), or SQL that our reader does not know (unread).
CREATE VIEW unread_statement AS
  SELECT o.statement, o.line, o.migration, o.focus, o.kind, o.value AS why
    FROM operation_in_migration o
   WHERE o.kind IN ('opaque', 'unread');
