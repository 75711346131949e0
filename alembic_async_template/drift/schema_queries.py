"""The catalog queries of a comparison: one for each family of things.

They run with an empty search path, so that every name they write is qualified, and the server quotes it. All of them have the
columns `kind`, `name`, `label`, `plain`, `schema`, `parent_family`, `parent`, `inherits` and `oid`; the others are facts. Members
of extensions are the extension's.
"""

from __future__ import annotations

from sqlalchemy import text


def _is_own(catalog: str, oid: str) -> str:
    """SQL for: is in one of the schemas, and belongs to no extension."""
    return f"""n.nspname = ANY (CAST(:schemas AS text[])) AND NOT EXISTS (
        SELECT FROM pg_depend member
        WHERE member.classid = CAST('{catalog}' AS regclass) AND member.objid = {oid} AND member.deptype = 'e')"""


def _is_used(catalog: str, oid: str) -> str:
    """SQL for: something else needs it, so that it cannot be dropped."""
    return f"""EXISTS (
        SELECT FROM pg_depend used WHERE used.refclassid = CAST('{catalog}' AS regclass) AND used.refobjid = {oid}
        AND used.deptype = 'n')"""


# A table, as the parts of it see theirs.
_TABLE = "format('%I.%I', n.nspname, c.relname)"
_PART = "CAST(n.nspname AS text) AS schema, 'table' AS parent_family, format('%I.%I', n.nspname, c.relname) AS parent"
_NO_PARENT = "NULL AS parent_family, NULL AS parent, NULL AS inherits"

SCHEMAS = text("""
SELECT 'schema' AS kind, quote_ident(nspname) AS name, quote_ident(nspname) AS label, CAST(nspname AS text) AS plain,
       CAST(nspname AS text) AS schema, NULL AS parent_family, NULL AS parent, NULL AS inherits, n.oid,
       CASE WHEN nspname <> 'public' THEN obj_description(n.oid, 'pg_namespace') END AS comment
FROM pg_namespace n
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND (CAST(:schemas AS text[]) IS NULL OR nspname = ANY (CAST(:schemas AS text[])))
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = CAST('pg_namespace' AS regclass) AND objid = n.oid AND deptype = 'e')
""")

EXTENSIONS = text(f"""
SELECT 'extension' AS kind, quote_ident(extname) AS name, quote_ident(extname) AS label, CAST(extname AS text) AS plain,
       NULL AS schema, {_NO_PARENT}, e.oid, CAST(extversion AS text) AS version, quote_ident(nspname) AS in_schema,
       EXISTS (
           SELECT FROM pg_depend WHERE classid = CAST('pg_namespace' AS regclass) AND objid = n.oid AND deptype = 'e'
             AND refclassid = CAST('pg_extension' AS regclass) AND refobjid = e.oid) AS makes_schema
FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace
""")

# Views too: they are the relations that have columns, rules and triggers.
RELATIONS = text(f"""
SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
       {_TABLE} AS name, quote_ident(relname) AS label, CAST(relname AS text) AS plain, CAST(n.nspname AS text) AS schema,
       {_NO_PARENT}, c.oid,
       CASE relpersistence WHEN 'u' THEN 'unlogged' ELSE 'logged' END AS persistence,
       pg_get_partkeydef(c.oid) AS partition_key,
       CASE WHEN relispartition THEN (SELECT CAST(CAST(inhparent AS regclass) AS text) FROM pg_inherits WHERE inhrelid = c.oid)
           END AS partition_of,
       pg_get_expr(relpartbound, c.oid) AS bound,
       CASE WHEN relispartition THEN CAST('{{}}' AS text[]) ELSE ARRAY(
           SELECT CAST(CAST(inhparent AS regclass) AS text) FROM pg_inherits WHERE inhrelid = c.oid ORDER BY 1) END AS ancestors,
       relrowsecurity AS row_security, relforcerowsecurity AS forced_row_security,
       CASE relreplident WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL' WHEN 'i' THEN 'USING INDEX ' || COALESCE((
           SELECT quote_ident(index.relname) FROM pg_index JOIN pg_class index ON index.oid = indexrelid
           WHERE indrelid = c.oid AND indisreplident), '') ELSE 'DEFAULT' END AS replica_identity,
       (SELECT quote_ident(srvname) FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver WHERE ftrelid = c.oid)
           AS server,
       CASE WHEN relkind IN ('v', 'm') THEN rtrim(pg_get_viewdef(c.oid), ';') END AS definition,
       COALESCE(reloptions, CAST('{{}}' AS text[])) AS options,
       CASE WHEN relkind IN ('v', 'm') THEN ARRAY(
           SELECT format('%I %s', attname, format_type(atttypid, atttypmod)) FROM pg_attribute
           WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) END AS view_columns,
       relacl IS NOT NULL AS has_grants,
       obj_description(c.oid, 'pg_class') AS comment,
       EXISTS (
           SELECT FROM pg_depend used
           LEFT JOIN pg_rewrite own ON used.classid = CAST('pg_rewrite' AS regclass) AND own.oid = used.objid
           WHERE used.deptype = 'n' AND own.ev_class IS DISTINCT FROM c.oid
             AND (used.refclassid = CAST('pg_class' AS regclass) AND used.refobjid = c.oid
                  OR used.refclassid = CAST('pg_type' AS regclass) AND used.refobjid = c.reltype)
       ) AS is_used
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'f', 'v', 'm') AND {_is_own("pg_class", "c.oid")}
""")

