"""What a message says is committed, and what it says is not."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from alembic_async_template import Migrations, errors
from support.cases import LINE, Case, refuse, run
from support.project import ENV, Project, write_environment, write_files, write_revisions


@pytest.mark.postgresql
def test_what_is_committed_is_said(tmp_path: Path, embedded_url: str) -> None:
    """The error counts the earlier revisions and the failed one; with one transaction for all, nothing is committed."""
    block = "with op.get_context().autocommit_block():\n        op.execute('CREATE TABLE one (id int)')\n    "
    error = refuse(tmp_path, embedded_url, one="pass", two="pass", three=f"{block}op.execute('SELECT 1 FROM nowhere')")
    assert error.state == "what it had committed before stays: CREATE TABLE one (id int); applied before it in this run: one, two"
    assert error.failure is not None
    assert (error.failure.revision, error.failure.done, error.failure.committed) == ("three", ("one", "two"), True)
    together = ENV.replace("run_environment()", "run_environment(transaction_per_migration=False)")
    write_files(tmp_path, {"migrations/env.py": together})
    write_revisions(tmp_path, one="pass", two="pass", three="pass", four="pass", five="op.execute('SELECT 1 FROM nowhere')")
    with pytest.raises(errors.RevisionFailedError, match="  state  all of the run was rolled back"):
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())


@pytest.mark.postgresql
def test_a_downgrade_says_where_it_failed(tmp_path: Path, embedded_url: str) -> None:
    """The revision that is taken back is named."""
    write_environment(tmp_path, embedded_url)
    write_revisions(tmp_path, one="pass", two=("pass", 'op.drop_table("nowhere")'), three="pass")
    migrations = Migrations(tmp_path / "alembic.ini")
    asyncio.run(migrations.upgrade())
    with pytest.raises(
        errors.RevisionFailedError,
        match=r"\n  where  downgrade of revision two, .*\n         op\.drop_table.*\n  state  .*; downgraded before it in this run: three\n",
    ):
        asyncio.run(migrations.downgrade("base"))
    assert asyncio.run(migrations.current()) == ("two",)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("options", "place", "state"),
    [
        ("", "revision two\nCOMMIT", "rolled back; applied before it in this run: one"),
        ("transaction_per_migration=False", "COMMIT", "all of the run was rolled back"),
    ],
)
def test_a_commit_that_fails(tmp_path: Path, embedded_url: str, options: str, place: str, state: str) -> None:
    """A deferred constraint is looked at by COMMIT: nothing of its transaction stays, whichever revision it was."""
    one = "op.execute('CREATE TABLE post (id int PRIMARY KEY, parent int REFERENCES post DEFERRABLE INITIALLY DEFERRED)')"
    write_environment(tmp_path, embedded_url, one=one, two="op.execute('INSERT INTO post VALUES (1, 2)')")
    write_files(tmp_path, {"migrations/env.py": ENV.replace("()", f"({options})")})
    migrations = Migrations(tmp_path / "alembic.ini")
    with pytest.raises(errors.RevisionFailedError) as failed:
        asyncio.run(migrations.upgrade())
    assert str(failed.value).startswith("insert or update on table")
    assert (failed.value.where, failed.value.state) == (place, state)
    assert asyncio.run(migrations.current()) == (() if options else ("one",))


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("statement", "stays"),
    [
        ("CREATE TABLE t (id int); END; SELECT 1", True),
        ("ROLLBACK; CREATE TABLE t (id int)", True),
        ("CREATE TABLE t (id int); /* now */ COMMIT", True),
        ("CREATE TABLE t (x text DEFAULT '; COMMIT'); DO $a$ BEGIN NULL; END; $a$", False),
        ("CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", False),
    ],
)
def test_a_transaction_that_one_of_several_statements_ends(
    tmp_path: Path, embedded_url: str, statement: str, stays: bool
) -> None:
    """What the message says of it is so; the words are told from those of functions and texts."""
    url = embedded_url.replace("postgresql:", "postgresql+psycopg:")
    error = refuse(tmp_path, url, one=f"op.execute({statement!r})\n    op.execute('nothing')")
    assert ("what it had committed before stays" in str(error), "rolled back" in str(error)) == (stays, not stays)
    with psycopg.connect(embedded_url) as connection:
        assert connection.execute("SELECT to_regclass('t') IS NOT NULL").fetchall() == [(stays,)]


@pytest.mark.postgresql
def test_only_what_a_statement_has_left_is_to_be_dropped(tmp_path: Path, embedded_url: str) -> None:
    """An invalid index of a similar name is left alone, and one that PostgreSQL named is found."""
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE post (title text); INSERT INTO post VALUES ('a'), ('a')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_post ON post (title)")
    block = "with op.get_context().autocommit_block():\n        op.execute('CREATE UNIQUE INDEX CONCURRENTLY {} ON post (title)')"
    for name, left in {"ix_post_title": ("ix_post_title",), "": ("post_title_idx",)}.items():
        error = refuse(tmp_path, embedded_url, one=block.format(name))
        assert error.failure is not None
        assert error.failure.invalid_indexes == left
        assert f"\n  first  drop the invalid index:\n         DROP INDEX CONCURRENTLY {left[0]}\n" in str(error)


@pytest.mark.postgresql
def test_a_transaction_of_the_caller_stays_the_callers(tmp_path: Path, embedded_url: str) -> None:
    """Nothing is committed or rolled back; an autocommit block is refused there, which Alembic does without a word."""
    write_environment(tmp_path, embedded_url)
    write_revisions(
        tmp_path, one="op.execute('CREATE TABLE one (id int)')", two="with op.get_context().autocommit_block():\n        pass"
    )
    engine = create_async_engine(make_url(embedded_url).set(drivername="postgresql+asyncpg"))

    async def use() -> None:
        async with engine.connect() as connection:
            await connection.begin()
            with pytest.raises(errors.RevisionFailedError) as refused:
                await Migrations(tmp_path / "alembic.ini", bind=connection).upgrade()
            assert str(refused.value) == (
                f"AssertionError\n  where  revision two, {tmp_path}/migrations/versions/two.py:{LINE}"
                "\n         with op.get_context().autocommit_block():"
                "\n  state  the transaction is yours: roll it back"
                "\n  fix    an autocommit block needs a transaction of Alembic's own, not in another one: hand over an engine:"
                "\n         await Migrations(bind=engine).upgrade()"
            )
            assert connection.in_transaction()
            await connection.execute(text("SELECT 1 FROM one"))
            await connection.rollback()
        await engine.dispose()

    asyncio.run(use())
    with psycopg.connect(embedded_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


@pytest.mark.postgresql
def test_the_same_autocommit_block_in_the_stock_template(templates: Path, tmp_path: Path, embedded_url: str) -> None:
    """The stock template with `engine.begin()` raises a bare AssertionError."""
    project = Project(tmp_path / "stock")
    case = Case("", revisions={"one": "with op.get_context().autocommit_block():\n        pass"})
    shutil.copytree(templates / "async", tmp_path / "begin")
    env = tmp_path / "begin/migrations/env.py"
    env.write_text(env.read_text().replace("connectable.connect()", "connectable.begin()"))
    (tmp_path / "begin").rename(tmp_path / "async")
    result = run(project, case, tmp_path / "async", make_url(embedded_url))
    assert re.search(r"(?s)assert self._transaction is not None\n.*AssertionError$", result.stderr.strip()), str(result)


@pytest.mark.postgresql
def test_a_command_that_was_refused_leaves_no_transaction(tmp_path: Path, embedded_url: str) -> None:
    """Alembic would take it for the caller's, and what the next command does would be lost."""
    write_environment(tmp_path, embedded_url, one="op.execute('CREATE TABLE one (id int)')")
    engine = create_async_engine(make_url(embedded_url).set(drivername="postgresql+asyncpg"))

    async def use() -> None:
        async with engine.connect() as connection:
            migrations = Migrations(tmp_path / "alembic.ini", bind=connection)
            with pytest.raises(errors.RevisionNotFoundError):
                await migrations.upgrade("nowhere")
            assert not connection.in_transaction()
            await migrations.upgrade()
        await engine.dispose()

    asyncio.run(use())
    with psycopg.connect(embedded_url) as connection:
        connection.execute("SELECT FROM one")


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "change",
    [
        'op.remove_enum_value("status", "b")',
        'op.replace_enum_values("status", ["a", "d", "c"])',
    ],
)
def test_an_added_value_takes_the_place_of_a_removed_one(tmp_path: Path, embedded_url: str, change: str) -> None:
    """The example names what the revision adds, and the state that it is there already; both go on from there."""
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE TYPE status AS ENUM ('a', 'b', 'c'); CREATE TABLE post (status status)")
        connection.execute("INSERT INTO post VALUES ('b')")
    addition = 'op.add_enum_value("status", "d", after="b")\n    '
    error = refuse(tmp_path, embedded_url, one=addition + change)
    assert (
        error.state == 'what it had committed before stays: value "d" of enum public.status; applied before it in this run: none'
    )
    assert error.example is not None
    assert "'d'" in error.example.partition("replace_with")[2]
    rename = refuse(tmp_path, embedded_url, one='op.rename_enum_value("status", "b", "d")')
    assert rename.state == "rolled back; applied before it in this run: none"
    merge, removal = [fix.example for fix in rename.fixes][:2]
    for body in (f"{removal}\n    op.rename_enum_value('status', 'b', 'd')", addition + error.example, merge):
        write_revisions(tmp_path, one=(body, 'op.rename_enum_value("status", "d", "b")'))
        migrations = Migrations(tmp_path / "alembic.ini")
        asyncio.run(migrations.upgrade())
        with psycopg.connect(embedded_url) as connection:
            assert connection.execute("SELECT status::text, enum_range(NULL::status)::text FROM post").fetchall() == [
                ("d", "{a,d,c}")
            ]
        asyncio.run(migrations.downgrade("base"))


