"""Commands that do not come to their end: `sys.exit()` in what they run, Ctrl-C, and a child that is forked meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from alembic_async_template import Migrations, errors
from support.commands import ALEMBIC, heed_interrupts, keep_variables
from support.project import ENV, Project, write_revisions
from support.servers import create_postgresql_database

POST = 'op.create_table("post", sa.Column("id", sa.Integer(), primary_key=True))'
FIX = '\n  fix    raise what says why it cannot go on:\n         raise RuntimeError("the table is empty")'


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return {row[0] for row in connection.execute(query)} - {"alembic_version"}


@pytest.mark.sqlite
@pytest.mark.parametrize("place", ["function", "top", "engine", "property", "env"])
def test_an_exit_in_what_a_command_runs_is_an_error(project: Project, sqlite_url: str, place: str) -> None:
    """`alembic upgrade head && server` starts no server; a program that calls Migrations goes on, and is told as much."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, one=POST, two=f"{POST.replace('post', 'note')}\n    raise SystemExit")
    two, env = project.directory / "migrations/versions/two.py", project.directory / "migrations/env.py"
    error: type[errors.AlembicAsyncTemplateError] = errors.RevisionFailedError
    message = (
        "It raised SystemExit\n  where  revision two, migrations/versions/two.py:14\n         raise SystemExit"
        f"\n  state  rolled back; applied before it in this run: one{FIX}\n  or     to leave a function early:\n         return"
    )
    if place == "top":
        two.write_text("import sys\n\nrevision = 'two'\ndown_revision = 'one'\nsys.exit()\n")
        where = "\n  where  migrations/versions/two.py:5\n         sys.exit()"
        message = f"It raised SystemExit{where}\n  state  nothing was changed{FIX}"
    elif place in {"engine", "property"}:
        reference = "settings:get_url()" if place == "engine" else "settings:settings.url"
        project.write(
            {
                "settings.py": "import sys\n\n\ndef get_url():\n    sys.exit()\n\n\n"
                "class Settings:\n    @property\n    def url(self):\n        sys.exit(0)\n\n\nsettings = Settings()\n"
            }
        )
        project.set(app_engine=reference)
        error = errors.EngineReferenceError
        problem = "settings.get_url(): SystemExit" if place == "engine" else "settings.settings.url: SystemExit: 0"
        message = f"app_engine = {reference}: {problem}\n  where  section [alembic] of alembic.ini\n  fix    "
    elif place == "env":
        env.write_text("import sys\n\nsys.exit()\n" + ENV)
        error = errors.ApplicationExitError
        message = f"The command was ended by SystemExit\n  where  {env}:3{FIX}"
    environment = {"DATABASE_URL": sqlite_url}
    result = project.alembic("upgrade", "head", env=environment, check=False)
    assert result.returncode == 255, result
    assert result.block.startswith(message), result
    assert "Traceback" not in result.output

    project.set(**{"sqlalchemy.url": sqlite_url})
    if place == "function":
        message = message.replace("in this run: one", "in this run: none")  # it is there already
    os.chdir(project.directory)
    with pytest.raises(error) as raised:
        asyncio.run(Migrations(project.directory / "alembic.ini").upgrade())
    assert str(raised.value).replace(f"{project.directory}/alembic.ini", "alembic.ini").startswith(message)


@pytest.mark.sqlite
@pytest.mark.parametrize("env", ["import sys\n\nsys.exit()\n", f"{ENV}import sys\n\nsys.exit()\n"])
def test_an_exit_of_another_environment_or_after_the_work_is_left_alone(project: Project, sqlite_url: str, env: str) -> None:
    """Merely installing this package changes nothing, and what has come to its end has."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, one=POST)
    project.write({"migrations/env.py": env})
    result = project.alembic("upgrade", "head", env={"DATABASE_URL": sqlite_url})
    assert (result.returncode, "FAILED" in result.output) == (0, False)
    assert ("Running upgrade" in result.output) == ("run_environment" in env)


@pytest.mark.postgresql
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("op.execute('SELECT pg_sleep(60)')", "rolled back"),
        (
            "with op.get_context().autocommit_block():\n        op.execute('SELECT pg_sleep(60)')",
            "what it had committed before stays",
        ),
    ],
)
def test_ctrl_c_says_what_is_committed(project: Project, embedded_postgresql: str, driver: str, body: str, state: str) -> None:
    """One line says it, with a shell's exit status; the statement ends on the server, and no lock stays."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, one=POST, two=f"{POST.replace('post', 'note')}\n    {body}")
    with create_postgresql_database(embedded_postgresql) as url:
        process = start(project, url.replace("postgresql:", f"postgresql+{driver}:"))
        with psycopg.connect(url, autocommit=True) as other:
            running = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^SELECT pg_sleep' "
            while other.execute(running.encode() + b"AND state = 'active'").fetchone() == (0,):
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
            assert other.execute(running.encode() + b"AND state = 'active'").fetchone() == (0,)
        assert process.returncode == 130, said
        assert "Traceback" not in said
        line = 14 if body.startswith("op") else 15
        assert said.endswith(
            f"INTERRUPTED: by Ctrl-C\n  where  revision two, migrations/versions/two.py:{line}\n"
            "         op.execute('SELECT pg_sleep(60)')\n"
            f"  state  {state}; applied before it in this run: one\n"
        )
        assert tables(url) == ({"post"} if body.startswith("op") else {"post", "note"})


