"""Projects of both templates, for tests that break them."""

from pathlib import Path

import pytest

from support.cases import MODELS
from support.project import Project


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of each template, to be copied: `async`, whose `env.py` was edited as its users do, and `async-fastapi`."""
    directory = tmp_path_factory.mktemp("templates")
    for template in ("async", "async-fastapi"):
        project = Project(directory / template)
        project.write({"app/__init__.py": "", "app/models.py": MODELS})
        project.alembic("init", "-t", template, "migrations")
    env = directory / "async/migrations/env.py"
    env.write_text(
        env.read_text().replace("target_metadata = None", "from app.models import Base\ntarget_metadata = Base.metadata")
    )
    return directory
