"""The guard speaks exactly where an operation blocks a large table, and says the code that does not block."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import NullPool, event
from sqlalchemy.ext.asyncio import create_async_engine

from alembic_async_template import errors, op
from alembic_async_template.plan.lock_modes import what_blocks
from alembic_async_template.plan.tracer import TracedStatement
from alembic_async_template.postgresql import quote_if_needed
from support import blocking_cases, lock_cases
from support.enums import NASTY, execute
from support.history import HAND_WRITTEN_ENV
from support.project import Project, replace_settings, write_environment
from support.tracing import trace_revisions

DRIVERS = pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
LARGE = {f"public.{name}" for name in ("post", "note", "author", "item", "wide", "number", "log", "log_2025")}


@pytest.fixture
def full_url(postgresql_url: str) -> str:
    """A database with tables of a thousand rows, and some of one."""
    with psycopg.connect(postgresql_url) as connection:
        for sql in (
            lock_cases.SCHEMA,
            blocking_cases.DOMAINS + blocking_cases.SCHEMA,
            lock_cases.ROWS.replace("100000", "1000"),
            blocking_cases.ROWS,
            "CREATE SEQUENCE item_x",
        ):
            connection.execute(sql.encode())
        connection.execute("ANALYZE")
        connection.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''UTC''', current_database()); END $$")
    return postgresql_url


def list_operations(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        version = connection.info.server_version // 10000
    cases = [case for case in lock_cases.CASES if case.alembic and not case.alone and case.since <= version <= case.until]
    return [*(f"{case.alembic}" for case in cases), *blocking_cases.CASES]


def find_truth(statements: list[TracedStatement]) -> str | None:
    """What the first statement blocks that works on all of a large table."""
    for statement in statements:
        modes = [what_blocks({mode}) for table, mode in statement.locks if table in LARGE]
        blocks = "reads and writes" if "reads and writes" in modes else "writes" if "writes" in modes else None
        if blocks and {*statement.scans, *statement.rewrites} & LARGE:
            return blocks
    return None


def read_told(records: list[logging.LogRecord]) -> dict[str, str]:
    """What the guard says of each revision: what it blocks."""
    said = [re.match(r"Revision (r\d+): op\.\w+ blocks (reads and writes|writes) of ", record.getMessage()) for record in records]
    return {match[1]: match[2] for match in said if match}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [500, 2000])
def test_the_guard_speaks_where_a_lock_blocks_a_large_table(
    rows: int, full_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each operation is traced: where it reads or writes all of a large table under a lock that blocks, and nowhere else."""
    operations = dict(enumerate(list_operations(full_url)))
    bodies = {
        f"r{number:03}": f"with op.get_bind().begin_nested() as savepoint:\n    {code}\n    savepoint.rollback()"
        for number, code in operations.items()
    }
    found = trace_revisions(tmp_path, full_url, bodies, blocking_rows=str(rows))
    told = read_told(caplog.records)
    truth = {name: find_truth(found[name]) for name in bodies}
    assert {operations[int(name[1:])]: told.get(name) for name in bodies} == {
        operations[int(name[1:])]: blocks if rows == 500 else None for name, blocks in truth.items()
    }


TABLES = """
CREATE TABLE author (id integer PRIMARY KEY);
CREATE TABLE post (id integer PRIMARY KEY, title varchar(50), n integer, author_id integer, at timestamp, price numeric(8, 2));
INSERT INTO author SELECT 1;
INSERT INTO post SELECT number, 'a', number, 1, now(), 1 FROM generate_series(1, 1000) AS number;
ANALYZE;
"""
INDEX = "op.create_index('ix', 'post', ['n'])"