_SEQUENCE_CLAUSES = """
    ARRAY['AS ' || format_type(seqtypid, NULL), 'START WITH ' || seqstart, 'INCREMENT BY ' || seqincrement, 'MINVALUE ' || seqmin,
          'MAXVALUE ' || seqmax, 'CACHE ' || seqcache, CASE WHEN seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END]
"""
_COLLATION = "CAST(CAST({} AS regcollation) AS text)"

# What holds a column's type, as https://www.postgresql.org/docs/current/sql-altertable.html says: views and rules, triggers,
# policies, publications, generated columns and partition keys.
COLUMNS = text(f"""
SELECT CASE WHEN relkind IN ('v', 'm') THEN 'view column' ELSE 'column' END AS kind,
       format('%I.%I.%I', n.nspname, c.relname, attname) AS name, quote_ident(attname) AS label,
       CAST(attname AS text) AS plain, {_PART},
       CASE WHEN attinhcount > 0 THEN (
           SELECT format('%I.%I.%I', nspname, above.relname, parent.attname)
           FROM pg_inherits JOIN pg_class above ON above.oid = inhparent
           JOIN pg_namespace ON pg_namespace.oid = above.relnamespace
           JOIN pg_attribute parent ON parent.attrelid = above.oid AND parent.attname = a.attname
           WHERE inhrelid = c.oid ORDER BY inhseqno LIMIT 1) END AS inherits,
       c.oid, attnum AS number,
       format_type(atttypid, atttypmod) AS type,
       CASE WHEN attcollation <> typcollation AND attcollation <> 0 THEN {_COLLATION.format("attcollation")} END AS collation,
       attnotnull AS not_null,
       COALESCE((SELECT quote_ident(conname) FROM pg_constraint
                 WHERE conrelid = c.oid AND contype = 'n' AND conkey = ARRAY[attnum] AND NOT convalidated), '') AS unvalidated,
       EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary AND attnum = ANY (indkey)) AS is_primary,
       CASE WHEN attgenerated = '' THEN pg_get_expr(adbin, adrelid) END AS "default",
       CASE attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END AS generated,
       CASE WHEN attgenerated <> '' THEN pg_get_expr(adbin, adrelid) END AS expression,
       CAST(current_setting('server_version_num') AS integer) >= 170000 AS has_set_expression,
       CASE attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END AS identity,
       CASE WHEN attidentity <> '' THEN (
           SELECT {_SEQUENCE_CLAUSES} FROM pg_depend JOIN pg_sequence ON seqrelid = objid
           WHERE classid = CAST('pg_class' AS regclass) AND refclassid = CAST('pg_class' AS regclass) AND refobjid = c.oid
             AND refobjsubid = attnum AND deptype = 'i') END AS clauses,
       col_description(c.oid, attnum) AS comment,
       EXISTS (
           SELECT FROM pg_depend d
           LEFT JOIN pg_attrdef made ON d.classid = CAST('pg_attrdef' AS regclass) AND made.oid = d.objid
           LEFT JOIN pg_attribute generated ON generated.attrelid = made.adrelid AND generated.attnum = made.adnum
           WHERE d.refclassid = CAST('pg_class' AS regclass) AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
             AND (d.classid IN (CAST('pg_rewrite' AS regclass), CAST('pg_trigger' AS regclass), CAST('pg_policy' AS regclass),
                                CAST('pg_publication_rel' AS regclass))
                  OR generated.attgenerated <> '' AND generated.attnum <> a.attnum)
       ) OR EXISTS (
           SELECT FROM pg_depend key
           WHERE key.classid = CAST('pg_class' AS regclass) AND key.objid = c.oid AND key.objsubid = a.attnum
             AND key.refclassid = CAST('pg_class' AS regclass) AND key.refobjid = c.oid AND key.refobjsubid = 0
       ) AS is_held
FROM pg_attribute a
JOIN pg_class c ON c.oid = attrelid
JOIN pg_namespace n ON n.oid = relnamespace
JOIN pg_type t ON t.oid = atttypid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'f', 'v', 'm') AND {_is_own("pg_class", "c.oid")}
""")

