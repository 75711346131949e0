"""What a command says at its end that it did to the database."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from alembic_async_template import Migrations
from support.program import Make, async_engine
from support.project import ENV, Project, write_environment, write_files, write_revisions
from support.servers import create_postgresql_database
from support.waiting import ADD_COLUMN, POST, Write, finish, open_transaction, read_until

EMPTY = {"one": "pass", "two": "pass", "three": "pass"}


def last_line(output: str) -> str:
    """The last line, with the time that a command took as three dots."""
    return re.sub(r" in (\d+\.\d|less than 0\.1) s", " in ... s", output.splitlines()[-1])


def test_each_command_ends_with_what_it_did(project: Project, database_url: str) -> None:
    """The last line on standard error; with `-q` there is none, and `--sql` has changed nothing."""
    write_environment(project.directory, database_url.replace("%", "%%"), **EMPTY)
    for command, line in (
        ("downgrade base", "Already at base"),
        ("upgrade one", "Database is at one; 1 revision applied in ... s"),
        ("upgrade head", "Database is at three (head); 2 revisions applied in ... s"),
        ("upgrade heads", "Already at three (head)"),
        ("stamp head", "Already at three (head)"),
        ("downgrade head-1", "Database is at two; 1 revision downgraded in ... s"),
        ("downgrade head-1", "Already at two"),
        ("stamp one", "Database is marked as being at one; no revision was run"),
        ("stamp --purge base", "Database is marked as being at base; no revision was run"),
        ("stamp --purge three", "Database is marked as being at three (head); no revision was run"),
        ("upgrade head-1", "Already at three (head)"),
        ("upgrade one+1", "Already at three (head)"),
        ("upgrade base", "Already at three (head), which is after base; to go back to it: alembic downgrade base"),
        ("downgrade base", "Database is at base; 3 revisions downgraded in ... s"),
        ("stamp base", "Already at base"),
    ):
        result = project.alembic(*command.split())
        assert last_line(result.stderr) == line, str(result)
        assert result.stdout == ""
    result = project.alembic("upgrade", "head", "--sql")
    assert "Database is" not in result.output
    for arguments in (("upgrade", "head"), ("upgrade", "head"), ("stamp", "base")):
        assert project.alembic("-q", *arguments).output == ""


@pytest.mark.sqlite
def test_branches(project: Project, sqlite_url: str) -> None:
    """Each revision that the database is at is named, and which of them are heads."""
    write_environment(project.directory, sqlite_url, one="pass", two="pass", three="pass")
    three = project.directory / "migrations/versions/three.py"
    three.write_text(three.read_text().replace("down_revision = 'two'", "down_revision = 'one'"))
    write_files(
        project.directory,
        {"migrations/versions/four.py": three.read_text().replace("'three'", "'four'").replace("'one'", "'three'")},
    )
    for command, line in {
        "upgrade two": "Database is at two (head); 2 revisions applied in ... s",
        "upgrade three": "Database is at three, two (head); 1 revision applied in ... s",
        "upgrade heads": "Database is at four (head), two (head); 1 revision applied in ... s",
    }.items():
        assert last_line(project.alembic(*command.split()).stderr) == line


@pytest.mark.parametrize("together", [False, True])
def test_a_revision_that_is_retried_counts_once(project: Project, write: Write, embedded_postgresql: str, together: bool) -> None:
    """What was rolled back is not counted, whether each revision has a transaction or all have one."""
    write(one=POST, two="pass", three=ADD_COLUMN)
    project.set(lock_retries="9")
    with create_postgresql_database(embedded_postgresql) as url:
        project.alembic("upgrade", "one", env={"DATABASE_URL": url})
        if together:
            write_files(project.directory, {"migrations/env.py": ENV.replace("()", "(transaction_per_migration=False)")})
        with open_transaction(url, "SELECT 1 FROM post"):
            process = project.start(url)
            read_until(process, "is retried")
        returncode, output = finish(process)
        assert (returncode, last_line(output)) == (0, "Database is at three (head); 2 revisions applied in ... s")


def test_who_waited_for_another_has_done_nothing(project: Project, postgresql_url: str) -> None:
    """Of several processes one says that it has applied the revisions, and the others where the database is."""
    write_environment(project.directory, postgresql_url.replace("%", "%%"), one="time.sleep(1)", two="pass")
    processes = [project.start(postgresql_url) for _ in range(3)]
    lines = sorted(last_line(finish(process)[1]) for process in processes)
    assert lines == ["Already at two (head)"] * 2 + ["Database is at two (head); 2 revisions applied in ... s"]


def test_a_program_gets_a_record(make: Make, database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is at INFO, of this package's logger; in a transaction of the caller it says that nothing is committed."""
    caplog.set_level(logging.INFO)
    ini = make(one=("pass", "pass"), two=("pass", "pass"))

    async def migrate() -> None:
        engine = async_engine(database_url)
        async with engine.connect() as connection:
            await Migrations(ini, bind=connection).upgrade("one")
            async with connection.begin():
                await Migrations(ini, bind=connection).upgrade()
                await Migrations(ini, bind=connection).upgrade()
        await Migrations(ini, bind=engine).downgrade("base")
        await engine.dispose()

    asyncio.run(migrate())
    said = [record.getMessage() for record in caplog.records if record.name == "alembic_async_template"]
    assert [last_line(line) for line in said if line.startswith(("Database is", "Already"))] == [
        "Database is at one; 1 revision applied in ... s",
        "Database is at two (head); 1 revision applied in ... s, in your transaction, which is not committed yet",
        "Already at two (head)",
        "Database is at base; 2 revisions downgraded in ... s",
    ]


def test_a_failure_is_not_followed_by_success(project: Project, sqlite_url: str) -> None:
    """A command that fails says nothing but the error at its end."""
    write_environment(project.directory, sqlite_url)
    write_revisions(project.directory, one="pass", two='op.execute("SELECT 1 FROM nowhere")')
    assert "Database is" not in project.alembic("upgrade", "head", check=False).output
