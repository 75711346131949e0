"""What is heard of a command: on the command line, in a program that has logging, and under a web server without any."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from support.commands import keep_variables
from support.project import Project, write_environment, write_files

SECTIONS = """
[loggers]
keys = root,alembic
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARNING
handlers = console
[logger_alembic]
level = {level}
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = generic
[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""
WARN = 'import logging; logging.getLogger("alembic_async_template.enums").warning("take care")'
PROGRAM = """
import asyncio
import logging
import sys

import uvicorn
from alembic_async_template import Migrations

{setup}
migrations = Migrations("alembic.ini")
asyncio.run(migrations.{call}())
loggers = [logging.getLogger(name) for name in ("alembic", "alembic_async_template", "alembic.runtime.migration")]
print([(logger.level, len(logger.handlers), logger.filters) for logger in loggers])
"""
CLEAN = "[(0, 1, []), (0, 0, []), (0, 0, [])]\n"
MIGRATION = (
    "INFO:     Database sqlite+aiosqlite:///DATABASE, from sqlalchemy.url in alembic.ini\n"
    "INFO:     Running upgrade  -> one\n"
    "WARNING:  take care\n"
    "INFO:     Database is at one (head); 1 revision applied in TIME\n"
)


@pytest.fixture
def app(project: Project, sqlite_url: str) -> Project:
    """A project with a revision that warns."""
    write_environment(project.directory, sqlite_url, one=WARN)
    return project


def run(app: Project, setup: str = "", call: str = "upgrade") -> subprocess.CompletedProcess[str]:
    """Run a program that migrates."""
    write_files(app.directory, {"program.py": PROGRAM.format(setup=setup, call=call)})
    command = [sys.executable, "-W", "error", "program.py"]
    return subprocess.run(command, cwd=app.directory, env=keep_variables(), capture_output=True, text=True)


def normalise(text: str) -> str:
    return re.sub(r" in (\d+\.\d|less than 0\.1) s", " in TIME", re.sub(r"///.*?\.sqlite", "///DATABASE", text))


def test_the_default_is_calm(app: Project) -> None:
    """A line for each thing that happens, no level in front of what is usual, and no word that is cut."""
    assert normalise(app.alembic("upgrade", "head").stderr) == (
        "Database sqlite+aiosqlite:///DATABASE, from sqlalchemy.url in alembic.ini\nRunning upgrade  -> one\n"
        "WARNING: take care\nDatabase is at one (head); 1 revision applied in TIME\n"
    )


@pytest.mark.parametrize("sections", [False, True])
def test_quiet_leaves_warnings(app: Project, sections: bool) -> None:
    """With `-q` only warnings are heard, whoever has set up logging."""
    if sections:
        ini = app.directory / "alembic.ini"
        ini.write_text(ini.read_text() + SECTIONS.format(level="INFO"))
    warning = "WARNI [alembic_async_template.enums] take care\n" if sections else "WARNING: take care\n"
    result = app.alembic("-q", "upgrade", "head")
    assert (result.stdout, result.stderr) == ("", warning)
    assert app.alembic("-q", "downgrade", "base").output == ""


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_an_ini_keeps_its_own_format(app: Project, level: str) -> None:
    """Chatter is at DEBUG there too: who asks for that gets it."""
    ini = app.directory / "alembic.ini"
    ini.write_text(ini.read_text() + SECTIONS.format(level=level))
    stderr = app.alembic("upgrade", "head").stderr
    assert "INFO  [alembic.runtime.migration] Running upgrade  -> one" in stderr
    assert "WARNI [alembic_async_template.enums] take care" in stderr
    assert stderr.count("Context impl") == stderr.count("DEBUG [alembic.runtime.migration] Context impl") == (level == "DEBUG")
    assert stderr.count("Will assume") == stderr.count("DEBUG [alembic.runtime.migration] Will assume") == (level == "DEBUG")


def test_serial_columns_are_no_news(project: Project, postgresql_url: str) -> None:
    """That a sequence belongs to a serial column is DEBUG, for `revision` and `check`."""
    model = "from sqlmodel import Field, SQLModel\nclass Post(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n"
    project.write({"app/__init__.py": "", "app/models.py": model})
    project.environment["DATABASE_URL"] = postgresql_url
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("upgrade", "head")
    for command in (("check",), ("revision", "--autogenerate", "-m", "two")):
        assert re.fullmatch(r"Database .*\n", project.alembic(*command).stderr)


def test_other_environments_keep_their_output(app: Project) -> None:
    """In one process, what runs after an environment of this package is as chatty as ever."""
    env = "from alembic import context\ncontext.configure(url='sqlite://', dialect_name='sqlite')\ncontext.run_migrations()\n"
    other = app.directory / "other"
    write_environment(other, "sqlite://", one="pass")
    write_files(other, {"migrations/env.py": env})
    program = (
        "import logging\nfrom alembic.config import main\nlogging.basicConfig(level=logging.INFO)\n"
        "main(argv=['-q', 'upgrade', 'head'])\nmain(argv=['-c', 'other/alembic.ini', 'upgrade', 'head', '--sql'])\n"
    )
    write_files(app.directory, {"program.py": program})
    done = subprocess.run([sys.executable, "program.py"], cwd=app.directory, capture_output=True, text=True, env=keep_variables())
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Context impl SQLiteImpl.") == 1


def test_a_program_without_logging_sees_a_migration(app: Project) -> None:
    """Each line once, and the loggers are afterwards as they were."""
    done = run(app)
    assert (done.returncode, normalise(done.stderr), done.stdout) == (0, MIGRATION, CLEAN)


@pytest.mark.parametrize("call", ["current", "pending", "heads", "ensure_head"])
def test_a_program_without_logging_that_only_asks(app: Project, call: str) -> None:
    """A probe that asks every few seconds prints nothing."""
    assert run(app).returncode == 0
    assert run(app, call=call).stderr == ""


def test_a_script_prints_nothing(app: Project) -> None:
    """Where no web server is loaded, what is not asked for is not printed."""
    write_files(app.directory, {"program.py": PROGRAM.format(setup="", call="upgrade").replace("import uvicorn", "")})
    done = subprocess.run([sys.executable, "program.py"], cwd=app.directory, env=keep_variables(), capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout) == (0, "take care\n", CLEAN)


def test_a_program_without_logging_sees_a_wait(project: Project) -> None:
    """Whatever it asked for: a start that takes ten seconds looks like one that hangs."""
    write_environment(project.directory, "postgresql://app@127.0.0.1:1/app", one="pass")
    project.set(database_wait="1s")
    for call in ("upgrade", "ensure_head"):
        done = run(project, call=call)
        assert done.returncode == 1
        assert done.stderr.count("INFO:     Waiting for the database: ") == 1


@pytest.mark.parametrize(
    ("setup", "heard"),
    [
        ("logging.basicConfig(level=logging.INFO, format='%(name)s: %(message)s')", 1),
        ("logging.basicConfig(format='%(name)s: %(message)s')", 0),
        (
            "logging.getLogger().addHandler(logging.NullHandler()); logging.getLogger('alembic').addHandler(logging.NullHandler())",
            1,
        ),
        ("logging.getLogger('alembic_async_template').addHandler(logging.StreamHandler())", 0),
        ("logging.getLogger('alembic_async_template').setLevel(logging.WARNING)", 0),
        ("logging.getLogger('alembic_async_template').propagate = False", 0),
        ("logging.getLogger('alembic_async_template').disabled = True", 0),
        ("logging.disable(logging.WARNING)", 0),
        ("import os; sys.stderr = None", 0),
    ],
)
def test_a_program_with_logging_has_its_own(app: Project, setup: str, heard: int) -> None:
    """Nothing is printed twice, and nothing that the program has chosen to leave out."""
    done = run(app, setup)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Database is at one") == heard, done.stderr