# Not those of NOT NULL, which are facts of columns; nor the rows that PostgreSQL adds for a key that refers to a partitioned
# table, which are of the same table as the key itself. Those of triggers are triggers.
CONSTRAINTS = text(f"""
SELECT CASE contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint' WHEN 'f' THEN 'foreign key'
           WHEN 'x' THEN 'exclusion constraint' ELSE 'check constraint' END AS kind,
       format('%I.%I.%I', n.nspname, owner, conname) AS name, quote_ident(conname) AS label, CAST(conname AS text) AS plain,
       CAST(n.nspname AS text) AS schema, CASE WHEN contypid <> 0 THEN 'type' ELSE 'table' END AS parent_family,
       format('%I.%I', n.nspname, owner) AS parent,
       CASE WHEN conparentid <> 0 THEN (
           SELECT format('%I.%I.%I', nspname, relname, above.conname) FROM pg_constraint above
           JOIN pg_class ON pg_class.oid = above.conrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
           WHERE above.oid = con.conparentid)
       WHEN coninhcount > 0 THEN (
           SELECT format('%I.%I.%I', nspname, relname, above.conname) FROM pg_inherits
           JOIN pg_constraint above ON above.conrelid = inhparent AND above.conname = con.conname
           JOIN pg_class ON pg_class.oid = inhparent JOIN pg_namespace ON pg_namespace.oid = relnamespace
           WHERE inhrelid = con.conrelid ORDER BY inhseqno LIMIT 1) END AS inherits,
       con.oid, conindid AS index_oid, regexp_replace(pg_get_constraintdef(con.oid), ' NOT VALID$', '') AS definition,
       pg_get_constraintdef(con.oid) !~ ' NOT VALID$' AS valid,
       CASE WHEN contype = 'f' THEN CAST(CAST(confrelid AS regclass) AS text) END AS refers_to,
       obj_description(con.oid, 'pg_constraint') AS comment,
       {_is_used("pg_constraint", "con.oid")}
           OR contype IN ('p', 'u') AND {_is_used("pg_class", "con.conindid")} AS is_used
FROM pg_constraint con
LEFT JOIN pg_class c ON c.oid = conrelid
LEFT JOIN pg_type t ON t.oid = contypid
JOIN LATERAL (SELECT COALESCE(c.relname, t.typname) AS owner, COALESCE(c.relnamespace, t.typnamespace) AS within) AS it ON true
JOIN pg_namespace n ON n.oid = within
WHERE contype IN ('p', 'u', 'f', 'x', 'c')
  AND NOT EXISTS (SELECT FROM pg_constraint above WHERE above.oid = con.conparentid AND above.conrelid = con.conrelid)
  AND {_is_own("pg_class", "COALESCE(c.oid, 0)")}
  AND NOT EXISTS (SELECT FROM pg_depend member WHERE member.classid = CAST('pg_type' AS regclass)
                  AND member.objid = con.contypid AND member.deptype = 'e')
""")

# An index that is being built is not valid either: its table is locked then, which every role may see.
INDEXES = text(f"""
SELECT 'index' AS kind, format('%I.%I', n.nspname, index.relname) AS name, quote_ident(index.relname) AS label,
       CAST(index.relname AS text) AS plain, {_PART},
       (SELECT CAST(CAST(inhparent AS regclass) AS text) FROM pg_inherits WHERE inhrelid = index.oid) AS inherits,
       index.oid,
       -- As it is, that of a partitioned table would leave out its partitions.
       CASE WHEN index.relkind = 'I'
           THEN replace(pg_get_indexdef(index.oid), format(' ON ONLY %s USING ', CAST(c.oid AS regclass)),
                        format(' ON %s USING ', CAST(c.oid AS regclass)))
           ELSE pg_get_indexdef(index.oid) END AS definition,
       indisvalid AS valid, index.relkind = 'I' AS is_partitioned,
       NOT indisvalid AND EXISTS (
           SELECT FROM pg_locks WHERE relation = indrelid AND mode = 'ShareUpdateExclusiveLock') AS is_being_built,
       {_is_used("pg_class", "index.oid")} AS is_used, obj_description(index.oid, 'pg_class') AS comment
FROM pg_index
JOIN pg_class index ON index.oid = indexrelid
JOIN pg_class c ON c.oid = indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm')
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
  AND {_is_own("pg_class", "c.oid")}
""")