@pytest.mark.postgresql
def test_the_example_for_a_view_has_the_replacement_that_rows_need(tmp_path: Path, embedded_url: str) -> None:
    """Typed as printed, it is not refused for the rows afterwards."""
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE TYPE status AS ENUM ('a', 'b', 'c'); CREATE TABLE post (status status)")
        connection.execute("INSERT INTO post VALUES ('b'); CREATE VIEW bs AS SELECT * FROM post WHERE status = 'b'")
    addition = 'op.add_enum_value("status", "d", after="b")\n    '
    error = refuse(tmp_path, embedded_url, one=f'{addition}op.remove_enum_value("status", "b")')
    assert isinstance(error, errors.EnumChangeBlockedError)
    assert error.example == ("op.execute('DROP VIEW public.bs')\nop.remove_enum_value('status', 'b', replace_with='d')")
    added = 'value "d" of enum public.status'
    assert error.state == f"what it had committed before stays: {added}; applied before it in this run: none"
    write_revisions(tmp_path, one=addition + error.example.replace("\n", "\n    "))
    asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())


@pytest.mark.postgresql
def test_an_enum_that_exists_is_stamped_only_if_another_run_has_made_it(tmp_path: Path, embedded_url: str) -> None:
    """The revision is named: the one to count as done, or the one that has made the type in this run."""
    create = 'op.create_enum("status", ["a"])'
    error = refuse(tmp_path, embedded_url, one=create, two="pass", three=create)
    assert next((fix.advice, fix.example) for fix in error.fixes) == (
        "revision one has made it before in the same run: remove one",
        "alembic show one",
    )
    assert "stamp" not in str(error)
    with psycopg.connect(embedded_url) as connection:
        connection.execute("DELETE FROM alembic_version")
    assert refuse(tmp_path, embedded_url, one=create, two="pass", three="pass").example == "alembic stamp one"


