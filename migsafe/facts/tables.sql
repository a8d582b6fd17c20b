-- The facts database. Every table says what one row is; every column says what it holds.
-- Booleans are 0 or 1; lines and columns of text are 1-based; names are as written in the
-- source, and compare without regard to case (COLLATE NOCASE) as SQLite's own names do.

-- group: What is checked

-- One setting of the project or of this run.
CREATE TABLE project (
  key TEXT PRIMARY KEY,  -- dialect, framework, facts_version, foreign_keys, transaction, engine_oldest, engine_oldest_number (SQLite 3035000, PostgreSQL 140002, MySQL 80029), engine_product (sqlite, postgres, mysql, mariadb), engine_without, live_traffic, ...
  value TEXT             -- the setting as text; booleans are '0' and '1'
);

-- One migration, in the order of the history.
CREATE TABLE migration (
  id INTEGER PRIMARY KEY,   -- position in the history, from 1
  revision TEXT NOT NULL,   -- its revision
  path TEXT NOT NULL,       -- its file, relative to the project
  title TEXT NOT NULL,      -- its title, from the file's name or docstring
  focus INTEGER NOT NULL,   -- do findings on it count in this run? (given on the command line, or pending on a sample)
  transactional INTEGER,    -- does its runner wrap it in a transaction?
  program INTEGER NOT NULL  -- is it program code (Alembic)?
);

-- One statement of a migration's upgrade.
CREATE TABLE statement (
  id INTEGER PRIMARY KEY,    -- position in the whole history, from 1
  migration INTEGER NOT NULL, -- migration.id
  position INTEGER NOT NULL, -- position in its migration, from 1
  path TEXT NOT NULL,        -- its file
  line INTEGER NOT NULL,     -- first line
  col INTEGER NOT NULL,      -- first column
  end_line INTEGER NOT NULL, -- last line
  sql TEXT NOT NULL,         -- its exact source
  origin TEXT NOT NULL,      -- sql, call (an op.* call), code (program code)
  in_transaction INTEGER,    -- is a transaction open when it runs? null: not known
  foreign_keys INTEGER,      -- is foreign-key enforcement on when it runs? null: not known
  conditional INTEGER NOT NULL, -- does it run only under a condition in program code?
  focus INTEGER NOT NULL,    -- as in migration
  error TEXT NOT NULL,       -- what an empty database answers to it, '' where it runs there
  transaction_id INTEGER,    -- the transaction it runs in: statements of one share the number; null: in none
  lock_timeout INTEGER,      -- servers: milliseconds in force, 0: switched off, null: never set
  statement_timeout INTEGER, -- servers: likewise
  repeated INTEGER NOT NULL  -- does a loop in program code, which ends no transaction, run it as often as the data wants?
);

