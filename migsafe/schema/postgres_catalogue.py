"""The questions that `inspect_postgres` asks of PostgreSQL's catalogues (12 and newer).

Lists come as JSON text, so that they mean the same through every driver. A column that only newer
versions have is read through to_jsonb, which leaves it NULL in older ones.
"""

from __future__ import annotations


def _name(schema: str, name: str) -> str:
    """A name as `Schema` writes it: with its schema, unless that is public or a temporary one."""
    return (
        f"CASE WHEN {schema}.nspname = 'public' OR {schema}.oid = pg_catalog.pg_my_temp_schema()"
        f" THEN {name}::text ELSE {schema}.nspname || '.' || {name} END"
    )


def _list(items: str, source: str) -> str:
    """A JSON list of what a query gives, in the order that it says; "[]" for nothing."""
    return f"(SELECT coalesce(json_agg({items}), '[]')::text FROM {source})"


def _ours(schema: str, catalogue: str, oid: str) -> str:
    """Neither the system's, nor another session's temporary object, nor an extension's."""
    return f"""{schema}.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   AND ({schema}.nspname !~ '^pg_(toast_)?temp_' OR {schema}.oid = pg_catalog.pg_my_temp_schema())
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.deptype = 'e'
                      AND e.classid = 'pg_catalog.{catalogue}'::regclass AND e.objid = {oid})"""


_TABLE = _name("n", "c.relname")
_OUR_TABLE = _ours("n", "pg_class", "c.oid")


def _columns(numbers: str, relation: str) -> str:
    """The names of the columns with these numbers, in their order."""
    return _list(
        "a.attname ORDER BY listed.place",
        f"unnest({numbers}) WITH ORDINALITY AS listed(number, place)"
        f" JOIN pg_catalog.pg_attribute a ON a.attrelid = {relation} AND a.attnum = listed.number",
    )


TABLES = f"""
SELECT c.oid, {_TABLE}, c.relpersistence::text, pg_catalog.pg_get_partkeydef(c.oid),
       c.relispartition,
       {
    _list(
        _name("pn", "p.relname") + " ORDER BY i.inhseqno",
        "pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent"
        " JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid",
    )
}
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f') AND {_OUR_TABLE}
 ORDER BY n.nspname, c.relname
"""

COLUMNS = f"""
SELECT c.oid, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
       CASE WHEN a.attcollation <> t.typcollation THEN o.collname::text END,
       EXISTS (SELECT FROM pg_catalog.pg_depend s
                 JOIN pg_catalog.pg_class q ON q.oid = s.objid AND q.relkind = 'S'
                WHERE s.classid = 'pg_catalog.pg_class'::regclass AND s.deptype = 'a'
                  AND s.refclassid = 'pg_catalog.pg_class'::regclass
                  AND s.refobjid = c.oid AND s.refobjsubid = a.attnum)
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND {_OUR_TABLE}
 ORDER BY c.oid, a.attnum
"""

# A foreign key to a partitioned table has one more row for each of its partitions, with the same
# table in conrelid as its parent row; only the parent row was declared.
CONSTRAINTS = f"""
SELECT c.oid, k.contype::text, k.conname::text, {_columns("k.conkey", "c.oid")},
       CASE k.contype WHEN 'x' THEN pg_catalog.pg_get_constraintdef(k.oid)
                      ELSE pg_catalog.pg_get_expr(k.conbin, k.conrelid) END,
       k.convalidated, coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true),
       NOT coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false),
       {_name("rn", "r.relname")}, {_columns("k.confkey", "k.confrelid")},
       k.confdeltype::text, k.confupdtype::text, k.condeferrable, k.condeferred
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
  LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
  LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
 WHERE k.contype IN ('p', 'u', 'x', 'f', 'c') AND {_OUR_TABLE}
   AND (k.contype = 'p' OR k.conislocal)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint u
                    WHERE u.oid = k.conparentid AND u.conrelid = k.conrelid)
 ORDER BY c.oid, k.oid
"""

INDEXES = f"""
SELECT {_name("n", "i.relname")}, {_TABLE},
       {
    _list(
        "json_build_array(a.attname, pg_catalog.pg_get_indexdef(x.indexrelid, g.at, true),"
        " CASE WHEN x.indcollation[g.at - 1] <> 0 AND x.indcollation[g.at - 1] <>"
        " coalesce(a.attcollation, 100) THEN o.collname END,"
        " x.indoption[g.at - 1] & 1 = 1) ORDER BY g.at",
        "pg_catalog.generate_series(1, x.indnkeyatts) AS g(at)"
        " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid"
        " AND a.attnum = x.indkey[g.at - 1] AND a.attnum <> 0"
        " LEFT JOIN pg_catalog.pg_collation o ON o.oid = x.indcollation[g.at - 1]",
    )
},
       {
    _list(
        "a.attname ORDER BY g.at",
        "pg_catalog.generate_series(x.indnkeyatts + 1, x.indnatts) AS g(at)"
        " JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid"
        " AND a.attnum = x.indkey[g.at - 1]",
    )
},
       pg_catalog.pg_get_expr(x.indpred, x.indrelid), x.indisunique, m.amname::text, x.indisvalid,
       NOT coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false),
       i.relkind = 'I' AND NOT x.indisvalid
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_am m ON m.oid = i.relam
 WHERE NOT i.relispartition AND {_OUR_TABLE}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                    WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))
 ORDER BY n.nspname, i.relname
"""
"""100 is the oid of the collation "default", which an expression has if it has any."""

TRIGGERS = f"""
SELECT t.tgname::text, {_TABLE}, t.tgtype, {_columns("t.tgattr::int2[]", "c.oid")},
       pg_catalog.pg_get_triggerdef(t.oid)
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND coalesce(to_jsonb(t) ->> 'tgparentid', '0') = '0' AND {_OUR_TABLE}
 ORDER BY t.tgname, n.nspname, c.relname
"""

VIEWS = f"""
SELECT {_TABLE}, pg_catalog.pg_get_viewdef(c.oid), c.relkind = 'm'
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('v', 'm') AND {_OUR_TABLE}
 ORDER BY n.nspname, c.relname
"""

TYPES = f"""
SELECT {_name("n", "t.typname")}, t.typtype::text,
       {
    _list(
        "l.enumlabel ORDER BY l.enumsortorder",
        "pg_catalog.pg_enum l WHERE l.enumtypid = t.oid",
    )
},
       CASE t.typtype WHEN 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
       t.typnotnull,
       {
    _list(
        "json_build_array(k.conname, pg_catalog.pg_get_expr(k.conbin, 0), k.convalidated)"
        " ORDER BY k.conname",
        "pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'",
    )
}
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
 WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
   AND {_ours("n", "pg_type", "t.oid")}
 ORDER BY n.nspname, t.typname
"""

# The sequence of an identity column (deptype i) is a part of the column.
SEQUENCES = f"""
SELECT {_TABLE}, pg_catalog.format_type(s.seqtypid, NULL),
       (SELECT {_name("on_", "o.relname")} || '.' || a.attname
          FROM pg_catalog.pg_depend d
          JOIN pg_catalog.pg_class o ON o.oid = d.refobjid
          JOIN pg_catalog.pg_namespace on_ ON on_.oid = o.relnamespace
          JOIN pg_catalog.pg_attribute a ON a.attrelid = o.oid AND a.attnum = d.refobjsubid
         WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'a'
           AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0)
  FROM pg_catalog.pg_sequence s
  JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OUR_TABLE}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype = 'i')
 ORDER BY n.nspname, c.relname
"""
