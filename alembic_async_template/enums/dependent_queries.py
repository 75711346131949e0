"""The catalog queries that find what depends on an enum type, and write the statements that drop and restore each object.

They run with an empty search path, so that every name they write is qualified. The server itself quotes names and constants:
the statements they return are executed as they are, each array in its order.
"""

from __future__ import annotations

from sqlalchemy import text

# What depends on the type, on its array type or on a column of either, and on a view that does.
_WALK = """
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
"""
WALK = text(f"""{_WALK}
SELECT CAST(CAST(classid AS regclass) AS text) AS catalog, objid, objsubid,
       pg_describe_object(classid, objid, objsubid) AS description,
       CAST(relkind AS text) AS relkind, CAST(typtype AS text) AS typtype, typrelid, typelem,
       relpersistence = 't' AND NOT pg_is_my_temp_schema AS foreign_temporary,
       COALESCE(owner IS NOT NULL AND NOT pg_has_role(owner, 'USAGE'), false) AS not_owned,
       NOT COALESCE(relkind IN ('r', 'p'), false) AND EXISTS (
           SELECT FROM pg_seclabel label WHERE (label.classoid, label.objoid) = (touched.classid, touched.objid)
       ) AS labelled,
       (SELECT extname FROM pg_depend member JOIN pg_extension ON pg_extension.oid = member.refobjid
        WHERE (member.classid, member.objid) = (touched.classid, touched.objid) AND member.deptype IN ('e', 'x')
        LIMIT 1) AS extension
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
ORDER BY catalog, description
""")

# The same as lines to compare: what each object is called, and a digest of what a change of the type would restore. No OID is in
# them, so that they are the same in a copy of the database.
USERS = f"""{_WALK}
SELECT format('%s %s: %s', kind, identity, left(encode(sha256(convert_to(concat_ws(' ',
    CASE CAST(CAST(classid AS regclass) AS text)
        WHEN 'pg_class' THEN (
            SELECT concat_ws(' ', relkind, relforcerowsecurity, CASE
                WHEN relkind IN ('i', 'I') THEN pg_get_indexdef(oid)
                WHEN relkind IN ('v', 'm') THEN
                    concat_ws(' ', pg_get_viewdef(oid), reloptions, pg_get_userbyid(relowner), relacl, relispopulated) END)
            FROM pg_class WHERE oid = objid)
        WHEN 'pg_type' THEN (
            SELECT concat_ws(' ', pg_get_userbyid(typowner), typacl, ARRAY(
                SELECT enumlabel FROM pg_enum WHERE enumtypid = pg_type.oid ORDER BY enumsortorder))
            FROM pg_type WHERE oid = objid)
        WHEN 'pg_constraint' THEN pg_get_constraintdef(objid)
        WHEN 'pg_rewrite' THEN pg_get_ruledef(objid)
        WHEN 'pg_trigger' THEN (SELECT concat_ws(' ', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger WHERE oid = objid)
        WHEN 'pg_statistic_ext' THEN pg_get_statisticsobjdef(objid)
        WHEN 'pg_attrdef' THEN (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE oid = objid)
        WHEN 'pg_policy' THEN (
            SELECT concat_ws(' ', polcmd, polpermissive, CAST(polroles AS regrole[]), pg_get_expr(polqual, polrelid),
                             pg_get_expr(polwithcheck, polrelid))
            FROM pg_policy WHERE oid = objid)
    END,
    obj_description(objid, CAST(CAST(classid AS regclass) AS name))), 'UTF8')), 'hex'), 16)) AS line
FROM touched, LATERAL (SELECT type AS kind, identity FROM pg_identify_object(classid, objid, objsubid)) AS identified
ORDER BY CAST(format('%s %s', kind, identity) AS text) COLLATE "C"
"""