TYPES = text(f"""
SELECT CASE typtype WHEN 'e' THEN 'enum type' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range type' ELSE 'composite type' END AS kind,
       format('%I.%I', n.nspname, typname) AS name, quote_ident(typname) AS label, CAST(typname AS text) AS plain,
       CAST(n.nspname AS text) AS schema, {_NO_PARENT}, t.oid, CASE WHEN typtype = 'c' THEN typrelid END AS relation_oid,
       ARRAY(SELECT CAST(enumlabel AS text) FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) AS labels,
       CASE WHEN typtype = 'd' THEN format_type(typbasetype, typtypmod)
           || CASE WHEN t.typcollation <> 0 AND t.typcollation <> (SELECT base.typcollation FROM pg_type base
                                                                   WHERE base.oid = t.typbasetype)
              THEN ' COLLATE ' || {_COLLATION.format("t.typcollation")} ELSE '' END END AS type,
       CASE WHEN typtype = 'd' THEN COALESCE(pg_get_expr(typdefaultbin, 0), quote_literal(typdefault)) END AS "default",
       typnotnull AS not_null,
       (SELECT array_agg(quote_ident(attname) ORDER BY attnum) FROM pg_attribute
        WHERE typtype = 'c' AND attrelid = typrelid AND attnum > 0 AND NOT attisdropped) AS attributes,
       (SELECT array_agg(format_type(atttypid, atttypmod) || CASE WHEN attcollation <> 0 AND attcollation <> it.typcollation
               THEN ' COLLATE ' || {_COLLATION.format("attcollation")} ELSE '' END ORDER BY attnum)
        FROM pg_attribute JOIN pg_type it ON it.oid = atttypid
        WHERE t.typtype = 'c' AND attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) AS attribute_types,
       (SELECT 'SUBTYPE = ' || format_type(rngsubtype, NULL)
            || CASE WHEN CAST(rngsubdiff AS oid) <> 0 THEN ', SUBTYPE_DIFF = ' || CAST(rngsubdiff AS text) ELSE '' END
            || ', MULTIRANGE_TYPE_NAME = ' || CAST(CAST(rngmultitypid AS regtype) AS text)
        FROM pg_range WHERE rngtypid = t.oid) AS subtype,
       obj_description(t.oid, 'pg_type') AS comment,
       {_is_used("pg_type", "t.oid")} OR {_is_used("pg_type", "t.typarray")} AS is_used
FROM pg_type t
JOIN pg_namespace n ON n.oid = typnamespace
WHERE (typtype IN ('e', 'd', 'r') OR typtype = 'c' AND (SELECT relkind FROM pg_class WHERE pg_class.oid = typrelid) = 'c')
  AND {_is_own("pg_type", "t.oid")}
""")

# The serial column that a sequence belongs to is its parent; those of identity columns are facts of the columns.
SEQUENCES = text(f"""
SELECT 'sequence' AS kind, {_TABLE} AS name, quote_ident(c.relname) AS label, CAST(c.relname AS text) AS plain,
       CAST(n.nspname AS text) AS schema, CASE WHEN owner.oid IS NOT NULL THEN 'column' END AS parent_family,
       owned_by AS parent, NULL AS inherits, c.oid, {_SEQUENCE_CLAUSES} AS clauses, COALESCE(owned_by, 'NONE') AS owned_by,
       quote_ident(attname) AS owner_label, owner_table,
       obj_description(c.oid, 'pg_class') AS comment
FROM pg_sequence
JOIN pg_class c ON c.oid = seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.classid = CAST('pg_class' AS regclass) AND d.objid = c.oid AND d.deptype IN ('a', 'i')
    AND d.refclassid = CAST('pg_class' AS regclass) AND d.refobjsubid > 0
LEFT JOIN pg_class owner ON owner.oid = d.refobjid
LEFT JOIN pg_namespace owner_schema ON owner_schema.oid = owner.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
CROSS JOIN LATERAL (
    SELECT CASE WHEN owner.oid IS NOT NULL THEN format('%I.%I', owner_schema.nspname, owner.relname) END AS owner_table,
           CASE WHEN owner.oid IS NOT NULL THEN format('%I.%I.%I', owner_schema.nspname, owner.relname, attname) END AS owned_by
) AS it
WHERE d.deptype IS DISTINCT FROM 'i' AND {_is_own("pg_class", "c.oid")}
""")

