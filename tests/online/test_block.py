"""What the block refuses, what rows break, who is in the way, and where the operations are plain."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, inspect

from alembic_async_template import errors
from alembic_async_template.diagnosis.driver_errors import find_sqlstate
from alembic_async_template.online import steps
from support.enums import NASTY, offline
from support.online import Runner, describe_schema, prepare, write_block
from support.servers import create_postgresql_database
from support.tracing import shorten_locks, trace_revisions

REFUSED = {
    'op.execute("UPDATE post SET n = 1")': "op.execute cannot run in op.online(): what it does is not known",
    'op.bulk_insert(sa.table("post", sa.column("n")), [{"n": 1}])': "op.bulk_insert cannot run in op.online()",
    'with op.batch_alter_table("post") as batch:\n    batch.drop_column("n")': "op.batch_alter_table cannot run in op.online()",
    'op.create_exclude_constraint("ex", "post", ("n", "="), using="btree")': "it has no safe sequence",
    'op.alter_column("post", "n", type_=sa.BigInteger())': "the change of the type rewrites or scans the table",
    'op.alter_column("post", "slug", type_=sa.String(10))': "the change of the type rewrites or scans the table",
    'op.alter_column("post", "at", type_=sa.DateTime(timezone=True))': "the change of the type rewrites or scans the table",
    'op.alter_column("post", "old", type_=sa.Numeric(), postgresql_using="old + 1")': "the change of the type rewrites or scans",
    'op.add_column("post", sa.Column("x", sa.Integer(), sa.Computed("n + 1", persisted=True)))': "a stored generated column rewrites",
    'op.add_column("post", sa.Column("x", sa.Uuid(), server_default=sa.func.gen_random_uuid()))': "another one in each row",
    'op.add_column("post", sa.Column("x", sa.Integer(), sa.Identity()))': "an identity column rewrites the table",
    'op.add_column("post", sa.Column("x", sa.Integer(), primary_key=True))': "a primary key scans the table",
    'op.add_column("post", sa.Column("x", sa.Integer(), nullable=False))': "rows that are there already break NOT NULL",
    'op.create_unique_constraint("uq", "measure", ["id"])': 'PostgreSQL cannot make it from an index where "measure" is partitioned',
    'op.create_primary_key("pk", "measure", ["id"])': 'PostgreSQL cannot make it from an index where "measure" is partitioned',
}


@pytest.fixture
def url(postgresql_url: str) -> str:
    """A database with tables, whose time zone is not UTC."""
    prepare(postgresql_url)
    prepare(
        postgresql_url,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Europe/Prague''', current_database()); END $$",
    )
    return postgresql_url


def test_what_has_no_safe_sequence_is_refused_before_anything_runs(url: str, tmp_path: Path) -> None:
    """Each is the last operation of its block, and the message names the line."""
    before = describe_schema(url)
    for operation, reason in REFUSED.items():
        runner = Runner(tmp_path, url, write_block(f'op.add_column("post", sa.Column("first", sa.Integer()))\n{operation}'))
        with pytest.raises(errors.OnlineRefusedError) as error:
            runner.upgrade()
        assert reason in error.value.headline, operation
        assert error.value.fix
        assert error.value.failure is not None
        assert operation.partition("\n")[0][:60] in (error.value.failure.operation or ""), operation
        assert (error.value.state or "").startswith("rolled back"), error.value
    prepare(url, "DROP TABLE IF EXISTS alembic_version")
    assert describe_schema(url) == before


def test_a_key_of_a_partitioned_table_waits_for_postgresql_18(url: str, tmp_path: Path) -> None:
    body = 'op.create_foreign_key("fk", "measure", "author", ["n"], ["id"])'
    prepare(url, "UPDATE measure SET n = 1")
    with psycopg.connect(url) as connection:
        version = connection.info.server_version
    runner = Runner(tmp_path, url, write_block(body))
    if version >= 180000:
        runner.upgrade()
        return
    with pytest.raises(errors.OnlineRefusedError, match="takes no foreign key NOT VALID before PostgreSQL 18"):
        runner.upgrade()


def test_time_zones_decide_whether_a_timestamp_is_rewritten(url: str, tmp_path: Path) -> None:
    prepare(url, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''UTC''', current_database()); END $$")
    Runner(tmp_path, url, write_block('op.alter_column("post", "at", type_=sa.DateTime(timezone=True))')).upgrade()
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'post'::regclass AND attname = 'at'"
        )
        assert found.fetchone() == ("timestamp with time zone",)


@pytest.mark.parametrize("there", ["CREATE INDEX ix ON post (m)", "CREATE INDEX ix ON author (id)", "CREATE TABLE ix (n int)"])
def test_another_index_of_the_name_is_refused(there: str, url: str, tmp_path: Path) -> None:
    prepare(url, there)
    before = describe_schema(url)
    runner = Runner(tmp_path, url, write_block('op.create_index("ix", "post", ["n"])'))
    with pytest.raises(errors.OnlineDefinitionError, match='"ix" is there already, with another definition'):
        runner.upgrade()
    prepare(url, "DROP TABLE alembic_version")
    assert describe_schema(url) == before


@pytest.mark.parametrize(
    ("there", "operation"),
    [
        ("ALTER TABLE post ADD CONSTRAINT c CHECK (n > -1)", 'op.create_check_constraint("c", "post", "n > 0")'),
        ("ALTER TABLE post ADD CONSTRAINT c UNIQUE (n)", 'op.create_unique_constraint("c", "post", ["m"])'),
        ("ALTER TABLE post ADD CONSTRAINT c UNIQUE (n)", 'op.create_check_constraint("c", "post", "n > 0")'),
        ("CREATE UNIQUE INDEX c ON post (m)", 'op.create_unique_constraint("c", "post", ["n"])'),
        (
            "ALTER TABLE post ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES author (code) NOT VALID",
            'op.create_foreign_key("c", "post", "author", ["n"], ["id"])',
        ),
        (
            "ALTER TABLE post ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES other.author (id) NOT VALID",
            'op.create_foreign_key("c", "post", "author", ["n"], ["id"])',
        ),
        ("ALTER TABLE post ADD COLUMN c text", 'op.add_column("post", sa.Column("c", sa.Integer()))'),
        ("ALTER TABLE post ADD COLUMN c int DEFAULT 1", 'op.add_column("post", sa.Column("c", sa.Integer()))'),
        ("CREATE TABLE c (id int)", 'op.create_table("c", sa.Column("n", sa.Integer()))'),
    ],
)
def test_another_definition_is_refused(there: str, operation: str, url: str, tmp_path: Path) -> None:
    prepare(url, there)
    before = describe_schema(url)
    with pytest.raises(errors.OnlineDefinitionError, match=r'"c".* is there already, with another definition'):
        Runner(tmp_path, url, write_block(operation)).upgrade()
    prepare(url, "DROP TABLE alembic_version")
    assert describe_schema(url) == before


@pytest.mark.parametrize(
    ("row", "operation", "said"),
    [
        ("(1, 5, 1, 'a')", 'op.create_index("ix", "post", ["id"], unique=True)', 'could not create unique index "ix"'),
        ("(1, 5, 1, 'a')", 'op.create_unique_constraint("uq", "post", ["id"])', 'could not create unique index "uq"'),
        (
            "(1, 99, -1, 'a')",
            'op.create_check_constraint("ck", "post", "n > 0")',
            'check constraint "ck" of relation "post" is violated',
        ),
        (
            "(1, 99, 77, 'a')",
            'op.create_foreign_key("fk", "post", "author", ["author_id"], ["id"])',
            'violates foreign key constraint "fk"',
        ),
        ("(1, 99, 1, NULL)", 'op.alter_column("post", "title", nullable=False)', "online_not_null_title"),
    ],
)
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_rows_that_break_it_are_said_and_nothing_is_left(
    row: str, operation: str, said: str, driver: str, url: str, tmp_path: Path
) -> None:
    """After the rows are right, the next run goes on."""
    prepare(url, f"INSERT INTO post (m, id, n, title) VALUES {row}; UPDATE post SET author_id = n WHERE n > 5 AND id = 99")
    before = describe_schema(url)
    runner = Runner(tmp_path, url, write_block(operation), driver=driver)
    with pytest.raises(Exception, match=said) as error:
        runner.upgrade()
    assert operation[:20] in str(error.value)
    state = describe_schema(url)
    prepare(url, "DROP TABLE alembic_version")
    assert describe_schema(url) == before, state.keys() - before.keys()
    prepare(url, "DELETE FROM post WHERE id IN (5, 99)")
    runner.upgrade()


def test_a_check_that_was_there_not_valid_stays(url: str, tmp_path: Path) -> None:
    """Someone may have added it for the rows to come."""
    prepare(url, "INSERT INTO post (m, n) VALUES (1, -1); ALTER TABLE post ADD CONSTRAINT ck CHECK (n > 0) NOT VALID")
    with pytest.raises(Exception, match='check constraint "ck" of relation "post" is violated'):
        Runner(tmp_path, url, write_block('op.create_check_constraint("ck", "post", "n > 0")')).upgrade()
    assert any(key.name == "public.post.ck" for key in describe_schema(url))


def test_a_reader_is_waited_for_and_does_not_wait_long(url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Another reader comes while the step waits behind the first one."""
    runner = Runner(tmp_path, url, write_block('op.add_column("post", sa.Column("new", sa.Integer()))'))
    with psycopg.connect(url, application_name="report") as first, psycopg.connect(url, autocommit=True) as second:
        first.execute("SELECT FROM post")
        second.execute("SET statement_timeout = '3s'")
        thread = threading.Thread(target=runner.upgrade)
        thread.start()
        for _ in range(20):
            second.execute("SELECT FROM post")
            time.sleep(0.1)
        assert thread.is_alive()
        first.rollback()
        thread.join(30)
    assert any(key.name == "public.post.new" for key in describe_schema(url))
    waits = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Retrying")]
    assert waits
    assert "(report, user " in waits[0]
    assert waits[0].endswith('has the lock, at: ALTER TABLE post ADD COLUMN "new" INTEGER')


