"""What is compared and what is not: names, schemas, extensions, filters, and how the catalogs are read."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import MetaData, NullPool, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from alembic_async_template.commands.drift_text import render_drift
from alembic_async_template.drift.drift_report import Difference, Drift
from alembic_async_template.drift.schema_comparison import compare
from alembic_async_template.drift.schema_reader import read_schema
from alembic_async_template.drift.type_changes import convert
from support.drift import Pair, run, type_statement
from support.enums import NASTY

# Every kind of thing, each with the name in the place of $.
EVERYTHING = """
    CREATE SCHEMA $;
    CREATE TYPE $.$ AS ENUM ('a', $$);
    CREATE DOMAIN $.$domain AS text CONSTRAINT $ CHECK (VALUE <> $$);
    CREATE TYPE $.$place AS ($ integer);
    CREATE TABLE $.$table ($ serial CONSTRAINT $key PRIMARY KEY, $column text DEFAULT $$ NOT NULL, e $.$, CONSTRAINT $u UNIQUE ($column),
        CONSTRAINT $f FOREIGN KEY ($) REFERENCES $.$table, CONSTRAINT $c CHECK ($column <> $$));
    CREATE INDEX $ ON $.$table ($column);
    CREATE VIEW $.$view AS SELECT $ FROM $.$table;
    CREATE MATERIALIZED VIEW $.$kept AS SELECT $ FROM $.$view;
    CREATE FUNCTION $.$() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN RETURN NEW; END $body$;
    CREATE TRIGGER $ BEFORE UPDATE ON $.$table FOR EACH ROW EXECUTE FUNCTION $.$();
    CREATE RULE $rule AS ON DELETE TO $.$table DO INSTEAD NOTHING;
    CREATE POLICY $ ON $.$table USING ($column = $$);
    CREATE STATISTICS $.$ ON $, $column FROM $.$table;
    CREATE SEQUENCE $.$counter OWNED BY $.$table.$;
    CREATE TABLE $.$parted ($ integer, PRIMARY KEY ($)) PARTITION BY LIST ($);
    CREATE TABLE $.$part PARTITION OF $.$parted FOR VALUES IN (1);
    COMMENT ON TABLE $.$table IS $$;
    COMMENT ON COLUMN $.$table.$ IS $$;
    COMMENT ON CONSTRAINT $key ON $.$table IS $$;
    COMMENT ON TRIGGER $ ON $.$table IS $$;
    ALTER TABLE $.$table REPLICA IDENTITY USING INDEX $u;
"""
CHANGES = """
    ALTER TABLE $.$table DROP CONSTRAINT $f, DROP CONSTRAINT $c, REPLICA IDENTITY DEFAULT, DISABLE TRIGGER $;
    ALTER TABLE $.$table ALTER $column DROP NOT NULL, ALTER $column DROP DEFAULT, ALTER e TYPE text;
    DROP INDEX $.$; DROP POLICY $ ON $.$table; DROP MATERIALIZED VIEW $.$kept; ALTER SEQUENCE $.$counter OWNED BY NONE CYCLE;
    ALTER TABLE $.$parted DETACH PARTITION $.$part; COMMENT ON CONSTRAINT $key ON $.$table IS NULL;
    ALTER DOMAIN $.$domain DROP CONSTRAINT $; DROP RULE $rule ON $.$table;