-- One thing a statement does.
CREATE TABLE operation (
  id INTEGER PRIMARY KEY,
  statement INTEGER NOT NULL, -- statement.id
  kind TEXT NOT NULL,        -- create_table, drop_table, rename_table, add_column, drop_column, rename_column, alter_column, add_constraint, drop_constraint, create_index, drop_index, create_trigger, drop_trigger, create_view, drop_view, insert, update, delete, select, pragma, begin, commit, rollback, savepoint, release, attach, detach, vacuum, maintenance, validate_constraint, alter_constraint, rename_constraint, rename_index, rename_view, alter_index, attach_partition, detach_partition, table_option, truncate, lock_table, reindex, cluster, refresh_view, create_type, alter_type, drop_type, create_sequence, alter_sequence, drop_sequence, create_function, drop_function, create_schema, drop_schema, create_extension, drop_extension, create_policy, drop_policy, create_other, alter_other, drop_other, grant, revoke, comment, set, call, block, copy, opaque, unread
  tbl TEXT NOT NULL COLLATE NOCASE, -- the table acted on, '' for none
  col TEXT NOT NULL COLLATE NOCASE, -- the column added, dropped, renamed or altered
  name TEXT NOT NULL COLLATE NOCASE, -- the index, trigger, view, constraint, pragma or savepoint
  new_name TEXT NOT NULL COLLATE NOCASE, -- what it is renamed to
  type TEXT,                 -- add_column, alter_column: the declared type
  not_null INTEGER,          -- add_column, alter_column: is it NOT NULL?
  default_sql TEXT,          -- add_column, alter_column: its default, as written
  is_unique INTEGER,         -- create_index, add_column: is it unique?
  primary_key INTEGER,       -- add_column: is it the primary key?
  generated INTEGER,         -- add_column: is it a generated column?
  if_exists INTEGER NOT NULL,
  if_not_exists INTEGER NOT NULL,
  temporary INTEGER NOT NULL, -- create_*: a temporary object
  condition TEXT,            -- the WHERE of an update, delete or partial index; null for none
  value TEXT NOT NULL,       -- a pragma's or setting's value, an attached file, why it is unread or opaque; alter_column: set not null, drop not null, set default, drop default, type, add identity, ..., '' for a whole declaration; alter_type: add value, rename value, ...; lock_table: the mode
  conflict TEXT NOT NULL,    -- insert, update: IGNORE, REPLACE, ROLLBACK, ABORT, FAIL, UPSERT
  narrowing TEXT NOT NULL,   -- insert: what may drop source rows, in words: where join distinct group limit
  table_existed INTEGER,     -- did the table exist before the statement? null: not known
  table_in_migration INTEGER NOT NULL, -- was the table made earlier in the same migration, or does only a new database run it (Django's squashed migrations)?
  line INTEGER NOT NULL,
  ref_tbl TEXT NOT NULL COLLATE NOCASE, -- the other table: a foreign key's parent, the partition or its parent
  concurrently INTEGER NOT NULL, -- CONCURRENTLY
  not_valid INTEGER NOT NULL, -- NOT VALID
  cascades INTEGER NOT NULL, -- CASCADE
  nested INTEGER NOT NULL,   -- does it stand in the body of a DO block or procedure?
  options TEXT NOT NULL,     -- all that the statement says besides, as `, only, using=a::int, algorithm=inplace, lock=none, `
  new_rows TEXT NOT NULL     -- insert: the rows it adds, as `q("a", "b") AS (SELECT ...)` to write after WITH in a data rule; '' where not all columns are known
);
CREATE INDEX operation_kind ON operation (kind, tbl);
CREATE INDEX operation_statement ON operation (statement);

-- One thing that the body of a procedure does once it is called.
CREATE TABLE routine_step (
  operation INTEGER NOT NULL, -- operation.id of the CREATE PROCEDURE
  statement INTEGER NOT NULL, -- statement.id
  name TEXT NOT NULL COLLATE NOCASE, -- the procedure
  position INTEGER NOT NULL, -- from 1
  kind TEXT NOT NULL,        -- as in operation
  tbl TEXT NOT NULL COLLATE NOCASE,
  condition TEXT,            -- the WHERE of an update or delete
  options TEXT NOT NULL,     -- as in operation; loop, conditional: where it stands in the body
  line INTEGER NOT NULL
);

-- One column of an operation's column list: of an index, of a CREATE TABLE, or of an INSERT.
CREATE TABLE operation_column (
  operation INTEGER NOT NULL, -- operation.id
  position INTEGER NOT NULL, -- from 1
  col TEXT NOT NULL COLLATE NOCASE, -- the column, or the text of an index expression
  expression INTEGER NOT NULL, -- is it an expression?
  collation TEXT NOT NULL    -- the index term's own collation, '' for the column's
);
CREATE INDEX operation_column_operation ON operation_column (operation);

-- One column that an INSERT or UPDATE fills, and what fills it.
CREATE TABLE assignment (
  operation INTEGER NOT NULL, -- operation.id
  statement INTEGER NOT NULL, -- statement.id
  position INTEGER NOT NULL, -- from 1; for an INSERT without a column list it says which column
  tbl TEXT NOT NULL COLLATE NOCASE, -- the table filled
  col TEXT NOT NULL COLLATE NOCASE, -- the column filled (by position where the list is missing and the table is known), '' where not known
  named INTEGER NOT NULL,    -- is the column named, rather than found by position?
  expression TEXT NOT NULL,  -- the source of what fills it
  kind TEXT NOT NULL,        -- column, literal, null, parameter, subquery, expression; star: copied by SELECT *
  source_tbl TEXT NOT NULL COLLATE NOCASE, -- the table it is copied from, '' where not certain
  source_col TEXT NOT NULL COLLATE NOCASE, -- the column it is copied from
  guarded INTEGER NOT NULL   -- can NULL not come through (COALESCE, literal)?
);
CREATE INDEX assignment_statement ON assignment (statement);
CREATE INDEX assignment_operation ON assignment (operation);

-- One table that an INSERT .. SELECT or UPDATE .. FROM reads in its outer FROM.
CREATE TABLE operation_source (
  operation INTEGER NOT NULL, -- operation.id
  tbl TEXT NOT NULL COLLATE NOCASE
);
CREATE INDEX operation_source_operation ON operation_source (operation);

-- One condition of an INSERT, UPDATE or DELETE, or a part of one, that does not do what it seems to.
CREATE TABLE condition_flaw (
  operation INTEGER NOT NULL, -- operation.id
  statement INTEGER NOT NULL, -- statement.id
  part TEXT NOT NULL,        -- where, assignment, query
  flaw TEXT NOT NULL,        -- always (true for every row whose column is not NULL), never (true for no row), idle (what stands behind OR adds no row), itself (a column is compared with itself), null list (NOT IN over a list with NULL), query list (NOT IN over a column that a query gives), one table (a subquery compares two names that may both be its own table's)
  text TEXT NOT NULL,        -- its source
  ref_tbl TEXT NOT NULL COLLATE NOCASE, -- query list, one table: the table that is read
  ref_col TEXT NOT NULL COLLATE NOCASE  -- query list: the column that is read; one table: the name without a table before it
);

-- One name used in a statement.
CREATE TABLE reference (
  statement INTEGER NOT NULL, -- statement.id
  role TEXT NOT NULL,        -- read, write
  tbl TEXT NOT NULL COLLATE NOCASE, -- the table, '' where not certain
  col TEXT NOT NULL COLLATE NOCASE, -- the column, '' for the table itself
  quote TEXT NOT NULL,       -- the quote character it is written in, '' for none
  line INTEGER NOT NULL
);
CREATE INDEX reference_statement ON reference (statement);

-- What one operation does to one table of a server while others use it.
CREATE TABLE effect (
  operation INTEGER NOT NULL, -- operation.id
  statement INTEGER NOT NULL, -- statement.id
  tbl TEXT NOT NULL COLLATE NOCASE,
  lock TEXT NOT NULL,        -- ACCESS SHARE ... ACCESS EXCLUSIVE; MySQL: NONE, SHARED, EXCLUSIVE
  blocks_reads INTEGER NOT NULL,
  blocks_writes INTEGER NOT NULL,
  rewrites INTEGER,          -- is the whole table written anew? null: not known
  scans INTEGER,             -- are all rows read under the lock?
  rebuilds_index INTEGER,    -- is an index built anew?
  algorithm TEXT NOT NULL,   -- MySQL: instant, nocopy, inplace, copy
  why TEXT NOT NULL,         -- what decides it, in a few words
  source TEXT NOT NULL,      -- where that is written
  held_until INTEGER NOT NULL, -- the last statement (statement.id) of the transaction that holds the lock
  new_table INTEGER NOT NULL -- does nobody else use the table, because the same migration or transaction made it, or because only a new database runs this?
);
CREATE INDEX effect_statement ON effect (statement);

-- One thing a statement needs that older engines lack.
CREATE TABLE feature (
  statement INTEGER NOT NULL, -- statement.id
  name TEXT NOT NULL,
  since TEXT NOT NULL,       -- the first version that has it, such as 3.35.0
  since_number INTEGER NOT NULL, -- the same as a number, such as 3035000
  extension TEXT NOT NULL,   -- the extension it belongs to (json, math, fts5, ...), '' for the core
  source TEXT NOT NULL,      -- where that is written
  line INTEGER NOT NULL
);

-- group: The schema before and after every statement

-- One difference that a statement makes to the schema.
CREATE TABLE change (
  statement INTEGER NOT NULL, -- statement.id
  what TEXT NOT NULL,        -- table, column, index, unique, foreign key, check, trigger, view, option
  how TEXT NOT NULL,         -- added, removed, altered
  tbl TEXT NOT NULL COLLATE NOCASE,
  name TEXT NOT NULL COLLATE NOCASE,
  aspect TEXT NOT NULL,      -- what was altered: type, not null, default, collation, position, ...
  before TEXT NOT NULL,
  after TEXT NOT NULL
);
CREATE INDEX change_statement ON change (statement);

-- One difference between the schema before a migration and the schema after it.
CREATE TABLE migration_change (
  migration INTEGER NOT NULL, -- migration.id
  statement INTEGER NOT NULL, -- the statement that made it so
  what TEXT NOT NULL,
  how TEXT NOT NULL,
  tbl TEXT NOT NULL COLLATE NOCASE,
  name TEXT NOT NULL COLLATE NOCASE,
  aspect TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL
);

-- One state of a table: true from the statement `since` (0: before the first) until `until`.
CREATE TABLE table_state (
  tbl TEXT NOT NULL COLLATE NOCASE,
  since INTEGER NOT NULL,    -- the statement that made this state
  until INTEGER,             -- the statement that ended it; null: it lasts
  autoincrements INTEGER NOT NULL,
  without_rowid INTEGER NOT NULL,
  strict INTEGER NOT NULL,
  virtual TEXT NOT NULL,     -- the module of a virtual table, '' for none
  temporary INTEGER NOT NULL,
  complete INTEGER NOT NULL, -- is the whole table known?
  partitioned TEXT NOT NULL, -- RANGE (a) and the like, '' for none
  partition_of TEXT NOT NULL COLLATE NOCASE, -- its parent, '' for none
  unlogged INTEGER NOT NULL,
  engine TEXT NOT NULL,      -- MySQL: the storage engine as written, in lower case, '' for the default
  row_format TEXT NOT NULL   -- MySQL: likewise
);
CREATE INDEX table_state_tbl ON table_state (tbl);

-- One state of a column.
CREATE TABLE column_state (
  tbl TEXT NOT NULL COLLATE NOCASE,
  col TEXT NOT NULL COLLATE NOCASE,
  since INTEGER NOT NULL,
  until INTEGER,
  position INTEGER NOT NULL, -- from 1
  type TEXT NOT NULL,        -- the declared type as written
  affinity TEXT NOT NULL,    -- SQLite's affinity of that type: INTEGER, TEXT, BLOB, REAL, NUMERIC
  not_null INTEGER NOT NULL, -- declared NOT NULL
  default_sql TEXT,          -- its default as written, null for none
  primary_key INTEGER NOT NULL, -- position in the primary key, 0 outside it
  rowid_alias INTEGER NOT NULL, -- is it an INTEGER PRIMARY KEY (the table's rowid)?
  collation TEXT NOT NULL,   -- '' for the default
  generated INTEGER NOT NULL,
  identity TEXT NOT NULL,    -- servers: serial, always, by default, auto_increment; '' for none
  charset TEXT NOT NULL,     -- MySQL: the character set that it has by itself or from its table, '' for no text
  on_update TEXT NOT NULL,   -- MySQL: ON UPDATE CURRENT_TIMESTAMP, '' for none
  comment TEXT NOT NULL,     -- MySQL: its COMMENT
  capacity INTEGER,          -- MySQL: the most characters of a text (BINARY: bytes), null where it is none
  octets INTEGER,            -- MySQL: the most bytes of a text in a key, null where it is none
  compares TEXT NOT NULL     -- MySQL: the collation that it has by itself or from its table, in lower case, '' where none is written
);
CREATE INDEX column_state_tbl ON column_state (tbl, col);

-- One state of an index, UNIQUE clause or primary key.
CREATE TABLE index_state (
  tbl TEXT NOT NULL COLLATE NOCASE,
  name TEXT NOT NULL COLLATE NOCASE, -- '' for a clause without a name
  since INTEGER NOT NULL,
  until INTEGER,
  origin TEXT NOT NULL,      -- index (CREATE INDEX), unique (UNIQUE clause), primary key
  is_unique INTEGER NOT NULL,
  columns TEXT NOT NULL COLLATE NOCASE, -- its terms, comma-separated
  condition TEXT NOT NULL,   -- the predicate of a partial index
  terms TEXT NOT NULL,       -- its terms as SQL, with their collations: `"a", "b" COLLATE NOCASE`
  method TEXT NOT NULL,      -- servers: gin, hash, fulltext, ..., '' for the default
  valid INTEGER NOT NULL
);
CREATE INDEX index_state_tbl ON index_state (tbl, name);

-- One state of a foreign key.
CREATE TABLE foreign_key_state (
  tbl TEXT NOT NULL COLLATE NOCASE, -- the child
  since INTEGER NOT NULL,
  until INTEGER,
  columns TEXT NOT NULL COLLATE NOCASE, -- the child's columns, comma-separated
  ref_tbl TEXT NOT NULL COLLATE NOCASE, -- the parent
  ref_columns TEXT NOT NULL COLLATE NOCASE, -- the parent's columns, its primary key where none are written
  on_delete TEXT NOT NULL,   -- NO ACTION, RESTRICT, CASCADE, SET NULL, SET DEFAULT
  on_update TEXT NOT NULL,
  terms TEXT NOT NULL,       -- the child's columns as SQL: `"a", "b"`
  ref_terms TEXT NOT NULL,   -- the parent's columns as SQL
  name TEXT NOT NULL COLLATE NOCASE, -- '' for a key without a name
  valid INTEGER NOT NULL,    -- 0: NOT VALID, old rows are unchecked
  deferred INTEGER NOT NULL  -- is it INITIALLY DEFERRED, tried when the transaction ends?
);
CREATE INDEX foreign_key_state_tbl ON foreign_key_state (tbl);

-- One state of a CHECK constraint.
CREATE TABLE check_state (
  tbl TEXT NOT NULL COLLATE NOCASE,
  since INTEGER NOT NULL,
  until INTEGER,
  expression TEXT NOT NULL,  -- normalised text
  name TEXT NOT NULL COLLATE NOCASE, -- '' for a check without a name
  valid INTEGER NOT NULL     -- 0: NOT VALID, old rows are unchecked
);

-- One state of a type made by CREATE TYPE or CREATE DOMAIN.
CREATE TABLE type_state (
  name TEXT NOT NULL COLLATE NOCASE,
  since INTEGER NOT NULL,
  until INTEGER,
  kind TEXT NOT NULL,        -- enum, domain, composite, other
  labels TEXT NOT NULL,      -- an enum's values in their order, as a JSON array
  base TEXT NOT NULL         -- a domain's type
);

-- One state of a sequence.
CREATE TABLE sequence_state (
  name TEXT NOT NULL COLLATE NOCASE,
  since INTEGER NOT NULL,
  until INTEGER,
  owner TEXT NOT NULL COLLATE NOCASE, -- table.column that it belongs to, '' for none
  type TEXT NOT NULL         -- what AS says, '' for nothing
);

-- One state of a trigger.
CREATE TABLE trigger_state (
  name TEXT NOT NULL COLLATE NOCASE,
  tbl TEXT NOT NULL COLLATE NOCASE, -- the table it stands on
  since INTEGER NOT NULL,
  until INTEGER,
  timing TEXT NOT NULL,
  event TEXT NOT NULL,
  body TEXT NOT NULL         -- normalised text
);

-- One state of a view.
CREATE TABLE view_state (
  name TEXT NOT NULL COLLATE NOCASE,
  since INTEGER NOT NULL,
  until INTEGER,
  body TEXT NOT NULL         -- normalised text of its SELECT
);

-- One table that a trigger or view names.
CREATE TABLE dependency_state (
  what TEXT NOT NULL,        -- trigger, view
  name TEXT NOT NULL COLLATE NOCASE,
  tbl TEXT NOT NULL COLLATE NOCASE, -- the table or view that it names
  since INTEGER NOT NULL,
  until INTEGER
);
CREATE INDEX dependency_state_tbl ON dependency_state (tbl);

-- group: The way back

-- One thing that the downgrade of a migration in focus does.
CREATE TABLE downgrade_operation (
  migration INTEGER NOT NULL, -- migration.id
  position INTEGER NOT NULL, -- from 1, in the order in which it goes back
  path TEXT NOT NULL,        -- the file that says so
  line INTEGER NOT NULL,
  kind TEXT NOT NULL,        -- as in operation, like all that follows
  tbl TEXT NOT NULL COLLATE NOCASE,
  col TEXT NOT NULL COLLATE NOCASE,
  name TEXT NOT NULL COLLATE NOCASE,
  new_name TEXT NOT NULL COLLATE NOCASE,
  type TEXT,
  not_null INTEGER,
  default_sql TEXT,
  is_unique INTEGER NOT NULL,
  if_exists INTEGER NOT NULL,
  condition TEXT,
  value TEXT NOT NULL,
  options TEXT NOT NULL
);

-- One difference between the schema before a migration in focus and the schema after it went up and
-- down again. Nothing stands here where a statement of either could not be read.
CREATE TABLE downgrade_change (
  migration INTEGER NOT NULL, -- migration.id
  what TEXT NOT NULL,        -- as in change, like all that follows
  how TEXT NOT NULL,         -- added: it stays; removed: it is not there any more; altered
  tbl TEXT NOT NULL COLLATE NOCASE,
  name TEXT NOT NULL COLLATE NOCASE,
  aspect TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL
);

-- One place where a migration in focus refuses to go back.
CREATE TABLE one_way (
  migration INTEGER NOT NULL, -- migration.id
  path TEXT NOT NULL,
  line INTEGER NOT NULL,
  why TEXT NOT NULL          -- in words
);

-- group: The replay on sampled old databases

-- One sampled old database.
CREATE TABLE sample (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL,
  revision TEXT,             -- the last migration it has had; null: none
  weight REAL NOT NULL,      -- the number of devices it stands for
  bytes INTEGER NOT NULL
);

-- One replay of one sample.
CREATE TABLE outcome (
  id INTEGER PRIMARY KEY,
  sample INTEGER NOT NULL,   -- sample.id
  scenario TEXT NOT NULL,    -- straight, step-by-step, second-launch, interrupted, growth, storage-full, other-start, old-engine, made, live-traffic
  verdict TEXT NOT NULL      -- ok, raised, too-slow, bricked-on-relaunch, launch-failed, data-lost, drifted, grows-too-fast, blocks-traffic, tool-error
);

-- One thing the checks saw on one sample.
CREATE TABLE observation (
  outcome INTEGER NOT NULL,  -- outcome.id
  failure INTEGER NOT NULL,  -- failure.id
  affected INTEGER NOT NULL, -- rows hit
  total INTEGER NOT NULL     -- rows looked at
);

-- The same observation on one or more samples, grouped by fingerprint.
CREATE TABLE failure (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,        -- raised, too-slow, ignored-error, integrity, foreign-keys, drifted, left-over, column-order, rows-lost, links-lost, became-null, values-cut, values-changed, type-changed-values, sequence-reset, renumbered, undecodable, misfit, launch-query, launch-command, launch-callable, launch-insert, model-missing, model-unreadable, model-unread, invariant, second-launch, interrupted, growth, growth-of-copies, growth-limited, storage-full, locked, storage-peak, old-query, old-query-again, old-query-columns, old-query-places, fails-one-by-one, downgrade, sequence-behind, lock-queue, deadlock, waits-for-itself, blocks-while-scanning
  statement INTEGER,         -- the guilty statement.id, where one can be named
  path TEXT NOT NULL,        -- the guilty file: a migration, a launch file, the launch code, or the configuration that names it
  line INTEGER NOT NULL,
  col_no INTEGER NOT NULL,   -- column of the text
  tbl TEXT NOT NULL COLLATE NOCASE,
  col TEXT NOT NULL COLLATE NOCASE,
  name TEXT NOT NULL COLLATE NOCASE, -- the index, trigger, parent table or pragma it is about; misfit: boolean, date, mixed, json, integer, list; old-query and its like: meanwhile where it is so between two migrations only; old-query-columns: more where columns came behind the old ones, else other; interrupted: unnoticed where the relaunch comes through, finished build where one of several concurrent builds stops it
  error TEXT NOT NULL,       -- the engine's message, without values
  detail TEXT NOT NULL,      -- readable text, without values
  deliberate INTEGER NOT NULL, -- did a statement ask for it in so many words?
  made TEXT NOT NULL,        -- the made-up row that shows it, in words; '' where a sample does
  launch INTEGER NOT NULL,   -- would the app not start?
  affected INTEGER NOT NULL, -- rows hit, over all samples
  total INTEGER NOT NULL,    -- rows looked at, over all samples
  failing INTEGER NOT NULL,  -- samples hit
  sampled INTEGER NOT NULL   -- samples replayed
);

-- One lock that a statement was seen to take on a table that was there before, on a real server.
CREATE TABLE observed_lock (
  statement INTEGER,         -- statement.id, where one stands at its place
  tbl TEXT NOT NULL COLLATE NOCASE,
  lock TEXT NOT NULL,        -- the strongest mode that it took anew: ACCESS SHARE ... ACCESS EXCLUSIVE
  rewrote INTEGER NOT NULL,  -- was the table written to another file?
  scanned INTEGER NOT NULL,  -- the rows of it that were read in full scans, on the sample where most were
  written INTEGER NOT NULL   -- the rows of it that were inserted, updated and deleted, likewise
);

-- The rows of a table on servers, in the sample that has most of them.
CREATE TABLE sampled_table (
  tbl TEXT PRIMARY KEY COLLATE NOCASE,
  most INTEGER NOT NULL
);

-- group: Views for rules

-- The columns, tables, ... just before a statement and just after it:
-- `select * from column_before where statement = 7`.
CREATE VIEW table_before AS SELECT s.id AS statement, t.* FROM statement s JOIN table_state t ON t.since < s.id AND (t.until IS NULL OR t.until >= s.id);
CREATE VIEW table_after AS SELECT s.id AS statement, t.* FROM statement s JOIN table_state t ON t.since <= s.id AND (t.until IS NULL OR t.until > s.id);
CREATE VIEW column_before AS SELECT s.id AS statement, t.* FROM statement s JOIN column_state t ON t.since < s.id AND (t.until IS NULL OR t.until >= s.id);
CREATE VIEW column_after AS SELECT s.id AS statement, t.* FROM statement s JOIN column_state t ON t.since <= s.id AND (t.until IS NULL OR t.until > s.id);
CREATE VIEW index_before AS SELECT s.id AS statement, t.* FROM statement s JOIN index_state t ON t.since < s.id AND (t.until IS NULL OR t.until >= s.id);
CREATE VIEW index_after AS SELECT s.id AS statement, t.* FROM statement s JOIN index_state t ON t.since <= s.id AND (t.until IS NULL OR t.until > s.id);
CREATE VIEW foreign_key_before AS SELECT s.id AS statement, t.* FROM statement s JOIN foreign_key_state t ON t.since < s.id AND (t.until IS NULL OR t.until >= s.id);
CREATE VIEW foreign_key_after AS SELECT s.id AS statement, t.* FROM statement s JOIN foreign_key_state t ON t.since <= s.id AND (t.until IS NULL OR t.until > s.id);
CREATE VIEW check_before AS SELECT s.id AS statement, t.* FROM statement s JOIN check_state t ON t.since < s.id AND (t.until IS NULL OR t.until >= s.id);
CREATE VIEW check_after AS SELECT s.id AS statement, t.* FROM statement s JOIN check_state t ON t.since <= s.id AND (t.until IS NULL OR t.until > s.id);
CREATE VIEW type_before AS SELECT s.id AS statement, t.* FROM statement s JOIN type_state t ON t.since < s.id AND (t.until IS NULL OR t.until >= s.id);
CREATE VIEW type_after AS SELECT s.id AS statement, t.* FROM statement s JOIN type_state t ON t.since <= s.id AND (t.until IS NULL OR t.until > s.id);
CREATE VIEW trigger_before AS SELECT s.id AS statement, t.* FROM statement s JOIN trigger_state t ON t.since < s.id AND (t.until IS NULL OR t.until >= s.id);
CREATE VIEW trigger_after AS SELECT s.id AS statement, t.* FROM statement s JOIN trigger_state t ON t.since <= s.id AND (t.until IS NULL OR t.until > s.id);
CREATE VIEW view_before AS SELECT s.id AS statement, t.* FROM statement s JOIN view_state t ON t.since < s.id AND (t.until IS NULL OR t.until >= s.id);
CREATE VIEW view_after AS SELECT s.id AS statement, t.* FROM statement s JOIN view_state t ON t.since <= s.id AND (t.until IS NULL OR t.until > s.id);
CREATE VIEW dependency_before AS SELECT s.id AS statement, t.* FROM statement s JOIN dependency_state t ON t.since < s.id AND (t.until IS NULL OR t.until >= s.id);
CREATE VIEW dependency_after AS SELECT s.id AS statement, t.* FROM statement s JOIN dependency_state t ON t.since <= s.id AND (t.until IS NULL OR t.until > s.id);

-- A table rebuilt within one migration: `tbl` is its name throughout, `scratch` the other table
-- of the rebuild; `rename_first` is 1 where the old table is renamed away first; `copy` is the
-- INSERT .. SELECT between the two (null for none), `created`, `dropped` and `renamed` are
-- statement ids.
CREATE VIEW rebuild AS
  SELECT c.migration, r.new_name AS tbl, r.tbl AS scratch, 0 AS rename_first,
         c.statement AS created, d.statement AS dropped, r.statement AS renamed,
         (SELECT max(i.statement) FROM operation_in_migration i JOIN operation_source x ON x.operation = i.id
           WHERE i.migration = c.migration AND i.kind = 'insert' AND i.tbl = r.tbl AND x.tbl = d.tbl) AS copy
    FROM operation_in_migration r
    JOIN operation_in_migration d ON d.migration = r.migration AND d.kind = 'drop_table' AND d.tbl = r.new_name AND d.statement < r.statement
    JOIN operation_in_migration c ON c.migration = r.migration AND c.kind = 'create_table' AND c.tbl = r.tbl AND c.statement < d.statement
   WHERE r.kind = 'rename_table'
  UNION ALL
  SELECT c.migration, r.tbl, r.new_name, 1, c.statement, d.statement, r.statement,
         (SELECT max(i.statement) FROM operation_in_migration i JOIN operation_source x ON x.operation = i.id
           WHERE i.migration = c.migration AND i.kind = 'insert' AND i.tbl = r.tbl AND x.tbl = r.new_name)
    FROM operation_in_migration r
    JOIN operation_in_migration c ON c.migration = r.migration AND c.kind = 'create_table' AND c.tbl = r.tbl AND c.statement > r.statement
    LEFT JOIN operation_in_migration d ON d.migration = r.migration AND d.kind = 'drop_table' AND d.tbl = r.new_name AND d.statement > r.statement
   WHERE r.kind = 'rename_table';

-- One row: the severity for a finding about waiting, or about old code that still runs: error where the
-- project says that a service keeps running while it migrates ([engine] live_traffic = true), warning
-- where it says nothing, note where none runs.
CREATE VIEW traffic AS
  SELECT CASE (SELECT value FROM project WHERE key = 'live_traffic')
              WHEN '1' THEN 'error' WHEN '0' THEN 'note' ELSE 'warning' END AS weight;

-- The effects on tables that others use already, with what is known of the session and traffic's weight.
-- What goes through a table that has a handful of rows in every sample is no error: it takes no time.
CREATE VIEW busy_effect AS
  SELECT e.*, s.migration, s.focus, s.transaction_id, s.lock_timeout, s.statement_timeout, s.conditional,
         o.kind, o.col, o.name, o.value, o.concurrently, o.not_valid, o.ref_tbl, o.options, o.line,
         CASE WHEN (e.scans OR e.rewrites OR e.rebuilds_index) AND (SELECT weight FROM traffic) = 'error'
                   AND EXISTS (SELECT 1 FROM sampled_table r WHERE r.tbl = e.tbl AND r.most BETWEEN 1 AND 9)
              THEN 'warning' ELSE (SELECT weight FROM traffic) END AS weight
    FROM effect e
    JOIN statement s ON s.id = e.statement
    JOIN operation o ON o.id = e.operation
   WHERE NOT e.new_table;

-- The operations with the migration that they belong to.
CREATE VIEW operation_in_migration AS
  SELECT o.*, s.migration, s.in_transaction, s.foreign_keys, s.conditional, s.focus, s.path
    FROM operation o JOIN statement s ON s.id = o.statement;

-- group: Releases

-- One migration that the release lock (migsafe.lock) remembers: users have run it.
CREATE TABLE released (
  path TEXT NOT NULL,        -- its file when it was released
  revision TEXT NOT NULL,
  version TEXT NOT NULL,     -- the first version that had it
  state TEXT NOT NULL,       -- same, changed, deleted
  lock TEXT NOT NULL,        -- the lock's file
  line INTEGER NOT NULL,     -- its line there
  migration INTEGER,         -- migration.id; null: deleted
  moved TEXT NOT NULL        -- an unreleased migration that holds what it held, '' for none
);

-- One migration that is not released and stands before one that is.
CREATE TABLE inserted (
  migration INTEGER NOT NULL, -- migration.id
  path TEXT NOT NULL,        -- its file
  later TEXT NOT NULL,       -- the file of the released one
  version TEXT NOT NULL,     -- the first version that had that one
  out_of_order INTEGER NOT NULL -- does the framework run it on databases that have had the later one?
);

-- group: Suppressions

-- One comment that speaks to migsafe: `-- migsafe: allow <rule> until=YYYY-MM-DD reason="..."`.
CREATE TABLE suppression (
  path TEXT NOT NULL,
  line INTEGER NOT NULL,
  rule TEXT NOT NULL,        -- the rule it names
  reason TEXT NOT NULL,
  until TEXT NOT NULL,       -- its last day, '' for no end
  fault TEXT NOT NULL,       -- what is wrong with it, '' for nothing
  expired INTEGER NOT NULL,
  focus INTEGER NOT NULL     -- as in migration
);
