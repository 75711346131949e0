"""Reads what depends on an enum type: the columns that have it, and each object that stands in the way of changing them.

Read with an empty search path, so that every name in a definition is qualified. The number of queries is the same whatever
the number of tables. The statements are written by the server, which quotes its own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from .model import EnumType


@dataclass(frozen=True, slots=True)
class Relation:
    """A table that has columns of the type, or a partition or child of one."""

    oid: int
    name: str
    rows: int
    size: str
    forces_row_security: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the type, or of arrays of it."""

    relation: int
    number: int
    name: str
    quoted_name: str
    is_array: bool
    inherited: bool
    # What the rewrite would reset, as statements.
    restore: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Default:
    """A default or a generation expression that uses the type."""

    relation: int
    relation_name: str
    number: int
    column: str
    quoted_column: str
    expression: str
    # "" for a default, "s" for stored and "v" for virtual: pg_attribute.attgenerated.
    generated: str
    # How NOT NULL is taken from a generated column for as long as it has no values, and given back.
    drop_not_null: str | None
    set_not_null: str | None
    inherited: bool


@dataclass(frozen=True, slots=True)
class Dependent:
    """An object that is dropped before the type is changed, and made again afterwards."""

    kind: str
    oid: int
    name: str
    # The text in which a label may be named.
    definition: str
    drop: tuple[str, ...]
    create: tuple[str, ...]
    # Made again after everything of its kind is there.
    finish: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocker:
    """An object that cannot be made again."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """All that uses an enum type."""

    relations: tuple[Relation, ...]
    columns: tuple[Column, ...]
    defaults: tuple[Default, ...]
    # In the order in which they are made again; they are dropped in the opposite one.
    dependents: tuple[Dependent, ...]
    blockers: tuple[Blocker, ...]
    # How the new type gets owner, privileges and comment of the old one.
    restore_type: tuple[str, ...]


_SET_SEARCH_PATH = text("SELECT set_config('search_path', :path, true)")

# What depends on the type, on its array type or on a column of either, and on a view that does.
_WALK = text("""
WITH RECURSIVE
types AS (
    SELECT oid FROM pg_type WHERE oid = :enum UNION ALL SELECT typarray FROM pg_type WHERE oid = :enum
), starts AS (
    SELECT CAST('pg_type' AS regclass) AS classid, oid AS objid, 0 AS objsubid FROM types
    UNION ALL
    SELECT CAST('pg_class' AS regclass), attrelid, attnum
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE atttypid IN (SELECT oid FROM types) AND NOT attisdropped AND attnum > 0 AND relkind IN ('r', 'p')
), walk AS (
    SELECT depend.classid, depend.objid, depend.objsubid
    FROM pg_depend depend
    JOIN starts ON (depend.refclassid, depend.refobjid, depend.refobjsubid) = (starts.classid, starts.objid, starts.objsubid)
    UNION
    SELECT depend.classid, depend.objid, depend.objsubid
    FROM walk
    JOIN pg_rewrite rule ON walk.classid = CAST('pg_rewrite' AS regclass) AND rule.oid = walk.objid
    JOIN pg_class viewed ON viewed.oid = rule.ev_class AND viewed.relkind IN ('v', 'm')
    JOIN pg_type row_type ON row_type.oid = viewed.reltype
    JOIN pg_depend depend ON (depend.refclassid = CAST('pg_class' AS regclass) AND depend.refobjid = viewed.oid)
        OR (depend.refclassid = CAST('pg_type' AS regclass) AND depend.refobjid IN (row_type.oid, row_type.typarray))
), touched AS (
    SELECT classid, objid, objsubid FROM walk
    UNION
    SELECT classid, objid, 0 FROM starts
)
SELECT CAST(CAST(classid AS regclass) AS text) AS catalog, objid, objsubid,
       pg_describe_object(classid, objid, objsubid) AS description,
       CAST(relkind AS text) AS relkind, CAST(typtype AS text) AS typtype, typrelid, typelem,
       relpersistence = 't' AND NOT pg_is_my_temp_schema AS foreign_temporary,
       COALESCE(owner IS NOT NULL AND NOT pg_has_role(owner, 'USAGE'), false) AS not_owned,
       (SELECT extname FROM pg_depend member JOIN pg_extension ON pg_extension.oid = member.refobjid
        WHERE (member.classid, member.objid) = (touched.classid, touched.objid) AND member.deptype = 'e') AS extension
