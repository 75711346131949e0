"""Removing, reordering and replacing values: the database is afterwards as if the type had always been so.

Each case is SQL that is run after the type is created. On one database the type has the old labels and is changed, on another
it has the new ones from the start; a fingerprint of catalog and rows must be the same.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from alembic_async_template.errors import (
    EnumChangeBlockedError,
    EnumChangeFailedError,
    EnumValueInUseError,
    InvalidEnumError,
    UnknownEnumError,
    UnknownEnumValueError,
)
from support.enums import OnConnection, create_enum, operations, read_enums
from support.fingerprint import read_fingerprint
from support.servers import POSTGRESQL_SERVERS_FOR_ENUMS, create_postgresql_database, find_postgresql_server

SCHEMA, NAME = """s'% .""", """st "atus':x"""
DRAFT, LIVE, ARCHIVED = "dr'aft %", 'li"ve\\', "ar,chi{ved}"
OLD, NEW = [DRAFT, LIVE, ARCHIVED], [ARCHIVED, LIVE]

CASES = {
    "nothing": "",
    "rows": """
        CREATE TABLE t (a int, m {T}, n {T} NOT NULL);
        INSERT INTO t VALUES (1, NULL, {live}), (2, {live}, {archived});
    """,
    "defaults": """
        CREATE TABLE t (a int DEFAULT 1, m {T} DEFAULT {live}, n {T} DEFAULT NULL, o {T} DEFAULT NULL::{T},
            ms {T}[] DEFAULT ARRAY[{live}, {archived}]::{T}[], ns {T}[] DEFAULT '{}',
            x text DEFAULT lower({live}::{T}::text), y {T} DEFAULT CASE WHEN random() < 2 THEN {live}::{T} END);
        INSERT INTO t DEFAULT VALUES;
    """,
    "arrays": """
        CREATE TABLE t (m {T}[], n {T}[][]);
        INSERT INTO t VALUES (ARRAY[{live}, NULL, {archived}]::{T}[], ARRAY[[{live}, {archived}], [NULL, {live}]]::{T}[][]),
            (NULL, '{}');
    """,
    "plain indexes": """
        CREATE TABLE t (id int, m {T} PRIMARY KEY, n {T} UNIQUE, o {T}, ms {T}[]);
        CREATE INDEX "i'%" ON t (o DESC NULLS LAST, id) INCLUDE (n) WITH (fillfactor = 50);
        COMMENT ON INDEX "i'%" IS 'it''s';
        CREATE INDEX g ON t USING gin (ms);
        CREATE INDEX h ON t USING hash (o);
        CLUSTER t USING "i'%";
        ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey;
        INSERT INTO t VALUES (1, {live}, {archived}, {live}, ARRAY[{live}]::{T}[]);
    """,
    "partial and expression indexes": """
        CREATE TABLE t (id int, m {T}, ms {T}[]);
        CREATE UNIQUE INDEX "p "":x" ON t (id) WHERE m = {live};
        COMMENT ON INDEX "p "":x" IS 'it''s %';
        CREATE INDEX e ON t ((m = {live}::{T}), lower('x')) WITH (fillfactor = 60);
        ALTER INDEX e ALTER COLUMN 1 SET STATISTICS 77;
        CREATE INDEX a ON t (id) WHERE m = ANY (ARRAY[{live}, {archived}]::{T}[]);
        CREATE INDEX c ON t ((CASE WHEN m = {live} THEN id END));
        CLUSTER t USING c;
        INSERT INTO t VALUES (1, {live}), (2, {archived});
    """,
    "exclusion constraints": """
        CREATE TABLE t (m {T}, n int, EXCLUDE USING btree (m WITH =) WHERE (n > 0) DEFERRABLE);
        CREATE TABLE u (m {T}, n int, CONSTRAINT "x'" EXCLUDE USING hash (n WITH =) WHERE (m = {live}));
        COMMENT ON CONSTRAINT "x'" ON u IS 'why';
        COMMENT ON INDEX "x'" IS 'index';
        INSERT INTO u VALUES ({live}, 1), ({archived}, 1);
    """,
    "checks": """
        CREATE TABLE t (m {T} CHECK (m <> {live}), n {T},
            CONSTRAINT "c'%" CHECK (m = ANY (ARRAY[{archived}, {live}]::{T}[])));
        ALTER TABLE t ADD CONSTRAINT nv CHECK (n > {live}) NOT VALID;
        ALTER TABLE t ADD CONSTRAINT ni CHECK (n = {live}) NO INHERIT NOT VALID;
        COMMENT ON CONSTRAINT "c'%" ON t IS 'it''s';
    """,
    "inherited checks": """
        CREATE TABLE p (m {T}, CONSTRAINT c CHECK (m <> {live}));
        CREATE TABLE k (n {T} CHECK (n = {live})) INHERITS (p);
        CREATE TABLE l (m {T}, CONSTRAINT c CHECK (m <> {live})) INHERITS (p);
        COMMENT ON CONSTRAINT c ON k IS 'of k';
        ALTER TABLE k ALTER m SET DEFAULT {archived};
        ALTER TABLE k ALTER m SET NOT NULL;
        INSERT INTO k VALUES ({archived}, {live});
    """,
    "foreign keys": """
        CREATE TABLE p (m {T}, n int, PRIMARY KEY (m, n), parent {T}, UNIQUE (m),
            CONSTRAINT self FOREIGN KEY (parent) REFERENCES p (m));
        CREATE TABLE c (m {T}, n int,
            CONSTRAINT "f'%" FOREIGN KEY (m, n) REFERENCES p ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED);
        COMMENT ON CONSTRAINT "f'%" ON c IS 'it''s';
        CREATE TABLE d (m {T});
        INSERT INTO d VALUES ({archived});
        INSERT INTO p VALUES ({live}, 1, {live});
        INSERT INTO c VALUES ({live}, 1);
        ALTER TABLE d ADD FOREIGN KEY (m) REFERENCES p (m) NOT VALID;
    """,
    "views": """
        CREATE TABLE t (id int, m {T});
        INSERT INTO t VALUES (1, {live}), (2, {archived});
        CREATE VIEW "v'%" WITH (security_barrier, check_option = local) AS SELECT id, m AS "M x" FROM t WHERE m = {live};
        CREATE VIEW w AS SELECT v."M x", count(*) FROM "v'%" v GROUP BY 1;
        CREATE VIEW a AS SELECT * FROM w;
        CREATE VIEW whole AS SELECT t FROM t;
        ALTER VIEW w RENAME COLUMN count TO "n'";
        COMMENT ON VIEW w IS 'it''s';
        COMMENT ON COLUMN w."n'" IS 'number';
        ALTER VIEW "v'%" ALTER "M x" SET DEFAULT {live};
        CREATE VIEW untyped AS SELECT id FROM t WHERE m > {live};
        CREATE VIEW typeless AS SELECT {live}::{T} AS m;
        CREATE RECURSIVE VIEW r (n, m) AS SELECT 1, {live}::{T} UNION ALL SELECT n + 1, m FROM r WHERE n < 3;
    """,
    "materialized views": """
        CREATE TABLE t (id int, m {T});
        INSERT INTO t VALUES (1, {live}), (2, {archived});
        CREATE MATERIALIZED VIEW v WITH (fillfactor = 50) AS SELECT id, m FROM t;
        CREATE UNIQUE INDEX "i'" ON v (id);
        CREATE INDEX p ON v (m) WHERE m = {live};
        COMMENT ON INDEX p IS 'it''s';
        COMMENT ON MATERIALIZED VIEW v IS 'v';
        CLUSTER v USING "i'";
        ALTER MATERIALIZED VIEW v ALTER m SET STATISTICS 5;
        CREATE MATERIALIZED VIEW e AS SELECT m FROM v WITH NO DATA;
        CREATE VIEW w AS SELECT * FROM v;
        CREATE STATISTICS s ON id, m FROM v;
    """,
    "rules": """
        CREATE TABLE t (id int, m {T});
        CREATE TABLE log (m {T});
        CREATE RULE "r'%" AS ON INSERT TO t WHERE new.m = {live} DO ALSO INSERT INTO log VALUES (new.m);
        COMMENT ON RULE "r'%" ON t IS 'it''s';
        CREATE VIEW v AS SELECT * FROM t;
        CREATE RULE i AS ON INSERT TO v DO INSTEAD INSERT INTO t VALUES (new.id, new.m);
        ALTER TABLE t DISABLE RULE "r'%";
        INSERT INTO t VALUES (1, {live});
    """,
    "triggers": """
        CREATE TABLE t (id int, m {T}, log text);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.log := ''fired''; RETURN new; END';
        CREATE TRIGGER "w'%" BEFORE UPDATE ON t FOR EACH ROW WHEN (new.m = {live}) EXECUTE FUNCTION f('arg''s');
        CREATE TRIGGER o BEFORE UPDATE OF m, id ON t FOR EACH ROW EXECUTE FUNCTION f();
        ALTER TABLE t DISABLE TRIGGER o;
        CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW WHEN (new.m IS NULL OR new.m = {live} AND false)
            EXECUTE FUNCTION f();
        ALTER TABLE t ENABLE ALWAYS TRIGGER a;
        CREATE CONSTRAINT TRIGGER c AFTER UPDATE OF m ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f();
        COMMENT ON TRIGGER c ON t IS 'it''s';
        CREATE TRIGGER plain BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION f();
        ALTER TABLE t ENABLE REPLICA TRIGGER plain;
        CREATE VIEW v AS SELECT m FROM t;
        CREATE TRIGGER i INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f();
        INSERT INTO t VALUES (1, {live}, ''), (2, {archived}, '');
    """,
    "policies": """
        CREATE TABLE t (m {T}, owner text);
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        INSERT INTO t VALUES ({live}, 'x');
        CREATE POLICY "p'%" ON t AS RESTRICTIVE FOR UPDATE TO {role}, CURRENT_USER USING (m = {live}) WITH
            CHECK (m <> {archived});
        CREATE POLICY q ON t FOR INSERT WITH CHECK (m = {live});
        CREATE POLICY r ON t USING (m = {live});
        COMMENT ON POLICY r ON t IS 'it''s';
        CREATE TABLE u (id int);
        CREATE POLICY s ON u FOR SELECT USING (EXISTS (SELECT FROM t WHERE t.m = {live}));
    """,
    "forced row security": """
        CREATE TABLE t (m {T});
        INSERT INTO t VALUES ({live});
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        ALTER TABLE t FORCE ROW LEVEL SECURITY;
        CREATE POLICY p ON t USING (false);
    """,
    "publications": """
        CREATE TABLE t (id int PRIMARY KEY, m {T} NOT NULL, "o'" int);
        CREATE PUBLICATION "{unique} '%" FOR TABLE t (id, m, "o'") WHERE ("o'" > 0);
        ALTER TABLE t REPLICA IDENTITY FULL;
    """,
    "extended statistics": """
        CREATE TABLE t (id int, m {T}, n {T});
        CREATE STATISTICS "s'%" (ndistinct, mcv) ON id, m FROM t;
        CREATE STATISTICS e ON (m = {live}), id FROM t;
        ALTER STATISTICS e SET STATISTICS 33;
        ALTER STATISTICS "s'%" SET STATISTICS 44;
        COMMENT ON STATISTICS e IS 'it''s';
    """,
    "partitions": """
        CREATE TABLE t (id int, m {T} DEFAULT {live}, CONSTRAINT c CHECK (m <> {live} OR id > 0)) PARTITION BY RANGE (id);
        CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
        CREATE TABLE t2 PARTITION OF t (m DEFAULT {archived}) FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
        CREATE TABLE t21 PARTITION OF t2 FOR VALUES IN (11);
        CREATE INDEX "x'" ON t (id) WHERE m = {live};
        ALTER INDEX t1_id_idx RENAME TO "renamed'";
        COMMENT ON INDEX "renamed'" IS 'of t1';
        CREATE INDEX only1 ON t1 ((m = {live}));
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
        CREATE INDEX plain ON t (m);
        CREATE TRIGGER g BEFORE UPDATE OF m ON t FOR EACH ROW EXECUTE FUNCTION f();
        ALTER TABLE ONLY t1 DISABLE TRIGGER g;
        INSERT INTO t VALUES (1, DEFAULT), (11, DEFAULT);
    """,
    "inheritance": """
        CREATE TABLE p (m {T} DEFAULT {live}, n {T});
        CREATE TABLE k (o {T}) INHERITS (p);
        CREATE TABLE g () INHERITS (k);
        INSERT INTO p VALUES ({live});
        INSERT INTO k VALUES ({archived}, NULL, {live});
        INSERT INTO g VALUES ({live}, {live}, {live});
    """,
    "storage": """
        CREATE TABLE t (m {T}, ms {T}[], x {T}[] COMPRESSION pglz);
        ALTER TABLE t ALTER ms SET STORAGE EXTERNAL;
        ALTER TABLE t ALTER m SET STATISTICS 9;
        ALTER TABLE t ALTER ms SET STATISTICS 8;
        ALTER TABLE t ALTER m SET (n_distinct = 3);
        COMMENT ON COLUMN t.m IS 'it''s';
        GRANT SELECT (m), UPDATE (ms) ON t TO {role};
        CREATE TABLE u (ms {T}[]);
        ALTER TABLE u ALTER ms SET STORAGE MAIN;
    """,
    "privileges": """
        GRANT ALL ON SCHEMA {S} TO {role}, {other};
        GRANT ALL ON SCHEMA public TO {role};
        CREATE TABLE t (m {T});
        GRANT ALL ON t TO {role};
        CREATE VIEW v AS SELECT m FROM t;
        CREATE MATERIALIZED VIEW w AS SELECT m FROM t;
        CREATE VIEW none AS SELECT m FROM t;
        GRANT SELECT ON v TO {role} WITH GRANT OPTION;
        GRANT SELECT (m) ON w TO {role};
        REVOKE ALL ON none FROM CURRENT_USER;
        GRANT INSERT ON v TO PUBLIC;
        ALTER VIEW v OWNER TO {role};
        GRANT SELECT ON v TO CURRENT_USER;
        GRANT USAGE ON TYPE {T} TO {role} WITH GRANT OPTION;
        REVOKE USAGE ON TYPE {T} FROM PUBLIC;
        SET ROLE {role};
        GRANT SELECT ON v TO {other};
        GRANT USAGE ON TYPE {T} TO {other};
        RESET ROLE;
        COMMENT ON TYPE {T} IS 'it''s %';
    """,
    "owner of the type": """
        GRANT ALL ON SCHEMA {S} TO {role};
        CREATE TABLE t (m {T});
        ALTER TYPE {T} OWNER TO {role};
    """,
    "default privileges": """
        CREATE TABLE t (m {T});
        CREATE VIEW v AS SELECT m FROM t;
        ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {role};
        ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO {role};
        ALTER DEFAULT PRIVILEGES REVOKE ALL ON TYPES FROM PUBLIC;
    """,
    "unlogged and temporary": """
        CREATE UNLOGGED TABLE t (m {T});
        INSERT INTO t VALUES ({live});
    """,
    "several schemas": """
        CREATE SCHEMA other;
        CREATE TABLE other.t (m {T});
        CREATE TABLE t (m {T});
        CREATE VIEW other.v AS SELECT * FROM t;
        INSERT INTO other.t VALUES ({live});
        INSERT INTO t VALUES ({live});
    """,
    "procedural functions": """
        CREATE TABLE t (m {T});
        CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS 'DECLARE x text; BEGIN SELECT m INTO x FROM t; RETURN x; END';
    """,
    "materialized views of another role": """
        CREATE TABLE t (m {T});
        INSERT INTO t VALUES ({live}), ({archived});
        GRANT SELECT ON t TO {role};
        GRANT ALL ON SCHEMA public, {S} TO {role};
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON t USING (m = {live});
        SET ROLE {role};
        CREATE FUNCTION who(x text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN current_user <> session_user; END';
        CREATE MATERIALIZED VIEW v AS SELECT m, who(m::text) FROM t;
        RESET ROLE;
    """,
    "materialized views behind policies": """
        CREATE TABLE t (m {T});
        INSERT INTO t VALUES ({live});
        CREATE TABLE u (id int);
        INSERT INTO u VALUES (1);
        ALTER TABLE u ENABLE ROW LEVEL SECURITY;
        ALTER TABLE u FORCE ROW LEVEL SECURITY;
        CREATE POLICY p ON u USING (EXISTS (SELECT FROM t WHERE m = {live}));
        CREATE MATERIALIZED VIEW v AS SELECT id, {live}::{T} AS m FROM u;
    """,
    "functions of the same name": """
        CREATE TABLE t (id int, m {T}, xs int[]);
        CREATE FUNCTION array_length(int[], int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 42';
        CREATE VIEW v AS SELECT pg_catalog.array_length(xs, 1) AS n FROM t WHERE m = {live};
        CREATE INDEX i ON t (pg_catalog.array_length(xs, 1), m);
        ALTER TABLE t ADD CHECK (pg_catalog.array_length(xs, 1) < 42 OR m = {live});
    """,
    "constants of other types": """
        CREATE TABLE t (m {T}, x text DEFAULT 'a\\b' || ({live}::{T})::text);
        CREATE VIEW v AS SELECT 0.30000000000000004::float8 AS f, '2026-07-01 12:00+02'::timestamptz AS at,
            '1 day 2 hours'::interval AS i, m FROM t;
    """,
    "attached partitions": """
        CREATE TABLE c (id int, m {T}, CONSTRAINT pu UNIQUE (id, m)) PARTITION BY LIST (id);
        CREATE INDEX pi ON c (m);
        CREATE TABLE c1 (id int, m {T}, CONSTRAINT "my'u%" UNIQUE (id, m) WITH (fillfactor = 70));
        CREATE INDEX myi ON c1 (m) WITH (fillfactor = 50);
        ALTER TABLE c ATTACH PARTITION c1 FOR VALUES IN (1);
        COMMENT ON INDEX myi IS 'x';
        COMMENT ON CONSTRAINT "my'u%" ON c1 IS 'y';
        CLUSTER c1 USING myi;
        CREATE INDEX unattached ON ONLY c (m, id);
        CREATE TABLE p (m {T} PRIMARY KEY);
        INSERT INTO p VALUES ({live});
        CREATE TABLE d (id int, m {T}, CONSTRAINT pfk FOREIGN KEY (m) REFERENCES p) PARTITION BY LIST (id);
        CREATE TABLE d1 (id int, m {T}, CONSTRAINT myfk FOREIGN KEY (m) REFERENCES p);
        ALTER TABLE d ATTACH PARTITION d1 FOR VALUES IN (1);
        COMMENT ON CONSTRAINT myfk ON d1 IS 'it''s';
    """,
    "triggers of partitions of partitions": """
        CREATE TABLE c (id int, m {T}) PARTITION BY LIST (id);
        CREATE TABLE c1 PARTITION OF c FOR VALUES IN (1) PARTITION BY LIST (id);
        CREATE TABLE c11 PARTITION OF c1 FOR VALUES IN (1);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
        CREATE TRIGGER g AFTER UPDATE ON c FOR EACH ROW WHEN (new.m = {live}) EXECUTE FUNCTION f();
        COMMENT ON TRIGGER g ON c11 IS 'x';
        ALTER TABLE ONLY c11 DISABLE TRIGGER g;
        ALTER TABLE ONLY c1 ENABLE ALWAYS TRIGGER g;
    """,
    "settings of materialized views": """
        CREATE TABLE t (m {T}, x text);
        CREATE MATERIALIZED VIEW v WITH (fillfactor = 40, toast.autovacuum_enabled = false) AS SELECT * FROM t;
        ALTER MATERIALIZED VIEW v ALTER x SET STORAGE EXTERNAL;
        ALTER MATERIALIZED VIEW v ALTER x SET COMPRESSION pglz;
        ALTER MATERIALIZED VIEW v ALTER x SET (n_distinct = 5);
    """,
    "views on row types": """
        CREATE TABLE t (m {T});
        CREATE VIEW z AS SELECT m FROM t;
        CREATE VIEW a AS SELECT NULL::z AS x;
        CREATE VIEW unrelated AS SELECT 'x'::text AS x;
        ALTER VIEW unrelated ALTER x SET DEFAULT lower({live}::{T}::text);
    """,
    "checks that read a view": """
        CREATE TABLE t (m {T});
        INSERT INTO t VALUES ({live});
        CREATE VIEW public.v AS SELECT m FROM t;
        CREATE FUNCTION f(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) >= 0 FROM public.v); END';
        ALTER TABLE t ADD CHECK (f(m::text));
    """,
    "an apostrophe in a column": """
        CREATE TABLE "t'" ("dr'aft %" {T}, x text);
        CREATE VIEW v AS SELECT "dr'aft %" FROM "t'" WHERE "dr'aft %" = {live};
        ALTER TABLE "t'" ADD CHECK ("dr'aft %" > {live});
    """,
}
GENERATED = """
    CREATE TABLE t (id int, m {T},
        g text GENERATED ALWAYS AS (CASE WHEN m = {live} THEN 'yes' ELSE 'no' END) STORED NOT NULL, n {T} GENERATED ALWAYS
        AS (CASE WHEN id > 1 THEN {live}::{T} ELSE {archived}::{T} END) STORED, z int DEFAULT 5);
    CREATE TABLE typeless (id int, g int GENERATED ALWAYS AS (CASE WHEN {live}::{T} <> {archived}::{T} THEN id END) STORED);
    INSERT INTO typeless VALUES (1);
    CREATE INDEX i ON t (g);
    CREATE VIEW v AS SELECT g, n FROM t;
    CREATE UNIQUE INDEX u ON t (id) WHERE g = 'yes';
    INSERT INTO t (id, m) VALUES (1, {live}), (2, {archived});
"""


def fill_in(text: str, **names: str) -> str:
    labels = {"draft": DRAFT, "live": LIVE, "archived": ARCHIVED}
    for name, label in labels.items():
        text = text.replace("{" + name + "}", sql.Literal(label).as_string())
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    text = text.replace("{S}", sql.Identifier(SCHEMA).as_string())
    return text.replace("{T}", sql.Identifier(SCHEMA, NAME).as_string())


class Databases:
    """A database to be changed, and one that shows how it should be afterwards."""

    def __init__(self, first: str, second: str, names: dict[str, str]) -> None:
        self.url, self.model, self.names = first, second, names

    def build(self, text: str, url: str, labels: list[str]) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
            literals = sql.SQL(", ").join(map(sql.Literal, labels))
            connection.execute(sql.SQL("CREATE TYPE {} AS ENUM ({})").format(sql.Identifier(SCHEMA, NAME), literals))
            if text:
                connection.execute(fill_in(text, **self.names).encode())

    def change(self, call: Callable[[Any], None]) -> None:
        engine = create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
        with engine.connect() as connection:
            run(call)(connection)

    def compare(self) -> None:
        found, expected = read_fingerprint(self.url), read_fingerprint(self.model)
        assert found == expected


def run(call: Callable[[Any], None]) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        op = operations(connection)
        with op.get_context().begin_transaction():
            call(op)

    return work


@contextmanager
def create_roles(url: str) -> Iterator[dict[str, str]]:
    """Two roles of the server, for the time of a test."""
    names = {"role": f"role_{uuid4().hex[:10]}", "other": f"other_{uuid4().hex[:10]}", "unique": uuid4().hex[:10]}
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("role", "other"):
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(names[name])))
    yield names
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("other", "role"):
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(names[name])))


@pytest.fixture(params=POSTGRESQL_SERVERS_FOR_ENUMS)
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on every PostgreSQL there is: blockers differ between versions."""
    with create_postgresql_database(find_postgresql_server(request)) as url:
        yield url


@pytest.fixture
def databases(postgresql_url: str) -> Iterator[Databases]:
    with ExitStack() as stack:
        second = stack.enter_context(create_postgresql_database(postgresql_url))
        names = stack.enter_context(create_roles(postgresql_url))
        stack.callback(_drop_owned, second, names)
        yield Databases(postgresql_url, second, names)


def _drop_owned(url: str, names: dict[str, str]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("other", "role"):
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(names[name])))


