"""What uvicorn prints when an application does not start: few lines, and the message last."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from alembic_async_template import Migrations
from alembic_async_template.errors import AlembicAsyncTemplateError
from support.commands import keep_variables
from support.program import Make
from support.project import Project, write_environment

UVICORN = Path(sys.executable).with_name("uvicorn")
MAIN = """
from contextlib import asynccontextmanager
from pathlib import Path

from alembic_async_template import Migrations
from fastapi import FastAPI

migrations = Migrations(Path(__file__).parent / "alembic.ini")


@asynccontextmanager
async def lifespan(app):
    await migrations.START()
    yield


app = FastAPI(lifespan=lifespan)
"""
# What of the output is uvicorn's and the application's: two lines before, two after, and the traceback down to this package.
AROUND = 4
TRACEBACK = 10


def start(project: Project, url: str, call: str = "upgrade") -> str:
    """Start the application, which has set up no logging, until it ends by itself: what it printed."""
    write_environment(project.directory, url, one="pass")
    project.write({"main.py": MAIN.replace("START", call)})
    project.set(database_wait="1s")
    command = [str(UVICORN), "main:app", "--port", "0"]
    done = subprocess.run(command, cwd=project.directory, env=keep_variables(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    return done.stdout + done.stderr


def take_block(output: str) -> list[str]:
    """The lines of the message, with which the traceback ends; nothing else follows but that uvicorn ends."""
    lines = output.splitlines()
    assert lines[-2:] == ["", "ERROR:    Application startup failed. Exiting."], output
    first = max(number for number, line in enumerate(lines) if line.startswith("alembic_async_template.errors."))
    return lines[first:-2]


@pytest.mark.parametrize(
    ("name", "headline", "length", "said"),
    [
        ("missing database", r"ConnectionFailedError: The database cannot be opened: database \"nowhere\" does not exist", 4, 1),
        ("server down", r"DatabaseNotReachableError: The database could not be reached within 1 s: .*", 5, 2),
        ("no URL", r"NoDatabaseURLError: No database URL was found", 5, 0),
        ("not at head", r"DatabaseNotAtHeadError: The database is at no revision, and this application needs one", 3, 0),
    ],
)
def test_an_application_that_does_not_start(
    project: Project, embedded_url: str, name: str, headline: str, length: int, said: int
) -> None:
    """Of each error the lines are counted: the traceback has one step of this package, and no second one stands before it.

    :param length: how many lines the message has.
    :param said: how many lines are logged before: which database, and what is waited for.
    """
    url = make_url(embedded_url)
    urls = {
        "missing database": url.set(database="nowhere"),
        "server down": url.set(port=1),
        "no URL": None,
        "not at head": url,
    }
    chosen = urls[name]
    text = "" if chosen is None else chosen.render_as_string(hide_password=False).replace("%", "%%")
    output = start(project, text, "ensure_head" if name == "not at head" else "upgrade")
    block = take_block(output)
    assert re.fullmatch(rf"alembic_async_template\.errors\.{headline}", block[0]), output
    assert len(block) == length, output
    assert output.count("Traceback") == 1
    assert output.count("/alembic_async_template/") == 1
    assert len(output.splitlines()) <= AROUND + TRACEBACK + said + length, output
    assert output.count("INFO:     Database ") + output.count("INFO:     Waiting for the database") == said


@pytest.mark.sqlite
def test_the_cause_is_the_context(make: Make, sqlite_url: str) -> None:
    """A traceback does not show what led to an error, and a debugger finds it; its own steps here are one."""
    ini = make(sqlite_url, one=('op.execute("SELECT 1 FROM nowhere")', "pass"))
    with pytest.raises(AlembicAsyncTemplateError) as error:
        asyncio.run(Migrations(ini).upgrade())
    assert error.value.__cause__ is None
    assert type(error.value.__context__).__name__ == "OperationalError"
    assert len(_list_steps(error.value)) == 1
    assert "During handling" not in "".join(traceback.format_exception(error.value))


def test_a_missing_ini_has_one_step(tmp_path: Path) -> None:
    """The same of what is refused before anything is called."""
    with pytest.raises(AlembicAsyncTemplateError) as error:
        Migrations(tmp_path / "alembic.ini")
    assert len(_list_steps(error.value)) == 1


def _list_steps(error: BaseException) -> list[traceback.FrameSummary]:
    package = str(Path(sys.modules["alembic_async_template"].__file__ or "").parent)
    return [step for step in traceback.extract_tb(error.__traceback__) if step.filename.startswith(package)]