FROM touched
LEFT JOIN LATERAL (
    SELECT relkind, relpersistence, relnamespace = pg_my_temp_schema() AS pg_is_my_temp_schema
    FROM pg_class WHERE classid = CAST('pg_class' AS regclass) AND pg_class.oid = objid
) AS class ON true
LEFT JOIN LATERAL (
    SELECT typtype, typrelid, typelem FROM pg_type WHERE classid = CAST('pg_type' AS regclass) AND pg_type.oid = objid
) AS type ON true
LEFT JOIN LATERAL (
    SELECT relowner AS owner FROM pg_class WHERE classid = CAST('pg_class' AS regclass) AND pg_class.oid = objid
    UNION ALL
    SELECT typowner FROM pg_type WHERE classid = CAST('pg_type' AS regclass) AND pg_type.oid = objid
    UNION ALL
    SELECT stxowner FROM pg_statistic_ext WHERE classid = CAST('pg_statistic_ext' AS regclass) AND pg_statistic_ext.oid = objid
    UNION ALL
    SELECT pubowner FROM pg_publication_rel JOIN pg_publication ON pg_publication.oid = prpubid
    WHERE classid = CAST('pg_publication_rel' AS regclass) AND pg_publication_rel.oid = objid
    UNION ALL
    SELECT relowner FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
    WHERE classid = CAST('pg_rewrite' AS regclass) AND pg_rewrite.oid = objid
    UNION ALL
    SELECT relowner FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE classid = CAST('pg_trigger' AS regclass) AND pg_trigger.oid = objid
    UNION ALL
    SELECT relowner FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid
    WHERE classid = CAST('pg_policy' AS regclass) AND pg_policy.oid = objid
    UNION ALL
    SELECT relowner FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE classid = CAST('pg_constraint' AS regclass) AND pg_constraint.oid = objid
) AS owned ON true
ORDER BY 1, description
""")

_COLUMNS = text(
    """
SELECT attrelid, attnum, attname, quote_ident(attname), atttypid <> :enum, attinhcount,
       array_remove(ARRAY[
           CASE WHEN attstorage <> typstorage THEN format('ALTER TABLE ONLY %s ALTER COLUMN %I SET STORAGE %s', CAST(attrelid AS regclass), attname,
               CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END) END,
           CASE WHEN attcompression <> '' THEN format('ALTER TABLE ONLY %s ALTER COLUMN %I SET COMPRESSION %s', CAST(attrelid AS regclass), attname,
               CASE attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END) END
       ], NULL),
       CAST(CAST(attrelid AS regclass) AS text), GREATEST(CAST(reltuples AS bigint), 0),
       pg_size_pretty(pg_total_relation_size(attrelid)), relforcerowsecurity,
       -- A partition key holds its columns: they depend on their own table.
       EXISTS (SELECT FROM pg_depend WHERE (classid, objid, objsubid) = (CAST('pg_class' AS regclass), attrelid, attnum)
               AND (refclassid, refobjid, refobjsubid) = (CAST('pg_class' AS regclass), attrelid, 0)),
       ARRAY(
           SELECT pg_describe_object(CAST('pg_class' AS regclass), used.attrelid, used.attnum)
           FROM pg_attribute used JOIN pg_type row_type ON used.atttypid IN (row_type.oid, row_type.typarray)
           JOIN pg_class user_class ON user_class.oid = used.attrelid
           WHERE row_type.oid = pg_class.reltype AND NOT used.attisdropped AND user_class.relkind IN ('r', 'p', 'm', 'c', 'f')
       )
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
JOIN pg_type ON pg_type.oid = atttypid
WHERE atttypid IN (SELECT oid FROM pg_type WHERE oid = :enum UNION ALL SELECT typarray FROM pg_type WHERE oid = :enum)
  AND NOT attisdropped AND attnum > 0 AND relkind IN ('r', 'p')