COLUMNS = text(
    """
SELECT attrelid AS relation, attnum AS number, attname AS column_name, quote_ident(attname) AS quoted_name,
       atttypid <> :enum AS is_array, attinhcount > 0 AS inherited,
       array_remove(ARRAY[
           CASE WHEN attstorage <> typstorage THEN format('%s SET STORAGE %s', altered,
               CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END) END,
           CASE WHEN attcompression <> '' THEN format('%s SET COMPRESSION %s', altered,
               CASE attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END) END
       ], NULL) AS restore,
       CAST(CAST(attrelid AS regclass) AS text) AS relation_name, GREATEST(CAST(reltuples AS bigint), 0) AS row_estimate,
       pg_size_pretty(pg_total_relation_size(attrelid)) AS size, relforcerowsecurity AS forces_row_security,
       -- A partition key holds its columns: they depend on their own table.
       EXISTS (SELECT FROM pg_depend WHERE (classid, objid, objsubid) = (CAST('pg_class' AS regclass), attrelid, attnum)
               AND (refclassid, refobjid, refobjsubid) = (CAST('pg_class' AS regclass), attrelid, 0)) AS is_partition_key,
       -- All parents of a column but the first, as the statements that leave them.
       CASE WHEN attinhcount > 1 THEN (ARRAY(
           SELECT format('ALTER TABLE %s NO INHERIT %s', CAST(inhrelid AS regclass), CAST(inhparent AS regclass))
           FROM pg_inherits JOIN pg_attribute parent ON parent.attrelid = inhparent AND parent.attname = pg_attribute.attname
           WHERE inhrelid = pg_attribute.attrelid ORDER BY inhseqno
       ))[2:] ELSE CAST('{}' AS text[]) END AS leave_parents
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
JOIN pg_type ON pg_type.oid = atttypid,
LATERAL (SELECT format('ALTER TABLE ONLY %s ALTER COLUMN %I', CAST(attrelid AS regclass), attname) AS altered) AS named
WHERE atttypid IN (SELECT oid FROM pg_type WHERE oid = :enum UNION ALL SELECT typarray FROM pg_type WHERE oid = :enum)
  AND NOT attisdropped AND attnum > 0 AND relkind IN ('r', 'p')
ORDER BY CAST(CAST(relnamespace AS regnamespace) AS text), relname, attnum
"""
)

# The columns whose type is the row type of a table that has columns of the type.
ROW_TYPES = text("""
SELECT used.attrelid AS relation, used.attnum AS number,
       pg_describe_object(CAST('pg_class' AS regclass), used.attrelid, used.attnum) AS description,
       CAST(CAST(row_type.typrelid AS regclass) AS text) AS relation_name
FROM pg_type row_type
JOIN pg_attribute used ON used.atttypid IN (row_type.oid, row_type.typarray)
JOIN pg_class user_class ON user_class.oid = used.attrelid
WHERE row_type.typrelid = ANY (CAST(:oids AS oid[])) AND NOT used.attisdropped AND user_class.relkind IN ('r', 'p', 'm', 'c', 'f')
ORDER BY relation_name, description
""")

DEFAULTS = text("""
SELECT pg_attrdef.oid, adrelid AS relation, CAST(CAST(adrelid AS regclass) AS text) AS relation_name, attname AS column_name,
       quote_ident(attname) AS quoted_name, pg_get_expr(adbin, adrelid) AS expression,
       CAST(attgenerated AS text) AS generated, attnotnull AS not_null,
       (SELECT format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s', CAST(adrelid AS regclass), conname,
                      pg_get_constraintdef(pg_constraint.oid))
        FROM pg_constraint WHERE conrelid = adrelid AND contype = 'n' AND conkey = ARRAY[adnum]) AS not_null_constraint,
       adnum AS number, attinhcount > 0 AS inherited,
       attgenerated <> '' AND EXISTS (
           WITH RECURSIVE children AS (
               SELECT inhrelid FROM pg_inherits WHERE inhparent = adrelid
               UNION SELECT pg_inherits.inhrelid FROM children JOIN pg_inherits ON inhparent = children.inhrelid
           )
           SELECT FROM children
           JOIN pg_attribute inherited ON inherited.attrelid = children.inhrelid AND inherited.attname = pg_attribute.attname
           LEFT JOIN pg_attrdef own ON own.adrelid = inherited.attrelid AND own.adnum = inherited.attnum
           WHERE pg_attribute.attnotnull OR pg_get_expr(own.adbin, own.adrelid)
               IS DISTINCT FROM pg_get_expr(pg_attrdef.adbin, pg_attrdef.adrelid)
       ) AS differs_in_children,
       attgenerated <> '' AND EXISTS (
           SELECT FROM pg_constraint LEFT JOIN pg_index ON indexrelid = conindid
           WHERE contype = 'p' AND conrelid = adrelid AND adnum = ANY (conkey)
              OR contype = 'f' AND (conrelid = adrelid AND adnum = ANY (conkey) OR confrelid = adrelid AND adnum = ANY (confkey))
              OR contype = 'u' AND conrelid = adrelid AND adnum = ANY (conkey) AND indnullsnotdistinct
       ) OR attgenerated <> '' AND EXISTS (
           SELECT FROM pg_index JOIN pg_class index ON index.oid = indexrelid
           WHERE indrelid = adrelid AND adnum = ANY (indkey) AND (index.relkind = 'I' OR index.relispartition)
       ) AS is_key
FROM pg_attrdef
JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
JOIN pg_class ON pg_class.oid = adrelid
WHERE pg_attrdef.oid = ANY (CAST(:oids AS oid[]))
ORDER BY relation_name, adnum
""")