def replace(op: Any) -> None:
    op.replace_enum_values(NAME, NEW, schema=SCHEMA)


@pytest.mark.parametrize("case", CASES)
def test_all_that_uses_the_type_is_kept(databases: Databases, case: str) -> None:
    """A value goes and the others change places; catalog and rows are those of a database that never knew it otherwise."""
    databases.build(CASES[case], databases.url, OLD)
    databases.build(CASES[case], databases.model, NEW)
    databases.change(replace)
    databases.compare()


def test_generated_columns_are_kept_from_postgresql_17_on(databases: Databases) -> None:
    """On older servers, generated columns are refused by name."""
    databases.build(GENERATED, databases.url, OLD)
    databases.build(GENERATED, databases.model, NEW)
    with psycopg.connect(databases.url) as connection:
        version = connection.info.server_version
    if version < 170000:
        before = read_fingerprint(databases.url)
        with pytest.raises(Exception, match=r"generated column g of table .* cannot be changed before PostgreSQL 17"):
            databases.change(replace)
        assert read_fingerprint(databases.url) == before
        return
    databases.change(replace)
    databases.compare()


MAPPED = """
    CREATE TABLE t (id int, m {T} DEFAULT {first}, n {T}, ms {T}[] DEFAULT ARRAY[{first}, {live}]::{T}[], ns {T}[][],
        o {T} DEFAULT CASE WHEN random() < 2 THEN {first}::{T} END, log text DEFAULT '');
    INSERT INTO t (id, m, n, ms, ns) VALUES (1, {first}, NULL, ARRAY[{first}, NULL, {live}]::{T}[], ARRAY[[{first}, {live}],
        [NULL, {first}]]::{T}[][]), (2, {live}, {first}, NULL, '{}'), (3, {archived}, {archived}, ARRAY[{archived}]::{T}[],
        NULL);
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.log := ''fired''; RETURN new; END';
    CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
    ALTER TABLE t ENABLE ROW LEVEL SECURITY;
    ALTER TABLE t FORCE ROW LEVEL SECURITY;
    CREATE POLICY p ON t USING (false);
"""