def test_a_reader_that_never_ends_is_an_error(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "PATIENCE", 1.5)
    body = 'op.create_index("ix", "post", ["n"])\nop.add_column("post", sa.Column("new", sa.Integer()))'
    runner = Runner(tmp_path, url, write_block(body))
    with psycopg.connect(url, application_name="report") as reader:
        reader.execute("SELECT FROM author")
        prepare(url, "SELECT")
        monkeypatch.setattr(steps, "PATIENCE", 1.5)
        other = Runner(tmp_path, url, write_block(body.replace('column("post"', 'column("author"')))
        with pytest.raises(errors.LockTimeoutError) as error:
            other.upgrade()
    assert error.value.attempts > 1
    assert "(report, user " in error.value.blockers[0]
    assert error.value.fixes[1:] == ()
    assert (error.value.state or "") == (
        "what it had committed before stays: CREATE INDEX CONCURRENTLY ix ON post (n); applied before it in this run: none;"
        " the next run goes on with this step"
    )
    runner.upgrade()


def test_the_block_comes_first(url: str, tmp_path: Path) -> None:
    body = f'op.execute("CREATE TABLE note (id int)")\n{write_block(_INDEX)}'
    with pytest.raises(errors.UncommittedWorkError) as error:
        Runner(tmp_path, url, body).upgrade()
    assert error.value.headline == "op.online() is not run: that would commit what the revision has changed before"
    assert error.value.fix == "put the block first in the function"
    Runner(tmp_path, url, f"{write_block(_INDEX)}\n{write_block('pass')}\nop.execute('CREATE TABLE note (id int)')").upgrade()
    assert {"public.ix", "public.note"} <= {key.name for key in describe_schema(url)}


