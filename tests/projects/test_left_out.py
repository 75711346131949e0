"""Modules that `~name` leaves out of one database, and whose tables share their MetaData with those that stay."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest

from support.commands import keep_variables
from support.models import autogenerate
from support.project import Project

POSTS = """
import enum

from sqlalchemy import Column, ForeignKey, Integer, Sequence, Table
from sqlmodel import Field, SQLModel


class Status(enum.Enum):
    draft = 1
    live = 2


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    status: Status = Status.draft


post_post = Table(
    "post_post",
    SQLModel.metadata,
    Column("post_id", ForeignKey("post.id"), primary_key=True),
    Column("position", Integer, Sequence("positions", metadata=SQLModel.metadata)),
)


def declare() -> type:
    class Inner(SQLModel, table=True):
        id: int | None = Field(default=None, primary_key=True)

    return Inner


class Namespace:
    Inner = declare()
"""
INVOICES = """
import enum

from sqlmodel import Field, SQLModel

from app.models import Post, post_post


class Paid(enum.Enum):
    no = 1
    yes = 2


class Invoice(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    paid: Paid = Paid.no
"""
BILLING = """

[billing]
script_location = %(here)s/migrations_billing
prepend_sys_path = %(here)s
app_models = billing, ~app
path_separator = os
"""


@pytest.fixture
def shop(project: Project, postgresql_url: str) -> Project:
    """Two sections of one ini, the second one for the tables of `billing`, which imports `app`."""
    project.environment["DATABASE_URL"] = postgresql_url
    project.write({"app/__init__.py": "", "app/models.py": POSTS, "billing/__init__.py": "", "billing/models.py": INVOICES})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("-n", "billing", "init", "-t", "async-fastapi", "migrations_billing")
    project.set(app_models="app, ~billing")
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text().partition("\n[billing]")[0] + BILLING)
    project.migrations = "migrations_billing"
    return project


def test_a_revision_has_nothing_of_modules_that_are_left_out(shop: Project) -> None:
    """Neither their tables, of classes and `Table`, nor the enum types and sequences that only they use; they are not dropped."""
    text = autogenerate(shop, "-n", "billing")
    assert 'op.create_table(\n        "invoice"' in text
    assert 'op.create_enum("paid"' in text
    assert not [word for word in ("post", "status", "inner", "positions") if f'"{word}' in text]
    shop.alembic("-n", "billing", "upgrade", "head")
    with psycopg.connect(shop.environment["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE post (id int)")
    assert "No new upgrade operations" in shop.alembic("-n", "billing", "check").stdout


def test_what_a_module_that_stays_maps_is_not_left_out(shop: Project) -> None:
    """A subclass without a table of its own, and a table that a module which stays declares and the other one imports."""
    shop.write(
        {
            "billing/tables.py": "from sqlalchemy import Column, Integer, Table\nfrom sqlmodel import SQLModel\n"
            "line = Table('line', SQLModel.metadata, Column('id', Integer, primary_key=True))\n",
            "app/models.py": f"{POSTS}\nfrom billing.tables import line\n",
        }
    )
    text = autogenerate(shop, "-n", "billing")
    assert 'op.create_table(\n        "line"' in text
    assert 'op.create_table(\n        "post' not in text


PROGRAM = """
import asyncio
import app.models
import billing.models
from alembic_async_template import Migrations


async def main():
    billing = Migrations(section="billing")
    print(await billing.check())
    await billing.ensure_head(enums=True)
    print(sorted(app.models.SQLModel.metadata.tables))


asyncio.run(main())
"""


def test_a_program_that_has_imported_everything_checks_one_section(shop: Project) -> None:
    """`check` has no difference, `ensure_head(enums=True)` does not refuse, and the program's MetaData is as it was."""
    autogenerate(shop, "-n", "billing")
    shop.alembic("-n", "billing", "upgrade", "head")
    shop.write({"program.py": PROGRAM})
    environment = keep_variables(**shop.environment)
    run = subprocess.run(
        [sys.executable, "program.py"], cwd=shop.directory, env=environment, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "()\n['inner', 'invoice', 'post', 'post_post']\n"), run.stderr


def test_a_convention_of_env_py_names_the_tables_that_stay(shop: Project) -> None:
    """It reaches tables whose MetaData has others too."""
    call = 'run_environment(naming_convention={"pk": "pk_%(table_name)s"})'
    shop.write({"migrations_billing/env.py": f"from alembic_async_template import run_environment\n\n{call}\n"})
    assert '"pk_invoice"' in autogenerate(shop, "-n", "billing")


def test_a_key_to_a_table_that_is_left_out_stays(shop: Project) -> None:
    """The other table may be of another environment of the same database; where it is not, the upgrade says that it is missing."""
    key = "\n    post_id: int | None = Field(default=None, foreign_key='post.id')\n"
    shop.write({"billing/models.py": INVOICES.rstrip() + key})
    text = autogenerate(shop, "-n", "billing")
    assert '["post.id"]' in text
    assert 'op.create_table(\n        "post"' not in text
    assert 'relation "post" does not exist' in shop.alembic("-n", "billing", "upgrade", "head", check=False).block
    with psycopg.connect(shop.environment["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE post (id int PRIMARY KEY)")
    shop.alembic("-n", "billing", "upgrade", "head")
    assert "No new upgrade operations" in shop.alembic("-n", "billing", "check").stdout
