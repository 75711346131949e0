"""Everything that a database holds, in a form in which two databases can be compared: catalog and rows, without OIDs.

Written with other means than the package's own reading of the catalog, and complete in the other direction: what it does not
know of, no test compares.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

_OURS = "nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
_ACL = """ARRAY(SELECT format('%s:%s:%s:%s', grantor::regrole, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
    privilege_type, is_grantable) FROM aclexplode({}) ORDER BY 1)"""

_POSITION = "rank() OVER (PARTITION BY attrelid ORDER BY attnum)"

# NO INHERIT means something for a CHECK and NOT NULL only.
# Some builds of PostgreSQL 15 count the versions of a column in an option of their own, pg_attver.
_QUERIES = {
    "types": f"""
        SELECT t.oid::regtype, typtype, typowner::regrole, {_ACL.format("COALESCE(typacl, acldefault('T', typowner))")},
            obj_description(t.oid, 'pg_type'), typdefault,
            ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder)
        FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE {_OURS}""",
    "relations": f"""
        SELECT c.oid::regclass, relkind, relpersistence, reloptions, relowner::regrole, relreplident, relrowsecurity,
            relforcerowsecurity, relispartition, relispopulated, pg_get_expr(relpartbound, c.oid), reltablespace, relhasrules,
            {_ACL.format("COALESCE(relacl, acldefault('r', relowner))")}, obj_description(c.oid, 'pg_class'),
            (SELECT amname FROM pg_am WHERE oid = relam)
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE {_OURS}""",
    "columns": f"""
        SELECT attrelid::regclass, attname, {_POSITION}, format_type(atttypid, atttypmod), attnotnull, attgenerated, attstorage,
            attcompression, COALESCE(attstattarget, -1), attislocal, attinhcount,
            ARRAY(SELECT option FROM unnest(attoptions) AS option WHERE option NOT LIKE 'pg\\_attver=%'),
            {_ACL.format("attacl")}, col_description(attrelid, attnum), pg_get_expr(adbin, adrelid)
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE {_OURS} AND attnum > 0 AND NOT attisdropped""",
    "indexes": f"""
        SELECT indexrelid::regclass, pg_get_indexdef(indexrelid), indisunique, indisprimary, indisexclusion, indisclustered,
            indisreplident, indisvalid, obj_description(indexrelid, 'pg_class'),
            (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = indexrelid)
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_namespace n ON n.oid = relnamespace WHERE {_OURS}""",
    "constraints": f"""
        SELECT conrelid::regclass, conname, contype, pg_get_constraintdef(o.oid), convalidated, condeferrable, condeferred,
            conislocal, coninhcount, contype IN ('c', 'n') AND connoinherit, conparentid <> 0,
            obj_description(o.oid, 'pg_constraint')
        FROM pg_constraint o JOIN pg_namespace n ON n.oid = connamespace WHERE {_OURS}""",
    "views": f"""
        SELECT c.oid::regclass, pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE {_OURS} AND relkind IN ('v', 'm')""",
    "rules": f"""
        SELECT ev_class::regclass, rulename, pg_get_ruledef(r.oid), ev_enabled, obj_description(r.oid, 'pg_rewrite')
        FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class JOIN pg_namespace n ON n.oid = relnamespace WHERE {_OURS}""",
    "triggers": f"""
        SELECT tgrelid::regclass, CASE WHEN tgisinternal THEN '' ELSE tgname END, tgenabled, tgisinternal, tgparentid <> 0,
            CASE WHEN NOT tgisinternal THEN pg_get_triggerdef(t.oid) END, obj_description(t.oid, 'pg_trigger')
        FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = relnamespace WHERE {_OURS}""",
    "policies": """
        SELECT polrelid::regclass, polname, polcmd, polpermissive, polroles::regrole[], pg_get_expr(polqual, polrelid),
            pg_get_expr(polwithcheck, polrelid), obj_description(oid, 'pg_policy') FROM pg_policy""",
    "publications": """
        SELECT pubname, prrelid::regclass, pg_get_expr(prqual, prrelid), prattrs
        FROM pg_publication_rel JOIN pg_publication p ON p.oid = prpubid""",
    "statistics": """
        SELECT stxname, pg_get_statisticsobjdef(oid), COALESCE(stxstattarget, -1), stxowner::regrole,
            obj_description(oid, 'pg_statistic_ext') FROM pg_statistic_ext""",
    "inheritance": "SELECT inhrelid::regclass, inhparent::regclass, inhseqno FROM pg_inherits",
    "functions": f"""
        SELECT p.oid::regprocedure, prorettype::regtype, pg_get_functiondef(p.oid)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE {_OURS} AND prokind <> 'a'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')""",
    "casts": "SELECT castsource::regtype, casttarget::regtype FROM pg_cast WHERE oid >= 16384",
    "default privileges": "SELECT defaclrole::regrole, defaclobjtype, defaclacl::text FROM pg_default_acl",
}


def read_fingerprint(url: str, *, positions: bool = True) -> dict[str, list[str]]:
    """What two databases have in common if nothing tells them apart.

    :param positions: whether the order of columns does, in a table without rows.
    """
    found: dict[str, list[str]] = {}
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = ''")
        for name, query in _QUERIES.items():
            if not positions:
                query = query.replace(_POSITION, "0")
            found[name] = sorted(map(repr, connection.execute(query.encode()).fetchall()))
        tables: list[Any] = connection.execute(f"""
            SELECT nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
            WHERE {_OURS} AND relkind IN ('r', 'm', 'v') AND (relkind <> 'm' OR relispopulated)""").fetchall()
        for schema, table in tables:
            rows = connection.execute(sql.SQL("SELECT t::text FROM ONLY {} t").format(sql.Identifier(schema, table)))
            found[f"rows of {schema}.{table}"] = sorted(row[0] for row in rows)
    return found


def read_objects(url: str) -> dict[str, list[str]]:
    """What is in the database, without the version table."""
    found = {kind: [line for line in lines if "alembic_version" not in line] for kind, lines in read_fingerprint(url).items()}
    return {kind: lines for kind, lines in found.items() if not kind.endswith("alembic_version")}