@pytest.mark.parametrize("replacement", [LIVE, ARCHIVED], ids=["live", "archived"])
def test_rows_array_elements_and_defaults_get_the_replacement(databases: Databases, replacement: str) -> None:
    """Arrays of any dimension, NULLs, and rows hidden by row-level security get it, and no trigger fires."""
    literal = sql.Literal(replacement).as_string()
    databases.build(MAPPED.replace("{first}", "{draft}"), databases.url, OLD)
    databases.build(MAPPED.replace("{first}", literal), databases.model, [LIVE, ARCHIVED])
    databases.change(lambda op: op.remove_enum_value(NAME, DRAFT, replace_with=replacement, schema=SCHEMA))
    databases.compare()


def test_many_values_change_in_one_rewrite_per_table(databases: Databases) -> None:
    """Removed, added and ordered at once, whatever the number of columns; partitions count for themselves."""
    ddl = """
        CREATE TABLE t (m {T}, n {T}, ms {T}[]);
        INSERT INTO t VALUES ({draft}, {live}, ARRAY[{draft}]::{T}[]);
        CREATE TABLE p (id int, m {T}, n {T}) PARTITION BY LIST (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
        INSERT INTO p VALUES (1, {draft});
    """
    databases.build(ddl, databases.url, OLD)
    with psycopg.connect(databases.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE rewrites (name text)")
        connection.execute("""
            CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql
                AS 'BEGIN INSERT INTO public.rewrites VALUES (pg_event_trigger_table_rewrite_oid()::regclass::text); END';
        """)
        connection.execute("CREATE EVENT TRIGGER note ON table_rewrite EXECUTE FUNCTION note()")
    values = ["new'", ARCHIVED, "other"]
    databases.change(lambda op: op.replace_enum_values(NAME, values, replace_with={DRAFT: "new'", LIVE: "other"}, schema=SCHEMA))
    with psycopg.connect(databases.url) as connection:
        assert sorted(connection.execute("SELECT name FROM rewrites").fetchall()) == [("public.p1",), ("public.t",)]
        assert connection.execute("SELECT m::text, n::text, ms::text[] FROM t").fetchall() == [("new'", "other", ["new'"])]
        assert connection.execute("SELECT m::text FROM p").fetchall() == [("new'",)]
        assert connection.execute(fill_in("SELECT enum_range(NULL::{T})::text[]").encode()).fetchone() == (values,)


def test_a_change_to_the_same_values_does_nothing(databases: Databases) -> None:
    """The type keeps its OID, so that clients need not plan their statements again."""
    databases.build("CREATE TABLE t (m {T})", databases.url, OLD)
    query = "SELECT oid FROM pg_type WHERE typname = %s"
    with psycopg.connect(databases.url) as connection:
        before = connection.execute(query, [NAME]).fetchone()
        databases.change(lambda op: op.reorder_enum_values(NAME, OLD, schema=SCHEMA))
        databases.change(lambda op: op.replace_enum_values(NAME, OLD, schema=SCHEMA))
        assert connection.execute(query, [NAME]).fetchone() == before


def test_the_new_values_can_be_used_in_the_same_revision(databases: Databases) -> None:
    """55P04 does not concern the values of a new type."""
    databases.build("CREATE TABLE t (m {T})", databases.url, OLD)

    def work(op: Any) -> None:
        op.replace_enum_values(NAME, ["new", LIVE], schema=SCHEMA)
        op.execute("INSERT INTO t VALUES ('new')")
        op.remove_enum_value(NAME, LIVE, schema=SCHEMA)

    databases.change(work)
    with psycopg.connect(databases.url) as connection:
        assert connection.execute("SELECT m::text FROM t").fetchall() == [("new",)]


BLOCKERS = {
    "function arguments": (
        "CREATE FUNCTION f(x {T}) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ['function public.f("s\'% ."."st ""atus\':x") has the type in its signature or body'],
    ),
    "function results": (
        "CREATE FUNCTION f() RETURNS SETOF {T} LANGUAGE sql AS $$SELECT NULL::{T}$$",
        ["function public.f() has the type"],
    ),
    "procedures": ("CREATE PROCEDURE f(x {T}[]) LANGUAGE sql AS 'SELECT 1'", ["f(", "has the type in its signature"]),
    "atomic bodies": (
        """
            CREATE TABLE t (m {T});
            CREATE FUNCTION f() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM t WHERE m = {live}; END;
        """,
        ["function public.f() has the type in its signature or body"],
    ),
    "aggregates": (
        """
            CREATE FUNCTION f(s {T}, x {T}) RETURNS {T} LANGUAGE sql AS 'SELECT x';
            CREATE AGGREGATE a ({T}) (sfunc = f, stype = {T});
        """,
        ["function public.a(", "function public.f("],
    ),
    "casts": ("CREATE CAST ({T} AS int) WITH INOUT", ["cast from", "uses the type"]),
    "operators": (
        """
            CREATE FUNCTION f(x {T}, y {T}) RETURNS bool LANGUAGE sql AS 'SELECT true';
            CREATE OPERATOR === (leftarg = {T}, rightarg = {T}, function = f);
        """,
        ["operator public.===(", "function public.f("],
    ),
    "domains": (
        """
            CREATE DOMAIN d AS {T} CHECK (value <> {live});
            CREATE TABLE t (m d);
        """,
        ["type public.d is a domain over the type"],
    ),
    "composites": (
        """
            CREATE TYPE c AS (m {T});
            CREATE TABLE t (c c);
        """,
        ["column m of composite type public.c is part of a composite type"],
    ),
    "ranges": ("CREATE TYPE r AS RANGE (subtype = {T})", ["type public.r is a range of the type"]),
    "row types": (
        """
            CREATE TABLE t (m {T});
            CREATE TABLE u (t t);
        """,
        ["column t of table public.u has the row type of table public.t"],
    ),
    "row types of views": (
        """
            CREATE TABLE t (m {T});
            CREATE VIEW v AS SELECT * FROM t;
            CREATE FUNCTION f(v) RETURNS int LANGUAGE sql AS 'SELECT 1';
        """,
        ["function public.f(public.v) has the type in its signature or body"],
    ),
    "typed tables": (
        """
        CREATE TYPE c AS (m {T});
        CREATE TABLE t OF c;
    """,
        ["column m of composite type public.c"],
    ),
    "partition keys": ("CREATE TABLE t (m {T}) PARTITION BY LIST (m)", ["column m of table public.t is a partition key"]),
    "partition key expressions": (
        """
            CREATE FUNCTION i(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
            CREATE TABLE t (m {T}) PARTITION BY LIST ((m > {live}));
        """,
        ["column m of table public.t is a partition key"],
    ),
    "multiple inheritance": (
        """
            CREATE TABLE a (m {T});
            CREATE TABLE b (m {T});
            CREATE TABLE c () INHERITS (a, b);
        """,
        ["column m of table public.c is inherited from several tables"],
    ),
    "foreign tables": (
        """
            CREATE FOREIGN DATA WRAPPER w;
            CREATE SERVER s FOREIGN DATA WRAPPER w;
            CREATE FOREIGN TABLE t (m {T}) SERVER s;
        """,
        ["column m of foreign table public.t is a column of a foreign table"],
    ),
    "labels in a check": (
        "CREATE TABLE t (m {T} CHECK (m <> {draft}))",
        ['constraint t_m_check of table public.t names the value "dr\'aft %"'],
    ),
    "labels in an array": (
        """
            CREATE TABLE t (m {T});
            CREATE VIEW v AS SELECT 1 FROM t WHERE m = ANY (ARRAY[{live}, {draft}]::{T}[]);
        """,
        ['view public.v names the value "dr\'aft %"'],
    ),
    "labels in an array constant": (
        "CREATE TABLE t (m {T}, CHECK (m = ANY ('{\"dr''aft %\"}'::{T}[])))",
        ['names the value "dr\'aft %"'],
    ),
    "labels as text": (
        """
            CREATE TABLE t (m {T});
            CREATE INDEX i ON t ((m = {live}::{T})) WHERE 'x' <> {draft}::text;
        """,
        ['index public.i names the value "dr\'aft %"'],
    ),
    "labels everywhere": (
        """
            CREATE TABLE t (m {T});
            CREATE POLICY p ON t USING (m = {draft});
            CREATE RULE r AS ON DELETE TO t WHERE old.m = {draft} DO NOTHING;
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';
            CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW WHEN (new.m = {draft}) EXECUTE FUNCTION f();
            CREATE STATISTICS s ON (m = {draft}), (m = {live}) FROM t;
        """,
        ["policy p ON public.t names", "rule r ON public.t names", "trigger g ON public.t names", "statistics public.s names"],
    ),
    "labels in defaults of views": (
        """
            CREATE TABLE t (m {T});
            CREATE VIEW v AS SELECT m FROM t;
            ALTER VIEW v ALTER m SET DEFAULT {draft};
        """,
        ['view public.v names the value "dr\'aft %"'],
    ),
    "labels in indexes of materialized views": (
        """
            CREATE TABLE t (m {T});
            CREATE MATERIALIZED VIEW v AS SELECT m FROM t;
            CREATE INDEX ON v (m) WHERE m <> {draft};
        """,
        ['view public.v names the value "dr\'aft %"'],
    ),
    "labels in views on which others are built": (
        """
            CREATE TABLE t (m {T});
            CREATE VIEW v AS SELECT m FROM t WHERE m = {draft};
            CREATE VIEW w AS SELECT * FROM v;
            CREATE FUNCTION f(w) RETURNS int LANGUAGE sql AS 'SELECT 1';
        """,
        ['view public.v names the value "dr\'aft %"', "function public.f(public.w) has the type in its signature or body"],
    ),
    "invalid indexes": (
        """
            CREATE TABLE t (m {T});
            CREATE INDEX i ON t (m);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass;
        """,
        ["index public.i is not valid"],
    ),
    "replica identities of materialized views": (
        """
            CREATE TABLE t (m {T});
            CREATE MATERIALIZED VIEW v AS SELECT m FROM t;
            ALTER TABLE v REPLICA IDENTITY FULL;
        """,
        ["view public.v has a replica identity"],
    ),
    "labels in text arrays": (
        """
            CREATE TABLE t (m {T});
            CREATE VIEW v AS SELECT m FROM t WHERE m::text = ANY ('{"dr''aft %"}'::varchar[]);
        """,
        ['view public.v names the value "dr\'aft %"'],
    ),
    "disabled triggers of a deferrable key": (
        """
            CREATE TABLE t (m {T} UNIQUE DEFERRABLE);
            ALTER TABLE t DISABLE TRIGGER ALL;
        """,
        ["constraint t_m_key of table public.t has triggers that are disabled, or enabled in another way"],
    ),
    "keys that include the column": (
        """
            CREATE TABLE t (id int, m {T}, PRIMARY KEY (id) INCLUDE (m));
            CREATE TABLE c (id int REFERENCES t);
        """,
        ["constraint t_pkey of table public.t includes the column, and a foreign key or view depends on it"],
    ),
    "stale materialized views": (
        """
            CREATE TABLE t (m {T});
            CREATE MATERIALIZED VIEW a AS SELECT m FROM t;
            CREATE MATERIALIZED VIEW b AS SELECT m FROM a;
            REFRESH MATERIALIZED VIEW a WITH NO DATA;
        """,
        ["view public.b has rows of a materialized view that is not populated any more"],
    ),
    "disabled foreign keys": (
        """
            CREATE TABLE p (m {T} PRIMARY KEY);
            CREATE TABLE c (m {T} REFERENCES p);
            ALTER TABLE c DISABLE TRIGGER ALL;
        """,
        ["constraint c_m_fkey of table public.c has triggers that are disabled, or enabled in another way"],
    ),
}


