"""Errors of the history: several heads, revisions without a file, a step back from a merge."""

from __future__ import annotations

import asyncio
import io
import shutil
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

from alembic_async_template import Migrations, errors
from support.cases import AUTOGENERATE, Case, run
from support.project import Project, write_environment, write_files


def test_a_step_back_from_a_merge(tmp_path: Path, sqlite_url: str) -> None:
    """It has two ends, and both are named; so are the heads that are not merged yet, with the command that was typed."""
    write_environment(tmp_path, sqlite_url)
    migrations = Migrations(tmp_path / "alembic.ini")
    for name, previous in {"one": None, "two": None, "three": ("one", "two")}.items():
        text = f"revision = {name!r}\ndown_revision = {previous!r}\nupgrade = downgrade = lambda: None\n"
        write_files(tmp_path, {f"migrations/versions/{name}.py": text})
        if name == "two":
            with pytest.raises(errors.SeveralHeadsError, match=r"  or     go to all of them:\n         alembic stamp heads$"):
                asyncio.run(migrations.stamp("head"))
    asyncio.run(migrations.upgrade())
    with pytest.raises(errors.AmbiguousDowngradeError) as refused:
        asyncio.run(migrations.downgrade("-1"))
    assert str(refused.value) == (
        "One step back from three leads to each of one, two\n  fix    name the one to go to:\n         alembic downgrade one"
    )
    asyncio.run(migrations.downgrade("one"))
    assert set(asyncio.run(migrations.current())) == {"one", "two"}


def test_a_failed_purge_keeps_the_revision(tmp_path: Path, database_url: str) -> None:
    """The version table is emptied and filled in one transaction."""
    write_environment(tmp_path, database_url.replace("%", "%%"), one="pass")
    migrations = Migrations(tmp_path / "alembic.ini")
    asyncio.run(migrations.upgrade())
    with pytest.raises(errors.RevisionNotFoundError, match="where  their head is one; the database is at one"):
        command.stamp(Config(tmp_path / "alembic.ini"), "nowhere", purge=True)
    assert asyncio.run(migrations.current()) == ("one",)
    with pytest.raises(
        errors.RevisionNotFoundError, match="where  their head is one\n  fix    see which there are"
    ):  # no one has asked
        command.upgrade(Config(tmp_path / "alembic.ini", output_buffer=io.StringIO()), "nowhere", sql=True)


def test_a_revision_for_several_heads(templates: Path, tmp_path: Path, sqlite_url: str) -> None:
    """Autogenerate is refused before it compares, unless a head is named."""
    files = {f"migrations/versions/{name}.py": f"revision = '{name}'\ndown_revision = None\n" for name in ("one", "two")}
    project = Project(tmp_path / "ours")
    for arguments, refused in ((), True), (("--head", "one"), False):
        case = Case("", files=files, command=(*AUTOGENERATE, *arguments))
        result = run(project, case, templates / "async-fastapi", make_url(sqlite_url))
        assert ("FAILED: The revisions have 2 heads, one, two" in result.stderr) is refused, str(result)
        shutil.rmtree(project.directory)
