"""The code that a plan shows in place of a statement that blocks: it does not block, and leads to the same end."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from alembic_async_template.plan.advice import advise
from alembic_async_template.plan.planning import make_plan
from alembic_async_template.plan.tracer import TracedStatement
from support.fingerprint import read_objects
from support.project import replace_settings, write_environment
from support.servers import create_postgresql_database

SCHEMA = """
CREATE SCHEMA "My ""Shop%";
CREATE TABLE author (id integer PRIMARY KEY, name text);
CREATE TABLE note (n integer, m integer);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE FUNCTION answer() RETURNS integer LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 42; END';
"""
TABLE = """
CREATE TABLE {table} (id integer PRIMARY KEY, n integer, m integer, title text, author_id integer, "Odd ""N%" integer,
    {long} integer
);
CREATE INDEX {table}_n ON {table} (n);
"""
ROWS = "INSERT INTO {table} SELECT n, n + 2, n + 2, 'a\\nb', 1, n + 2, n + 2 FROM generate_series({first}, 100) AS n"
LONG = "a_column_with_a_name_that_is_as_long_as_names_in_postgresql_are"
SHOP_TABLE = """
CREATE TABLE "My ""Shop%"."Post 1:x" (id integer PRIMARY KEY, n integer, m integer, title text, author_id integer, "Odd ""N%" integer,
    {long} integer
);
"""
SHOP = '"My ""Shop%"."Post 1:x"'

# `post` is a table of its own in each; `post_n` its index.
ADVISED = [
    "op.create_index('post_title', 'post', ['title'])",
    "op.create_index('post_lower', 'post', [sa.text('lower(title)'), 'n'], unique=False)",
    "op.create_index('post_part', 'post', ['n'], postgresql_where=sa.text('n > 0'))",
    "op.execute('CREATE INDEX ON post (n, lower(title)) WHERE n > 0 OR title IS NULL')",
    "op.execute('create unique index  if not exists \"Post %s\"\\n  on post (n) -- quick\\n;')",
    "op.execute('REINDEX INDEX post_n')",
    "op.execute('REINDEX TABLE post')",
    "op.create_check_constraint('n_is_positive', 'post', 'n > 0')",
    "op.execute('ALTER TABLE post ADD CHECK (n > 0)')",
    "op.execute('ALTER TABLE post ADD CHECK (n > 0 AND m > 0)')",
    "op.execute('ALTER TABLE IF EXISTS ONLY post ADD CONSTRAINT \"Is %% fine\" CHECK (title <> \\'a  b, c\\') NO INHERIT')",
    "op.execute(\"ALTER TABLE post ADD CHECK (title IN ('a\\\\:b', '12\\\\:30\\\\:00', '10%', 'a\\\\nb'))\")",
    'op.execute(\'ALTER TABLE post ADD CHECK ("Odd ""N%" > 0)\')',
    f"op.execute('ALTER TABLE post ADD CHECK ({LONG} > 0)')",
    "op.create_foreign_key('post_author', 'post', 'author', ['author_id'], ['id'], ondelete='CASCADE')",
    "op.create_foreign_key(None, 'post', 'author', ['author_id'], ['id'])",
    "op.create_unique_constraint('post_unique', 'post', ['n', 'm'])",
    "op.create_unique_constraint(None, 'post', ['n', 'm'])",
    "op.create_unique_constraint(None, 'post', ['Odd \"N%'], deferrable=True, initially='DEFERRED')",
    "op.execute('ALTER TABLE post ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (n) INCLUDE (m)')",
    "op.create_primary_key(None, 'note', ['n', 'm'])",
    "op.alter_column('post', 'n', nullable=False)",
    "op.alter_column('post', 'Odd \"N%', nullable=False)",
    f"op.alter_column('post', '{LONG}', nullable=False)",
    "op.execute('ALTER TABLE IF EXISTS ONLY post ALTER n SET NOT NULL')",
    "op.add_column('post', sa.Column('x', sa.Integer, server_default=sa.text('answer()')))",
    "op.add_column('post', sa.Column('x', sa.Integer, server_default=sa.text('answer()'), nullable=False))",
    "op.execute('ALTER TABLE post ADD \"X y\" numeric(8, 2) NOT NULL DEFAULT (answer() + 1)')",
    "op.execute('ALTER TABLE post ADD COLUMN IF NOT EXISTS x uuid DEFAULT gen_random_uuid()')",
    "op.execute('UPDATE post SET m = 7')",
    "op.execute(\"UPDATE post SET title = 'x\\\\:y WHERE 10%', m = n WHERE n > 1 OR title = 'a\\\\:b'\")",
    "op.execute('UPDATE post SET title = (SELECT name FROM author WHERE author.id = post.author_id) WHERE n > 0')",
    "op.execute('DELETE FROM post')",
    "op.execute('DELETE FROM ONLY post WHERE n > 5 OR n < 3')",
]
# In a schema that is not the usual one, with names that need quotes.
IN_SHOP = [
    "op.create_index('Post title', 'Post 1:x', ['title'], schema='My \"Shop%')",
    "op.create_check_constraint(None, 'Post 1:x', 'n > 0', schema='My \"Shop%')",
    "op.create_foreign_key(None, 'Post 1:x', 'author', ['author_id'], ['id'], source_schema='My \"Shop%', referent_schema='public')",
    "op.create_unique_constraint('Post \"n%', 'Post 1:x', ['n'], schema='My \"Shop%')",
    "op.alter_column('Post 1:x', 'n', nullable=False, schema='My \"Shop%')",
    "op.add_column('Post 1:x', sa.Column('x', sa.Integer, server_default=sa.text('answer()')), schema='My \"Shop%')",
    f"op.execute({f'UPDATE {SHOP} SET m = 7'.replace(':', chr(92) + ':')!r})",
]
# They block, and nothing is said in place of them.
NOT_ADVISED = [
    "op.execute('ALTER TABLE post ADD CHECK (n > 0), ADD COLUMN x integer')",
    "op.execute('ALTER TABLE post ALTER n SET NOT NULL, ALTER m SET NOT NULL')",
    "op.execute('ALTER TABLE post ADD COLUMN x integer, ADD COLUMN y integer DEFAULT answer()')",
    "op.execute('ALTER TABLE post ADD COLUMN x integer DEFAULT answer() CHECK (x > 0)')",
    "op.execute('ALTER TABLE post ADD COLUMN x positive DEFAULT 1')",
    "op.execute('ALTER TABLE post ADD COLUMN x serial')",
    "op.execute('ALTER TABLE post ADD EXCLUDE USING btree (n WITH =)')",
    "op.execute('UPDATE post SET id = id + 1000')",
    "op.execute('UPDATE post SET m = 1 WHERE n > (SELECT avg(n) FROM post)')",
    "op.execute('UPDATE post SET m = 1 FROM author WHERE author.id >= 0')",
    "op.execute('DELETE FROM post USING author WHERE author_id = author.id')",
    "op.execute('ALTER TABLE post SET UNLOGGED')",
]


def number_table(code: str, number: int) -> str:
    return re.sub(r"\bpost(?=(?:_n)?\b)", f"post{number:02}", code)


CODES = {f"r{number:02}": number_table(code, number) for number, code in enumerate([*ADVISED, *IN_SHOP, *NOT_ADVISED])}
UNKNOWN = list(CODES)[len(ADVISED) + len(IN_SHOP) :]
TABLES = [f"post{name[1:]}" for name in CODES]


def write_start() -> str:
    """The body of the first revision, with all tables."""
    statements = SCHEMA + SHOP_TABLE + "".join(TABLE.replace("{table}", table) for table in TABLES)
    parts = [part.strip() for part in statements.replace("{long}", LONG).split(";\n") if part.strip()]
    return "\n    ".join(
        f"op.get_bind().exec_driver_sql({part!r}, execution_options={{'no_parameters': True}})" for part in parts
    )


class Planned:
    """A project with these revisions, and a database that is at the first one and has rows."""

    def __init__(self, directory: Path, url: str, driver: str, codes: dict[str, str]) -> None:
        bodies = {name: indent(code, "    ").strip() for name, code in codes.items()}
        write_environment(
            directory, url.replace("postgresql:", f"postgresql+{driver}:").replace("%", "%%"), start=write_start(), **bodies
        )
        replace_settings(directory / "alembic.ini", "[alembic]", blocking_rows="10")
        self.config = Config(str(directory / "alembic.ini"))
        command.upgrade(self.config, "start")
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO author SELECT n, 'a%' FROM generate_series(1, 100) AS n")
            connection.execute("INSERT INTO note SELECT n, n FROM generate_series(1, 100) AS n")
            for number, table in enumerate([*TABLES, SHOP]):
                connection.execute(ROWS.replace("{table}", table).replace("{first}", "1" if number % 2 else "-1").encode())

    def find_blocking(self) -> dict[str, list[str | None]]:
        """Of each revision, what is advised in place of the statements that block."""
        plan = make_plan(self.config)
        if plan.error:
            pytest.fail(plan.error)
        found = {one.revision: [part.advice for part in one.statements if part.blocks] for one in plan.revisions}
        return {revision: advice for revision, advice in found.items() if advice}


def read_end(url: str) -> dict[str, list[str]]:
    """All that is in a database; values that are made up are alike."""
    return {
        kind: [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "...", line) for line in lines] for kind, lines in read_objects(url).items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_what_is_advised_does_not_block_and_does_the_same(driver: str, postgresql_url: str, tmp_path: Path) -> None:
    """Of each statement, with awkward names too: taken as it is printed, planned again, and run."""
    plain = Planned(tmp_path / "plain", postgresql_url, driver, CODES)
    found = plain.find_blocking()
    advised = {name: advice for name, advice in found.items() if advice != [None]}
    assert [CODES[name] for name in CODES if name not in found] == []
    assert [CODES[name] for name in CODES if (name in advised) == (name in UNKNOWN)] == []
    command.upgrade(plain.config, "heads")
    with create_postgresql_database(postgresql_url) as url:
        codes = {name: "\n".join(filter(None, advised.get(name, [CODES[name]]))) for name in CODES}
        safe = Planned(tmp_path / "safe", url, driver, codes)
        assert [codes[name] for name in safe.find_blocking() if name not in UNKNOWN] == []
        command.upgrade(safe.config, "heads")
        ends = read_end(postgresql_url), read_end(url)
    for kind in ends[0].keys() | ends[1].keys():
        assert ends[0].get(kind) == ends[1].get(kind), kind


def trace_text(sql: str, **facts: object) -> TracedStatement:
    """A statement of which only the text is known."""
    return TracedStatement("1", "1.py", 7, sql, False, 1, **facts)  # type: ignore[arg-type]


def test_a_lock_that_lasts_because_of_a_later_statement() -> None:
    """It ends before that one where the statement is in a revision of its own; an index needs no such lock at all."""
    later = trace_text("UPDATE post SET n = 1")
    advice = advise(trace_text("ALTER TABLE post ADD COLUMN x integer"), later)
    assert advice == "# in a revision of its own, so that its lock has ended before revision 1 runs line 7"
    advice = advise(trace_text("DROP INDEX IF EXISTS app.post_n"), later)
    assert advice == 'with op.get_context().autocommit_block():\n    op.execute("DROP INDEX CONCURRENTLY IF EXISTS app.post_n")'


@pytest.mark.parametrize(
    "sql",
    [
        "DROP INDEX post_n CASCADE",
        "DROP INDEX post_n, post_m",
        "CREATE INDEX x ON post (n); CREATE INDEX y ON post (m)",
        "ALTER TABLE post ADD CONSTRAINT x CHECK (token <> '***')",
        "ALTER TABLE post ADD CHECK (n > 0) NOT VALID",
        "ALTER TABLE IF EXISTS post ADD CONSTRAINT x UNIQUE (n)",
        "ALTER TABLE post ADD COLUMN x integer GENERATED ALWAYS AS (n + 1) STORED",
        "UPDATE post SET (id, n) = (1, 2)",
        "UPDATE post SET n = 1 RETURNING id",
        "UPDATE post p SET n = 1",
        "WITH x AS (SELECT 1) DELETE FROM post",
    ],
)
def test_nothing_is_advised_where_nothing_right_is_known(sql: str) -> None:
    """What could not be run as it is printed, or would do something else, is not printed."""
    assert advise(trace_text(sql, key="id"), None) is None
