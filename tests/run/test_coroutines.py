"""Revisions that leave a coroutine: it did not run, so the revision did not either."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

from alembic_async_template import Migrations, errors
from support.cases import LINE, refuse
from support.program import tables
from support.project import write_environment, write_files

APPLICATION = """
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

engine = create_async_engine({url!r}, poolclass=NullPool)


async def async_upgrade(statement="CREATE TABLE filled (id int)"):
    async with engine.begin() as connection:
        await connection.execute(text(statement))


async def on_connection(connection, name):
    await connection.execute(text(f"CREATE TABLE {{name}} (id int)"))


def leave():
    return [async_upgrade()][:0]
"""
SESSION = """from application import AsyncSession, engine
    session = AsyncSession(engine)
    session.execute(sa.text("CREATE TABLE filled (id int)"))"""
CONNECTION = """from application import engine
    connection = engine.connect()
    connection.execute(sa.text("CREATE TABLE filled (id int)"))"""
LEFT = {
    "a session": (SESSION, "AsyncSession.execute", 2, 'session.execute(sa.text("CREATE TABLE filled (id int)"))'),
    "a connection": (CONNECTION, "AsyncConnection.execute", 2, 'connection.execute(sa.text("CREATE TABLE filled (id int)"))'),
    "a call": ("import application\n    application.async_upgrade()", "async_upgrade", 1, "application.async_upgrade()"),
    "in a variable": ("import application\n    x = application.async_upgrade(\n        'SELECT 1'\n    )", "async_upgrade", 1, "x = application.async_upgrade( 'SELECT 1' )"),
    "returned": ("import application\n    return application.async_upgrade()", "async_upgrade", 1, "return application.async_upgrade()"),
    "in a helper": ("import application\n    application.leave()", "async_upgrade", 1, "application.leave()"),
    "a task": ("import application, asyncio\n    asyncio.ensure_future(application.async_upgrade())", "async_upgrade", 1, "asyncio.ensure_future(application.async_upgrade())"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def application(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application, on `sys.path`."""
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}[make_url(database_url).get_backend_name()]
    url = make_url(database_url).set(drivername=driver).render_as_string(hide_password=False)
    write_files(tmp_path, {"application.py": APPLICATION.format(url=url)})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "application", raising=False)


@pytest.mark.parametrize("kind", LEFT)
def test_what_is_not_awaited_fails_the_revision(kind: str, tmp_path: Path, database_url: str) -> None:
    """The message has the coroutine and its line, and nothing is in the database: no table, no version."""
    body, coroutine, line, operation = LEFT[kind]
    error = refuse(
        tmp_path,
        database_url,
        one="op.create_table('before', sa.Column('id', sa.Integer))",
        two=f"op.create_table('beside', sa.Column('id', sa.Integer))\n    {body}",
    )
    assert isinstance(error, errors.RevisionFailedError)
    assert error.problem == f"The coroutine {coroutine} was not awaited: it did not run, and the revision would count as done"
    assert error.failure is not None
    assert (error.failure.revision, error.failure.line, error.failure.operation) == ("two", LINE + 1 + line, operation)
    assert error.state == "rolled back; applied before it in this run: one"
    assert tables(database_url) == {"before"}


IN_COROUTINE = """
    async def fill(connection):
        connection.execute(sa.text("CREATE TABLE filled (id int)"))

    op.run_async(fill)"""


@pytest.mark.parametrize(
    ("body", "old"),
    [
        (IN_COROUTINE.lstrip(), 'connection.execute(sa.text("CREATE TABLE filled (id int)"))'),
        (
            "import application\n    application.on_connection(op.get_bind(), 'filled')",
            "application.on_connection(op.get_bind(), 'filled')",
        ),
        (SESSION, "session = AsyncSession(engine)"),
        (CONNECTION, "connection = engine.connect()"),
        ("import application\n    application.async_upgrade()", "application.async_upgrade()"),
    ],
)
def test_the_example_runs_it(body: str, old: str, tmp_path: Path, database_url: str) -> None:
    """The example, typed in place of the line that it is about, does what the revision meant to do."""
    if "async_upgrade" in body and database_url.startswith("sqlite"):
        pytest.skip("the application's own connection is a second writer, which SQLite does not have")
    error = refuse(tmp_path, database_url, one=body)
    write_environment(tmp_path, database_url, one=body.replace(old, "\n    ".join((error.example or "").splitlines())))
    asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())
    assert tables(database_url) == {"filled"}


def test_a_coroutine_that_is_awaited_is_no_fault(tmp_path: Path, database_url: str) -> None:
    """`op.run_async` awaits it, and what the application left before the revision is a warning of Python's only."""
    body = "import application\n    op.run_async(application.on_connection, 'filled')"
    write_environment(tmp_path, database_url, one=body)

    async def upgrade() -> None:
        task = asyncio.create_task(asyncio.sleep(60))
        await Migrations(tmp_path / "alembic.ini").upgrade()
        assert not task.done()
        task.cancel()

    asyncio.run(upgrade())
    assert tables(database_url) == {"filled"}


def test_a_script_is_refused_too(tmp_path: Path, database_url: str) -> None:
    """With `--sql` the statements of the coroutine would be missing."""
    write_environment(tmp_path, database_url, one="import application\n    application.async_upgrade()")
    with pytest.raises(
        errors.RevisionFailedError, match=r"async_upgrade was not awaited(.|\n)*revision one,(.|\n)*nothing was run"
    ):
        command.upgrade(Config(tmp_path / "alembic.ini", output_buffer=io.StringIO()), "head", sql=True)


@pytest.mark.parametrize(
    ("body", "fix"),
    [
        ("pass\n\n\ndef upgrad(): pass\ndel upgrade", "sed -i 's/def upgrad(/def upgrade(/'"),
        ("pass\n\n\ndel upgrade", "def upgrade(): pass"),
    ],
)
def test_a_function_that_is_not_there(tmp_path: Path, database_url: str, body: str, fix: str) -> None:
    """The file is named, with the function that is probably meant."""
    error = refuse(tmp_path, database_url, one=body)
    assert str(error).startswith("The revision has no function upgrade()\n  where  revision one, ")
    assert (error.example or "").startswith(fix)


def test_a_generator_is_refused(tmp_path: Path, database_url: str) -> None:
    """A function with a yield runs nothing of its body."""
    error = refuse(tmp_path, database_url, one="op.create_table('t')\n    yield")
    assert "A function with a yield runs nothing of its body" in str(error)
    assert "t" not in tables(database_url)