def _restore_comment(kind: str, name: str, oid: str, catalog: str) -> str:
    """SQL for the statement that restores the comment of an object; NULL where it has none. `name` is a SQL expression."""
    return f"'COMMENT ON {kind} ' || {name} || ' IS ' || quote_literal(obj_description({oid}, '{catalog}'))"


_INDEX_EXTRAS = f"""
    {_restore_comment("INDEX", "CAST(CAST(indexrelid AS regclass) AS text)", "indexrelid", "pg_class")},
    CASE WHEN indisclustered THEN format('ALTER TABLE %s CLUSTER ON %I', CAST(indrelid AS regclass), index.relname) END,
    CASE WHEN indisreplident
        THEN format('ALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I', CAST(indrelid AS regclass), index.relname) END,
    CASE WHEN index.reltablespace <> 0 THEN format(
        'ALTER INDEX %s SET TABLESPACE %I', CAST(indexrelid AS regclass),
        (SELECT spcname FROM pg_tablespace WHERE pg_tablespace.oid = index.reltablespace)) END
"""
_INDEX_TARGETS = """
    SELECT format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', CAST(indexrelid AS regclass), attnum, attstattarget)
    FROM pg_attribute WHERE attrelid = indexrelid AND attstattarget >= 0
"""

# Partial and expression indexes, and those of partitioned tables: PostgreSQL rebuilds the others with the column. Children of
# a partitioned index keep their names, since each is created by itself and attached.
INDEXES = text(f"""
WITH RECURSIVE depths AS (
    SELECT pg_class.oid, 0 AS depth
    FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid JOIN pg_class indexed ON indexed.oid = indrelid
    WHERE pg_class.oid = ANY (CAST(:oids AS oid[])) AND NOT pg_class.relispartition AND indexed.relkind <> 'm'
    UNION ALL
    SELECT inhrelid, depth + 1 FROM depths JOIN pg_inherits ON inhparent = depths.oid
)
SELECT indexrelid AS oid, CAST(CAST(indexrelid AS regclass) AS text) AS name, pg_get_indexdef(indexrelid) AS definition,
       CASE WHEN depth = 0 THEN ARRAY[format('DROP INDEX %s', CAST(indexrelid AS regclass))] ELSE CAST('{{}}' AS text[]) END
           AS drop,
       array_remove(ARRAY[pg_get_indexdef(indexrelid), {_INDEX_EXTRAS}] || ARRAY({_INDEX_TARGETS}), NULL) AS create,
       ARRAY(SELECT format('ALTER INDEX %s ATTACH PARTITION %s', CAST(inhparent AS regclass), CAST(inhrelid AS regclass))
             FROM pg_inherits WHERE inhrelid = indexrelid) AS finish
FROM depths
JOIN pg_index ON indexrelid = depths.oid
JOIN pg_class index ON index.oid = indexrelid
WHERE (indexprs IS NOT NULL OR indpred IS NOT NULL OR index.relkind = 'I' OR index.relispartition)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY depth, name
""")

