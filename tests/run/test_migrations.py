"""The awaitable API: every command, on whatever it is bound to, and what it leaves behind."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import alembic
import psycopg
import pytest
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

from alembic_async_template import Migrations
from alembic_async_template.errors import (
    ConcurrentRunError,
    ConfigNotFoundError,
    ConnectionBindError,
    DatabaseNotAtHeadError,
    LockTimeoutError,
    NoDatabaseURLError,
    NoTablesError,
    RevisionNotFoundError,
)
from support.program import ONE, TWO, Make, async_engine, table_names, tables
from support.project import write_environment
from support.servers import create_postgresql_database


def test_every_command(make: Make, database_url: str) -> None:
    """Commands lead from an empty database to the head and back, and the answers agree with them."""

    async def use(migrations: Migrations) -> None:
        assert await migrations.heads() == ("two",)
        assert await migrations.current() == ()
        assert await migrations.pending() == ("one", "two")
        await migrations.upgrade("+1")
        assert await migrations.current() == ("one",)
        assert await migrations.pending() == ("two",)
        with pytest.raises(DatabaseNotAtHeadError):
            await migrations.check()
        await migrations.upgrade()
        await migrations.upgrade()
        assert await migrations.pending() == ()
        assert [difference[0] for difference in await migrations.check()] == ["remove_table"]
        await migrations.ensure_head(enums=True)
        await migrations.downgrade("one")
        assert tables(database_url) == {"item"}
        await migrations.downgrade("base")
        assert tables(database_url) == set()
        await migrations.stamp("two")
        assert await migrations.current() == ("two",)

    asyncio.run(use(Migrations(make(database_url, one=ONE, two=TWO))))


def test_check_has_nothing_to_say(make: Make, database_url: str) -> None:
    """No difference is an empty tuple."""
    migrations = Migrations(make(database_url, one=ONE))
    asyncio.run(migrations.upgrade())
    assert asyncio.run(migrations.check()) == ()


def test_the_configuration_is_found(make: Make, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path, a Config and the command line's own rule are taken; a Config that is handed over stays as it is."""
    ini = make(sqlite_url, one=TWO)
    config = Config(ini)
    config.attributes["mine"] = 1
    (ini.parent / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/migrations"\n')
    monkeypatch.chdir(ini.parent)
    found = [Migrations(), Migrations("alembic.ini"), Migrations(str(ini)), Migrations(config)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALEMBIC_CONFIG", str(ini))
    found.append(Migrations())
    monkeypatch.delenv("ALEMBIC_CONFIG")
    for migrations in found:
        asyncio.run(migrations.upgrade())
        assert asyncio.run(migrations.current()) == ("one",)
    assert config.attributes == {"mine": 1}
    other = ini.with_name("other.ini")
    other.write_text(ini.read_text().replace("[alembic]", "[other]"))
    assert asyncio.run(Migrations(other, section="other").current()) == ("one",)
    ini.unlink()
    monkeypatch.chdir(ini.parent)
    for migrations in (Migrations(), Migrations("pyproject.toml")):
        assert asyncio.run(migrations.heads()) == ("one",)


def test_a_configuration_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is refused at once, with the place that was looked at."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALEMBIC_CONFIG", raising=False)
    fix = "\n  fix    give the path of the project's alembic.ini:"
    example = f'{fix}\n         Migrations(Path(__file__).parent / "alembic.ini")'
    with pytest.raises(ConfigNotFoundError) as error:
        Migrations()
    assert str(error.value) == (
        f"{tmp_path}/alembic.ini was not found\n  where  the working directory, where the command line looks too{example}"
    )
    with pytest.raises(ConfigNotFoundError) as error:
        Migrations("nowhere/alembic.ini")
    assert str(error.value) == f"{tmp_path}/nowhere/alembic.ini was not found{example}"
    write_environment(tmp_path, "sqlite://")
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path / "app")
    for path in (None, "alembic.ini"):
        with pytest.raises(ConfigNotFoundError) as error:
            Migrations(path)
        assert error.value.example == f'Migrations("{tmp_path}/alembic.ini")'
    assert asyncio.run(Migrations(tmp_path / "alembic.ini").heads()) == ()