@pytest.mark.parametrize("case", BLOCKERS)
def test_what_cannot_be_restored_is_refused_by_name(databases: Databases, case: str) -> None:
    """Every blocker is in the message, and nothing is touched."""
    ddl, names = BLOCKERS[case]
    databases.build(ddl, databases.url, OLD)
    before = read_fingerprint(databases.url)
    with pytest.raises(EnumChangeBlockedError) as error:
        databases.change(lambda op: op.remove_enum_value(NAME, DRAFT, schema=SCHEMA))
    assert [name for name in names if name not in str(error.value)] == [], str(error.value)
    assert "nothing was touched" in str(error.value)
    assert read_fingerprint(databases.url) == before


def type_example(error: EnumChangeBlockedError) -> Callable[[Any], None]:
    """What the message shows to type, for a revision."""
    example = error.example
    assert example is not None
    return lambda op: exec(example, {"op": op})


def read_labels(url: str) -> Any:
    with psycopg.connect(url) as connection:
        return connection.execute(fill_in("SELECT enum_range(NULL::{T})::text[]").encode()).fetchone()[0]  # type: ignore[index]


@pytest.mark.parametrize("case", [case for case in BLOCKERS if not case.startswith("partition key")])
def test_the_example_takes_every_blocker_out_of_the_way(databases: Databases, case: str) -> None:
    """Typed as printed, it removes each blocker, and then does what was asked for."""
    databases.build(BLOCKERS[case][0], databases.url, OLD)
    with pytest.raises(EnumChangeBlockedError) as error:
        databases.change(lambda op: op.remove_enum_value(NAME, DRAFT, schema=SCHEMA))
    assert str(error.value).endswith(f"op.remove_enum_value({NAME!r}, {DRAFT!r}, schema={SCHEMA!r})")
    databases.change(type_example(error.value))
    assert read_labels(databases.url) == [LIVE, ARCHIVED]