# A CHECK that is declared in a child and inherited too is dropped in both, and merged again when the parent's is added.
CONSTRAINTS = text(f"""
WITH RECURSIVE depths AS (
    SELECT conrelid AS relation, 0 AS depth FROM pg_constraint WHERE oid = ANY (CAST(:oids AS oid[]))
    UNION
    SELECT inhrelid, depth + 1 FROM depths JOIN pg_inherits ON inhparent = depths.relation
)
-- The constraint of a domain is not restored: the domain is refused.
SELECT con.oid, format('%I of table %s', conname, CAST(conrelid AS regclass)) AS name, CAST(contype AS text) AS kind,
       pg_get_constraintdef(con.oid) AS definition,
       CASE WHEN contype IN ('c', 'f', 'x') AND conislocal AND conparentid = 0 AND contypid = 0
           THEN ARRAY[format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', CAST(conrelid AS regclass), conname)]
           ELSE CAST('{{}}' AS text[]) END AS drop,
       CASE WHEN contype IN ('c', 'f', 'x') AND conislocal AND conparentid = 0 AND contypid = 0
           THEN ARRAY[format('ALTER TABLE %s ADD CONSTRAINT %I %s', CAST(conrelid AS regclass), conname,
                             pg_get_constraintdef(con.oid))]
           ELSE CAST('{{}}' AS text[]) END AS create,
       CASE WHEN contypid = 0 AND (contype IN ('c', 'f', 'x') OR conparentid <> 0) THEN array_remove(ARRAY[
           -- The constraint of a partition is created with that of its parent, under a name that PostgreSQL chooses.
           CASE WHEN conparentid <> 0 THEN (
               SELECT format('DO %L', format(
                   'DECLARE chosen text; BEGIN SELECT made.conname INTO STRICT chosen FROM pg_catalog.pg_constraint made '
                   'JOIN pg_catalog.pg_constraint above ON above.oid = made.conparentid '
                   'WHERE made.conrelid = %L::pg_catalog.regclass AND above.conrelid = %L::pg_catalog.regclass '
                   'AND above.conname = %L; IF chosen <> %L THEN EXECUTE pg_catalog.format(%L, chosen); END IF; END',
                   CAST(con.conrelid AS regclass), CAST(parent.conrelid AS regclass), parent.conname, con.conname,
                   replace(format('ALTER TABLE %s RENAME CONSTRAINT ', CAST(con.conrelid AS regclass)), '%', '%%') || '%I TO '
                       || replace(quote_ident(con.conname), '%', '%%')
               )) FROM pg_constraint parent WHERE parent.oid = con.conparentid) END,
           -- This one is valid, and that of the parent is not, since the parent had it before the child was created.
           CASE WHEN convalidated AND NOT conislocal AND EXISTS (
               SELECT FROM pg_inherits JOIN pg_constraint above ON above.conrelid = inhparent
               WHERE inhrelid = con.conrelid AND above.conname = con.conname AND NOT above.convalidated
           ) THEN format('ALTER TABLE %s VALIDATE CONSTRAINT %I', CAST(conrelid AS regclass), conname) END,
           'COMMENT ON CONSTRAINT ' || quote_ident(conname) || ' ON ' || CAST(CAST(conrelid AS regclass) AS text) || ' IS '
               || quote_literal(obj_description(con.oid, 'pg_constraint'))], NULL) ELSE CAST('{{}}' AS text[]) END
       || COALESCE((
           SELECT array_remove(ARRAY[{_INDEX_EXTRAS}] || ARRAY({_INDEX_TARGETS}), NULL)
           FROM pg_index JOIN pg_class index ON index.oid = indexrelid
           WHERE indexrelid = conindid AND (contype = 'x' OR contype IN ('p', 'u') AND conparentid <> 0)), CAST('{{}}' AS text[]))
       || ARRAY(
           SELECT format('ALTER INDEX %s SET (%s)', CAST(pg_class.oid AS regclass), array_to_string(reloptions, ', '))
           FROM pg_class WHERE pg_class.oid = conindid AND contype IN ('p', 'u') AND conparentid <> 0 AND reloptions IS NOT NULL
       ) AS finish,
       ARRAY(
           SELECT format('ALTER TABLE %s ENABLE TRIGGER %I', CAST(tgrelid AS regclass), tgname)
           FROM pg_trigger WHERE tgconstraint = con.oid AND tgisinternal AND tgenabled <> 'O' ORDER BY tgname
       ) AS enable_triggers,
       -- A key that only includes the column: PostgreSQL drops it with the column, and with it the foreign keys and views that
       -- depend on the key.
       CASE WHEN contype IN ('p', 'u') AND EXISTS (
           SELECT FROM pg_index WHERE indexrelid = conindid AND indnatts > indnkeyatts
       ) THEN ARRAY(
           SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', CAST(key.conrelid AS regclass), key.conname)
           FROM pg_constraint key WHERE key.conindid = con.conindid AND key.contype = 'f' AND key.conparentid = 0
           UNION
           SELECT format('DROP %s %s', CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, CAST(ev_class AS regclass))
           FROM pg_depend JOIN pg_rewrite view ON view.oid = objid JOIN pg_class ON pg_class.oid = ev_class
           WHERE refclassid = CAST('pg_constraint' AS regclass) AND refobjid = con.oid
             AND classid = CAST('pg_rewrite' AS regclass)
       ) ELSE CAST('{{}}' AS text[]) END AS drop_users_of_key,
       (SELECT max(depth) FROM depths WHERE relation = conrelid) AS depth,
       conparentid AS parent
FROM pg_constraint con
WHERE con.oid = ANY (CAST(:oids AS oid[])) OR contype = 'x' AND conindid = ANY (CAST(:indexes AS oid[]))
ORDER BY position(CAST(contype AS text) IN 'cxf'), depth DESC, name
""")

