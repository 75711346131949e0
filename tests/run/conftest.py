"""Fixtures of the tests of runs: a project that a program migrates."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from support.program import MODELS, Make
from support.project import ENV, Project, write_files, write_revisions
from support.waiting import Write


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a project with these revisions, each with the body of its upgrade and that of its downgrade; its ini."""
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def make(url: str = "", **revisions: tuple[str, str]) -> Path:
        directory = tmp_path / uuid4().hex
        # A module is imported once in a process: its name is new each time.
        models = f"models_{uuid4().hex}"
        files = {
            f"{models}.py": MODELS,
            "alembic.ini": f"[alembic]\nscript_location = %(here)s/migrations\napp_models = {models}\nsqlalchemy.url = {url}\n",
            "migrations/env.py": ENV,
            "migrations/script.py.mako": "",
        }
        write_revisions(directory, **revisions)
        return write_files(directory, files) / "alembic.ini"

    return make


@pytest.fixture
def write(project: Project) -> Write:
    """Writes revisions, one after the other, and sets short times."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.set(lock_timeout="600ms", lock_retries="1")
    return partial(write_revisions, project.directory)
