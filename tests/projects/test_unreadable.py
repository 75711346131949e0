"""Files of a project that the command may not read, or that are too large to be parsed."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from support.commands import ALEMBIC, keep_variables
from support.project import Project

# Root may read everything, unless it gives up these capabilities.
AS_USER = () if os.name == "nt" or os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search")

pytestmark = pytest.mark.skipif(
    os.name == "nt" or bool(AS_USER and not shutil.which("setpriv")), reason="everything may be read here"
)

MODELS = """
from sqlalchemy import MetaData
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {"pk": "pk_%(table_name)s"}


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
"""
OTHER_MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase): ...


class Page(Base):
    __tablename__ = "page"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
DATA = "DATA = [\n" + "    1,\n" * 290_000 + "]\n"


@pytest.fixture
def app(project: Project, sqlite_url: str) -> Iterator[Project]:
    """A project with two declarative bases, in a workspace of which one member may not be entered."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write(
        {
            "pyproject.toml": '[project]\nname = "app"\n[tool.uv.workspace]\nmembers = ["packages/*"]\n',
            "packages/private/pyproject.toml": '[project]\nname = "private"\n',
            "app/__init__.py": "",
            "app/models.py": MODELS,
            "app/pages.py": OTHER_MODELS,
            "app/data/__init__.py": "",
            "postgres/pgdata/base.py": "",
            "admin.py": "from app.models import SQLModel, engine\n",
        }
    )
    closed = [project.directory / path for path in ("packages/private", "app/data", "postgres", "admin.py")]
    for path in closed:
        path.chmod(0)
    yield project
    for path in [*closed, project.directory / "app/secret.py"]:  # for whoever removes them
        if path.exists():
            path.chmod(0o700)


def alembic(project: Project, *arguments: str, succeeds: bool = True) -> str:
    """What a command says that may not read everything."""
    result = subprocess.run(
        [*AS_USER, ALEMBIC, *arguments],
        cwd=project.directory,
        env=keep_variables(**project.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert (result.returncode == 0) == succeeds, result.stdout
    assert "Traceback" not in result.stdout
    return " ".join(result.stdout.split())


def initialise(project: Project) -> str:
    said = alembic(project, "init", "-t", "async-fastapi", "migrations")
    assert "import root the folder of the ini models app (app.models, app.pages)" in said
    return said


def test_what_may_not_be_read_stops_no_command(app: Project) -> None:
    """Folders of a database server or of another user, and a script that `app_models` does not cover."""
    assert "These files were not read: admin.py (no permission)." in initialise(app)
    alembic(app, "revision", "--autogenerate", "-m", "x")
    assert '"pk_post"' in app.revisions()[-1].read_text().replace("'", '"')
    alembic(app, "upgrade", "head")
    assert "No new upgrade operations detected." in alembic(app, "check")
    alembic(app, "downgrade", "base")


def test_a_model_that_may_not_be_read_is_named(app: Project) -> None:
    """Its tables would be forgotten; the fix is to give the permission, or to leave it out."""
    app.write({"app/secret.py": ""})
    secret = app.directory / "app/secret.py"
    secret.chmod(0)
    initialise(app)
    said = alembic(app, "revision", "--autogenerate", "-m", "x", succeeds=False)
    assert f"Module app.secret could not be imported: {secret} cannot be read, Permission denied where " in said
    assert app.revisions() == []
    app.set(app_models="app, ~app.secret")
    assert " or leave it out, if it defines no table of this database: app_models = app, ~app.secret see " in said
    alembic(app, "revision", "--autogenerate", "-m", "x")


@pytest.mark.parametrize("answer", ["app, app.large", "app, ~app.large"])
def test_a_large_model_is_named_once(app: Project, answer: str) -> None:
    """It is not searched for tables, and imported if it is named; a large file that can have no table is not mentioned."""
    large = OTHER_MODELS.replace("page", "large").replace("Page", "Large") + DATA
    app.write({"app/large.py": large, "app/cities.py": DATA})
    assert "app/cities.py (larger than 2 MB), app/large.py (larger than 2 MB)" in initialise(app)
    said = alembic(app, "revision", "--autogenerate", "-m", "x")
    assert said.count("not searched for tables") == 1
    assert "app/large.py is larger than 2 MB and was not searched for tables. If it defines tables of this database: " in said
    assert f"app_models = {answer}" in said
    assert alembic(app, "upgrade", "head").count("not searched for tables") == 1
    app.set(app_models=answer)
    said = alembic(app, "revision", "--autogenerate", "-m", "y")
    assert "not searched" not in said
    assert ("'large'" in app.revisions()[-1].read_text().replace('"', "'")) == ("~" not in answer)