STATISTICS = text(f"""
SELECT ext.oid, name, pg_get_statisticsobjdef(ext.oid) AS definition,
       ARRAY['DROP STATISTICS ' || name] AS drop,
       array_remove(ARRAY[
           pg_get_statisticsobjdef(ext.oid),
           'ALTER STATISTICS ' || name || ' OWNER TO ' || quote_ident(pg_get_userbyid(stxowner)),
           CASE WHEN stxstattarget >= 0 THEN 'ALTER STATISTICS ' || name || ' SET STATISTICS ' || stxstattarget END,
           {_restore_comment("STATISTICS", "name", "ext.oid", "pg_statistic_ext")}
       ], NULL) AS create, CAST('{{}}' AS text[]) AS finish
FROM pg_statistic_ext ext, LATERAL (SELECT format('%s.%I', CAST(stxnamespace AS regnamespace), stxname) AS name) AS named
WHERE ext.oid = ANY (CAST(:oids AS oid[]))
ORDER BY name
""")


# Privileges that ALTER DEFAULT PRIVILEGES gave to a new object are revoked, then each earlier privilege is granted by the role
# that had granted it, since a grant belongs to its grantor.
def _restore_privileges(kind: str, code: str, acl: str, owner: str, name: str) -> str:
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


VIEWS = text(f"""
SELECT viewed.oid, name,
       concat_ws(' ', query,
           (SELECT string_agg(pg_get_expr(adbin, adrelid), ' ') FROM pg_attrdef WHERE adrelid = viewed.oid),
           (SELECT string_agg(pg_get_indexdef(indexrelid), ' ') FROM pg_index WHERE indrelid = viewed.oid)) AS definition,
       ARRAY['DROP ' || kind || ' ' || name] AS drop,
       array_remove(ARRAY[
           format('CREATE %s %s%s%s%s AS %s%s', kind, name,
               CASE WHEN relkind = 'm' THEN ' USING ' || (SELECT quote_ident(amname) FROM pg_am WHERE pg_am.oid = relam) END,
               ' WITH (' || NULLIF(array_to_string(reloptions || ARRAY(
                   SELECT 'toast.' || option FROM pg_class toast, unnest(toast.reloptions) AS option
                   WHERE toast.oid = viewed.reltoastrelid
               ), ', '), '') || ')',
               ' TABLESPACE ' || (SELECT quote_ident(spcname) FROM pg_tablespace WHERE pg_tablespace.oid = reltablespace),
               query, CASE WHEN relkind = 'm' THEN ' WITH NO DATA' ELSE '' END),
           'ALTER ' || kind || ' ' || name || ' OWNER TO ' || quote_ident(pg_get_userbyid(relowner))
       ], NULL)
       || {_restore_privileges("TABLE", "r", "relacl", "relowner", "name")}
       || ARRAY(
           SELECT format('GRANT %s (%I) ON %s TO %s%s', privilege_type, attname, name,
                         CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                         CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
           FROM pg_attribute, aclexplode(attacl) WHERE attrelid = viewed.oid
       ) || array_remove(ARRAY[{_restore_comment("' || kind || '", "name", "viewed.oid", "pg_class")}], NULL)
       || ARRAY(
           SELECT format('COMMENT ON COLUMN %s.%I IS %L', name, attname, col_description(attrelid, attnum))
           FROM pg_attribute WHERE attrelid = viewed.oid AND col_description(attrelid, attnum) IS NOT NULL
       ) || ARRAY(
           SELECT format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', name, attname, pg_get_expr(adbin, adrelid))
           FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = viewed.oid
       ) || ARRAY(
           SELECT statement
           FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid,
           LATERAL (SELECT format('ALTER MATERIALIZED VIEW %s ALTER COLUMN %I SET ', name, attname) AS alter_column) AS named,
           LATERAL unnest(ARRAY[
               CASE WHEN attstattarget >= 0 THEN alter_column || 'STATISTICS ' || attstattarget END,
               CASE WHEN attstorage <> typstorage THEN alter_column || 'STORAGE ' || CASE attstorage WHEN 'p' THEN 'PLAIN'
                   WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END,
               CASE WHEN attcompression <> '' THEN alter_column || 'COMPRESSION '
                   || CASE attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END END,
               alter_column || '(' || NULLIF((
                   SELECT string_agg(option, ', ') FROM unnest(attoptions) AS option WHERE option LIKE 'n\\_distinct%'
               ), '') || ')'
           ]) AS statement
           WHERE attrelid = viewed.oid AND attnum > 0 AND relkind = 'm' AND statement IS NOT NULL
       ) || ARRAY(
           SELECT statement FROM pg_index JOIN pg_class index ON index.oid = indexrelid, LATERAL unnest(
               array_remove(ARRAY[pg_get_indexdef(indexrelid), {_INDEX_EXTRAS}] || ARRAY({_INDEX_TARGETS}), NULL)
           ) WITH ORDINALITY AS written (statement, part) WHERE indrelid = viewed.oid ORDER BY index.relname, part
       ) AS create,
       CAST('{{}}' AS text[]) AS finish,
       -- Views on which this one is built, by themselves or by their row types.
       ARRAY(
           SELECT DISTINCT COALESCE(typrelid, refobjid)
           FROM pg_depend LEFT JOIN pg_type ON refclassid = CAST('pg_type' AS regclass)
               AND refobjid IN (pg_type.oid, pg_type.typarray) AND typrelid <> 0
           WHERE classid = CAST('pg_rewrite' AS regclass) AND objid = rule.oid
             AND refclassid IN (CAST('pg_class' AS regclass), CAST('pg_type' AS regclass)) AND refobjid <> viewed.oid
       ) AS sources,
       CASE WHEN relkind = 'm' THEN relispopulated END AS populated,
       relreplident <> 'd' AND relkind = 'm' OR EXISTS (
           SELECT FROM pg_attribute, aclexplode(attacl) WHERE attrelid = viewed.oid AND grantor <> relowner
       ) AS is_special
FROM pg_class viewed
JOIN pg_rewrite rule ON ev_class = viewed.oid AND rulename = '_RETURN',
LATERAL (
    SELECT CAST(CAST(viewed.oid AS regclass) AS text) AS name, rtrim(pg_get_viewdef(viewed.oid), ';') AS query,
           CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END AS kind
) AS described
WHERE rule.oid = ANY (CAST(:oids AS oid[])) AND relkind IN ('v', 'm')
ORDER BY name
""")