@pytest.mark.postgresql
def test_a_revision_that_is_half_committed_is_finished(tmp_path: Path, embedded_url: str) -> None:
    """The first message names what stays, also without what a savepoint has taken back; those of later runs lead to the end of the revision."""
    block = "with op.get_context().autocommit_block():\n        "
    create = 'op.create_index("ix_b", "post", ["b"], unique=True, postgresql_concurrently=True)'
    savepoint = "with op.get_bind().begin_nested() as nested:\n        op.execute('CREATE TABLE note (id int)')\n        nested.rollback()\n    "
    add = 'op.add_column("post", sa.Column("b", sa.Integer(), server_default="1"))'
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE TABLE post (id int); INSERT INTO post VALUES (1), (2)")
    error = refuse(tmp_path, embedded_url, one="pass", two=f"{savepoint}{add}\n    {block}{create}")
    assert error.state == (
        "what it had committed before stays: ALTER TABLE post ADD COLUMN b INTEGER DEFAULT '1', and the invalid index ix_b; "
        "applied before it in this run: one"
    )
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute("DELETE FROM post WHERE id = 2")
        connection.execute(error.failure.repairs[0].example.encode())  # type: ignore[union-attr]
    again = refuse(tmp_path, embedded_url, one="pass", two=f"{add}\n    {block}{create}")
    assert again.fix == "a failed run or create_all has added it: let the revision skip what is there, and run it to its end"
    write_revisions(tmp_path, one="pass", two=f"{again.example}\n    {block}{create}")
    asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())
    with psycopg.connect(embedded_url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_index WHERE indexrelid = 'ix_b'::regclass AND indisvalid"
        ).fetchone() == (1,)


@pytest.mark.postgresql
def test_a_script_around_what_needs_a_connection(project: Project, embedded_url: str) -> None:
    """The commands of the message, typed in their order, bring the database to the end, and back."""
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE TYPE status AS ENUM ('a', 'b', 'c')")
    write_environment(project.directory, embedded_url.replace("%", "%%"))
    change = ('op.remove_enum_value("status", "b")', 'op.remove_enum_value("status", "c")')
    tables = [(f"op.execute('CREATE TABLE {name} (id int)')", f"op.execute('DROP TABLE {name}')") for name in ("one", "three")]
    write_revisions(project.directory, one=tables[0], two=change, three=tables[1])
    for command, commands in {
        ("upgrade", "head"): ["upgrade base:one --sql", "upgrade two", "upgrade two:head --sql"],
        ("downgrade", "head:base"): ["downgrade three:two --sql", "downgrade one", "downgrade one:base --sql"],
    }.items():
        block = project.alembic(*command, "--sql", check=False).block
        typed = re.findall(r"^ {9}alembic (.*)$", block, re.MULTILINE)
        assert typed == [*(["plan --sql"] if command[0] == "upgrade" else []), *commands], block
        for words in commands:
            script = project.alembic(*words.split()).stdout
            if words.endswith("--sql"):
                with psycopg.connect(embedded_url, autocommit=True) as connection:
                    connection.execute(script.encode())
        with psycopg.connect(embedded_url) as connection:
            found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert found == ((3,) if command[0] == "upgrade" else (1,))