@pytest.mark.parametrize("case", ["partition keys", "partition key expressions"])
def test_a_blocker_that_no_statement_removes_has_no_example(databases: Databases, case: str) -> None:
    """A partition key cannot be changed at all; the message says no more than that."""
    databases.build(BLOCKERS[case][0], databases.url, OLD)
    with pytest.raises(EnumChangeBlockedError) as error:
        databases.change(lambda op: op.remove_enum_value(NAME, DRAFT, schema=SCHEMA))
    assert str(error.value).endswith("  fix    drop or change it first, and restore it afterwards in the same revision")


def test_a_change_that_only_renames_is_told_of_the_operation_that_does(databases: Databases) -> None:
    """A value is renamed although a rebuild is blocked; in another place, or without a replacement, it is no rename."""
    databases.build("CREATE TABLE t (m {T}) PARTITION BY LIST (m)", databases.url, OLD)
    for values, replace_with in (([LIVE, "new", ARCHIVED], {DRAFT: "new"}), (["new", LIVE, ARCHIVED], {})):
        with pytest.raises(EnumChangeBlockedError) as error:
            databases.change(lambda op: op.replace_enum_values(NAME, values, replace_with=replace_with, schema=SCHEMA))  # noqa: B023
        assert "rename_enum_value" not in str(error.value)
    new = ["a 'new' %", LIVE, "other"]
    with pytest.raises(EnumChangeBlockedError) as error:
        databases.change(
            lambda op: op.replace_enum_values(NAME, new, replace_with={DRAFT: new[0], ARCHIVED: new[2]}, schema=SCHEMA)
        )
    assert str(error.value).endswith(
        "is a partition key, which PostgreSQL cannot change\n  state  nothing was touched\n"
        "  fix    rename the value, which needs no rebuild:\n"
        f"         op.rename_enum_value({NAME!r}, {DRAFT!r}, {new[0]!r}, schema={SCHEMA!r})\n"
        f"         op.rename_enum_value({NAME!r}, {ARCHIVED!r}, {new[2]!r}, schema={SCHEMA!r})"
    )
    databases.change(type_example(error.value))
    assert read_labels(databases.url) == new