RULES = text(f"""
SELECT rule.oid, name, pg_get_ruledef(rule.oid) AS definition, ARRAY['DROP RULE ' || name] AS drop,
       array_remove(ARRAY[
           pg_get_ruledef(rule.oid),
           CASE WHEN ev_enabled <> 'O' THEN format('ALTER TABLE %s %s RULE %I', CAST(ev_class AS regclass),
               CASE ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, rulename) END,
           {_restore_comment("RULE", "name", "rule.oid", "pg_rewrite")}
       ], NULL) AS create, CAST('{{}}' AS text[]) AS finish
FROM pg_rewrite rule, LATERAL (SELECT format('%I ON %s', rulename, CAST(ev_class AS regclass)) AS name) AS named
WHERE rule.oid = ANY (CAST(:oids AS oid[])) AND rulename <> '_RETURN'
ORDER BY name
""")

# Dropping the trigger of a partitioned table drops those of its partitions, each with a state of its own.
TRIGGERS = text(f"""
WITH RECURSIVE meant AS (
    SELECT oid FROM pg_trigger WHERE oid = ANY (CAST(:oids AS oid[])) AND NOT tgisinternal
    UNION SELECT pg_trigger.oid FROM meant JOIN pg_trigger ON tgparentid = meant.oid
)
SELECT trigger.oid, name, pg_get_triggerdef(trigger.oid) AS definition,
       CASE WHEN tgparentid = 0 THEN ARRAY['DROP TRIGGER ' || name] ELSE CAST('{{}}' AS text[]) END AS drop,
       CASE WHEN tgparentid = 0 THEN ARRAY[pg_get_triggerdef(trigger.oid)] ELSE CAST('{{}}' AS text[]) END AS create,
       array_remove(ARRAY[
           CASE WHEN tgenabled <> 'O' OR tgparentid <> 0 THEN format(
               'ALTER TABLE ONLY %s %s TRIGGER %I', CAST(tgrelid AS regclass),
               CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS'
               ELSE 'ENABLE' END, tgname) END,
           {_restore_comment("TRIGGER", "name", "trigger.oid", "pg_trigger")}
       ], NULL) AS finish
FROM pg_trigger trigger, LATERAL (SELECT format('%I ON %s', tgname, CAST(tgrelid AS regclass)) AS name) AS named
WHERE trigger.oid IN (SELECT oid FROM meant)
ORDER BY name
""")