_INDEX = 'op.create_index("ix", "post", ["n"])'


@pytest.mark.parametrize("name", NASTY)
def test_names_are_quoted(name: str, postgresql_url: str, tmp_path: Path) -> None:
    """Of tables, columns, indexes and constraints, with both drivers."""
    keys = (
        []
        if "." in name
        else [
            "    op.create_foreign_key('f' + name[1:], name, name, ['new'], [name])",
            "    op.create_foreign_key(None, name, name, ['new'], [name])",
        ]
    )  # SQLAlchemy takes a dot for the end of the table's name
    body = "\n".join(
        [
            f"name = {name!r}",
            "with op.online():",
            "    op.add_column(name, sa.Column('new', sa.Integer()))",
            "    op.create_index('i' + name[1:], name, [name])",
            "    op.create_unique_constraint('u' + name[1:], name, [name])",
            *keys[:1],
            "    op.create_check_constraint('c' + name[1:], name, sa.column(name) > 0)",
            "    op.alter_column(name, name, nullable=False)",
            *keys[1:],
        ]
    )
    quoted = '"' + name.replace('"', '""') + '"'
    states = []
    for driver, block in (("asyncpg", body), ("psycopg", body), ("psycopg", body.replace("with op.online():", "if True:"))):
        with create_postgresql_database(postgresql_url) as url:
            prepare(
                url,
                f"CREATE TABLE {quoted} ({quoted} int)",
            )
            runner = Runner(tmp_path, url, block, driver=driver)
            runner.upgrade()
            prepare(url, "DELETE FROM alembic_version")
            if block is body:
                runner.upgrade()
            states.append(describe_schema(url))
    assert states[0] == states[1] == states[2]