def test_values_in_use_are_refused_with_counts(databases: Databases) -> None:
    """Rows are counted for each column, in arrays and partitions too, and hidden ones; defaults are named, nothing changes."""
    ddl = """
        CREATE TABLE t (m {T} DEFAULT {draft}, n {T}, ms {T}[] DEFAULT ARRAY[{draft}]::{T}[]);
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        ALTER TABLE t FORCE ROW LEVEL SECURITY;
        INSERT INTO t VALUES ({draft}, {live}, ARRAY[{live}, {draft}]::{T}[]), ({draft}, {live}, NULL);
        CREATE TABLE p (id int, m {T}) PARTITION BY LIST (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
        INSERT INTO p VALUES (1, {draft});
    """
    databases.build(ddl, databases.url, OLD)
    before = read_fingerprint(databases.url)
    with pytest.raises(EnumValueInUseError) as error:
        databases.change(lambda op: op.remove_enum_value(NAME, DRAFT, schema=SCHEMA))
    assert error.value.rows == {"public.p1.m": 1, "public.t.m": 2, "public.t.ms": 1}
    assert error.value.defaults == ("public.t.m", "public.t.ms")
    assert str(error.value) == (
        f"""Value "{DRAFT}" cannot be removed from enum {SCHEMA}.{NAME}: 1 row of public.p1.m, 2 rows of public.t.m, 1 row of """
        "public.t.ms, the default of public.t.m and the default of public.t.ms hold it\n  fix    say which value takes its place, such as:\n"
        f"         op.remove_enum_value({NAME!r}, {DRAFT!r}, replace_with={LIVE!r}, schema={SCHEMA!r})"
    )
    with pytest.raises(EnumValueInUseError) as error:
        databases.change(lambda op: op.replace_enum_values(NAME, [ARCHIVED], replace_with={DRAFT: ARCHIVED}, schema=SCHEMA))
    assert error.value.rows == {"public.t.n": 2, "public.t.ms": 1}
    mapping = {DRAFT: ARCHIVED, LIVE: ARCHIVED}
    assert str(error.value).endswith(
        f"op.replace_enum_values({NAME!r}, {[ARCHIVED]!r}, replace_with={mapping!r}, schema={SCHEMA!r})"
    )
    assert read_fingerprint(databases.url) == before


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda op: op.remove_enum_value("mood", "gldd"),
            UnknownEnumValueError,
            'has no value "gldd"\n  where  its values are "sad", "glad"\n  fix    correct the value: is it "glad"?',
        ),
        (lambda op: op.remove_enum_value("mood", "sad", replace_with="x"), UnknownEnumValueError, 'has no value "x"'),
        (
            lambda op: op.remove_enum_value("mod", "sad"),
            UnknownEnumError,
            "Enum mod does not exist in the database\n  fix    correct the name: is it public.mood?",
        ),
        (lambda op: op.reorder_enum_values("mood", ["glad", "x", "sad"]), UnknownEnumValueError, 'has no value "x"'),
        (
            lambda op: op.reorder_enum_values("mood", ["glad"]),
            InvalidEnumError,
            "Enum mood: The new order leaves out 'sad'\n  fix    correct the arguments:\n         op.reorder_enum_values('mood', ['glad', 'sad'])",
        ),
        (
            lambda op: op.replace_enum_values("mood", ["glad", "new"], replace_with={"zzz": "new"}),
            UnknownEnumValueError,
            'Enum public.mood has no value "zzz"',
        ),
        (
            lambda op: op.replace_enum_values("mood", ["glad", "new"], replace_with={"sad": "sad2"}),
            InvalidEnumError,
            'Enum mood: replace_with names "sad2" as a replacement, which is not one of the values\n  fix    correct the arguments:\n'
            "         op.replace_enum_values('mood', ['glad', 'new'], replace_with={'old': 'glad'})",
        ),
        (
            lambda op: op.replace_enum_values("mood", ["glad", "new"], replace_with={"glad": "new"}),
            InvalidEnumError,
            'Enum mood: replace_with names "glad", which stays',
        ),
    ],
)
def test_calls_that_mean_nothing_are_refused(
    on_connection: OnConnection, postgresql_url: str, call: Callable[[Any], None], error: type[Exception], message: str
) -> None:
    """Unknown values are shown with similar ones; orders have to be complete, and replacements have to be values."""
    create_enum(postgresql_url, "mood", ["sad", "glad"])
    with pytest.raises(error) as caught:
        on_connection(run(call))
    assert message in str(caught.value)


def test_the_last_value_is_not_removed(on_connection: OnConnection, postgresql_url: str) -> None:
    """A type without values is of no use: the message says how to drop it."""
    create_enum(postgresql_url, "mood", ["sad"])
    with pytest.raises(
        InvalidEnumError,
        match=r"""Value "sad" is the only one\n  fix    correct the arguments:\n         op.drop_enum\('mood', \['sad'\]\)""",
    ):
        on_connection(run(lambda op: op.remove_enum_value("mood", "sad")))


def test_each_driver_changes_nasty_names(on_connection: OnConnection, databases: Databases) -> None:
    """No driver reads percent signs and colons in names and labels as placeholders."""
    databases.build(CASES["views"], databases.url, OLD)
    databases.build(CASES["views"], databases.model, NEW)
    on_connection(run(replace))
    databases.compare()


def test_a_type_that_the_search_path_finds(on_connection: OnConnection, postgresql_url: str) -> None:
    """A type is named without its schema, also where another schema has one of the same name."""
    create_enum(postgresql_url, "mood", ["sad", "glad"])
    create_enum(postgresql_url, "mood", ["sad", "glad"], schema="other")
    on_connection(run(lambda op: op.execute("CREATE TABLE t (m mood DEFAULT 'sad')")))
    on_connection(run(lambda op: op.remove_enum_value("mood", "sad", replace_with="glad")))
    on_connection(run(lambda op: op.replace_enum_values("mood", ["new", "glad"])))
    on_connection(run(lambda op: op.reorder_enum_values("mood", ["glad", "new"])))
    assert read_enums(postgresql_url) == {"public.mood": ["glad", "new"], "other.mood": ["sad", "glad"]}


def test_a_failure_in_the_middle_leaves_everything_as_it_was(databases: Databases) -> None:
    """A replacement that breaks a unique constraint, and one that breaks a CHECK: the message says which statement it was."""
    ddl = """
        CREATE TABLE t (m {T} UNIQUE, n int);
        INSERT INTO t VALUES ({draft}, 1), ({live}, 2);
        CREATE VIEW v AS SELECT m FROM t;
        CREATE TABLE u (m {T}, CONSTRAINT c CHECK (m <> {live}));
        INSERT INTO u VALUES ({draft});
    """
    databases.build(ddl, databases.url, OLD)
    before = read_fingerprint(databases.url)
    with pytest.raises(EnumChangeFailedError, match='could not create unique index "t_m_key"') as error:
        databases.change(lambda op: op.remove_enum_value(NAME, DRAFT, replace_with=LIVE, schema=SCHEMA))
    assert error.value.statement.startswith("ALTER TABLE public.t ALTER COLUMN m TYPE")
    assert "everything is as it was" in str(error.value)
    assert read_fingerprint(databases.url) == before
    with psycopg.connect(databases.url) as connection:
        connection.execute("DELETE FROM t")
    before = read_fingerprint(databases.url)
    with pytest.raises(EnumChangeFailedError, match='check constraint "c" of relation "u" is violated'):
        databases.change(lambda op: op.remove_enum_value(NAME, DRAFT, replace_with=LIVE, schema=SCHEMA))
    assert read_fingerprint(databases.url) == before


def test_who_catches_the_error_goes_on_in_the_transaction(databases: Databases) -> None:
    """What the revision did before and does after is kept; the failed change is not."""
    databases.build(
        """
        CREATE TABLE t (m {T} UNIQUE);
        INSERT INTO t VALUES ({draft}), ({live});
    """,
        databases.url,
        OLD,
    )

    def work(op: Any) -> None:
        op.execute("CREATE TABLE before_it (id int)")
        with pytest.raises(EnumChangeFailedError):
            op.remove_enum_value(NAME, DRAFT, replace_with=LIVE, schema=SCHEMA)
        op.execute("DELETE FROM t WHERE m::text LIKE 'dr%'")
        op.remove_enum_value(NAME, DRAFT, schema=SCHEMA)
        assert op.get_bind().scalar(text("SHOW search_path")) == '"$user", public'

    databases.change(work)
    with psycopg.connect(databases.url) as connection:
        assert connection.execute("SELECT count(*) FROM t, before_it RIGHT JOIN (SELECT 1) x ON true").fetchone() == (1,)


def test_a_locked_table_is_refused_and_its_holder_named(databases: Databases) -> None:
    """After lock_timeout, the message shows the process and its query."""
    databases.build("CREATE TABLE t (m {T})", databases.url, OLD)

    def work(op: Any) -> None:
        op.execute("SET LOCAL lock_timeout = '200ms'")
        op.remove_enum_value(NAME, DRAFT, schema=SCHEMA)

    with psycopg.connect(databases.url, application_name="a worker") as holder:
        holder.execute("SELECT * FROM t")
        with pytest.raises(EnumChangeFailedError) as error:
            databases.change(work)
        pid = holder.info.backend_pid
    assert "canceling statement due to lock timeout" in str(error.value)
    (named,) = error.value.holders
    assert named.startswith(f"process {pid} (a worker, user ")
    assert named.endswith("query: SELECT * FROM t)")