POLICIES = text(f"""
SELECT policy.oid, name, concat_ws(' ', using_expression, check_expression) AS definition,
       ARRAY['DROP POLICY ' || name] AS drop,
       array_remove(ARRAY[
           'CREATE POLICY ' || name || CASE WHEN polpermissive THEN '' ELSE ' AS RESTRICTIVE' END || ' FOR '
               || CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                  ELSE 'ALL' END
               || ' TO ' || (
                   SELECT string_agg(CASE WHEN role = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ')
                   FROM unnest(polroles) AS role
               ) || COALESCE(' USING (' || using_expression || ')', '')
               || COALESCE(' WITH CHECK (' || check_expression || ')', ''),
           {_restore_comment("POLICY", "name", "policy.oid", "pg_policy")}
       ], NULL) AS create, CAST('{{}}' AS text[]) AS finish
FROM pg_policy policy, LATERAL (
    SELECT format('%I ON %s', polname, CAST(polrelid AS regclass)) AS name,
           pg_get_expr(polqual, polrelid) AS using_expression, pg_get_expr(polwithcheck, polrelid) AS check_expression
) AS described
WHERE policy.oid = ANY (CAST(:oids AS oid[]))
ORDER BY name
""")

PUBLICATIONS = text("""
SELECT member.oid, format('%s in publication %I', relation, pubname) AS name, COALESCE(filter, '') AS definition,
       ARRAY[format('ALTER PUBLICATION %I DROP TABLE ONLY %s', pubname, relation)] AS drop,
       ARRAY[format('ALTER PUBLICATION %I ADD TABLE ONLY %s%s%s', pubname, relation, ' (' || (
               SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
               WHERE attrelid = prrelid AND attnum = ANY (prattrs)
           ) || ')', ' WHERE (' || filter || ')')] AS create,
       CAST('{}' AS text[]) AS finish
FROM pg_publication_rel member
JOIN pg_publication ON pg_publication.oid = prpubid,
LATERAL (SELECT CAST(CAST(prrelid AS regclass) AS text) AS relation, pg_get_expr(prqual, prrelid) AS filter) AS described
WHERE member.oid = ANY (CAST(:oids AS oid[]))
ORDER BY name
""")

TYPE = text(f"""
SELECT ARRAY['ALTER TYPE ' || name || ' OWNER TO ' || quote_ident(pg_get_userbyid(typowner))]
       || {_restore_privileges("TYPE", "T", "typacl", "typowner", "name")}
       || array_remove(ARRAY[{_restore_comment("TYPE", "name", "pg_type.oid", "pg_type")}], NULL) AS restore
FROM pg_type, LATERAL (SELECT format('%s.%I', CAST(typnamespace AS regnamespace), typname) AS name) AS named
WHERE pg_type.oid = :enum
""")

INVALID_INDEXES = text("""
SELECT indexrelid AS oid, CAST(CAST(indexrelid AS regclass) AS text) AS name
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indexrelid = ANY (CAST(:oids AS oid[])) AND NOT indisvalid AND relkind = 'i'
ORDER BY name
""")