# Not the functions that a range type brings with it. pg_get_functiondef does not know aggregates; only those are
# written again that have none of the rarer options.
ROUTINES = text(f"""
SELECT CASE prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind,
       CAST(CAST(p.oid AS regprocedure) AS text) AS name, quote_ident(proname) AS label, CAST(proname AS text) AS plain,
       CAST(n.nspname AS text) AS schema, {_NO_PARENT}, p.oid,
       CASE WHEN prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE (
           SELECT format('CREATE AGGREGATE %I.%I(%s) (SFUNC = %s, STYPE = %s', n.nspname, proname,
                         pg_get_function_arguments(p.oid), CAST(aggtransfn AS text), format_type(aggtranstype, NULL))
               || CASE WHEN CAST(aggfinalfn AS oid) <> 0 THEN ', FINALFUNC = ' || CAST(aggfinalfn AS text) ELSE '' END
               || CASE WHEN CAST(aggcombinefn AS oid) <> 0 THEN ', COMBINEFUNC = ' || CAST(aggcombinefn AS text) ELSE '' END
               || CASE WHEN agginitval IS NOT NULL THEN ', INITCOND = ' || quote_literal(agginitval) ELSE '' END
               || CASE proparallel WHEN 's' THEN ', PARALLEL = SAFE' WHEN 'r' THEN ', PARALLEL = RESTRICTED' ELSE '' END || ')'
           FROM pg_aggregate WHERE aggfnoid = p.oid) END AS definition,
       (SELECT concat_ws(' ', aggkind, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn, aggfinalextra,
                         aggmfinalextra, aggfinalmodify, CAST(aggsortop AS regoperator), aggtransspace,
                         format_type(aggmtranstype, NULL), aggminitval)
        FROM pg_aggregate WHERE aggfnoid = p.oid) AS rare_options,
       COALESCE((SELECT aggkind <> 'n' OR aggfinalextra OR aggfinalmodify <> 'r' OR aggsortop <> 0 OR aggtransspace <> 0
                     OR aggmtranstype <> 0 OR CAST(aggserialfn AS oid) <> 0
                 FROM pg_aggregate WHERE aggfnoid = p.oid), false) AS is_rare,
       COALESCE(pg_get_function_result(p.oid), '') || ' ' || pg_get_function_identity_arguments(p.oid) AS signature,
       pronargdefaults AS defaults, proacl IS NOT NULL AS has_grants, obj_description(p.oid, 'pg_proc') AS comment,
       {_is_used("pg_proc", "p.oid")} AS is_used
FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE {_is_own("pg_proc", "p.oid")}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = CAST('pg_proc' AS regclass) AND d.objid = p.oid AND d.deptype = 'i')
""")

_ENABLED = (
    "CASE {} WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled on replicas' ELSE 'always enabled' END"
)

TRIGGERS = text(f"""
SELECT 'trigger' AS kind, format('%I.%I.%I', n.nspname, c.relname, tgname) AS name, quote_ident(tgname) AS label,
       CAST(tgname AS text) AS plain, {_PART},
       (SELECT format('%I.%I.%I', nspname, relname, above.tgname) FROM pg_trigger above
        JOIN pg_class ON pg_class.oid = above.tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE above.oid = tg.tgparentid) AS inherits,
       tg.oid, pg_get_triggerdef(tg.oid) AS definition, {_ENABLED.format("tgenabled")} AS enabled,
       obj_description(tg.oid, 'pg_trigger') AS comment
FROM pg_trigger tg JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE NOT tgisinternal AND {_is_own("pg_class", "c.oid")}
""")