def test_a_role_that_owns_everything_and_is_no_superuser(databases: Databases) -> None:
    """It sees the rows that forced row-level security hides from it; what another role owns is refused by name."""
    ddl = """
        GRANT ALL ON SCHEMA {S}, public TO {role};
        ALTER TYPE {T} OWNER TO {role};
        SET ROLE {role};
        CREATE TABLE t (m {T} DEFAULT {live});
        INSERT INTO t VALUES ({live}), ({archived});
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        ALTER TABLE t FORCE ROW LEVEL SECURITY;
        CREATE POLICY p ON t USING (m IS NULL);
        CREATE VIEW v AS SELECT * FROM t WHERE m = {live};
        CREATE STATISTICS s ON m, (m IS NULL) FROM t;
        GRANT SELECT ON v TO {other};
        RESET ROLE;
    """
    for url, labels in ((databases.url, OLD), (databases.model, NEW)):
        databases.build(ddl, url, labels)
    role = databases.names["role"]

    def as_role(call: Callable[[Any], None]) -> Callable[[Any], None]:
        def work(op: Any) -> None:
            op.execute(f"SET LOCAL ROLE {role}")
            call(op)

        return work

    with pytest.raises(EnumValueInUseError) as error:
        databases.change(as_role(lambda op: op.remove_enum_value(NAME, ARCHIVED, schema=SCHEMA)))
    assert error.value.rows == {"public.t.m": 1}
    databases.change(as_role(replace))
    databases.compare()
    with psycopg.connect(databases.url, autocommit=True) as connection:
        connection.execute(
            fill_in("""
            CREATE TABLE foreign_one (m {T});
            CREATE VIEW foreign_view AS SELECT * FROM t;
        """).encode()
        )
    with pytest.raises(EnumChangeBlockedError) as blocked:
        databases.change(as_role(lambda op: op.reorder_enum_values(NAME, [LIVE, ARCHIVED], schema=SCHEMA)))
    assert "table public.foreign_one belongs to another role" in str(blocked.value)
    assert "rule _RETURN on view public.foreign_view belongs to another role" in str(blocked.value)


def test_temporary_tables_of_this_connection_and_of_others(databases: Databases) -> None:
    """One's own is changed, another connection's is refused."""
    databases.build("", databases.url, OLD)

    def work(op: Any) -> None:
        op.execute(fill_in("CREATE TEMPORARY TABLE mine (m {T})").replace(":x", "\\:x"))
        op.execute("INSERT INTO mine VALUES ('ar,chi{ved}')")
        replace(op)
        assert op.get_bind().scalar(text("SELECT m::text FROM mine")) == ARCHIVED

    databases.change(work)
    with psycopg.connect(databases.url) as other:
        other.execute(fill_in("CREATE TEMPORARY TABLE theirs (m {T})").encode())
        other.commit()
        with pytest.raises(EnumChangeBlockedError, match=r"table pg_temp_\d+.theirs belongs to another connection"):
            databases.change(lambda op: op.reorder_enum_values(NAME, [LIVE, ARCHIVED], schema=SCHEMA))


def test_members_of_an_extension_are_refused(databases: Databases) -> None:
    """An extension's script is what makes and changes them."""
    databases.build("CREATE TABLE t (m {T})", databases.url, OLD)
    with psycopg.connect(databases.url, autocommit=True) as connection:
        connection.execute(fill_in("ALTER EXTENSION plpgsql ADD TABLE t").encode())
    with pytest.raises(EnumChangeBlockedError, match=r"table public\.t belongs to extension plpgsql"):
        databases.change(replace)


def test_objects_with_a_security_label_are_refused(databases: Databases) -> None:
    """A dropped object would lose its label; a table keeps it."""
    databases.build(
        """
        CREATE TABLE t (m {T});
        CREATE VIEW v AS SELECT m FROM t;
    """,
        databases.url,
        OLD,
    )
    with psycopg.connect(databases.url, autocommit=True) as connection:
        for name in ("t", "v"):
            connection.execute("INSERT INTO pg_seclabel VALUES (%s::regclass, 'pg_class'::regclass, 0, 'p', 'secret')", [name])
    with pytest.raises(EnumChangeBlockedError) as error:
        databases.change(replace)
    assert str(error.value).count("has a security label") == 1, error.value


def test_nothing_in_the_search_path_stands_in_for_postgresql(databases: Databases) -> None:
    """Restored definitions mean the same, also with a schema before pg_catalog; the path stays as it was."""
    ddl = """
        CREATE SCHEMA trap;
        CREATE FUNCTION trap.lower(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT 'trapped'$$;
        CREATE TABLE t (m {T}, x text DEFAULT lower('A'));
        CREATE VIEW v AS SELECT lower(m::text) FROM t;
        ALTER TABLE t ADD CHECK (lower(m::text) <> 'trapped');
        INSERT INTO t VALUES ({live});
    """
    databases.build(ddl, databases.url, OLD)
    databases.build(ddl, databases.model, NEW)

    def work(op: Any) -> None:
        op.execute("SET LOCAL search_path = trap, pg_catalog")
        replace(op)
        assert op.get_bind().scalar(text("SHOW search_path")) == "trap, pg_catalog"

    databases.change(work)
    databases.compare()


def test_dependencies_of_an_unknown_kind_are_refused(databases: Databases) -> None:
    """A row of pg_depend of an unknown kind, as a later PostgreSQL may have, blocks the change."""
    databases.build(
        """
        CREATE TABLE t (m {T});
        CREATE SCHEMA strange;
    """,
        databases.url,
        OLD,
    )
    with psycopg.connect(databases.url, autocommit=True) as connection:
        connection.execute("""
            INSERT INTO pg_depend VALUES ('pg_namespace'::regclass, 'strange'::regnamespace, 0, 'pg_class'::regclass,
                't'::regclass, 1, 'n');
        """)
    with pytest.raises(EnumChangeBlockedError, match="schema strange uses the type"):
        databases.change(replace)


def test_the_catalog_is_read_a_constant_number_of_times(databases: Databases) -> None:
    """The number of tables, views and constraints does not matter."""
    part = """
        CREATE TABLE t{} (m {T} DEFAULT {live} CHECK (m <> {live}));
        CREATE VIEW v{} AS SELECT * FROM t{};
    """
    databases.build(part.replace("{}", "0"), databases.url, OLD)
    databases.build("".join(part.replace("{}", str(number)) for number in range(12)), databases.model, OLD)
    counts = []
    for url in (databases.url, databases.model):
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
        statements: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda *arguments, found=statements: found.append(arguments[2]))
        with engine.connect() as connection:
            run(lambda op: op.reorder_enum_values(NAME, OLD[::-1], schema=SCHEMA))(connection)
        counts.append(len([statement for statement in statements if statement.lstrip().startswith(("SELECT", "WITH"))]))
    assert counts[0] == counts[1], counts


KILLED_AT_EACH_STATEMENT = """
import itertools, os, signal, sys
from enums import test_rebuilds as tests
from support.fingerprint import read_fingerprint
from sqlalchemy import create_engine, event

url = sys.argv[1]
before = read_fingerprint(url)
for number in itertools.count():
    child = os.fork()
    if not child:
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        statements = itertools.count()

        @event.listens_for(engine, "before_cursor_execute")
        def kill(*arguments):
            if next(statements) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        with engine.connect() as connection:
            tests.run(tests.replace)(connection)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    assert read_fingerprint(url) == before, number
print(number)
"""


