"""The enum operations on databases without enum types: revisions run, and a CHECK that keeps a value out is named."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import sqlalchemy as sa
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import NullPool

from alembic_async_template.errors import EnumCheckError
from support.enums import operations
from support.project import Project
from support.servers import MYSQL_VARIABLE, create_mysql_database, require_server

REVISION = """
import sqlalchemy as sa
from alembic_async_template import op

revision = "one"
down_revision = None


def upgrade():
    op.create_enum("status", ["draft", "live"])
    op.create_table("post", sa.Column("status", sa.Enum("draft", "live", name="status")))
    op.execute("INSERT INTO post VALUES ('draft')")
    op.add_enum_value("status", "archived", after="live")
    op.execute("INSERT INTO post VALUES ('archived')")
    op.rename_enum_value("status", "draft", "planned")
    op.rename_enum("status", "post_status")


def downgrade():
    op.drop_table("post")
    op.drop_enum("post_status", ["planned", "live", "archived"])
"""


def test_a_revision_with_every_operation_runs_on_sqlite(project: Project) -> None:
    """Each says what it does not do, and the one that rows would need says what to write."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.environment["DATABASE_URL"] = "sqlite:///app.db"
    project.write({"migrations/versions/one.py": REVISION})
    output = project.alembic("upgrade", "head").output
    for line in (
        "Not created is enum status: sqlite has no enum types",
        'Value "archived" is not added to enum status: sqlite has no enum types',
        'Value "draft" is not renamed to "planned" in enum status: sqlite has no enum types',
        'Rows hold the text "draft", change it in each table that has it, for example: '
        "op.execute(\"UPDATE post SET status = 'planned' WHERE status = 'draft'\")",
        "Not renamed is enum status: sqlite has no enum types",
    ):
        assert line in output
    with sqlite3.connect(project.directory / "app.db") as connection:
        assert connection.execute("SELECT status FROM post").fetchall() == [("draft",), ("archived",)]
    assert "Not dropped is enum post_status: sqlite has no enum types" in project.alembic("downgrade", "base").output


@pytest.fixture(params=["sqlite", pytest.param("mysql", marks=pytest.mark.mysql)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty SQLite or MariaDB database, through a sync driver."""
    with ExitStack() as databases:
        if request.param == "sqlite":
            url = request.getfixturevalue("sqlite_url")
        else:
            url = databases.enter_context(create_mysql_database(require_server(MYSQL_VARIABLE)))
        engine = create_engine(url.replace("mysql:", "mysql+pymysql:"), poolclass=NullPool)
        yield engine
        engine.dispose()


@pytest.mark.parametrize("convention", [{}, {"ck": "ck_%(table_name)s_%(constraint_name)s"}], ids=["plain", "convention"])
@pytest.mark.parametrize("operation", ["add", "rename", "replace"])
def test_a_check_that_lists_other_values_is_named(engine: Engine, operation: str, convention: dict[str, str]) -> None:
    """The message names constraint, table and what to write, which is typed; others, or with the value, are no obstacle."""
    metadata = sa.MetaData(naming_convention=convention)
    status = sa.Enum("draft", "it's", name="status", create_constraint=True, native_enum=False)
    other = sa.Enum("x", name="other_state", create_constraint=True, native_enum=False)
    sa.Table("post", metadata, sa.Column("status", status), sa.Column("other", other))
    metadata.create_all(engine)

    def work(value: str, enum: str = "status") -> None:
        with engine.connect() as connection:
            op = operations(connection)
            if operation == "add":
                op.add_enum_value(enum, value)
            elif operation == "rename":
                op.rename_enum_value(enum, "draft", value)
            else:
                op.replace_enum_values(enum, [value], replace_with={"draft": value} if value != "draft" else None)

    name = "ck_post_status" if convention else "status"
    with pytest.raises(EnumCheckError) as error:
        work("gone")
    assert (error.value.table, error.value.constraint, error.value.value) == ("post", name, "gone")
    assert str(error.value).startswith(
        f'Value "gone" is not allowed in enum status, which is text on {error.value.dialect}\n'
        f"  where  constraint {name} of table post: CHECK ("
    )
    assert error.value.fix == f"change the constraint first, on {error.value.dialect} only: PostgreSQL has a type instead"
    work("it's")
    work("anything", "state")
    with engine.begin() as connection:
        exec(str(error.value.example), {"op": operations(connection)})
    work("gone")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO post (status) VALUES ('gone')")
        connection.exec_driver_sql("INSERT INTO post (status) VALUES ('it''s')")
    with pytest.raises(IntegrityError if engine.name == "sqlite" else OperationalError), engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO post (status) VALUES ('other')")