def test_locks_and_scans_of_each_step(url: str, tmp_path: Path) -> None:
    """No step that scans has a lock that blocks readers or writers."""
    prepare(url, "CREATE INDEX post_n ON post (n)")
    bodies = {
        "index": 'op.create_index("ix", "post", ["n"])',
        "drop": 'op.drop_index("post_n", "post")',
        "check": 'op.create_check_constraint("ck", "post", "n > 0")',
        "key": 'op.create_foreign_key("fk", "post", "author", ["author_id"], ["id"])',
        "unique": 'op.create_unique_constraint("uq", "post", ["slug"])',
        "primary": 'op.create_primary_key("pk", "post", ["id"])',
        "required": 'op.alter_column("post", "title", nullable=False)',
        "column": 'op.add_column("post", sa.Column("new", sa.Integer(), server_default="1"))',
    }
    found = trace_revisions(tmp_path, url, {name: write_block(body) for name, body in bodies.items()})
    seen = {name: [(shorten_locks(one), ", ".join(one.scans), ", ".join(one.rewrites)) for one in found[name]] for name in bodies}
    not_null = [("post AE", "", ""), ("post SUE", "public.post", ""), ("post AE", "", ""), ("post AE", "", "")]
    index = ("post SUE", "public.post", "")
    assert seen == {
        "index": [index],
        "drop": [("post SUE", "", "")],
        "check": not_null[:2],
        "key": [("author SRE, post SRE", "", ""), ("author RS, post SUE", "public.author, public.post", "")],
        "unique": [index, ("post AE", "", "")],
        "primary": [index, *not_null, ("post AE", "", "")],
        "required": not_null,
        "column": [("post AE", "", "")],
    }
    assert all(one.line > 13 for statements in found.values() for one in statements)


def test_sql_has_the_sequence() -> None:
    """Each statement is committed by itself."""
    operations, output = offline()
    with operations.get_context().begin_transaction(), operations.online():  # type: ignore[attr-defined]
        operations.create_index("ix", "post", ["n"])
        operations.create_check_constraint("ck", "post", "n > 0")
        operations.alter_column("post", "title", nullable=False)
        operations.create_unique_constraint(None, "post", ["slug"])
    statements = [line for line in output.getvalue().splitlines() if line]
    assert statements == [
        "BEGIN;",
        "COMMIT;",
        "CREATE INDEX CONCURRENTLY ix ON post (n);",
        "ALTER TABLE post ADD CONSTRAINT ck CHECK (n > 0) NOT VALID;",
        'ALTER TABLE "post" VALIDATE CONSTRAINT "ck";',
        'ALTER TABLE "post" ADD CONSTRAINT "online_not_null_title" CHECK ("title" IS NOT NULL) NOT VALID;',
        'ALTER TABLE "post" VALIDATE CONSTRAINT "online_not_null_title";',
        'ALTER TABLE "post" ALTER COLUMN "title" SET NOT NULL;',
        'ALTER TABLE "post" DROP CONSTRAINT "online_not_null_title";',
        "CREATE UNIQUE INDEX CONCURRENTLY post_slug_key ON post (slug);",
        'ALTER TABLE "post" ADD CONSTRAINT "post_slug_key" UNIQUE USING INDEX "post_slug_key";',
        "BEGIN;",
        "COMMIT;",
    ]


def test_sql_refuses_what_the_server_would_have_to_say() -> None:
    """A type is changed where no row changes for certain."""
    operations, _ = offline()
    import sqlalchemy as sa

    def change(existing: object, wanted: object) -> None:
        with operations.online():  # type: ignore[attr-defined]
            operations.alter_column("post", "n", existing_type=existing, type_=wanted)  # type: ignore[arg-type]

    for existing, wanted in [
        (sa.String(5), sa.String(6)),
        (sa.String(5), sa.Text()),
        (sa.String, sa.Text),
        (sa.Numeric(5, 2), sa.Numeric(6, 2)),
    ]:
        change(existing, wanted)
    for existing, wanted in [
        (None, sa.Text()),
        (sa.String(6), sa.String(5)),
        (sa.Text(), sa.String(5)),
        (sa.CHAR(5), sa.Text()),
        (sa.Numeric(5, 2), sa.Numeric(6, 3)),
        (sa.Integer(), sa.BigInteger()),
        (sa.Float(5), sa.Float(6)),
        (sa.DateTime(), sa.DateTime(timezone=True)),
    ]:
        with pytest.raises(errors.OnlineRefusedError):
            change(existing, wanted)


