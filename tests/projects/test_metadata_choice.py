"""Several MetaData objects under one package: those of other databases are left out, and what cannot be decided is asked."""

from __future__ import annotations

import re

import psycopg
import pytest

from support.project import Project

MAIN = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
ENGINE = """
import os

from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:"))
"""
OTHER_ENGINE = """
import os

from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(os.environ.get("ANALYTICS_URL", "postgresql+asyncpg://nowhere/nothing"))
"""

OTHERS = {
    "a bind key": """
import sqlalchemy as sa

metadata = sa.MetaData(info={"bind_key": "analytics"})
hit = sa.Table("hit", metadata, sa.Column("id", sa.Integer, primary_key=True))
""",
    "a type of another dialect of SQLAlchemy": """
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()
hit = sa.Table("hit", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", mysql.TINYINT))
""",
    "a type of another package": """
import sqlalchemy as sa
from fakehouse.types import UInt64

metadata = sa.MetaData()
hit = sa.Table("hit", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", UInt64()))
""",
    "an engine of another package": """
import sqlalchemy as sa
from fakehouse.types import MergeTree

metadata = sa.MetaData()
hit = sa.Table("hit", metadata, sa.Column("id", sa.Integer, primary_key=True))
hit.engine = MergeTree()
""",
}
# A database's package, as `pip install` would have put it beside the application.
FAKEHOUSE = {
    "fakehouse/__init__.py": "",
    "fakehouse/types.py": """
from sqlalchemy.types import Integer


class UInt64(Integer):
    pass


class MergeTree:
    pass
""",
    "fakehouse-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: fakehouse\nVersion: 1.0\n",
    "fakehouse-1.0.dist-info/entry_points.txt": "[sqlalchemy.dialects]\nfakehouse = fakehouse.types:MergeTree\n",
}


@pytest.fixture
def app(project: Project, postgresql_url: str) -> Project:
    """An application with one table and an engine, on a database that has a table `hit` with a row."""
    project.environment["DATABASE_URL"] = postgresql_url
    project.write({"app/models.py": MAIN, "app/db.py": ENGINE, **FAKEHOUSE})
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("CREATE TABLE hit (id int)")
    return project


def say(project: Project, *arguments: str, check: bool = True) -> str:
    return " ".join(project.alembic(*arguments, check=check).output.split())


@pytest.mark.parametrize("other", OTHERS)
def test_tables_of_another_kind_of_database_are_left_out(other: str, app: Project) -> None:
    """They are neither created nor dropped; the run says which and why."""
    app.write({"app/analytics/models.py": OTHERS[other]})
    app.alembic("init", "-t", "async-fastapi", "migrations")
    output = say(app, "revision", "--autogenerate", "-m", "first")
    assert "The tables of app.analytics.models are left out: they are another database's, " in output
    text = app.revisions()[-1].read_text()
    assert "user" in text
    assert "hit" not in text
    app.alembic("upgrade", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout


SECOND = MAIN.replace("class Base", "class OtherBase").replace("(Base)", "(OtherBase)").replace("User", "Visit")
SECOND = SECOND.replace('"user"', '"visit"')


@pytest.mark.parametrize(
    ("answer", "tables"),
    [
        ("if the last is another database's, in section .*", {"user"}),
        ("if all are this database's", {"user", "visit"}),
    ],
)
def test_two_databases_of_one_kind_are_asked_about(answer: str, tables: set[str], app: Project) -> None:
    """Either line of the message, typed as it is printed, is the answer."""
    app.write({"app/zone/models.py": SECOND, "app/zone/db.py": OTHER_ENGINE})
    app.alembic("init", "-t", "async-fastapi", "migrations")
    app.set(app_models="app", app_engine="app.db:engine")
    message = app.alembic("revision", "--autogenerate", "-m", "first", check=False).block
    assert app.revisions() == []
    assert message == (
        "The application has several engines and 2 MetaData objects that do not refer to each other\n"
        "  where  app.models (1 table: user)\n         app.zone.models (1 table: visit)\n"
        "  fix    if the last is another database's, in section [alembic] of alembic.ini:\n"
        "         app_models = app, ~app.zone.models\n"
        "  or     if all are this database's:\n         app_models = app, app.zone.models"
    )
    line = re.search(rf"{answer}:\n +app_models = (.*)", message)
    assert line is not None
    app.set(app_models=line[1])
    with psycopg.connect(app.environment["DATABASE_URL"]) as connection:
        connection.execute("DROP TABLE hit")
    app.alembic("revision", "--autogenerate", "-m", "first")
    created = set(re.findall(r'op\.create_table\(\s*"(\w+)"', app.revisions()[-1].read_text()))
    assert created == tables
    app.alembic("upgrade", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"app/zone/models.py": SECOND}, id="one engine"),
        pytest.param(
            {"app/zone/models.py": SECOND, "app/sync.py": ENGINE.replace("create_async_engine", "create_engine")},
            id="two engines for one URL",
        ),
        pytest.param(
            {
                "app/zone/models.py": SECOND.replace(
                    "from sqlalchemy.orm",
                    "from sqlalchemy import ForeignKey\n\nfrom app.models import User\nfrom sqlalchemy.orm",
                    1,
                )
                + "    user_id: Mapped[int] = mapped_column(ForeignKey(User.__table__.c.id))\n",
                "app/zone/db.py": OTHER_ENGINE,
            },
            id="a key between them",
        ),
    ],
)
def test_what_belongs_together_is_not_asked_about(files: dict[str, str], app: Project) -> None:
    """One database as far as the sources tell: all tables are its own."""
    app.write(files)
    app.alembic("init", "-t", "async-fastapi", "migrations")
    app.set(app_models="app", app_engine="app.db:engine")
    with psycopg.connect(app.environment["DATABASE_URL"]) as connection:
        connection.execute("DROP TABLE hit")
    app.alembic("revision", "--autogenerate", "-m", "first")
    app.alembic("upgrade", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout
    text = app.revisions()[-1].read_text()
    assert "user" in text
    assert "visit" in text