ORDER BY nspname_of(relnamespace), relname, attnum
""".replace("nspname_of(relnamespace)", "CAST(CAST(relnamespace AS regnamespace) AS text)")
)

_DEFAULTS = text("""
SELECT adrelid, CAST(CAST(adrelid AS regclass) AS text), attname, quote_ident(attname), pg_get_expr(adbin, adrelid),
       CAST(attgenerated AS text), attnotnull,
       (SELECT format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s', CAST(adrelid AS regclass), conname, pg_get_constraintdef(pg_constraint.oid))
        FROM pg_constraint WHERE conrelid = adrelid AND contype = 'n' AND conkey = ARRAY[adnum]),
       relkind = 'v', adnum, attinhcount > 0
FROM pg_attrdef
JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
JOIN pg_class ON pg_class.oid = adrelid
WHERE pg_attrdef.oid = ANY (CAST(:oids AS oid[]))
ORDER BY 2, adnum
""")


def _comment(kind: str, name: str, oid: str, catalog: str) -> str:
    """SQL for the statement that gives an object its comment again; NULL where it has none. `name` is a SQL expression."""
    return f"'COMMENT ON {kind} ' || {name} || ' IS ' || quote_literal(obj_description({oid}, '{catalog}'))"


_INDEX_EXTRAS = f"""
    {_comment("INDEX", "CAST(CAST(indexrelid AS regclass) AS text)", "indexrelid", "pg_class")},
    CASE WHEN indisclustered THEN format('ALTER TABLE %s CLUSTER ON %I', CAST(indrelid AS regclass), index.relname) END,
    CASE WHEN indisreplident
        THEN format('ALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I', CAST(indrelid AS regclass), index.relname) END,
    CASE WHEN index.reltablespace <> 0 AND index.relkind = 'i' THEN format('ALTER INDEX %s SET TABLESPACE %I', CAST(indexrelid AS regclass),
        (SELECT spcname FROM pg_tablespace WHERE pg_tablespace.oid = index.reltablespace)) END
"""
_INDEX_TARGETS = """
    SELECT format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', CAST(indexrelid AS regclass), attnum, attstattarget)
    FROM pg_attribute WHERE attrelid = indexrelid AND attstattarget >= 0
"""

# Partial and expression indexes: the others are rebuilt with the column. Children of a partitioned index keep their names
# by being made on their own and attached.
_INDEXES = text(f"""
WITH RECURSIVE depths AS (
    SELECT pg_class.oid, 0 AS depth
    FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid JOIN pg_class indexed ON indexed.oid = indrelid
    WHERE pg_class.oid = ANY (CAST(:oids AS oid[])) AND NOT pg_class.relispartition AND indexed.relkind <> 'm'
    UNION ALL
    SELECT inhrelid, depth + 1 FROM depths JOIN pg_inherits ON inhparent = depths.oid
)
SELECT indexrelid, CAST(CAST(indexrelid AS regclass) AS text), pg_get_indexdef(indexrelid),
       CASE WHEN depth = 0 THEN ARRAY[format('DROP INDEX %s', CAST(indexrelid AS regclass))] ELSE CAST('{{}}' AS text[]) END,
       array_remove(ARRAY[pg_get_indexdef(indexrelid), {_INDEX_EXTRAS}] || ARRAY({_INDEX_TARGETS}), NULL),
       ARRAY(SELECT format('ALTER INDEX %s ATTACH PARTITION %s', CAST(inhparent AS regclass), CAST(inhrelid AS regclass))
             FROM pg_inherits WHERE inhrelid = indexrelid)