RULES = text(f"""
SELECT 'rule' AS kind, format('%I.%I.%I', n.nspname, c.relname, rulename) AS name, quote_ident(rulename) AS label,
       CAST(rulename AS text) AS plain, {_PART}, NULL AS inherits, r.oid, rtrim(pg_get_ruledef(r.oid), ';') AS definition,
       {_ENABLED.format("ev_enabled")} AS enabled, obj_description(r.oid, 'pg_rewrite') AS comment
FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE rulename <> '_RETURN' AND {_is_own("pg_class", "c.oid")}
""")

POLICIES = text(f"""
SELECT 'policy' AS kind, format('%I.%I.%I', n.nspname, c.relname, polname) AS name, quote_ident(polname) AS label,
       CAST(polname AS text) AS plain, {_PART}, NULL AS inherits, p.oid,
       'AS ' || CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END || ' FOR ' || CASE polcmd WHEN 'r' THEN 'SELECT'
           WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END AS command,
       array_to_string(ARRAY(SELECT COALESCE(quote_ident(rolname), 'PUBLIC') FROM unnest(polroles) AS role (id)
                             LEFT JOIN pg_roles ON pg_roles.oid = id ORDER BY 1), ', ') AS roles,
       pg_get_expr(polqual, polrelid) AS "using", pg_get_expr(polwithcheck, polrelid) AS "check",
       obj_description(p.oid, 'pg_policy') AS comment
FROM pg_policy p JOIN pg_class c ON c.oid = polrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE {_is_own("pg_class", "c.oid")}
""")

STATISTICS = text(f"""
SELECT 'statistics object' AS kind, format('%I.%I', n.nspname, stxname) AS name, quote_ident(stxname) AS label,
       CAST(stxname AS text) AS plain, CAST(n.nspname AS text) AS schema, 'table' AS parent_family,
       CAST(CAST(stxrelid AS regclass) AS text) AS parent, NULL AS inherits, s.oid,
       pg_get_statisticsobjdef(s.oid) AS definition, obj_description(s.oid, 'pg_statistic_ext') AS comment
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = stxnamespace
WHERE {_is_own("pg_statistic_ext", "s.oid")}
""")

# What needs what: https://www.postgresql.org/docs/current/catalog-pg-depend.html. The rule that is a view, the default of a
# column, an array type and the type of a table's rows stand for what they belong to.
NEEDS = text("""
SELECT DISTINCT
       CASE WHEN COALESCE(ev_class, adrelid) IS NULL THEN CAST(CAST(d.classid AS regclass) AS text) ELSE 'pg_class' END
           AS catalog,
       COALESCE(ev_class, adrelid, d.objid) AS oid, CAST(COALESCE(adnum, d.objsubid) AS integer) AS number,
       CASE WHEN row_type.oid IS NULL THEN CAST(CAST(d.refclassid AS regclass) AS text) ELSE 'pg_class' END AS needed_catalog,
       COALESCE(row_type.typrelid, element.oid, d.refobjid) AS needed_oid, d.refobjsubid AS needed_number
FROM pg_depend d
LEFT JOIN pg_rewrite ON d.classid = CAST('pg_rewrite' AS regclass) AND pg_rewrite.oid = d.objid AND rulename = '_RETURN'
LEFT JOIN pg_attrdef ON d.classid = CAST('pg_attrdef' AS regclass) AND pg_attrdef.oid = d.objid
LEFT JOIN pg_type element ON d.refclassid = CAST('pg_type' AS regclass) AND element.typarray = d.refobjid
LEFT JOIN pg_type row_type ON d.refclassid = CAST('pg_type' AS regclass) AND row_type.oid IN (d.refobjid, element.oid)
    AND row_type.typrelid <> 0
WHERE d.objid >= 16384 AND d.refobjid >= 16384
  AND (d.deptype = 'n'
       -- A partition and its table.
       OR d.deptype = 'a' AND d.classid = CAST('pg_class' AS regclass) AND d.refclassid = d.classid AND d.refobjsubid = 0)
""")

# A family, the catalog in which its things have their OIDs, and its query.
FAMILIES = (
    ("table", "pg_class", RELATIONS),
    ("column", "pg_class", COLUMNS),
    ("constraint", "pg_constraint", CONSTRAINTS),
    ("index", "pg_class", INDEXES),
    ("type", "pg_type", TYPES),
    ("sequence", "pg_class", SEQUENCES),
    ("routine", "pg_proc", ROUTINES),
    ("trigger", "pg_trigger", TRIGGERS),
    ("rule", "pg_rewrite", RULES),
    ("policy", "pg_policy", POLICIES),
    ("statistics", "pg_statistic_ext", STATISTICS),
)