def test_an_engine_is_cloned_and_keeps_its_pool(make: Make, database_url: str) -> None:
    """The application's engine, asynchronous or not, is used by the application at the same time."""

    async def use() -> None:
        engine = async_engine(database_url)
        async with engine.connect() as connection:
            assert await connection.run_sync(table_names) == set()
        pooled = engine.pool.status()
        migrations = Migrations(make(one=TWO), bind=engine)
        await migrations.upgrade()
        assert engine.pool.status() == pooled
        async with engine.connect() as connection:
            assert await connection.run_sync(table_names) == {"other"}
        await engine.dispose()
        sync_engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
        await Migrations(make(one=TWO), bind=sync_engine).downgrade("base")
        sync_engine.dispose()

    asyncio.run(use())
    assert tables(database_url) == set()


def test_a_connection_keeps_its_transaction(make: Make, postgresql_url: str) -> None:
    """A test that rolls back leaves nothing; outside of a transaction, Alembic commits."""

    async def use() -> None:
        engine = async_engine(postgresql_url)
        async with engine.connect() as connection:
            migrations = Migrations(make(one=ONE, two=TWO), bind=connection)
            transaction = await connection.begin()
            await migrations.upgrade()
            assert await connection.run_sync(table_names) == {"item", "other"}
            assert await migrations.current() == ("two",)
            await migrations.ensure_head(enums=True)
            assert transaction.is_active
            await transaction.rollback()
            assert await connection.run_sync(table_names) == set()
            await connection.rollback()
            await migrations.upgrade("one")
        with pytest.raises(ConnectionBindError, match="is a connection that is closed"):
            await migrations.upgrade()
        with pytest.raises(ConnectionBindError, match="is an AsyncConnection that is not open"):
            await Migrations(make(one=ONE), bind=engine.connect()).upgrade()
        with pytest.raises(ConnectionBindError, match="is of type str"):
            Migrations(make(one=ONE), bind="sqlite://")  # type: ignore[arg-type]
        await engine.dispose()

    asyncio.run(use())
    assert tables(postgresql_url) == {"item"}


@pytest.mark.sqlite
def test_a_database_in_memory_is_migrated_where_it_is(make: Make) -> None:
    """It exists in the engine's one connection."""

    async def use() -> None:
        ini = make(one=TWO)
        engine = async_engine("sqlite://", poolclass=StaticPool)
        await Migrations(ini, bind=engine).upgrade()
        async with engine.connect() as connection:
            assert await connection.run_sync(table_names) == {"other"}
        await engine.dispose()
        sync_engine = create_engine("sqlite://")
        await Migrations(ini, bind=sync_engine).upgrade()
        with sync_engine.connect() as sync_connection:
            assert table_names(sync_connection) == {"other"}
            await Migrations(ini, bind=sync_connection).downgrade("base")
            assert table_names(sync_connection) == set()
        sync_engine.dispose()

    asyncio.run(use())


def test_ensure_head_without_models_names_what_was_searched(make: Make, sqlite_url: str) -> None:
    """No `target_metadata` was given, so the message blames none; a hand-written env.py that gives none has no tables either."""
    ini = make(sqlite_url, one=TWO)
    for module in ini.parent.glob("*.py"):
        module.unlink()
    ini.write_text(re.sub("^app_models = .*$", "app_models = *", ini.read_text(), flags=re.MULTILINE))
    migrations = Migrations(ini)
    asyncio.run(migrations.upgrade())
    with pytest.raises(NoTablesError) as error:
        asyncio.run(migrations.ensure_head(enums=True))
    assert str(error.value) == (
        f"No tables were found, so the application looks empty\n  where  the sources under {ini.parent}\n"
        "  fix    name the modules that define the models in alembic.ini:\n"
        "         app_models = app.users.models, app.posts.models"
    )
    assert error.value.failure is None