FROM depths
JOIN pg_index ON indexrelid = depths.oid
JOIN pg_class index ON index.oid = indexrelid
WHERE (indexprs IS NOT NULL OR indpred IS NOT NULL)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype = 'x')
ORDER BY depth, 2
""")

# A CHECK that is declared in a child and inherited too is dropped in both, and merged again when the parent's is added.
_CONSTRAINTS = text(f"""
WITH RECURSIVE depths AS (
    SELECT conrelid AS relation, 0 AS depth FROM pg_constraint WHERE oid = ANY (CAST(:oids AS oid[]))
    UNION
    SELECT inhrelid, depth + 1 FROM depths JOIN pg_inherits ON inhparent = depths.relation
)
-- The constraint of a domain is nothing to be made again: the domain is refused.
SELECT con.oid, format('%I of table %s', conname, CAST(conrelid AS regclass)), CAST(contype AS text), pg_get_constraintdef(con.oid),
       CASE WHEN contype IN ('c', 'f', 'x') AND conislocal AND conparentid = 0 AND contypid = 0
           THEN ARRAY[format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', CAST(conrelid AS regclass), conname)]
           ELSE CAST('{{}}' AS text[]) END,
       CASE WHEN contype IN ('c', 'f', 'x') AND conislocal AND conparentid = 0 AND contypid = 0
           THEN array_remove(ARRAY[format('ALTER TABLE %s ADD CONSTRAINT %I %s', CAST(conrelid AS regclass), conname, pg_get_constraintdef(con.oid))], NULL)
           ELSE CAST('{{}}' AS text[]) END,
       CASE WHEN contype IN ('c', 'f', 'x') AND contypid = 0 THEN array_remove(ARRAY[
           -- Inherited by a table that was made after the parent's constraint, which is not valid, and this one is.
           CASE WHEN convalidated AND NOT conislocal AND EXISTS (
               SELECT FROM pg_inherits JOIN pg_constraint above ON above.conrelid = inhparent
               WHERE inhrelid = con.conrelid AND above.conname = con.conname AND NOT above.convalidated
           ) THEN format('ALTER TABLE %s VALIDATE CONSTRAINT %I', CAST(conrelid AS regclass), conname) END,
           'COMMENT ON CONSTRAINT ' || quote_ident(conname) || ' ON ' || CAST(CAST(conrelid AS regclass) AS text) || ' IS '
               || quote_literal(obj_description(con.oid, 'pg_constraint'))], NULL) ELSE CAST('{{}}' AS text[]) END
       || COALESCE((
           SELECT array_remove(ARRAY[{_INDEX_EXTRAS}] || ARRAY({_INDEX_TARGETS}), NULL)
           FROM pg_index JOIN pg_class index ON index.oid = indexrelid
           WHERE contype = 'x' AND indexrelid = conindid), CAST('{{}}' AS text[])),
       EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = con.oid AND tgisinternal AND tgenabled <> 'O') AND contype = 'f',
       (SELECT max(depth) FROM depths WHERE relation = conrelid) AS depth,
       conparentid
FROM pg_constraint con
WHERE con.oid = ANY (CAST(:oids AS oid[])) OR contype = 'x' AND conindid = ANY (CAST(:indexes AS oid[]))
ORDER BY position(CAST(contype AS text) IN 'cxf'), depth DESC, 2
""")

_STATISTICS = text(f"""
SELECT ext.oid, name, pg_get_statisticsobjdef(ext.oid),
       ARRAY['DROP STATISTICS ' || name],
       array_remove(ARRAY[
           pg_get_statisticsobjdef(ext.oid),
           'ALTER STATISTICS ' || name || ' OWNER TO ' || quote_ident(pg_get_userbyid(stxowner)),
           CASE WHEN stxstattarget >= 0 THEN 'ALTER STATISTICS ' || name || ' SET STATISTICS ' || stxstattarget END,
           {_comment("STATISTICS", "name", "ext.oid", "pg_statistic_ext")}
       ], NULL)
