"""The whole output of the usual commands, on a terminal and not, as it is kept in `tests/commands/output`.

Where a change is meant: `WRITE_OUTPUT=1 pytest tests/commands/test_output.py`, and read what changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import ALEMBIC, keep_variables
from support.project import Project, write_environment, write_files
from support.terminal import run_on_terminal

KEPT = Path(__file__).parent / "output"
MODELS = """
from sqlmodel import Field, SQLModel


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str = ""
"""
CHANGED = MODELS.replace("title: str", "headline: str") + "    views: int | None = Field(default=None, index=True)\n"
WARN = '    __import__("logging").getLogger("alembic_async_template.enums").warning("take care")\n'
# ruff cannot be imported.
HIDE_RUFF = """
import importlib.util

find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "ruff" else find_spec(name, *rest)
"""
FAIL = '    op.execute("SELECT 1 FROM nowhere")\n'

Run = Callable[..., str]


def play(project: Project, run: Run) -> str:
    """Type the commands of a first hour, and return what each of them printed."""

    def write_body(name: str, body: str) -> None:
        (path,) = (path for path in project.revisions() if name in path.name)
        path.write_text(path.read_text().replace('    """Upgrade the schema."""\n', f'    """Upgrade the schema."""\n{body}'))

    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    said = run("init", "-t", "async-fastapi", "migrations")
    said += run("revision", "--autogenerate", "-m", "create posts")
    said += run("upgrade", "head") + run("upgrade", "head") + run("check") + run("current")
    project.write({"app/models.py": CHANGED})
    said += run("check") + run("revision", "-m", "take care")
    write_body("take_care", WARN)
    said += run("upgrade", "head") + run("revision", "-m", "fail")
    write_body("fail", FAIL)
    said += run("upgrade", "head") + run("-q", "upgrade", "head") + run("downgrade", "base") + run("-q", "upgrade", "+1")
    return said + run("stamp", "head") + run("revision", "--autogenerate", "-m", "change")


def normalise(text: str, project: Project, url: str) -> str:
    """Without what differs from run to run: identifiers, times, paths, servers."""
    server, _, database = url.rpartition("@")[2].partition("/")
    text = text.replace(str(project.directory), "/PROJECT").replace(server, "HOST").replace(database, "DATABASE")
    for number, revision in enumerate(dict.fromkeys(re.findall(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])", text)), 1):
        text = text.replace(revision, f"REVISION{number}")
    text = re.sub(r"\d{4}_\d\d_\d\d_\d{4}-", "DATE-", text)
    return re.sub(r" in (\d+\.\d|less than 0\.1) s", " in TIME", text)


def compare(name: str, text: str) -> None:
    path = KEPT / f"{name}.txt"
    if os.environ.get("WRITE_OUTPUT"):
        KEPT.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def on_terminal(project: Project, **variables: str) -> Run:
    def run(*arguments: str) -> str:
        environment = keep_variables(**project.environment, **{"TERM": "xterm", "COLUMNS": "80"} | variables)
        answers = [("Was post.title renamed to post.headline? [y/N]", "y\n")] if "change" in arguments else []
        returncode, shown = run_on_terminal([ALEMBIC, *arguments], project.directory, environment, answers)
        return f"$ alembic {' '.join(arguments)}\n{shown.replace(chr(27), '<ESC>')}({returncode})\n\n"

    return run


@pytest.fixture
def app(project: Project, embedded_url: str) -> Project:
    """A project whose driver is asyncpg."""
    project.environment["DATABASE_URL"] = embedded_url
    return project


def test_the_output_into_files(app: Project, embedded_url: str) -> None:
    """Both streams apart: what is asked for is on the standard output, and what is told on the standard error."""

    def run(*arguments: str) -> str:
        result = app.alembic(*arguments, check=False)
        streams = [(name, text) for name, text in (("stdout", result.stdout), ("stderr", result.stderr)) if text]
        told = "".join(f"-- {name}\n{text}" + ("" if text.endswith("\n") else "\n") for name, text in streams)
        return f"$ alembic {' '.join(arguments)}\n{told}({result.returncode})\n\n"

    compare("files", normalise(play(app, run), app, embedded_url))


def test_the_output_on_a_terminal(app: Project, embedded_url: str) -> None:
    """Colour is on what matters: the first word of an error, the labels of its fixes, a warning."""
    compare("terminal", normalise(play(app, on_terminal(app)), app, embedded_url))


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("variables", "redirection", "coloured"),
    [
        ({}, "", True),
        ({}, ">stdout", True),
        ({}, "2>stderr; cat stderr", False),
        ({"NO_COLOR": "1"}, "", False),
        ({"NO_COLOR": ""}, "", True),
        ({"TERM": "dumb"}, "", False),
    ],
)
def test_where_there_is_colour(
    project: Project, sqlite_url: str, variables: dict[str, str], redirection: str, coloured: bool
) -> None:
    """On a terminal that has it, of a user who wants it, and of the stream that is the terminal."""
    write_environment(project.directory, sqlite_url, one=WARN.strip(), two=FAIL.strip())
    environment = keep_variables(**{"TERM": "xterm", **variables})
    _, shown = run_on_terminal(["sh", "-c", f"{ALEMBIC} upgrade head {redirection}"], project.directory, environment)
    codes = re.findall(r"\x1b\[([\d;]+)m(\w+)", shown)
    assert codes == ([("1;33", "WARNING"), ("1;31", "FAILED"), ("1;32", "fix")] if coloured else [])
    assert "WARNING: take care\n" in re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert "FAILED: no such table: nowhere\n" in re.sub(r"\x1b\[[\d;]*m", "", shown)


def test_a_revision_where_there_is_no_ruff(project: Project) -> None:
    """The hook is not announced then; with `-q` it does its work without a word, where there is one."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_files(project.directory, {"sitecustomize.py": HIDE_RUFF})
    hidden = {"PYTHONPATH": str(project.directory), "PATH": os.defpath}
    result = project.alembic("revision", "-m", "one", env=hidden)
    assert re.fullmatch(r"Generating .*_one\.py \.\.\.  done\n", result.stdout), str(result)
    assert result.stderr == ""
    mako = project.directory / "migrations/script.py.mako"
    mako.write_text(f"{mako.read_text()}\n\nx   =   1\n")
    result = project.alembic("-q", "revision", "-m", "two")
    assert result.output == ""
    (two,) = (path for path in project.revisions() if "two" in path.name)
    assert "\nx = 1\n" in two.read_text()