def test_ensure_head_names_both_revisions(make: Make, postgresql_url: str) -> None:
    """A database that is behind, ahead or has other enum values is refused, without a lock."""
    ini = make(postgresql_url, one=ONE, two=TWO)
    migrations = Migrations(ini)

    def message(**arguments: bool) -> str:
        with pytest.raises(DatabaseNotAtHeadError) as error:
            asyncio.run(migrations.ensure_head(**arguments))
        return str(error.value)

    migrate = "\n  fix    migrate it:\n         alembic upgrade head"
    assert message() == f"The database is at no revision, and this application needs two{migrate}"
    with pytest.raises(
        DatabaseNotAtHeadError, match="This application has no revisions, so whether the database is migrated is not known"
    ):
        asyncio.run(Migrations(make(postgresql_url)).ensure_head())
    asyncio.run(migrations.upgrade("one"))
    assert message() == f"The database is at revision one, and this application needs two{migrate}"
    asyncio.run(migrations.upgrade())
    (ini.parent / "migrations/versions/two.py").unlink()
    assert message() == (
        "The database is at revision two; this application, whose head is one, has no revision two"
        "\n  fix    deploy the newer code that has migrated it, or let its files take back what these do not know:"
        "\n         alembic downgrade one"
        "\n  or     get the file back, if it was deleted or is on another branch:\n         git log --diff-filter=D --summary"
        "\n  or     if nothing of it is left in the database, name the newest revision of these files that has run there:"
        "\n         alembic stamp --purge one"
    )
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'one'")
        asyncio.run(migrations.ensure_head(enums=True))
        connection.execute("ALTER TYPE mood ADD VALUE 'bored'")
        asyncio.run(migrations.ensure_head())
        assert message(enums=True) == (
            "The database is at revision one, which is the head, but its enum types are not the application's\n"
            '  where  public.mood: "sad", "glad", "bored" in the database, "sad", "glad" in the application\n'
            '  fix    write the revision that is missing:\n         alembic revision --autogenerate -m "change enums"\n'
            "  then   if no revision adds it, put this first in its upgrade(), for databases without the value:\n"
            "         op.add_enum_value('mood', 'bored', schema='public')"
        )


def test_errors_are_those_of_the_command_line(make: Make) -> None:
    """An exception with its facts, for whoever awaits it."""
    with pytest.raises(NoDatabaseURLError):
        asyncio.run(Migrations(make(one=TWO)).upgrade())
    with pytest.raises(RevisionNotFoundError):
        asyncio.run(Migrations(make("sqlite:///x.sqlite", one=TWO)).upgrade("nowhere"))