FROM pg_statistic_ext ext, LATERAL (SELECT format('%s.%I', CAST(stxnamespace AS regnamespace), stxname) AS name) AS named
WHERE ext.oid = ANY (CAST(:oids AS oid[]))
ORDER BY name
""")


# What ALTER DEFAULT PRIVILEGES gave to a new object is taken back, then each privilege is given as it was: by the role that
# had given it, since a grant is its grantor's.
def _privileges(kind: str, code: str, acl: str, owner: str, name: str) -> str:
    """SQL for an array of statements; `acl`, `owner` and `name` are SQL expressions."""
    role = "CASE WHEN {0} = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid({0})) END".format
    set_role = "'SET LOCAL ROLE ' || quote_ident(pg_get_userbyid({}))".format
    back = (
        "CASE WHEN current_user = session_user THEN 'SET LOCAL ROLE NONE' ELSE 'SET LOCAL ROLE ' || quote_ident(current_user) END"
    )
    changed = f"({acl} IS NOT NULL OR EXISTS (SELECT FROM pg_default_acl WHERE defaclobjtype = '{code}'))"
    return f"""
        ARRAY(
            SELECT DISTINCT format('REVOKE ALL ON {kind} %s FROM %s', {name}, {role("grantee")})
            FROM (
                SELECT grantee FROM pg_default_acl, aclexplode(defaclacl) WHERE defaclobjtype = '{code}'
                UNION ALL SELECT grantee FROM aclexplode(acldefault('{code}', {owner}))
            ) AS granted WHERE {changed}
        ) || ARRAY(
            SELECT statement
            FROM aclexplode(COALESCE({acl}, acldefault('{code}', {owner}))) WITH ORDINALITY
                AS granted (grantor, grantee, privilege, grantable, position),
            LATERAL (
                SELECT format('GRANT %s ON {kind} %s TO %s%s', privilege, {name}, {role("grantee")},
                              CASE WHEN grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS text
            ) AS given,
            LATERAL unnest(
                CASE WHEN grantor = {owner} THEN ARRAY[text] ELSE ARRAY[{set_role("grantor")}, text, {back}] END
            ) WITH ORDINALITY AS written (statement, part)
            WHERE {changed}
            ORDER BY grantor <> {owner}, position, part
        )
    """


_VIEWS = text(f"""
SELECT viewed.oid, name, definition,
       ARRAY['DROP ' || kind || ' ' || name],
       array_remove(ARRAY[
           format('CREATE %s %s%s%s%s AS %s%s', kind, name,
               CASE WHEN relkind = 'm' THEN ' USING ' || (SELECT quote_ident(amname) FROM pg_am WHERE pg_am.oid = relam) ELSE '' END,
               ' WITH (' || array_to_string(reloptions, ', ') || ')',
               ' TABLESPACE ' || (SELECT quote_ident(spcname) FROM pg_tablespace WHERE pg_tablespace.oid = reltablespace),
               definition, CASE WHEN relkind = 'm' AND NOT relispopulated THEN ' WITH NO DATA' ELSE '' END),
           'ALTER ' || kind || ' ' || name || ' OWNER TO ' || quote_ident(pg_get_userbyid(relowner))
       ], NULL)
       || {_privileges("TABLE", "r", "relacl", "relowner", "name")}
       || ARRAY(
           SELECT format('GRANT %s (%I) ON %s TO %s%s', privilege_type, attname, name,
                         CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                         CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
           FROM pg_attribute, aclexplode(attacl) WHERE attrelid = viewed.oid
       ) || array_remove(ARRAY[{_comment("' || kind || '", "name", "viewed.oid", "pg_class")}], NULL)
       || ARRAY(
           SELECT format('COMMENT ON COLUMN %s.%I IS %L', name, attname, col_description(attrelid, attnum))
           FROM pg_attribute WHERE attrelid = viewed.oid AND col_description(attrelid, attnum) IS NOT NULL
       ) || ARRAY(
           SELECT format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', name, attname, pg_get_expr(adbin, adrelid))
           FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = viewed.oid
       ) || ARRAY(
           SELECT format('ALTER MATERIALIZED VIEW %s ALTER COLUMN %I SET STATISTICS %s', name, attname, attstattarget)
           FROM pg_attribute WHERE attrelid = viewed.oid AND attnum > 0 AND attstattarget >= 0 AND relkind = 'm'
       ) || ARRAY(
           SELECT statement FROM pg_index JOIN pg_class index ON index.oid = indexrelid, LATERAL unnest(
               array_remove(ARRAY[pg_get_indexdef(indexrelid), {_INDEX_EXTRAS}] || ARRAY({_INDEX_TARGETS}), NULL)
           ) WITH ORDINALITY AS written (statement, part) WHERE indrelid = viewed.oid ORDER BY index.relname, part
       ),
       -- Views on which this one is built.
       ARRAY(
           SELECT DISTINCT refobjid FROM pg_depend
           WHERE classid = CAST('pg_rewrite' AS regclass) AND objid = rule.oid
             AND refclassid = CAST('pg_class' AS regclass) AND refobjid <> viewed.oid
       )
FROM pg_class viewed
JOIN pg_rewrite rule ON ev_class = viewed.oid AND rulename = '_RETURN',
LATERAL (
    SELECT CAST(CAST(viewed.oid AS regclass) AS text) AS name, rtrim(pg_get_viewdef(viewed.oid), ';') AS definition,
           CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END AS kind
) AS described
WHERE rule.oid = ANY (CAST(:oids AS oid[])) AND relkind IN ('v', 'm')
ORDER BY name
""")

_RULES = text(f"""
SELECT rule.oid, name, pg_get_ruledef(rule.oid), ARRAY['DROP RULE ' || name],
       array_remove(ARRAY[
           pg_get_ruledef(rule.oid),
           CASE WHEN ev_enabled <> 'O' THEN format('ALTER TABLE %s %s RULE %I', CAST(ev_class AS regclass),
               CASE ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, rulename) END,
           {_comment("RULE", "name", "rule.oid", "pg_rewrite")}
       ], NULL)
FROM pg_rewrite rule, LATERAL (SELECT format('%I ON %s', rulename, CAST(ev_class AS regclass)) AS name) AS named
WHERE rule.oid = ANY (CAST(:oids AS oid[])) AND rulename <> '_RETURN'
ORDER BY name
""")

# Dropping the trigger of a partitioned table drops those of its partitions, each with a state of its own.
_TRIGGERS = text(f"""
SELECT trigger.oid, name, pg_get_triggerdef(trigger.oid),
       CASE WHEN tgparentid = 0 THEN ARRAY['DROP TRIGGER ' || name] ELSE CAST('{{}}' AS text[]) END,
       CASE WHEN tgparentid = 0 THEN ARRAY[pg_get_triggerdef(trigger.oid)] ELSE CAST('{{}}' AS text[]) END,
       array_remove(ARRAY[
           CASE WHEN tgenabled <> 'O' OR tgparentid <> 0 THEN format('ALTER TABLE ONLY %s %s TRIGGER %I', CAST(tgrelid AS regclass),
               CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END,
               tgname) END,
           {_comment("TRIGGER", "name", "trigger.oid", "pg_trigger")}
       ], NULL)
FROM pg_trigger trigger, LATERAL (SELECT format('%I ON %s', tgname, CAST(tgrelid AS regclass)) AS name) AS named
WHERE trigger.oid = ANY (CAST(:oids AS oid[])) AND NOT tgisinternal OR trigger.tgparentid = ANY (CAST(:oids AS oid[]))
ORDER BY name
""")

_POLICIES = text(f"""
SELECT policy.oid, name, concat_ws(' ', using_expression, check_expression), ARRAY['DROP POLICY ' || name],
       array_remove(ARRAY[
           'CREATE POLICY ' || name || CASE WHEN polpermissive THEN '' ELSE ' AS RESTRICTIVE' END || ' FOR '
               || CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                  ELSE 'ALL' END
               || ' TO ' || (
                   SELECT string_agg(CASE WHEN role = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ')
                   FROM unnest(polroles) AS role
               ) || COALESCE(' USING (' || using_expression || ')', '')
               || COALESCE(' WITH CHECK (' || check_expression || ')', ''),
           {_comment("POLICY", "name", "policy.oid", "pg_policy")}
       ], NULL)
FROM pg_policy policy, LATERAL (
    SELECT format('%I ON %s', polname, CAST(polrelid AS regclass)) AS name,
           pg_get_expr(polqual, polrelid) AS using_expression, pg_get_expr(polwithcheck, polrelid) AS check_expression
) AS described
WHERE policy.oid = ANY (CAST(:oids AS oid[]))
ORDER BY name
""")

_PUBLICATIONS = text("""
SELECT member.oid, format('%s in publication %I', relation, pubname), COALESCE(filter, ''),
       ARRAY[format('ALTER PUBLICATION %I DROP TABLE ONLY %s', pubname, relation)],
       ARRAY[format('ALTER PUBLICATION %I ADD TABLE ONLY %s%s%s', pubname, relation, ' (' || (
               SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
               WHERE attrelid = prrelid AND attnum = ANY (prattrs)
           ) || ')', ' WHERE (' || filter || ')')]
FROM pg_publication_rel member
JOIN pg_publication ON pg_publication.oid = prpubid,
LATERAL (SELECT CAST(CAST(prrelid AS regclass) AS text) AS relation, pg_get_expr(prqual, prrelid) AS filter) AS described
WHERE member.oid = ANY (CAST(:oids AS oid[]))
ORDER BY 2
""")

_TYPE = text(f"""
SELECT ARRAY['ALTER TYPE ' || name || ' OWNER TO ' || quote_ident(pg_get_userbyid(typowner))]
       || {_privileges("TYPE", "T", "typacl", "typowner", "name")}
       || array_remove(ARRAY[{_comment("TYPE", "name", "pg_type.oid", "pg_type")}], NULL)
FROM pg_type, LATERAL (SELECT format('%s.%I', CAST(typnamespace AS regnamespace), typname) AS name) AS named
WHERE pg_type.oid = :enum
""")


def read_usage(connection: Connection, enum: EnumType) -> Usage:
    """Read all that uses an enum type, and what of it cannot be made again."""
    path = connection.scalar(text("SELECT current_setting('search_path')"))
    connection.execute(_SET_SEARCH_PATH, {"path": ""})
    usage = _Reader(connection, enum).read()
    connection.execute(_SET_SEARCH_PATH, {"path": path})
    return usage


class _Reader:
    """The rows of one reading, and which of the dependencies they account for."""

    def __init__(self, connection: Connection, enum: EnumType) -> None:
        self.connection = connection
        self.enum = enum
        self.blockers: list[Blocker] = []
        self.walked = connection.execute(_WALK, {"enum": enum.oid}).mappings().all()

    def read(self) -> Usage:
        relations, columns = self.read_columns()
        defaults = self.read_defaults()
        dependents = [
            *self.read_objects("index", _INDEXES, "pg_class"),
            *self.read_constraints(),
            *self.read_views(),
            *self.read_objects("statistics", _STATISTICS, "pg_statistic_ext"),
            *self.read_objects("rule", _RULES, "pg_rewrite"),
            *self.read_objects("trigger", _TRIGGERS, "pg_trigger"),
            *self.read_objects("policy", _POLICIES, "pg_policy"),
        ]
        if (self.connection.dialect.server_version_info or (0,)) >= (15,):  # type: ignore[attr-defined]
            dependents += self.read_objects("table", _PUBLICATIONS, "pg_publication_rel")
        self.refuse_unknown(columns, defaults, dependents)
        (restore_type,) = self.connection.execute(_TYPE, {"enum": self.enum.oid}).one()
        return Usage(
            tuple(relations), tuple(columns), tuple(defaults), tuple(dependents), tuple(self.blockers), tuple(restore_type)
        )

    def oids(self, catalog: str) -> list[int]:
        return sorted({row["objid"] for row in self.walked if row["catalog"] == catalog})

    def rows(self, query: Any, oids: Iterable[int]) -> Sequence[Any]:
        return self.connection.execute(query, {"oids": list(oids)}).all()

    def read_columns(self) -> tuple[list[Relation], list[Column]]:
        relations: dict[int, Relation] = {}
        columns = []
        for row in self.connection.execute(_COLUMNS, {"enum": self.enum.oid}):
            oid, number, name, quoted, is_array, parents, restore, relation, rows, size, forces, is_key, row_types = row
            relations[oid] = Relation(oid, relation, rows, size, forces)
            columns.append(Column(oid, number, name, quoted, is_array, parents > 0, tuple(restore)))
            if parents > 1:
                self.block(f"column {name} of table {relation}", "is inherited from several tables")
            if is_key:
                self.block(f"column {name} of table {relation}", "is a partition key")
            for user in row_types:
                self.block(user, f"has the row type of table {relation}")
        return list(relations.values()), columns

    def read_defaults(self) -> list[Default]:
        defaults = []
        for row in self.rows(_DEFAULTS, self.oids("pg_attrdef")):
            (
                relation,
                relation_name,
                column,
                quoted,
                expression,
                generated,
                not_null,
                not_null_constraint,
                of_view,
                number,
                inherited,
            ) = row
            if of_view:
                continue  # made again with the view
            drop = set_ = None
            if generated and not_null:
                drop = f"ALTER TABLE ONLY {relation_name} ALTER COLUMN {quoted} DROP NOT NULL"
                set_ = not_null_constraint or f"ALTER TABLE ONLY {relation_name} ALTER COLUMN {quoted} SET NOT NULL"
            version = self.connection.dialect.server_version_info or (0,)  # type: ignore[attr-defined]
            if generated and version < (17,):
                self.block(f"generated column {column} of table {relation_name}", "cannot be changed before PostgreSQL 17")
            defaults.append(
                Default(relation, relation_name, number, column, quoted, expression, generated, drop, set_, inherited)
            )
        expressions = {
            (default.column, default.expression) for default in defaults if default.generated and not default.inherited
        }
        for default in defaults:
            if default.generated and (default.column, default.expression) not in expressions:
                self.block(f"generated column {default.column} of table {default.relation_name}", "differs from its parent's")
        return defaults

    def read_objects(self, kind: str, query: Any, catalog: str) -> list[Dependent]:
        return [
            Dependent(kind, oid, name, definition, tuple(drop), tuple(create), tuple(finish[0]) if finish else ())
            for oid, name, definition, drop, create, *finish in self.rows(query, self.oids(catalog))
        ]

    def read_constraints(self) -> list[Dependent]:
        constraints = []
        oids = {"oids": self.oids("pg_constraint"), "indexes": self.oids("pg_class")}
        for row in self.connection.execute(_CONSTRAINTS, oids):
            oid, name, kind, definition, drop, create, finish, disabled, _, parent = row
            if disabled:
                self.block(f"constraint {name}", "is a foreign key whose triggers are disabled")
            if kind == "x" and parent:
                self.block(f"constraint {name}", "is an exclusion constraint of a partitioned table")
            constraints.append(Dependent("constraint", oid, name, definition, tuple(drop), tuple(create), tuple(finish)))
        return constraints

    def read_views(self) -> list[Dependent]:
        """Views in the order in which they can be made: each after those it is built on."""
        views = {}
        for oid, name, definition, drop, create, sources in self.rows(_VIEWS, self.oids("pg_rewrite")):
            views[oid] = (Dependent("view", oid, name, definition, tuple(drop), tuple(create)), sources)
        order = TopologicalSorter({oid: [source for source in sources if source in views] for oid, (_, sources) in views.items()})
        return [views[oid][0] for oid in order.static_order()]

    def block(self, name: str, reason: str) -> None:
        self.blockers.append(Blocker(name, reason))

    def refuse_unknown(self, columns: Sequence[Column], defaults: Sequence[Default], dependents: Sequence[Dependent]) -> None:
        """Every dependency that nothing above has accounted for blocks the change, whatever it is."""
        known_columns = {(column.relation, column.number) for column in columns}
        known_columns |= {(default.relation, default.number) for default in defaults if default.generated}
        relations = {column.relation for column in columns}
        views = {dependent.oid for dependent in dependents if dependent.kind == "view"}
        made_again = {dependent.oid for dependent in dependents}
        view_types = {row["objid"] for row in self.walked if row["typrelid"] in views}
        for row in self.walked:
            oid, name = row["objid"], row["description"]
            if row["catalog"] == "pg_class":
                known = (
                    row["relkind"] in ("i", "I", "t")
                    or oid in views
                    or (oid, row["objsubid"]) in known_columns
                    or (oid in relations and row["objsubid"] == 0)
                )
            elif row["catalog"] == "pg_type":
                known = (
                    oid == self.enum.oid or row["typelem"] == self.enum.oid or oid in view_types or row["typelem"] in view_types
                )
            elif row["catalog"] == "pg_attrdef" or row["catalog"] == "pg_rewrite":
                known = True
            else:
                known = oid in made_again
            if not known:
                self.block(name, _describe_kind(row))
            if row["not_owned"]:
                self.block(name, "belongs to another role")
            if row["extension"]:
                self.block(name, f"belongs to extension {row['extension']}")
            if row["foreign_temporary"]:
                self.block(name, "belongs to another connection")


def _describe_kind(row: Any) -> str:
    if row["catalog"] == "pg_proc":
        return "has the type in its signature or body"
    if row["catalog"] == "pg_type":
        return {"d": "is a domain over the type", "r": "is a range of the type"}.get(row["typtype"], "is made of the type")
    if row["catalog"] == "pg_class":
        return {"c": "is part of a composite type", "f": "is a column of a foreign table"}.get(row["relkind"], "uses the type")
    return "uses the type"
