"""Foreign keys that SQLite has without a name, as `Field(foreign_key=...)` makes them."""

from __future__ import annotations

import pytest

from support.models import autogenerate
from support.project import Project

MODELS = """
from sqlmodel import Field, SQLModel


class User(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id"{options})
"""


@pytest.mark.sqlite
def test_a_key_that_gets_another_rule_is_replaced_both_ways(project: Project, sqlite_url: str) -> None:
    """The batch operation reads the key under a name, by which it is dropped."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write({"app/models.py": MODELS.format(options="")})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    autogenerate(project)
    project.alembic("upgrade", "head")
    project.write({"app/models.py": MODELS.format(options=', ondelete="CASCADE"')})
    text = autogenerate(project)
    assert "None, type_" not in text
    for command in (("upgrade", "head"), ("check",), ("downgrade", "-1"), ("upgrade", "head"), ("check",)):
        project.alembic(*command)
    project.write({"app/models.py": MODELS.format(options="").replace('Field(foreign_key="user.id")', "0")})
    autogenerate(project)
    for command in (("upgrade", "head"), ("check",), ("downgrade", "base")):
        project.alembic(*command)


@pytest.mark.sqlite
def test_a_key_without_a_name_is_removed(project: Project, sqlite_url: str) -> None:
    """Nothing takes its place, and the downgrade brings it back."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write({"app/models.py": MODELS.format(options="")})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    autogenerate(project)
    project.alembic("upgrade", "head")
    project.write({"app/models.py": MODELS.format(options="").replace('Field(foreign_key="user.id")', "0")})
    autogenerate(project)
    for command in (("upgrade", "head"), ("check",), ("downgrade", "-1"), ("downgrade", "base")):
        project.alembic(*command)