@pytest.mark.postgresql
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_two_interrupts_at_once_are_one(project: Project, embedded_postgresql: str, driver: str) -> None:
    """`timeout -s INT` sends two: the statement ends on the server all the same, and the next run does not wait for it."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, one="op.execute('SELECT pg_sleep(60)')")
    with create_postgresql_database(embedded_postgresql) as url, psycopg.connect(url, autocommit=True) as other:
        process = start(project, url.replace("postgresql:", f"postgresql+{driver}:"))
        running = (
            b"SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^SELECT pg_sleep' AND state = 'active'"
        )
        while not other.execute(running).fetchall():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert other.execute(running).fetchall() == []
    assert process.returncode == 130, said
    assert said.endswith("  state  rolled back; applied before it in this run: none\n")


# A statement that goes on when it is cancelled.
STUBBORN = (
    'op.execute("DO $$ BEGIN PERFORM pg_sleep(60); '
    'EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(6); CREATE TABLE rest (id int); END $$")'
)


@pytest.mark.postgresql
@pytest.mark.parametrize("autocommits", [False, True])
def test_a_second_interrupt_does_not_know_what_the_server_does(
    project: Project, embedded_postgresql: str, autocommits: bool
) -> None:
    """It ends the command while the statement runs on: nothing is rolled back yet, and what commits by itself may be committed."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    work = f"{POST}\n    {STUBBORN}"
    work = f"with op.get_context().autocommit_block():\n        {POST}\n        {STUBBORN}" if autocommits else work
    write_revisions(project.directory, one="pass", two=work)
    with create_postgresql_database(embedded_postgresql) as url, psycopg.connect(url, autocommit=True) as other:
        process = start(project, url.replace("postgresql:", "postgresql+psycopg:"))
        running = b"SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^DO' AND state = 'active'"
        while not other.execute(running).fetchall():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        time.sleep(1.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        state = "rolled back as soon as its last statement has ended in the database"
        if autocommits:
            state = "what it had committed before stays; whether the rest was committed too is not known"
        assert process.returncode == 130, said
        assert said.endswith(f"  state  {state}; applied before it in this run: one\n"), said
        assert other.execute(running).fetchall()
        while other.execute(running).fetchall():
            time.sleep(0.1)
        assert tables(url) == ({"post", "rest"} if autocommits else set())


def start(project: Project, url: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a command whose streams are apart."""
    return subprocess.Popen(
        [ALEMBIC, *(arguments or ["upgrade", "head"])],
        cwd=project.directory,
        env=keep_variables(DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )


_PROGRAM = """
import asyncio, os, signal, sys, threading, time
from pathlib import Path
from alembic_async_template import Migrations

migrations = Migrations("alembic.ini")

async def interrupt():
    threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    await migrations.upgrade()

async def fork():
    task = asyncio.create_task(migrations.upgrade())
    while not Path("begun").exists():
        await asyncio.sleep(0.05)
    child = os.fork()
    if not child:
        signal.alarm(20)
        threading.Thread(target=lambda: (print(asyncio.run(migrations.current()), flush=True), os._exit(0))).start()
        time.sleep(60)
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        await asyncio.sleep(0.05)
    assert not task.done()
    Path("over").touch()
    await task
    sys.exit(os.waitstatus_to_exitcode(ended[1]))

try:
    asyncio.run(globals()[sys.argv[1]]())
except KeyboardInterrupt:
    print("KeyboardInterrupt")
"""


@pytest.mark.sqlite
@pytest.mark.parametrize(("action", "said"), [("fork", "()\n"), ("interrupt", "KeyboardInterrupt\n")])
def test_a_program_forks_or_is_interrupted_while_it_migrates(
    project: Project, tmp_path: Path, sqlite_url: str, action: str, said: str
) -> None:
    """A child has its own turn and waits for none that its parent had; Ctrl-C is the program's, as it is anywhere."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    wait = "from pathlib import Path\n    Path('begun').touch()\n    "
    wait += "while not Path('over').exists(): time.sleep(0.05)" if action == "fork" else "time.sleep(2)"
    write_revisions(project.directory, one=wait)
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    result = subprocess.run(
        [sys.executable, program, action],
        cwd=project.directory,
        env=keep_variables(DATABASE_URL=sqlite_url),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=heed_interrupts,
    )
    assert (result.returncode, result.stdout) == (0, said), result.stderr