def test_on_mysql_the_operations_are_plain(mysql_url: str, tmp_path: Path) -> None:
    """Those that the block would refuse too, and both ways."""
    create = 'op.create_table("post", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("n", sa.Integer()))\n'
    body = write_block(
        'op.create_index("ix", "post", ["n"])\nop.create_unique_constraint("uq", "post", ["n"])\n'
        'op.alter_column("post", "n", nullable=False, existing_type=sa.Integer())\n'
        'op.create_check_constraint("ck", "post", "n > 0")\nop.execute("INSERT INTO post (id, n) VALUES (1, 2)")'
    )
    back = write_block('op.drop_index("ix", "post")\nop.drop_constraint("uq", "post", type_="unique")')
    runner = Runner(tmp_path, "postgresql://", create + body, f'{back}\nop.drop_table("post")')
    config = Config(str(runner.config.config_file_name))
    config.set_main_option("sqlalchemy.url", mysql_url.replace("%", "%%"))
    command.upgrade(config, "head")
    engine = create_engine(mysql_url.replace("mysql:", "mysql+pymysql:"), poolclass=NullPool)
    with engine.connect() as connection:
        inspector = inspect(connection)
        assert {index["name"] for index in inspector.get_indexes("post")} == {"ix", "uq"}
        assert [column["nullable"] for column in inspector.get_columns("post")] == [False, False]
    command.downgrade(config, "base")
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]


@pytest.mark.parametrize(
    ("operation", "held", "wanted"),
    [
        (_INDEX, "LOCK TABLE post IN ROW EXCLUSIVE MODE", "LOCK TABLE post IN SHARE UPDATE EXCLUSIVE MODE"),
        (
            'op.create_foreign_key("fk", "post", "author", ["author_id"], ["id"])',
            "LOCK TABLE author IN SHARE MODE",
            "LOCK TABLE post IN SHARE MODE",
        ),
    ],
    ids=["index", "key"],
)
def test_a_deadlock_is_retried(operation: str, held: str, wanted: str, url: str, tmp_path: Path) -> None:
    """The step is the one that PostgreSQL ends, since it looks for deadlocks first."""
    prepare(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET deadlock_timeout = '50ms'")
    runner = Runner(tmp_path, url, write_block(operation))
    ended: list[str | None] = []
    runner.listen(lambda context: ended.append(find_sqlstate(context.original_exception)), "handle_error")
    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as watch:
        other.execute("SET deadlock_timeout = '30s'")
        other.commit()
        other.execute(held.encode())
        thread = threading.Thread(target=runner.upgrade)
        thread.start()
        while watch.execute(_BLOCKED_BY, (other.info.backend_pid,)).fetchone() != (True,):
            time.sleep(0.02)
        other.execute(wanted.encode())
        other.commit()
        thread.join(30)
    assert "40P01" in ended
    assert {"public.ix", "public.post.fk"} & {key.name for key in describe_schema(url)}


_BLOCKED_BY = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s::int = ANY (pg_blocking_pids(pid)))"


def test_elsewhere_the_operations_are_plain(tmp_path: Path) -> None:
    """On SQLite, where a batch is allowed too."""
    body = write_block(
        'op.create_table("post", sa.Column("n", sa.Integer()))\nop.create_index("ix", "post", ["n"])\n'
        'with op.batch_alter_table("post") as batch:\n    batch.alter_column("n", nullable=False)\nop.execute("SELECT 1")'
    )
    runner = Runner(tmp_path, "postgresql://", body)
    config = Config(str(runner.config.config_file_name))
    config.set_main_option("sqlalchemy.url", f"sqlite+aiosqlite:///{tmp_path}/x.db")
    command.upgrade(config, "head")


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_behind_a_pooler_it_works_the_same(driver: str, pgbouncer_url: str, tmp_path: Path) -> None:
    """Where a session belongs to all clients, no setting of it may be changed."""
    prepare(pgbouncer_url)
    body = f'{_INDEX}\nop.create_check_constraint("ck", "post", "n > 0")\nop.create_unique_constraint(None, "post", ["id"])'
    Runner(tmp_path, pgbouncer_url, write_block(body), driver=driver).upgrade()
    assert {"public.ix", "public.post.ck", "public.post.post_id_key"} <= {key.name for key in describe_schema(pgbouncer_url)}
    with psycopg.connect(pgbouncer_url) as connection:
        assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)


def test_in_a_callers_transaction_the_operations_are_plain(url: str, tmp_path: Path) -> None:
    runner = Runner(tmp_path, url, write_block(_INDEX))
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection, connection.begin() as transaction:
        runner.config.attributes["connection"] = connection
        runner.upgrade()
        transaction.rollback()
    engine.dispose()
    assert not any(key.name == "public.ix" for key in describe_schema(url))