@dataclass(slots=True)
class Run:
    """Revisions on a database, run in this process, and how often they have asked for the large tables."""

    directory: Path
    url: str
    driver: str = "asyncpg"
    queries: list[str] = field(default_factory=list)

    def __call__(self, settings: dict[str, str] | None = None, env: str | None = None, **bodies: str | tuple[str, str]) -> None:
        self.write(settings, env, **bodies)
        self.call(command.upgrade, "heads")

    def write(self, settings: dict[str, str] | None = None, env: str | None = None, **bodies: str | tuple[str, str]) -> None:
        indented = {
            name: indent(body, "    ").strip()
            if isinstance(body, str)
            else (indent(body[0], "    ").strip(), indent(body[1], "    ").strip())
            for name, body in bodies.items()
        }
        write_environment(self.directory, "", **indented)
        replace_settings(self.directory / "alembic.ini", "[alembic]", **{"blocking_rows": "500", **(settings or {})})
        if env is not None:
            (self.directory / "migrations/env.py").write_text(env)

    def call(self, run: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        config = Config(str(self.directory / "alembic.ini"))
        engine = create_async_engine(self.url.replace("postgresql:", f"postgresql+{self.driver}:"), poolclass=NullPool)
        config.attributes["connection"] = engine

        @event.listens_for(engine.sync_engine, "before_cursor_execute")
        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            self.queries += [statement] if "pg_stat_get_live_tuples" in statement else []

        run(config, *arguments, **options)
        asyncio.run(engine.dispose())


@pytest.fixture
def run(postgresql_url: str, tmp_path: Path) -> Run:
    execute(postgresql_url, *TABLES.strip().split("\n"))
    return Run(tmp_path / "project", postgresql_url)


def list_told(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """What was said about blocking."""
    return [record.getMessage() for record in caplog.records if record.levelno == level and " blocks " in record.getMessage()]


REFUSALS = {
    INDEX: (
        "op.create_index would block writes of public.post (about 1,000 rows) while it builds an index",
        "op.create_index('ix', 'post', ['n'], unique=False)",
    ),
    "op.alter_column('post', 'n', nullable=False)": (
        "op.alter_column would block reads and writes of public.post (about 1,000 rows) while it reads every row",
        "op.alter_column('post', 'n', nullable=False)",
    ),
    "op.create_check_constraint('ck', 'post', sa.column('n') > 0)": (
        "op.create_check_constraint would block reads and writes of public.post (about 1,000 rows) while it reads every row",
        "op.create_check_constraint('ck', 'post', 'n > 0')",
    ),
    "op.create_unique_constraint('uq', 'post', ['n'])": (
        "op.create_unique_constraint would block reads and writes of public.post (about 1,000 rows) while it builds an index",
        "op.create_unique_constraint('uq', 'post', ['n'])",
    ),
    "op.create_foreign_key('fk', 'post', 'author', ['author_id'], ['id'])": (
        "op.create_foreign_key would block writes of public.post (about 1,000 rows) and author while it reads every row",
        "op.create_foreign_key('fk', 'post', 'author', ['author_id'], ['id'])",
    ),
}


@DRIVERS
@pytest.mark.parametrize("code", REFUSALS)
def test_refuse_stops_before_the_operation(code: str, driver: str, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """What it says, where, what is committed, and both ways out."""
    run.driver = driver
    with pytest.raises(errors.BlockingOperationError) as raised:
        run({"blocking": "refuse"}, one="pass", two=f"op.add_column('post', sa.Column('x', sa.Integer))\n{code}")
    headline, written = REFUSALS[code]
    error = raised.value
    assert str(error) == "\n".join(
        [
            headline,
            f"  where  revision two, {run.directory}/migrations/versions/two.py:14",
            f"         {code}",
            "  state  rolled back; applied before it in this run: one",
            "  fix    let it not block:",
            "         with op.online():",
            f"             {written}",
            "  or     if it may block the table, say why:",
            '         with op.blocking("why that is no harm"):',
            f"             {written}",
        ]
    )
    assert (error.operation, error.table, error.rows) == (headline.partition(" ")[0], "public.post", 1000)
    assert error.blocks in headline
    assert list_told(caplog) == []
    with psycopg.connect(run.url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("one",)]
        assert connection.execute("SELECT 1 FROM pg_attribute WHERE attname = 'x'").fetchall() == []


INSTEAD = {
    "op.add_column('post', sa.Column('x', sa.Uuid, server_default=sa.text('gen_random_uuid()'), nullable=False))": """\
add the column, then its default, and then fill the rows that exist, in batches, and let it take no nulls in a later revision:
op.add_column('post', sa.Column('x', sa.Uuid(), nullable=True))
op.alter_column('post', 'x', server_default=sa.text('gen_random_uuid()'))""",
    "op.add_column('post', sa.Column('x', sa.Integer, sa.ForeignKey('author.id'), sa.CheckConstraint('x > 0'), unique=True, index=True))": """\
let it not block:
with op.online():
    op.add_column('post', sa.Column('x', sa.Integer(), nullable=True))
    op.create_check_constraint(None, 'post', 'x > 0')
    op.create_unique_constraint(None, 'post', ['x'])
    op.create_foreign_key(None, 'post', 'author', ['x'], ['id'])
    op.create_index('ix_post_x', 'post', ['x'], unique=False)""",
    "op.alter_column('post', 'title', type_=sa.String(40))": """\
let a check keep the values short:
with op.online():
    op.create_check_constraint('title_length', 'post', 'length(title) <= 40')""",
    "op.alter_column('post', 'n', type_=sa.BigInteger)": "add a column of the new type, filled by a trigger and in batches, that takes the name of the old one",
    "op.add_column('post', sa.Column('x', sa.Integer, sa.Identity()))": "add the column without it, fill the rows in batches, set NOT NULL, then add the identity",
    "op.add_column('post', sa.Column('x', sa.Integer, sa.Computed('n + 1', persisted=True)))": "add a column that a trigger fills, or on PostgreSQL 18 a virtual one (persisted=False)",
    "op.create_exclude_constraint('x', 'post', ('id', '='), using='btree')": "nothing does the same without; run it while the table is not used",
}


@pytest.mark.parametrize("code", INSTEAD)
def test_what_has_no_safe_sequence_is_told_another_way(code: str, run: Run) -> None:
    with pytest.raises(errors.BlockingOperationError) as raised:
        run({"blocking": "refuse"}, one=code)
    assert raised.value.fixes[0].text == INSTEAD[code]


@pytest.mark.parametrize("code", [*REFUSALS, *INSTEAD])
def test_the_code_of_a_refusal_works_as_it_is_printed(code: str, run: Run) -> None:
    """Both ways out, where there are two: the second one runs the operation as it was."""
    with pytest.raises(errors.BlockingOperationError) as raised:
        run({"blocking": "refuse"}, one=code)
    for fix in reversed(raised.value.fixes):
        if not fix.example or ("op.online" in fix.example and not hasattr(op, "online")):
            continue
        run({"blocking": "refuse"}, one=(fix.example, "pass"))
        run.call(command.downgrade, "base")
        execute(run.url, "DROP TABLE post, author CASCADE", *TABLES.strip().split("\n"))


def test_warn_is_one_line_and_the_default(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run(one=INDEX)
    assert list_told(caplog) == [
        "Revision one: op.create_index blocks writes of public.post (about 1,000 rows) while it builds an index"
        " | instead: let it not block: with op.online(): op.create_index('ix', 'post', ['n'], unique=False)"
    ]


def test_allow_is_silent_and_asks_nothing(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run({"blocking": "allow"}, one=INDEX, two="with op.blocking('at night'):\n    op.alter_column('post', 'n', nullable=False)")
    assert (list_told(caplog), list_told(caplog, logging.INFO), run.queries) == ([], [], [])


@pytest.mark.parametrize("module", ["alembic", "alembic_async_template"])
def test_a_reason_lets_an_operation_run(module: str, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log where it was needed, and holds for its block only."""
    caplog.set_level(logging.INFO)
    body = f"from {module} import op\nwith op.blocking(' at night '):\n    {INDEX}\n    op.add_column('post', sa.Column('x', sa.Integer))\n{{}}"
    run({"blocking": "refuse"}, one=body.format(""))
    assert list_told(caplog, logging.INFO) == [
        "Revision one: op.create_index blocks writes of public.post (about 1,000 rows) while it builds an index, which is meant: at night"
    ]
    with pytest.raises(errors.BlockingOperationError):
        run(
            {"blocking": "refuse"},
            one=body.format(""),
            two="with op.blocking('at night'):\n    pass\nop.create_index('iy', 'post', ['n'])",
        )


@pytest.mark.parametrize("reason", ["", " ", None, 5])
def test_a_reason_has_to_say_something(reason: object, run: Run) -> None:
    with pytest.raises(errors.BlockingReasonError) as raised:
        run(one=f"with op.blocking({reason!r}):\n    pass")
    assert str(raised.value) == "\n".join(
        [
            f"op.blocking was given {reason!r}, which is no reason",
            f"  where  revision one, {run.directory}/migrations/versions/one.py:13",
            f"         with op.blocking({reason!r}):",
            "  state  rolled back; applied before it in this run: none",
            "  fix    say in a few words why the table may be blocked:",
            '         with op.blocking("no one uses it at night"):',
        ]
    )


def test_a_setting_of_another_word_is_refused(run: Run) -> None:
    with pytest.raises(errors.SettingError, match="is neither refuse nor allow nor warn"):
        run({"blocking": "perhaps"}, one="pass")


def test_a_downgrade_is_guarded_too(run: Run) -> None:
    run(one=("pass", INDEX))
    replace_settings(run.directory / "alembic.ini", "[alembic]", blocking="refuse")
    with pytest.raises(errors.BlockingOperationError, match="downgrade of revision one"):
        run.call(command.downgrade, "base")


def test_what_runs_concurrently_blocks_nothing(run: Run) -> None:
    body = "with op.get_context().autocommit_block():\n    op.create_index('ix', 'post', ['n'], postgresql_concurrently=True)\n    op.drop_index('ix', postgresql_concurrently=True)"
    run({"blocking": "refuse"}, one=body)
    assert run.queries == []


def test_a_batch_is_told_the_operation_for_the_whole_table(run: Run) -> None:
    """Inside of `op.online()` there is no batch."""
    with pytest.raises(errors.BlockingOperationError) as raised:
        run({"blocking": "refuse"}, one="with op.batch_alter_table('post') as batch:\n    batch.create_index('ix', ['n'])")
    assert raised.value.example == "with op.online():\n    op.create_index('ix', 'post', ['n'], unique=False)"


PARTITIONED = """
CREATE TABLE log (id integer, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY RANGE (at);
CREATE TABLE log_11 PARTITION OF log_1 FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO log SELECT number, '2025-02-01' FROM generate_series(1, 300) AS number;
INSERT INTO log SELECT number, '2026-02-01' FROM generate_series(1, 300) AS number;
"""


@pytest.mark.parametrize("analysed", ["ANALYZE log_11, log_2", "ANALYZE"])
def test_a_partitioned_table_has_the_rows_of_its_leaves(analysed: str, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """None of its partitions is large."""
    execute(run.url, *PARTITIONED.strip().split("\n"), analysed)
    run(one="op.create_index('a', 'log', ['id'])\nop.create_index('b', 'log_1', ['id'])\nop.create_index('c', 'log_2', ['id'])")
    assert [re.findall(r"of (\S+) \((.*?)\)", line) for line in list_told(caplog)] == [[("public.log", "about 600 rows")]]


def test_a_partitioned_table_cannot_have_each_constraint_without(run: Run) -> None:
    execute(run.url, *PARTITIONED.strip().split("\n"), "ANALYZE")
    with pytest.raises(errors.BlockingOperationError) as raised:
        run({"blocking": "refuse"}, one="op.create_unique_constraint('a', 'log', ['id', 'at'])")
    assert raised.value.fix == "nothing does the same without; run it while the table is not used"
    with pytest.raises(errors.BlockingOperationError) as raised:
        run({"blocking": "refuse"}, one="op.create_foreign_key('a', 'log', 'author', ['id'], ['id'])")
    with psycopg.connect(run.url) as connection:
        assert (raised.value.fix == "let it not block") == (connection.info.server_version >= 180000)


@pytest.mark.parametrize(("rows", "told"), [(100_000, 1), (100, 0)])
def test_a_table_never_analysed_is_known_by_its_size(rows: int, told: int, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Also while another session has it for itself; that of its columns is then told as always."""
    execute(
        run.url,
        "CREATE TABLE fresh (id integer) WITH (autovacuum_enabled = off)",
        f"INSERT INTO fresh SELECT number FROM generate_series(1, {rows}) AS number",
        "SELECT pg_stat_force_next_flush()",
        "SELECT pg_stat_reset()",
    )
    run(one="op.create_index('a', 'fresh', ['id'])")
    assert len(list_told(caplog)) == told


def test_what_was_written_since_the_last_analyze_counts(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    execute(
        run.url,
        "CREATE TABLE fresh (id integer) WITH (autovacuum_enabled = off)",
        "ANALYZE fresh",
    )
    execute(
        run.url, "INSERT INTO fresh SELECT number FROM generate_series(1, 900) AS number", "SELECT pg_stat_force_next_flush()"
    )
    run(one="op.create_index('a', 'fresh', ['id'])")
    assert len(list_told(caplog)) == 1


def test_another_sessions_lock_is_not_waited_for(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """That of a table which was never analysed, and of a large one with a check."""
    execute(run.url, "CREATE TABLE fresh (id integer, CHECK (id IS NOT NULL))", "ALTER TABLE author ADD CHECK (id IS NOT NULL)")
    with psycopg.connect(run.url) as connection:
        connection.execute("LOCK TABLE fresh, author IN ACCESS EXCLUSIVE MODE")
        run({"lock_timeout": "100ms", "lock_retries": "0", "blocking_rows": "0"}, one=INDEX)
    assert len(list_told(caplog)) == 1


def test_a_retry_says_it_once(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """A revision that does not get a lock is rolled back and runs again; a table that it creates is exempt each time."""
    run.write(
        {"lock_timeout": "100ms", "lock_retries": "50"},
        one=f"{INDEX}\nop.create_table('made', sa.Column('id', sa.Integer))\nop.create_index('iy', 'made', ['id'])",
    )
    with psycopg.connect(run.url) as connection, ThreadPoolExecutor(1) as pool:
        connection.execute("LOCK TABLE post IN ROW EXCLUSIVE MODE")
        upgrade = pool.submit(run.call, command.upgrade, "heads")
        while not any("retr" in record.getMessage().lower() for record in caplog.records):
            time.sleep(0.02)
        connection.commit()
        upgrade.result(30)
    assert len(list_told(caplog)) == 1


MADE = [
    "op.create_table('made', sa.Column('id', sa.Integer))",
    "op.execute('CREATE TABLE made (id integer)')",
    "op.execute('CREATE UNLOGGED TABLE made AS SELECT 1 AS id')",
    "op.create_table('first', sa.Column('id', sa.Integer))\nop.rename_table('first', 'made')",
    "op.rename_table('post', 'old')\nop.create_table('post', sa.Column('id', sa.Integer))\nop.rename_table('post', 'made')",
]


@pytest.mark.parametrize("read_before", [False, True])
@pytest.mark.parametrize("code", MADE)
def test_a_table_of_this_run_is_exempt(code: str, read_before: bool, run: Run) -> None:
    """However many rows it got, in the same revision and in a later one, and whether the sizes were read before or after."""
    fill = "op.execute('INSERT INTO made SELECT number FROM generate_series(1, 100000) AS number')\nop.execute('ANALYZE made')"
    bodies = {"one": "op.create_index('iz', 'author', ['id'])" if read_before else "pass"}
    bodies |= {"two": f"{code}\n{fill}\nop.create_index('ix', 'made', ['id'])", "three": "op.create_index('iy', 'made', ['id'])"}
    bodies["four"] = "op.alter_column('author', 'id', nullable=False)\nop.alter_column('made', 'id', nullable=False)"
    run({"blocking": "refuse"}, **bodies)


def test_a_table_that_may_be_there_already_is_not_of_this_run(run: Run) -> None:
    with pytest.raises(errors.BlockingOperationError):
        run({"blocking": "refuse"}, one=f"op.create_table('post', sa.Column('id', sa.Integer), if_not_exists=True)\n{INDEX}")
    with pytest.raises(errors.BlockingOperationError):
        run({"blocking": "refuse"}, one=f"op.execute('CREATE TABLE IF NOT EXISTS post (id integer)')\n{INDEX}")


@pytest.mark.parametrize("read_before", [False, True])
@pytest.mark.parametrize(
    "code",
    [
        "op.rename_table('post', 'article')",
        "op.execute('ALTER TABLE post RENAME TO article')",
        "op.rename_table('post', 'between')\nop.rename_table('between', 'article')",
        "op.rename_table('post', 'article')\nop.create_table('post', sa.Column('id', sa.Integer), sa.Column('n', sa.Integer))\n"
        + INDEX,
    ],
)
def test_a_renamed_table_stays_large(code: str, read_before: bool, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    before = "op.create_index('iz', 'author', ['id'])\n" if read_before else ""
    run(one=f"{before}{code}\nop.create_index('iy', 'article', ['id'])\nop.alter_column('article', 'n', nullable=False)")
    assert [re.findall(r"of (\S+) \(", line) for line in list_told(caplog)] == [["public.article"]] * 2


def test_a_dropped_table_is_forgotten(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run(
        one=f"op.create_index('iz', 'post', ['id'])\nop.drop_table('post')\nop.create_table('post', sa.Column('n', sa.Integer))\n{INDEX}"
    )
    assert len(list_told(caplog)) == 1


SEQUENCE = [
    "op.create_check_constraint('ck', 'post', 'n IS NOT NULL', postgresql_not_valid=True)",
    "op.execute('ALTER TABLE post VALIDATE CONSTRAINT ck')",
]


def test_what_a_revision_has_done_to_the_columns_counts(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """The safe sequence by hand, after the sizes were read; and a check that is gone by then."""
    sequence = "\n".join(f"with op.get_context().autocommit_block():\n    {code}" for code in SEQUENCE)
    run(one=INDEX, two=f"{sequence}\nop.alter_column('post', 'n', nullable=False)")
    assert len(list_told(caplog)) == 1
    caplog.clear()
    run(
        one=INDEX,
        two="pass",
        three="op.alter_column('post', 'n', nullable=True)\nop.drop_constraint('ck', 'post')\nop.alter_column('post', 'n', nullable=False)",
    )
    assert len(list_told(caplog)) == 1


@pytest.mark.parametrize(("zone", "told"), [("UTC", 0), ("Etc/UTC", 0), ("GMT", 0), ("Europe/Berlin", 1), ("Etc/GMT+1", 1)])
def test_a_timestamp_gets_a_time_zone(zone: str, told: int, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Whether the table is written again depends on the session's time zone, as its file shows."""
    with psycopg.connect(run.url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET TimeZone = {}").format(sql.Identifier(connection.info.dbname), zone))
        before = connection.execute("SELECT pg_relation_filenode('post')").fetchone()
        run(one="op.alter_column('post', 'at', type_=sa.DateTime(timezone=True))")
        after = connection.execute("SELECT pg_relation_filenode('post')").fetchone()
    assert (len(list_told(caplog)), before != after) == (told, bool(told))


def test_one_query_a_run(run: Run) -> None:
    """At the first operation that could block; two hundred are no more."""
    run(one="op.add_column('post', sa.Column('x', sa.Integer))\nop.drop_column('post', 'x')\nop.execute('SELECT 1')")
    assert len(run.queries) == 0
    many = "\n".join(
        f"op.create_index('i{number}', 'author', ['id'])\nop.add_column('author', sa.Column('c{number}', sa.Integer))"
        for number in range(100)
    )
    run(one="pass", two=many, three="op.create_index('ix', 'post', ['n'])\nop.create_index('iy', 'post', ['n'])")
    assert len(run.queries) == 1


@pytest.mark.parametrize("name", NASTY)
def test_nasty_names(name: str, run: Run) -> None:
    """A table, a column and a schema: found, shown as SQL has them, and the code to type works."""
    schema = "other" if name in {"n" * 63, "a.b"} else name  # Alembic splits a schema at its dots
    with psycopg.connect(run.url, autocommit=True) as connection:
        table = sql.Identifier(schema, name)
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("CREATE TABLE {} ({} integer)").format(table, sql.Identifier(name)))
        connection.execute(sql.SQL("INSERT INTO {} SELECT generate_series(1, 1000)").format(table))
        connection.execute("ANALYZE")
    codes = [f"op.create_index('ix', {name!r}, [{name!r}], schema={schema!r})"]
    codes.append(f"op.alter_column({name!r}, {name!r}, nullable=False, schema={schema!r})")
    bodies: dict[str, Any] = {}
    for revision, code in zip(["one", "two"], codes, strict=True):
        with pytest.raises(errors.BlockingOperationError) as raised:
            run({"blocking": "refuse"}, **bodies, **{revision: code})
        assert raised.value.table == f"{quote_if_needed(schema)}.{quote_if_needed(name)}"
        bodies[revision] = raised.value.fixes[1].example
        run({"blocking": "refuse"}, **bodies)


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_table_of_this_run_is_exempt(name: str, run: Run) -> None:
    fill = f"op.get_bind().exec_driver_sql({'INSERT INTO {} SELECT generate_series(1, 1000)'!r}.format(quoted), execution_options=dict(no_parameters=True))"
    quoted = f"quoted = op.get_bind().dialect.identifier_preparer.quote_identifier({name!r})"
    quoted += ".replace('%%', '%')"
    create = f"op.create_table({name!r}, sa.Column('id', sa.Integer))"
    run({"blocking": "refuse"}, one=f"{create}\n{quoted}\n{fill}\nop.execute('ANALYZE')\nop.create_index('ix', {name!r}, ['id'])")


def test_the_search_path_decides_which_table_is_meant(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    execute(run.url, "CREATE SCHEMA other", "CREATE TABLE other.post (id integer, n integer)")
    run(
        one=f"{INDEX}\nop.execute('SET LOCAL search_path TO other')\n{INDEX}\nop.create_index('iy', 'post', ['n'], schema='public')\nop.execute('SET LOCAL search_path TO public')"
    )
    assert [re.findall(r"of (\S+) \(", line) for line in list_told(caplog)] == [["public.post"]] * 2


def test_schemas_are_translated(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """As SQLAlchemy's option of the connection says it."""
    execute(
        run.url,
        "CREATE SCHEMA tenant",
        "CREATE TABLE tenant.author (id integer)",
        "INSERT INTO tenant.author SELECT generate_series(1, 1000)",
        "ANALYZE",
    )
    option = "op.get_bind().execution_options(schema_translate_map={None: 'tenant', 'x': 'public'})"
    run(
        one=f"{option}\nop.create_index('ix', 'author', ['id'])\nop.create_index('iy', 'post', ['id'], schema='x')\nop.create_index('iz', 'author', ['id'], schema='x')\nop.get_bind().execution_options(schema_translate_map={{}})"
    )
    assert [re.findall(r"of (\S+) \(", line) for line in list_told(caplog)] == [["tenant.author"], ["public.post"]]


def test_other_commands_ask_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """`check`, `current`, `stamp` and a script of SQL, in which a block with a reason is nothing."""
    run.write({"blocking": "refuse"}, one=f"{INDEX}\nwith op.blocking('why'):\n    op.create_index('iy', 'post', ['n'])")
    run.call(command.upgrade, "head", sql=True)
    assert "CREATE INDEX iy ON post (n);" in capsys.readouterr().out
    run.call(command.stamp, "head")
    run.call(command.current)
    assert run.queries == []


def test_sqlite_is_not_guarded(project: Project) -> None:
    """There the plain operations run, and a block with a reason is nothing."""
    body = "op.create_table('post', sa.Column('n', sa.Integer))\n    with op.blocking('why'):\n        op.create_index('ix', 'post', ['n'])"
    write_environment(project.directory, "sqlite+aiosqlite:///here.sqlite", one=body)
    project.set(blocking="refuse", blocking_rows="0")
    assert "block" not in project.alembic("upgrade", "head").output


def test_an_environment_of_another_team_is_not_guarded(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Where the package is only installed, a block with a reason is nothing either."""
    run.write({"blocking": "refuse"}, HAND_WRITTEN_ENV, one=f"with op.blocking('why'):\n    {INDEX}")
    config = Config(str(run.directory / "alembic.ini"))
    config.attributes.update(
        url=run.url.replace("postgresql:", "postgresql+psycopg:"), metadata=None, options={"compare_type": True}
    )
    command.upgrade(config, "head")
    assert list_told(caplog) == []


def test_a_rolled_back_rename_is_forgotten(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    body = f"{INDEX}\nwith op.get_bind().begin_nested() as savepoint:\n    op.rename_table('post', 'x')\n    savepoint.rollback()\nop.create_index('iy', 'post', ['n'])"
    run(one=body)
    assert len(list_told(caplog)) == 2