"""


def fill_in(statements: str, name: str) -> str:
    """Write a name where a dollar is, with what follows it, and as a string where two are."""

    def quote(suffix: str) -> str:
        cut = name.encode()[: 63 - len(suffix)].decode(errors="ignore")
        return '"' + (cut + suffix).replace('"', '""') + '"'

    statements = statements.replace("$body$", "\0").replace("$$", "'" + name.replace("'", "''") + "'")
    return re.sub(r"\$(\w*)", lambda match: quote(match[1]), statements).replace("\0", "$body$")


def solve(pair: Pair) -> None:
    """Type every statement."""
    for difference in pair.compare():
        assert difference.statement is not None, difference
        type_statement(pair.live_url, difference.statement)
    assert pair.compare() == ()


@pytest.mark.parametrize("name", NASTY)
def test_any_name_is_quoted(pair: Pair, name: str) -> None:
    """All kinds of things are made, and brought back, under it."""
    run(pair.expected_url, fill_in(EVERYTHING, name))
    solve(pair)
    run(pair.live_url, fill_in(CHANGES, name))
    assert len(pair.compare()) > 10
    solve(pair)


def test_what_means_the_same_is_no_difference(pair: Pair) -> None:
    """The order of columns, names of NOT NULL, and the text that a restored dump has for the same expression."""
    run(
        pair.expected_url,
        "CREATE TABLE a (x varchar(5) CHECK (x IN ('b', 'it''s, [c]')), y integer NOT NULL, z char(2) CHECK (z IN ('a', 'b')))",
    )
    run(
        pair.expected_url,
        "CREATE INDEX ix ON a (x) WHERE x IN ('a', 'b'); CREATE VIEW v AS SELECT y FROM a WHERE x IN ('a', 'b')",
    )
    run(pair.expected_url, "ALTER TABLE a RENAME y TO w")
    for _ in range(2):
        with psycopg.connect(pair.expected_url) as connection:
            connection.execute("SET search_path = ''")
            rows = connection.execute("""
                SELECT format('ALTER TABLE public.a ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
                WHERE contype = 'c' AND connamespace = 'public'::regnamespace
                UNION ALL SELECT pg_get_indexdef('public.ix'::regclass)
                UNION ALL SELECT 'CREATE VIEW public.v AS ' || pg_get_viewdef('public.v'::regclass)""").fetchall()
        run(pair.live_url, "DROP TABLE IF EXISTS a CASCADE; CREATE TABLE a (z char(2), w integer NOT NULL, x varchar(5))")
        run(pair.live_url, *(row[0] for row in rows))
        assert pair.compare() == ()


def test_schemas_of_others_are_not_compared(pair: Pair) -> None:
    """`public` is not compared either where the revisions put nothing in it, unless it has the version table."""
    run(pair.expected_url, "CREATE SCHEMA shop; CREATE TABLE shop.post (id integer); CREATE TABLE shop.alembic_version (v text)")
    run(pair.live_url, "CREATE SCHEMA shop; CREATE TABLE shop.post (id integer); CREATE TABLE shop.alembic_version (w integer)")
    run(pair.live_url, "CREATE SCHEMA others; CREATE TABLE others.a (id integer); CREATE TABLE public.b (id integer)")
    assert pair.compare(version_table_schema="shop") == ()
    run(pair.expected_url, "CREATE TABLE versions (v text PRIMARY KEY)")
    run(pair.live_url, "CREATE TABLE versions (w integer)")
    assert [difference.problem for difference in pair.compare(version_table="versions")] == [
        "column shop.alembic_version.v is not in the database",
        "table public.b is in the database, and no revision makes it",
        "column shop.alembic_version.w is in the database, and no revision makes it",
    ]


def test_an_extension_owns_its_members(pair: Pair) -> None:
    """It is one difference, with its version, and no function or type of it is another."""
    with psycopg.connect(pair.live_url) as connection:
        known = connection.execute("SELECT version FROM pg_available_extension_versions WHERE name = 'citext'").fetchall()
    if len(known) < 2:
        pytest.skip("the server has no two versions of citext")
    run(pair.expected_url, "CREATE EXTENSION citext; CREATE TABLE a (b citext)")
    assert [difference.problem for difference in pair.compare()] == [
        "extension citext is not in the database",
        "table public.a is not in the database",
    ]
    solve(pair)
    run(pair.live_url, "DROP EXTENSION citext CASCADE; CREATE SCHEMA other; CREATE EXTENSION citext SCHEMA other VERSION '1.4'")
    problems = [difference.problem for difference in pair.compare()]
    assert problems[0].startswith("extension citext is version 1.4, and the revisions make it version 1.")
    assert problems[1:] == [
        "extension citext is in schema other, and the revisions make it in schema public",
        "column public.a.b is not in the database",
    ]
    solve(pair)


def test_what_the_project_leaves_out_is_not_compared(pair: Pair) -> None:
    """The functions get what Alembic gives them; parts of what is left out are left out too."""
    pair.run("CREATE TABLE post (id integer, a text, b text); CREATE SCHEMA shop; CREATE TABLE shop.item (id integer)")
    run(
        pair.expected_url,
        "CREATE TABLE gone (id integer PRIMARY KEY); CREATE INDEX ix_a ON post (a); CREATE INDEX ix_b ON post (b)",
    )
    run(pair.live_url, "CREATE TABLE extra (id integer); ALTER TABLE post DROP a; ALTER TABLE post ADD CONSTRAINT uq UNIQUE (b)")
    run(pair.live_url, "ALTER TABLE shop.item ADD x integer")
    asked: list[tuple[Any, ...]] = []

    def include_name(name: str | None, type_: str, parents: dict[str, str | None]) -> bool:
        asked.append((name, type_, parents))
        return (name, type_) not in {("shop", "schema"), ("gone", "table"), ("ix_b", "index")}

    def include_object(thing: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
        if type_ == "table":
            assert (thing.name, isinstance(thing.metadata, MetaData)) == (name, True)
            return not (reflected and compare_to is None)
        return (thing.table.name, name, type_) != ("post", "uq", "unique_constraint")

    problems = [difference.problem for difference in pair.compare(include_name=include_name, include_object=include_object)]
    assert problems == ["column public.post.a is not in the database", "index public.ix_a is not in the database"]
    assert (None, "schema", {}) in asked
    assert ("post", "table", {"schema_name": None, "schema_qualified_table_name": "post"}) in asked
    parents = {"schema_name": "shop", "table_name": "item", "schema_qualified_table_name": "shop.item"}
    assert ("x", "column", parents) in asked


def test_what_newer_servers_have(pair: Pair) -> None:
    """PostgreSQL 17 changes a generation expression in place; 18 has NOT NULL that is not validated, and virtual columns."""
    pair.run("CREATE TABLE a (b integer, c integer GENERATED ALWAYS AS (b + 1) STORED)")
    run(pair.live_url, "ALTER TABLE a DROP c; ALTER TABLE a ADD c integer GENERATED ALWAYS AS (b + 2) STORED")
    with pair.live.connect() as connection:
        version = connection.scalar(text("SELECT current_setting('server_version_num')::integer")) // 10_000
    (difference,) = pair.compare()
    assert difference.problem == (
        "column public.a.c is generated as (b + 2) STORED, and the revisions make it generated as (b + 1) STORED"
    )
    if version < 17:
        assert difference.statement is None
        return
    solve(pair)
    if version < 18:
        return
    pair.run("CREATE TABLE d (b integer CONSTRAINT odd NOT NULL, c integer GENERATED ALWAYS AS (b + 1) VIRTUAL)")
    run(pair.live_url, 'ALTER TABLE d ALTER b DROP NOT NULL; ALTER TABLE d ADD CONSTRAINT "o k" NOT NULL b NOT VALID')
    run(pair.live_url, "ALTER TABLE d ALTER c SET EXPRESSION AS (b)")
    assert [difference.problem for difference in pair.compare()] == [
        "column public.d.b is NOT NULL and not validated, and the revisions make it NOT NULL",
        "column public.d.c is generated as b VIRTUAL, and the revisions make it generated as (b + 1) VIRTUAL",
    ]
    solve(pair)


def test_an_index_that_is_being_built_is_not_left_over(pair: Pair) -> None:
    """The table of one that is built without blocking is locked meanwhile."""
    pair.run("CREATE TABLE a (b integer); CREATE INDEX ix ON a (b)")
    run(pair.live_url, "CREATE INDEX more ON a (b); UPDATE pg_index SET indisvalid = false WHERE indrelid = 'a'::regclass")
    with psycopg.connect(pair.live_url) as other:
        other.execute("LOCK TABLE a IN SHARE UPDATE EXCLUSIVE MODE")
        (difference,) = pair.compare()
        assert difference.problem == "index public.more is in the database, and no revision makes it"
        assert difference.statement is None
    assert [difference.statement for difference in pair.compare()] == [
        "REINDEX INDEX CONCURRENTLY public.ix;",
        "DROP INDEX CONCURRENTLY public.more;",
    ]
    solve(pair)


def test_it_reads_only(pair: Pair) -> None:
    """The number of queries does not grow, a transaction that is open stays open, and no query can write."""
    counts = []
    for number in range(2):
        with pair.live.connect() as connection, record(connection) as statements:
            read_schema(connection)
            assert not connection.in_transaction()
        counts.append(len(statements))
        run(pair.live_url, *(f"CREATE TABLE t{number}_{table} (id serial PRIMARY KEY)" for table in range(10)))
    assert counts[0] == counts[1] < 60
    with pair.live.connect() as connection:
        before = connection.execute(text("SELECT txid_current(), current_setting('search_path')")).one()
        event.listen(connection, "after_cursor_execute", _try_to_write)
        read_schema(connection)
        assert connection.execute(text("SELECT txid_current(), current_setting('search_path')")).one() == before


@contextmanager
def record(connection: Connection) -> Iterator[list[str]]:
    """The statements that run on a connection."""
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    yield statements


def _try_to_write(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
    if "pg_policy" in statement:
        with pytest.raises(DBAPIError, match="read-only"), connection.begin_nested():
            connection.exec_driver_sql("CREATE TABLE public.written (id integer)")


def test_asyncpg_reads_the_same(pair: Pair) -> None:
    """Drivers differ in what they make of names, characters and arrays."""
    pair.run(fill_in(EVERYTHING, "a b"))
    engine = create_async_engine(pair.live_url.replace("postgresql:", "postgresql+asyncpg:"), poolclass=NullPool)

    async def read() -> Any:
        async with engine.connect() as connection:
            return await connection.run_sync(read_schema)

    live = asyncio.run(read())
    with pair.live.connect() as connection:
        assert live == read_schema(connection)
    with pair.expected.connect() as connection:
        assert compare(live, read_schema(connection)) == ()


@pytest.mark.parametrize(
    ("existing", "target", "casts"),
    [
        ("integer", "bigint", ""),
        ("bigint", "integer", "::text::integer"),
        ("integer", "numeric(5,2)", ""),
        ("numeric(10,2)", "numeric(12,2)", ""),
        ("numeric(10,2)", "numeric", ""),
        ("numeric", "numeric(10,2)", None),
        ("double precision", "integer", "::text::integer"),
        ("double precision", "real", None),
        ("real", "double precision", ""),
        ("bigint", "double precision", None),
        ("text", "character varying(5)", ""),
        ("character varying(9)", "character varying(5)", ""),
        ("integer", "text", ""),
        ("text", "public.status", "::text::public.status"),
        ("public.status", "public.other[]", "::text::public.other[]"),
        ("text[]", "integer[]", "::text::integer[]"),
        ("timestamp(3) without time zone", "timestamp without time zone", ""),
        ("timestamp without time zone", "timestamp(3) without time zone", None),
        ("timestamp without time zone", "timestamp with time zone", None),
        ("timestamp without time zone", "date", None),
        ("interval(3)", "interval", ""),
        ("json", "jsonb", "::text::jsonb"),
        ("text", "uuid", "::text::uuid"),
        ("boolean", "integer", "::text::integer"),
    ],
)
def test_a_type_changes_without_a_silent_loss(existing: str, target: str, casts: str | None) -> None:
    """What does not fit is refused by the server; what would be rounded or cut off is not offered."""
    assert convert(existing, target) == casts


TEXT = """\
-- column public.post.title is text, and the revisions make it character varying(50)
ALTER TABLE public.post ALTER COLUMN title TYPE character varying(50);

-- function public.f() has another definition than the revisions make
BEGIN;
DROP ROUTINE public.f();
CREATE FUNCTION public.f() AS $$
  SELECT 1 $$;
COMMIT;

-- table public."old one" is in the database, and no revision makes it

-- 3 differences between postgresql://app:***@localhost/app and what its revisions make; for 1 of them no statement is safe"""


def test_the_report_is_a_script() -> None:
    """What is said are comments of SQL, and statements are as they have to be typed."""
    differences = (
        Difference(
            "column",
            "public.post.title",
            "column public.post.title is text, and the revisions make it character varying(50)",
            ("ALTER TABLE public.post ALTER COLUMN title TYPE character varying(50)",),
        ),
        Difference(
            "function",
            "public.f()",
            "function public.f() has another definition than the revisions make",
            ("DROP ROUTINE public.f()", "CREATE FUNCTION public.f() AS $$\n  SELECT 1 $$"),
        ),
        Difference("table", 'public."old\none"', 'table public."old\none" is in the database, and no revision makes it'),
    )
    drift = Drift("postgresql://app:***@localhost/app", "18.4", ("4f2a",), differences)
    assert render_drift(drift, io.StringIO()) == TEXT
    report = json.loads(json.dumps(drift.to_json()))
    assert report["differences"][2] == {
        "kind": "table",
        "name": 'public."old\none"',
        "problem": 'table public."old\none" is in the database, and no revision makes it',
        "statement": None,
    }
    del report["differences"]
    assert report == {
        "version": 1,
        "error": None,
        "database": "postgresql://app:***@localhost/app",
        "server_version": "18.4",
        "revision": ["4f2a"],
    }
    nothing = Drift("postgresql://app:***@localhost/app", "18.4", ("4f2a",), ())
    assert render_drift(nothing, io.StringIO()) == "postgresql://app:***@localhost/app is as its revisions make it"