# The statements that remove blocking objects and all that depends on them, in an order in which they can be run. An object that
# PostgreSQL drops together with another one needs no statement; NULL stands for an unknown statement.
REMOVALS = text("""
WITH RECURSIVE removed AS (
    SELECT CAST(CAST(catalog AS regclass) AS oid) AS classid, objid, objsubid
    FROM unnest(CAST(:catalogs AS text[]), CAST(:oids AS oid[]), CAST(:numbers AS int[])) AS given (catalog, objid, objsubid)
    UNION
    SELECT dependent.classid, dependent.objid, dependent.objsubid
    FROM removed, LATERAL (
        SELECT classid, objid, objsubid FROM pg_depend
        WHERE refclassid = removed.classid AND refobjid = removed.objid AND deptype IN ('n', 'i')
          AND removed.objsubid IN (0, refobjsubid)
        UNION ALL
        -- All that has a composite type depends on each of its attributes.
        SELECT CAST('pg_type' AS regclass), reltype, 0 FROM pg_class
        WHERE removed.classid = CAST('pg_class' AS regclass) AND pg_class.oid = removed.objid AND relkind = 'c'
        UNION ALL
        SELECT CAST('pg_class' AS regclass), ev_class, 0 FROM pg_rewrite
        WHERE removed.classid = CAST('pg_rewrite' AS regclass) AND pg_rewrite.oid = removed.objid AND rulename = '_RETURN'
    ) AS dependent (classid, objid, objsubid)
)
SELECT statement
FROM removed
CROSS JOIN LATERAL pg_identify_object(classid, objid, objsubid) AS object (type, schema, name, identity)
LEFT JOIN pg_class ON classid = CAST('pg_class' AS regclass) AND pg_class.oid = objid
LEFT JOIN pg_type ON classid = CAST('pg_type' AS regclass) AND pg_type.oid = objid
LEFT JOIN pg_attribute own ON own.attrelid = pg_class.oid AND own.attnum = objsubid AND objsubid > 0
LEFT JOIN pg_attrdef ON classid = CAST('pg_attrdef' AS regclass) AND pg_attrdef.oid = objid
LEFT JOIN pg_attribute defaulted ON defaulted.attrelid = adrelid AND defaulted.attnum = adnum
LEFT JOIN pg_constraint ON classid = CAST('pg_constraint' AS regclass) AND pg_constraint.oid = objid
LEFT JOIN pg_publication_rel ON classid = CAST('pg_publication_rel' AS regclass) AND pg_publication_rel.oid = objid
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN relkind IN ('v', 'm') THEN format('DROP %s %s', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END,
                                               CAST(pg_class.oid AS regclass))
        WHEN relkind IN ('i', 'I') THEN format('DROP INDEX %s', CAST(pg_class.oid AS regclass))
        WHEN own.attgenerated <> ''
            THEN format('ALTER TABLE %s DROP COLUMN %I', CAST(pg_class.oid AS regclass), own.attname)
        WHEN relkind IN ('r', 'p') AND objsubid > 0
            THEN format('ALTER TABLE %s ALTER COLUMN %I TYPE text', CAST(pg_class.oid AS regclass), own.attname)
        WHEN relkind = 'f' AND objsubid > 0
            THEN format('ALTER FOREIGN TABLE %s ALTER COLUMN %I TYPE text', CAST(pg_class.oid AS regclass), own.attname)
        WHEN relkind = 'c' AND objsubid > 0
            THEN format('ALTER TYPE %s ALTER ATTRIBUTE %I TYPE text CASCADE', CAST(pg_class.oid AS regclass), own.attname)
        WHEN adrelid IS NOT NULL
            THEN format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', CAST(adrelid AS regclass), defaulted.attname)
        WHEN conrelid <> 0 THEN format('ALTER TABLE %s DROP CONSTRAINT %I', CAST(conrelid AS regclass), conname)
        WHEN contypid <> 0 THEN format('ALTER DOMAIN %s DROP CONSTRAINT %I', CAST(contypid AS regtype), conname)
        WHEN prrelid IS NOT NULL THEN format('ALTER PUBLICATION %I DROP TABLE ONLY %s', (
            SELECT pubname FROM pg_publication WHERE pg_publication.oid = prpubid), CAST(prrelid AS regclass))
        WHEN typtype = 'd' THEN 'DROP DOMAIN ' || identity
        WHEN typtype = 'r' THEN 'DROP TYPE ' || identity
        WHEN object.type = 'statistics object' THEN 'DROP STATISTICS ' || identity
        WHEN object.type IN ('aggregate', 'cast', 'function', 'operator', 'operator class', 'operator family', 'policy',
                             'procedure', 'rule', 'transform', 'trigger') THEN format('DROP %s %s', upper(object.type), identity)
    END AS statement
) AS written
-- Parts of other objects and inherited ones are removed together with those.
WHERE NOT (objsubid = 0 AND EXISTS (
          SELECT FROM pg_depend part
          WHERE part.classid = removed.classid AND part.objid = removed.objid AND part.deptype IN ('i', 'P', 'S')))
  AND COALESCE(own.attinhcount, defaulted.attinhcount, coninhcount, 0) = 0
  AND typtype IS DISTINCT FROM 'c' AND COALESCE(reloftype, 0) = 0
-- Defaults first, then objects that may depend on columns, later ones before earlier ones, then columns, and types last.
ORDER BY CASE WHEN adrelid IS NOT NULL THEN 0 WHEN typtype IS NOT NULL OR relkind = 'c' THEN 3
              WHEN relkind IN ('r', 'p', 'f') THEN 2 ELSE 1 END, objid DESC
""")
