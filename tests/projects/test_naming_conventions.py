"""The naming convention of the models names the constraints of a revision, and an upgrade imports what holds it."""

import sqlite3

import pytest

from support.models import TABLE, autogenerate
from support.project import Project


def test_the_models_naming_convention_names_constraints_of_a_revision(app: Project) -> None:
    """Unnamed constraints get the models' names, as with Alembic's own template, and `--sql` the same."""
    app.write(
        {
            "app/models.py": "import sqlalchemy as sa\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n"
            "class Base(DeclarativeBase):\n"
            "    metadata = sa.MetaData(naming_convention={'uq': 'unique_%(table_name)s_%(column_0_name)s'})\n"
            "class One(Base):\n    __tablename__ = 'one'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
        }
    )
    autogenerate(app)
    app.alembic("revision", "-m", "by hand", "--head", "head")
    revision = next(path for path in app.revisions() if "by_hand" in path.name)
    revision.write_text(
        revision.read_text().replace(
            'schema."""', 'schema."""\n    op.create_table("two", sa.Column("x", sa.Integer), sa.UniqueConstraint("x"))'
        )
    )
    sql = app.alembic("upgrade", "head", "--sql").stdout
    assert "CONSTRAINT unique_two_x UNIQUE (x)" in sql
    assert app.alembic("upgrade", "head").output.count("Database sqlite") == 1


BY_HAND = 'op.create_table("two", sa.Column("x", sa.Integer), sa.UniqueConstraint("x"))'
SQLMODEL = "from sqlmodel import Field, SQLModel\n"
SET = "SQLModel.metadata.naming_convention = {'uq': 'u_%(table_name)s'}\n"
CONVENTION = "naming_convention = {'uq': 'u_%(table_name)s'}\n"
MODEL = "    __tablename__ = 'one'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
ORM = "from sqlalchemy import MetaData\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry\n"


@pytest.mark.parametrize(
    ("files", "imported"),
    [
        pytest.param(
            {
                "names.py": CONVENTION,
                "meta.py": ORM + "from .names import naming_convention as n\nmetadata = MetaData(naming_convention=n)\n",
                "base.py": ORM + "from .meta import metadata as m\nclass Base(DeclarativeBase):\n    metadata = m\n",
                "models.py": f"{ORM}from .base import Base\nclass One(Base):\n{MODEL}",
            },
            "base meta names",
            id="constant",
        ),
        pytest.param(
            {"base.py": SQLMODEL + SET, "models.py": "from . import base\n" + TABLE.format(name="One")},
            "base",
            id="set in a module that the models import",
        ),
        pytest.param({"models.py": SQLMODEL + SET + TABLE.format(name="One")}, "models", id="set beside the models"),
        pytest.param(
            {
                "db.py": "from . import base\n",
                "base.py": SQLMODEL + SET,
                "models.py": "from . import db\n" + TABLE.format(name="One"),
            },
            "base db models",
            id="set where the models' imports lead to",
        ),
        pytest.param(
            {
                "base.py": f"{ORM}{CONVENTION}def make():\n    class Base(DeclarativeBase):\n"
                "        metadata = MetaData(naming_convention=naming_convention)\n    return Base\n",
                "models.py": f"{ORM}from .base import make\nclass One(make()):\n{MODEL}",
            },
            "base models",
            id="base out of a call",
        ),
        pytest.param(
            {
                "base.py": f"{ORM}{CONVENTION}reg = registry(metadata=MetaData(naming_convention=naming_convention))\n",
                "models.py": f"{ORM}from .base import reg\n@reg.mapped\nclass One:\n{MODEL}",
            },
            "base",
            id="registry",
        ),
    ],
)
def test_an_upgrade_imports_what_holds_the_convention(app: Project, files: dict[str, str], imported: str) -> None:
    """An upgrade imports that module only if the sources show it, else the models; names are the same."""
    app.write({f"app/{name}": text for name, text in files.items()})
    show = "import sys\nprint('imported', *sorted(n[4:] for n in sys.modules if n.startswith('app.')))\n"
    env = app.directory / "migrations/env.py"
    env.write_text(env.read_text() + show)
    app.alembic("revision", "-m", "by hand")
    (revision,) = app.revisions()
    revision.write_text(revision.read_text().replace('schema."""', f'schema."""\n    {BY_HAND}', 1))
    assert f"imported {imported}\n" in app.alembic("upgrade", "head").stdout
    assert "imported\n" in app.alembic("upgrade", "head").stdout
    assert "CONSTRAINT u_two UNIQUE (x)" in app.alembic("upgrade", "head", "--sql").stdout
    connection = sqlite3.connect(app.environment["DATABASE_URL"].removeprefix("sqlite:///"))
    (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'two'").fetchone()
    connection.close()
    assert "CONSTRAINT u_two UNIQUE (x)" in sql


def test_models_that_run_a_loop_are_imported_where_none_runs(app: Project) -> None:
    """An upgrade imports them too, once the database shows that it needs their convention."""
    loop = "import asyncio\nasync def nothing(): pass\nasyncio.run(nothing())\n"
    app.write({"app/models.py": loop + SQLMODEL + SET + TABLE.format(name="One")})
    autogenerate(app)
    app.alembic("upgrade", "head")
    app.alembic("downgrade", "base")


def test_why_a_module_is_imported_is_said_at_debug(app: Project) -> None:
    """The line and what was seen there."""
    app.write({"app/base.py": "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\n"})
    app.write({"app/other.py": f"{ORM}from app.base import Base\n\n\nclass Other(Base):\n{MODEL}".replace("'one'", "'other'")})
    env = app.directory / "migrations/env.py"
    level = "import logging\nlogging.getLogger('alembic_async_template').setLevel(logging.DEBUG)\n"
    env.write_text(level + env.read_text())
    output = app.alembic("revision", "--autogenerate", "-m", "x").stderr
    assert "Importing app.models: line 5, class One says table=True\n" in output
    assert "Importing app.other: line 6, class Other has the declarative base app.base:Base\n" in output
    assert "Importing app.base" not in output


def test_an_upgrade_needs_no_complete_models(app: Project) -> None:
    """Where only a naming convention is wanted, a module outside of app_models stops no deploy."""
    convention = "import sqlmodel\nsqlmodel.SQLModel.metadata.naming_convention = {'uq': 'u_%(column_0_name)s'}\n"
    app.write({"app/models.py": convention + TABLE.format(name="One")})
    autogenerate(app)
    app.write({"scripts/importer.py": TABLE.format(name="Staging")})
    app.alembic("upgrade", "head")
    assert "scripts.importer defines tables" in app.alembic("check", check=False).block
