"""Fixtures of the tests on whole projects."""

import pytest

from support.models import TABLE
from support.project import Project


@pytest.fixture
def app(project: Project, sqlite_url: str) -> Project:
    """An initialised project with one table in one package."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write({"app/__init__.py": "", "app/models.py": TABLE.format(name="One")})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    return project