def test_the_program_stays_as_it_was(make: Make, sqlite_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Loggers, warning filters, working directory and both streams, after success and failure."""
    logger, root = logging.getLogger("uvicorn.error"), logging.getLogger()

    def state() -> Any:
        alembic = logging.getLogger("alembic")
        handlers = [*root.handlers], [*alembic.handlers], [*logger.handlers]
        return logger.disabled, root.level, alembic.level, handlers, warnings.filters[:], os.getcwd()

    before = state()
    ini = make(sqlite_url, one=TWO, two=('raise RuntimeError("no")', "pass"))
    ini.write_text(
        ini.read_text() + "[loggers]\nkeys=root\n[handlers]\nkeys=\n[formatters]\nkeys=\n[logger_root]\nlevel=ERROR\nhandlers=\n"
    )
    migrations = Migrations(ini)
    asyncio.run(migrations.upgrade("one"))
    assert state() == before
    with pytest.raises(RuntimeError):
        asyncio.run(migrations.upgrade())
    asyncio.run(migrations.current())
    asyncio.run(migrations.heads())
    assert state() == before
    assert capfd.readouterr() == ("", "")


def test_arguments_in_code_are_read(make: Make, sqlite_url: str) -> None:
    """A Config with made-up `-x` arguments keeps them, and is still no command line."""
    from argparse import Namespace

    config = Config(make(one=TWO), cmd_opts=Namespace(x=[f"url={sqlite_url}"]))
    asyncio.run(Migrations(config).upgrade())
    assert tables(sqlite_url) == {"other"}
    assert config.cmd_opts is not None


def test_many_calls_leave_nothing_behind(make: Make, embedded_postgresql: str) -> None:
    """No thread, no connection."""
    with create_postgresql_database(embedded_postgresql) as url:
        migrations = Migrations(make(url, one=TWO))

        async def use() -> None:
            for _ in range(10):
                await migrations.upgrade()
                await migrations.downgrade("base")
                await asyncio.gather(*(migrations.current() for _ in range(3)))

        threads = threading.active_count()
        asyncio.run(use())
        while threading.active_count() > threads:  # the last one is ending
            time.sleep(0.01)
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            assert connection.scalar(text(query)) == 1
        engine.dispose()


def test_reading_leaves_no_transaction(make: Make, database_url: str) -> None:
    """The next command on the same connection would take it for the caller's, and never commit."""

    async def use() -> None:
        engine = async_engine(database_url)
        async with engine.connect() as connection:
            migrations = Migrations(make(one=ONE), bind=connection)
            assert await migrations.pending() == ("one",)
            assert not connection.in_transaction()
            await migrations.upgrade()
            await migrations.ensure_head()
            assert await migrations.check() == ()
            assert not connection.in_transaction()
        await engine.dispose()

    asyncio.run(use())
    assert tables(database_url) == {"item"}


def test_a_call_inside_a_revision_is_refused(make: Make, sqlite_url: str) -> None:
    """It would wait for itself."""
    inside = """import asyncio, contextvars, threading
    from alembic_async_template import Migrations
    result = []
    def call():
        try:
            asyncio.run(Migrations(op.get_context().config.config_file_name).heads())
        except Exception as error:
            result.append(error)
    thread = threading.Thread(target=contextvars.copy_context().run, args=[call])
    thread.start()
    thread.join()
    raise result[0]"""
    with pytest.raises(ConcurrentRunError):
        asyncio.run(Migrations(make(sqlite_url, one=(inside, "pass"))).upgrade())


def test_the_import_path_does_not_grow(make: Make, sqlite_url: str) -> None:
    """Alembic puts the import roots there at every call; one that was not there stays, for what is imported later."""
    migrations = Migrations(make(sqlite_url, one=TWO))
    asyncio.run(migrations.upgrade())
    before = list(sys.path)
    for _ in range(3):
        asyncio.run(migrations.ensure_head())
    assert sys.path == before


def test_a_hand_written_environment(make: Make, postgresql_url: str, tmp_path: Path) -> None:
    """Alembic's own template works on its own engine; with `bind`, which it ignores, it is refused."""
    ini = make(f"{postgresql_url.replace('postgresql:', 'postgresql+psycopg:')}".replace("%", "%%"), one=TWO)
    template = Path(alembic.__file__).parent / "templates/async/env.py"
    (ini.parent / "migrations/env.py").write_text(template.read_text().replace("fileConfig(config.config_file_name)", "pass"))
    asyncio.run(Migrations(ini).upgrade())
    assert tables(postgresql_url) == {"other"}
    with pytest.raises(NoTablesError):
        asyncio.run(Migrations(ini).ensure_head(enums=True))
    engine = async_engine(f"sqlite:///{tmp_path}/elsewhere.sqlite")
    with pytest.raises(
        ConnectionBindError, match=r"is not looked at by .*env\.py, which would change the database of its settings"
    ):
        asyncio.run(Migrations(ini, bind=engine).downgrade("base"))
    assert tables(postgresql_url) == {"other"}


def test_a_config_stays_as_it_is(make: Make, sqlite_url: str) -> None:
    """An env.py may set options of its own."""
    ini = make(one=TWO)
    (ini.parent / "migrations/env.py").write_text(
        "from alembic import context\nfrom alembic_async_template import run_environment\n\n"
        f"context.config.set_main_option('sqlalchemy.url', '{sqlite_url}')\nrun_environment()\n"
    )
    config = Config(ini)
    config.set_main_option("lock_wait", "1s")
    asyncio.run(Migrations(config).upgrade())
    assert config.get_main_option("sqlalchemy.url") == ""
    assert config.get_main_option("lock_wait") == "1s"
    assert tables(sqlite_url) == {"other"}


def test_a_connection_that_commits_each_statement_is_not_tried_again(make: Make, postgresql_url: str) -> None:
    """What a revision has done there stays, and would be done twice."""
    twice = ('op.execute("INSERT INTO note VALUES (1)"); op.execute("ALTER TABLE held ADD COLUMN x int")', "pass")

    async def use() -> None:
        limit = {"server_settings": {"lock_timeout": "300"}}
        engine = async_engine(postgresql_url, isolation_level="AUTOCOMMIT", connect_args=limit)
        async with engine.connect() as connection, engine.connect() as other:
            for statement in ("CREATE TABLE note (id int)", "CREATE TABLE held (id int)"):
                await connection.execute(text(statement))
            await connection.rollback()
            await other.execution_options(isolation_level="READ COMMITTED")
            await other.execute(text("SELECT 1 FROM held"))
            with pytest.raises(LockTimeoutError) as error:
                await Migrations(make(one=twice), bind=connection).upgrade()
            assert error.value.failure is not None
            assert (error.value.failure.committed, error.value.attempts) == (True, 1)
            assert await connection.scalar(text("SELECT count(*) FROM note")) == 1
        await engine.dispose()

    asyncio.run(use())
