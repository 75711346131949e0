"""Server defaults: the same default is no difference, another one is, and neither comparison fails."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.engine import Engine
from sqlalchemy.types import TypeEngine

from alembic_async_template.autogenerate.render_types import render_items

Type = TypeEngine[Any] | type[TypeEngine[Any]]

OPTIONS = {
    "compare_type": True,
    "compare_server_default": True,
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic_async_template.enums"],
}
SAME: list[tuple[Type, Any]] = [
    (sa.Text, ""),
    (sa.String(20), "it's"),
    (sa.String(20), "0"),
    (sa.String(20), sa.text("'it''s'")),
    (sa.Integer, "0"),
    (sa.Integer, sa.text("0")),
    (sa.Boolean, sa.true()),
    (sa.Boolean, sa.false()),
    (sa.Numeric(10, 2), "0.00"),
    (sa.Numeric(10, 2), sa.text("0")),
    (sa.Float, "1.5"),
    (sa.DateTime, sa.func.now()),
    (sa.DateTime, sa.text("CURRENT_TIMESTAMP")),
    (sa.Date, sa.func.current_date()),
    (sa.JSON, "[]"),
    (sa.JSON, sa.text("'{\"a\": \"it''s\"}'")),
    (sa.Enum("a", "it's", name="mood"), "it's"),
]
DIFFERENT: list[tuple[Type, Any, Any]] = [
    (sa.Text, "", "x"),
    (sa.String(20), "it's", "its"),
    (sa.Integer, "0", "1"),
    (sa.Boolean, sa.true(), sa.false()),
    (sa.JSON, "[]", "{}"),
    (sa.JSON, "[]", sa.text("'{}'")),
    (sa.Enum("a", "b", name="mood"), "a", "a label that is not there yet"),
    (sa.Text, None, "x"),
    (sa.Text, "x", None),
]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = sa.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


@pytest.fixture
def mysql_engine(mysql_url: str) -> Iterator[Engine]:
    engine = sa.create_engine(mysql_url.replace("mysql:", "mysql+pymysql:"))
    yield engine
    engine.dispose()


def make(type_: Type, default: Any) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("value", type_, server_default=default))
    return metadata


def differences(engine: Engine, before: sa.MetaData, after: sa.MetaData) -> list[Any]:
    with engine.begin() as connection:
        before.drop_all(connection)
        before.create_all(connection)
        found = list(compare_metadata(MigrationContext.configure(connection, opts=OPTIONS), after))
        before.drop_all(connection)
    return found


@pytest.mark.parametrize(("type_", "default"), SAME)
def test_the_same_default_is_no_difference(engine: Engine, type_: Type, default: object) -> None:
    """The database may show the text of a default in its own way."""
    assert differences(engine, make(type_, default), make(type_, default)) == []


@pytest.mark.parametrize(("type_", "default", "changed"), DIFFERENT)
def test_another_default_is_a_difference(engine: Engine, type_: Type, default: object, changed: object) -> None:
    """A difference is found also where the database could not compare the two."""
    ((change,),) = differences(engine, make(type_, default), make(type_, changed))
    assert change[0] == "modify_default"


def test_all_of_them_on_mysql(mysql_engine: Engine) -> None:
    """MariaDB has names of its own for functions and booleans."""
    for type_, default in SAME:
        if "{" in str(default):
            continue  # SQLAlchemy reflects no default with an apostrophe of MariaDB's JSON
        assert differences(mysql_engine, make(type_, default), make(type_, default)) == [], (type_, default)
    for type_, default, changed in DIFFERENT:
        assert differences(mysql_engine, make(type_, default), make(type_, changed)), (type_, default, changed)


def read_written_default(engine: Engine, default: str) -> str:
    """The value that a row gets on a table that a written revision has created."""
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        upgrade_ops = produce_migrations(context, make(sa.String(40), default)).upgrade_ops
        assert upgrade_ops is not None
        code = render_python_code(upgrade_ops, render_item=render_items(None), migration_context=context)
        exec("if True:\n    " + code, {"op": Operations(context), "sa": sa})
        connection.exec_driver_sql("INSERT INTO things (id) VALUES (1)")
        value = str(connection.exec_driver_sql("SELECT value FROM things").scalar_one())
        connection.exec_driver_sql("DROP TABLE things")
    return value


QUOTED = ["'", "'a'", "it's '", "'C:\\dir\\'", "\\'", "'100 %(x)s:y'"]


@pytest.mark.parametrize("default", QUOTED)
def test_a_default_with_a_quote_at_an_end_is_written_in_the_sql_of_its_database(engine: Engine, default: str) -> None:
    """Alembic would remove the quote, and only PostgreSQL has escape strings."""
    assert read_written_default(engine, default) == default


def test_a_default_with_a_quote_at_an_end_is_written_in_the_sql_of_mysql(mysql_engine: Engine) -> None:
    """A backslash is doubled in the strings of MySQL and MariaDB."""
    for default in QUOTED:
        assert read_written_default(mysql_engine, default) == default


def test_an_identity_is_no_difference_where_there_is_none(engine: Engine) -> None:
    """SQLite has no identity columns: a model with one is not changed for ever."""

    def identity() -> sa.MetaData:
        metadata = sa.MetaData()
        sa.Table("things", metadata, sa.Column("id", sa.Integer, sa.Identity(), primary_key=True))
        return metadata

    assert differences(engine, identity(), identity()) == []


def test_computed_columns_are_left_to_alembic(engine: Engine) -> None:
    """They are no defaults, although SQLAlchemy keeps them in the same place."""

    def computed() -> sa.MetaData:
        metadata = sa.MetaData()
        sa.Table(
            "things",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("x", sa.Integer, sa.Computed("id + 1", persisted=True)),
        )
        return metadata

    assert differences(engine, computed(), computed()) == []


def test_a_project_may_compare_in_its_own_way(engine: Engine) -> None:
    """A project that compares with its own function, or not at all, is left alone."""
    for setting in (False, lambda *_: False):
        with engine.begin() as connection:
            before = make(sa.Text, "x")
            before.create_all(connection)
            context = MigrationContext.configure(connection, opts={**OPTIONS, "compare_server_default": setting})
            assert compare_metadata(context, make(sa.Text, "y")) == []
            before.drop_all(connection)
