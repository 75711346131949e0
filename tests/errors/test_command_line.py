"""What the command line prints of an error: once, unfolded, on standard error; and what it leaves to Alembic."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from support.cases import Case
from support.cases import run as run_case
from support.commands import keep_variables
from support.project import Project, write_environment, write_files

# A terminal that is too narrow for most lines, and Alembic's own function without this package around it.
STOCK = """
import sys
from alembic.config import CommandLine, main

if sys.argv.pop(1) == "stock":
    CommandLine.run_cmd = CommandLine.run_cmd.__wrapped__
main()
"""
BLOCK = """\
FAILED: no such table: nowhere
  where  revision two, migrations/versions/two.py:13
         op.execute("SELECT 1 FROM nowhere")
  state  rolled back; applied before it in this run: one
"""


def leave_out_log(text: str) -> str:
    """What is on standard error but the progress of the migration."""
    return re.sub(r"^(Database|Running) .*\n", "", text, flags=re.MULTILINE)


@pytest.fixture
def broken(project: Project, sqlite_url: str) -> Project:
    """A project whose second revision fails."""
    write_environment(project.directory, sqlite_url, one="pass", two='op.execute("SELECT 1 FROM nowhere")')
    return project


@pytest.mark.parametrize("options", [(), ("-q",)])
def test_an_error_is_on_standard_error_once(broken: Project, options: tuple[str, ...]) -> None:
    """The error is on standard error once, with `-q` too, and nothing is on standard output."""
    result = broken.alembic(*options, "upgrade", "head", check=False)
    assert (result.returncode, result.stdout) == (255, "")
    assert leave_out_log(result.stderr).startswith(BLOCK), str(result)
    assert result.stderr.count("FAILED:") == result.stderr.count("no such table: nowhere") == 1


def test_a_script_has_no_error_in_it(broken: Project, sqlite_url: str) -> None:
    """What `--sql` writes into a file is SQL."""
    write_environment(broken.directory, sqlite_url, one="op.execute('SELECT 1')", two="sqlmodel.AutoString()")
    result = broken.alembic("upgrade", "head", "--sql", check=False)
    assert result.returncode == 255
    assert "SELECT 1;" in result.stdout
    assert "FAILED" not in result.stdout
    assert "state  the script is not complete, and nothing was run" in result.stderr


def test_raiseerr_raises(broken: Project) -> None:
    """The traceback, from the driver's error to the block."""
    result = broken.alembic("--raiseerr", "upgrade", "head", check=False)
    assert (result.returncode, "FAILED:" in result.output) == (1, False)
    positions = [
        result.stderr.index("sqlite3.OperationalError: no such table: nowhere"),
        result.stderr.index("The above exception was the direct cause"),
        result.stderr.index(f"alembic_async_template.errors.RevisionFailedError: {BLOCK.removeprefix('FAILED: ')}"),
    ]
    assert positions == sorted(positions)


def test_an_error_of_alembic_in_a_revision_has_its_place(broken: Project, sqlite_url: str) -> None:
    """It is told as this package's own are."""
    write_environment(
        broken.directory, sqlite_url, one="raise __import__('alembic').util.CommandError('Run the other tool first')"
    )
    result = broken.alembic("-q", "upgrade", "head", check=False)
    assert (result.returncode, result.stdout) == (255, "")
    assert leave_out_log(result.stderr) == (
        "FAILED: Run the other tool first\n  where  revision one, migrations/versions/one.py:13\n"
        "         raise __import__('alembic').util.CommandError('Run the other tool first')\n"
        "  state  rolled back; applied before it in this run: none\n"
    )


@pytest.mark.parametrize(
    ("env", "arguments"),
    [
        ("raise SystemExit(3)", ("upgrade", "head")),
        ("raise __import__('alembic').util.CommandError('of its own ' * 30)", ("upgrade", "head")),
        ("raise __import__('alembic').util.CommandError('of its own')", ("-q", "upgrade", "head")),
        ("raise __import__('alembic').util.CommandError('of its own')", ("--raiseerr", "upgrade", "head")),
        ("raise RuntimeError('unforeseen')", ("current",)),
        ("", ("show", "nowhere")),
        ("", ("-n", "nothing", "current")),
        ("", ("upgrade",)),
    ],
)
def test_what_is_alembics_stays_as_it_is(project: Project, env: str, arguments: tuple[str, ...]) -> None:
    """Its own errors, those of other environments, and unforeseen ones: both streams and the exit status."""
    write_environment(project.directory, "sqlite://", one="pass")
    write_files(project.directory, {"migrations/env.py": env, "run.py": STOCK})
    results = [run(project, kind, *arguments) for kind in ("stock", "ours")]
    assert results[0] == results[1]
    assert results[0][0] != 0


def run(project: Project, kind: str, *arguments: str) -> tuple[int, str, str]:
    """Run `alembic` with or without this package around its command line: exit status and streams, without tracebacks."""
    command = [sys.executable, "run.py", kind, *arguments]
    done = subprocess.run(command, cwd=project.directory, capture_output=True, text=True, env=keep_variables(COLUMNS="60"))
    return done.returncode, done.stdout, re.sub(r'  File ".*?\n(?:    .*\n)*', "", done.stderr)


@pytest.mark.parametrize("template", ["async", "async-fastapi"])
def test_a_command_in_a_running_loop(templates: Path, tmp_path: Path, sqlite_url: str, template: str) -> None:
    """The stock template fails in a running loop, as at an application's start; this one works."""
    project = Project(tmp_path / "project")
    run_case(project, Case("", revisions={"one": "pass"}, command=("history",)), templates / template, make_url(sqlite_url))
    script = (
        "import asyncio\nfrom alembic import command\nfrom alembic.config import Config\n\n"
        "async def main():\n    command.upgrade(Config('alembic.ini'), 'head')\n\nasyncio.run(main())\n"
    )
    project.write({"start.py": script})
    process = project.start(sqlite_url, "start.py", program=sys.executable)
    output = process.communicate()[0]
    refused = "asyncio.run() cannot be called from a running event loop" in output
    assert (process.returncode != 0, refused) == ((True, True) if template == "async" else (False, False)), output