def test_a_process_killed_at_any_statement_leaves_what_a_rerun_finishes(databases: Databases) -> None:
    """Nothing changes before the commit, and a rerun ends as if nothing had happened."""
    ddl = CASES["partial and expression indexes"] + "; CREATE VIEW v AS SELECT m FROM t; ALTER TABLE t FORCE ROW LEVEL SECURITY"
    databases.build(ddl, databases.url, OLD)
    databases.build(ddl, databases.model, NEW)
    tests = Path(__file__).parent.parent
    result = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EACH_STATEMENT, databases.url],
        env={**os.environ, "PYTHONPATH": os.fspath(tests)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 30
    databases.compare()


SNIPPETS = [
    """
        CREATE INDEX ON t (m);
        CREATE UNIQUE INDEX ON t (id) WHERE m = {kept};
    """,
    "CREATE INDEX ON t ((m > {kept}::{T}), id)",
    "ALTER TABLE t ADD CHECK (m > {kept} OR true) NOT VALID",
    "ALTER TABLE t ALTER m SET DEFAULT {gone}",
    "ALTER TABLE t ALTER ms SET DEFAULT ARRAY[{gone}, {kept}]::{T}[]",
    """
        CREATE VIEW v AS SELECT id, m FROM t WHERE m = {kept};
        CREATE VIEW w AS SELECT * FROM v ORDER BY m;
        GRANT SELECT ON w TO PUBLIC;
    """,
    """
        CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n, n AS m FROM t GROUP BY 2;
        CREATE INDEX ON mv (m);
    """,
    """
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        ALTER TABLE t FORCE ROW LEVEL SECURITY;
        CREATE POLICY p ON t USING (m = {kept});
    """,
    "CREATE RULE r AS ON DELETE TO t WHERE old.m = {kept} DO INSTEAD NOTHING",
    "CREATE STATISTICS s ON m, id, n FROM t",
    """
        CREATE TABLE c (id int, m {T}) PARTITION BY HASH (id);
        CREATE TABLE c0 PARTITION OF c FOR VALUES WITH (modulus 1, remainder 0);
        INSERT INTO c VALUES (1, {gone}), (2, {kept});
    """,
    """
        CREATE TABLE k (x {T} DEFAULT {kept}) INHERITS (t);
        INSERT INTO k (id, m, x) VALUES (0, {gone}, {kept});
    """,
]
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.lists(st.integers(0, 3), max_size=3)), max_size=6)


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    labels=st.lists(st.sampled_from([*"abcd", "it's", '"', "%s", "{}", "\\", ""]), min_size=4, max_size=4, unique=True),
    order=st.permutations(range(4)),
    removed=st.sets(st.integers(0, 3), max_size=3),
    rows=ROWS,
    snippets=st.sets(st.sampled_from(SNIPPETS)),
)
def test_any_change_of_any_type_ends_like_a_model(
    databases: Databases, labels: list[str], order: list[int], removed: set[int], rows: list[Any], snippets: set[str]
) -> None:
    """Random labels, rows and dependents; removed labels are mapped to the first one that stays."""
    target = [labels[index] for index in order if index not in removed]
    mapping = {labels[index]: target[0] for index in removed}

    def build(url: str, values: list[str], mapped: dict[str, str]) -> None:
        def literal(index: int) -> str:
            return sql.Literal(mapped.get(labels[index], labels[index])).as_string()

        ddl = "CREATE TABLE t (id int, m {T}, n {T}, ms {T}[]);"
        for number, (m, n, ms) in enumerate(rows):
            array = ", ".join(map(literal, ms))
            ddl += f"INSERT INTO t VALUES ({number}, {literal(m)}, {literal(n)}, ARRAY[{array}]::{{T}}[]);"
        gone = literal(next(iter(removed), 0))
        for snippet in sorted(snippets):
            ddl += snippet.replace("{kept}", sql.Literal(target[0]).as_string()).replace("{gone}", gone) + ";"
        if "MATERIALIZED" in ddl:
            ddl += "REFRESH MATERIALIZED VIEW mv;"  # as the change does
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {sql.Identifier(SCHEMA).as_string()} CASCADE".encode())
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        databases.build(ddl, url, values)

    build(databases.url, labels, {})
    build(databases.model, target, mapping)
    databases.change(lambda op: op.replace_enum_values(NAME, target, replace_with=mapping, schema=SCHEMA))
    databases.compare()


def test_a_default_of_another_type_keeps_its_words(databases: Databases) -> None:
    """Only constants of the type are replaced; a label that is left, and could become one of the type, is refused."""
    ddl = """
        CREATE TABLE t (m {T} DEFAULT {draft},
            x text DEFAULT CASE WHEN {live}::{T} = {archived}::{T} THEN {draft} ELSE 'b' END);
    """
    databases.build(ddl, databases.url, OLD)
    names_it = r'default of column x of table public\.t names the value "dr\'aft %"'
    with pytest.raises(EnumChangeBlockedError, match=names_it) as error:
        databases.change(lambda op: op.remove_enum_value(NAME, DRAFT, replace_with=LIVE, schema=SCHEMA))
    assert (error.value.example or "").startswith(
        "op.execute('ALTER TABLE public.t ALTER COLUMN x DROP DEFAULT')\nop.remove_enum_value("
    )
    databases.change(type_example(error.value))
    assert read_labels(databases.url) == [LIVE, ARCHIVED]


GENERATED_BLOCKERS = {
    "expressions of a child": (
        """
            CREATE TABLE t (id int, m {T}, {g});
            CREATE TABLE t1 (g text GENERATED ALWAYS AS ('z') STORED) INHERITS (t);
        """,
        "is NOT NULL, or another expression, in a table that inherits it",
    ),
    "NOT NULL in partitions": (
        """
            CREATE TABLE t (id int, m {T}, {g} NOT NULL) PARTITION BY LIST (id);
            CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
        """,
        "is NOT NULL, or another expression, in a table that inherits it",
    ),
    "primary keys": ("CREATE TABLE t (id int, m {T}, {g} PRIMARY KEY)", "is part of a key"),
    "foreign keys": (
        """
        CREATE TABLE t (m {T}, {g} UNIQUE);
        CREATE TABLE u (g text REFERENCES t (g));
    """,
        "is part of a key",
    ),
    "indexes of partitions": (
        """
            CREATE TABLE t (id int, m {T}, {g}) PARTITION BY LIST (id);
            CREATE INDEX i ON t (g);
        """,
        "or of an index of a partitioned table",
    ),
}


@pytest.mark.parametrize("case", GENERATED_BLOCKERS)
def test_generated_columns_that_cannot_be_emptied_for_a_while_are_refused(databases: Databases, case: str) -> None:
    """Before PostgreSQL 17, every generated column is refused."""
    ddl, reason = GENERATED_BLOCKERS[case]
    with psycopg.connect(databases.url) as connection:
        if connection.info.server_version < 170000:
            ddl, reason = "CREATE TABLE t (m {T}, {g})", "cannot be changed before PostgreSQL 17"
    column = "g text GENERATED ALWAYS AS (CASE WHEN m = {live} THEN 'y' ELSE 'n' END) STORED"
    databases.build(ddl.replace("{g}", column), databases.url, OLD)
    before = read_fingerprint(databases.url)
    with pytest.raises(EnumChangeBlockedError) as error:
        databases.change(replace)
    assert "generated column g of table public.t" in str(error.value)
    assert reason in str(error.value)
    assert read_fingerprint(databases.url) == before
    databases.change(type_example(error.value))
    assert read_labels(databases.url) == NEW


def test_a_value_that_is_added_at_the_same_time_is_not_lost(databases: Databases) -> None:
    """The change waits for the other transaction, and says that the type is another one now."""
    databases.build("CREATE TABLE t (m {T})", databases.url, OLD)
    for statement in ("ADD VALUE 'new'", f"RENAME VALUE {sql.Literal(DRAFT).as_string()} TO 'other'"):
        with ThreadPoolExecutor(1) as executor, psycopg.connect(databases.url) as other:
            other.execute(fill_in("ALTER TYPE {T} " + statement).encode())
            change = executor.submit(databases.change, lambda op: op.remove_enum_value(NAME, LIVE, schema=SCHEMA))
            with psycopg.connect(databases.url, autocommit=True) as watcher:
                query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                while not change.done() and watcher.execute(query).fetchone() == (0,):
                    time.sleep(0.05)
            before = (
                other.execute(fill_in("SELECT enum_range(NULL::{T})::text[]").encode()).fetchone()
                if "RENAME" in statement
                else None
            )
            other.commit()
            with pytest.raises(EnumChangeFailedError, match="another transaction has changed the type at the same time"):
                change.result(timeout=30)
        with psycopg.connect(databases.url) as connection:
            labels = connection.execute(fill_in("SELECT enum_range(NULL::{T})::text[]").encode()).fetchone()
        assert labels == (before or ([*OLD, "new"],))


def test_transactions_that_do_not_see_what_others_commit_are_refused(databases: Databases) -> None:
    """REPEATABLE READ would restore definitions that others have changed since, and autocommit is not a transaction."""
    databases.build("CREATE TABLE t (m {T})", databases.url, OLD)
    for level, error, message in (
        ("REPEATABLE READ", EnumChangeBlockedError, "this transaction is repeatable read and does not see"),
        ("AUTOCOMMIT", EnumChangeFailedError, "the connection commits every statement, and a change is one transaction"),
    ):
        engine = create_engine(databases.url.replace("postgresql:", "postgresql+psycopg:"), isolation_level=level)
        with engine.connect() as connection, pytest.raises(error, match=message):
            run(replace)(connection)
        engine.dispose()


def test_settings_of_the_session_change_no_constant(databases: Databases) -> None:
    """Definitions are read and restored with the settings of pg_dump, and the settings are as before afterwards."""
    for url, labels in ((databases.url, OLD), (databases.model, NEW)):
        databases.build(CASES["constants of other types"], url, labels)

    def work(op: Any) -> None:
        for setting, value in {
            "standard_conforming_strings": "off",
            "escape_string_warning": "off",
            "datestyle": "SQL, DMY",
            "timezone": "Asia/Kolkata",
            "extra_float_digits": "0",
            "quote_all_identifiers": "on",
            "intervalstyle": "sql_standard",
        }.items():
            op.execute(f"SET LOCAL {setting} = {sql.Literal(value).as_string()}")
        op.replace_enum_values(NAME, NEW, schema=SCHEMA)
        assert op.get_bind().scalar(text("SHOW datestyle")) == "SQL, DMY"
        assert op.get_bind().scalar(text("SHOW standard_conforming_strings")) == "off"

    databases.change(work)
    databases.compare()
