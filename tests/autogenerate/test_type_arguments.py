"""A length, a precision or a scale that is added or removed: Alembic takes a type without one for equal to every other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, event
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.types import TypeDecorator
from sqlalchemy_utils import ChoiceType, EmailType  # type: ignore[import-untyped]
from sqlmodel import AutoString

from support.history import History

OPTIONS = {
    "compare_type": True,
    "compare_server_default": True,
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic_async_template.enums"],
}


class Short(TypeDecorator[str]):
    """A type of an application."""

    impl = sa.String(7)
    cache_ok = True


class Money(sa.types.UserDefinedType[Any]):
    """A type that this package knows nothing of, with an argument that PostgreSQL refuses."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "money(3)"


def declare(*types: Any) -> MetaData:
    metadata = MetaData()
    columns = [Column(f"c{number}", type_, nullable=False) for number, type_ in enumerate(types)]
    Table("item", metadata, Column("id", Integer, primary_key=True), *columns)
    return metadata


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    engine = sa.create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


def compare(connection: Connection, metadata: MetaData, **options: Any) -> list[str]:
    """The columns whose type differs; nothing else may."""
    changes = compare_metadata(MigrationContext.configure(connection, opts={**OPTIONS, **options}), metadata)
    assert {change[0][0] for change in changes} <= {"modify_type"}
    return [change[0][3] for change in changes]


# A type without arguments, and with them, on any database; what the second loses of the first.
ANYWHERE: list[tuple[Any, Any, str]] = [
    (AutoString(), AutoString(50), "texts longer than 50 do not fit"),
    (sa.String(), sa.String(120), "texts longer than 120 do not fit"),
    (sa.Unicode(), Short(), "texts longer than 7 do not fit"),
    (sa.Numeric(), sa.Numeric(10, 2), "decimal places are rounded, and larger numbers do not fit"),
    (sa.Numeric(), sa.DECIMAL(10), "decimal places are rounded, and larger numbers do not fit"),
    (sa.Numeric(12, 2), sa.Numeric(10), "decimal places are rounded"),
]
ON_POSTGRESQL: list[tuple[Any, Any, str]] = [
    (pg.TIMESTAMP(), pg.TIMESTAMP(precision=0), "fractions of seconds are rounded"),
    (sa.DateTime(timezone=True), pg.TIMESTAMP(precision=3, timezone=True), "fractions of seconds are rounded"),
    (sa.Time(), pg.TIME(precision=2), "fractions of seconds are rounded"),
    (pg.INTERVAL(), pg.INTERVAL(precision=3), "fractions of seconds are rounded"),
    (pg.ARRAY(sa.String), pg.ARRAY(sa.String(50)), "texts longer than 50 do not fit"),
    (pg.BIT(varying=True), pg.BIT(5, varying=True), "values longer than 5 do not fit"),
    (sa.Double(), sa.Float(24), "digits after the first 6 are lost"),
]


def test_arguments_that_come_and_go_are_changes_both_ways(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A narrower type has its warning and its comment, a wider one has none; the downgrade is the exact reverse."""
    cases = ANYWHERE if database_url.startswith("sqlite") else ANYWHERE + ON_POSTGRESQL
    wide, narrow = declare(*(case[0] for case in cases)), declare(*(case[1] for case in cases))
    migrations = History(tmp_path / "one", database_url).initialise()
    for revision, metadata in (("first", wide), ("narrow", narrow), ("wide", wide)):
        before = read_types(database_url)
        caplog.clear()
        written = migrations.revise(metadata, revision)
        assert written is not None
        warnings = [record.getMessage() for record in caplog.records if "loses data" in record.getMessage()]
        lost = re.findall(r"# This may lose data: (.*)\.\n", written)
        if revision == "narrow":
            assert lost == [case[2] for case in cases]
            assert len(warnings) == 1
            assert warnings[0].count(" to ") == len(cases)
        else:
            assert (lost, warnings) == ([], [])
        migrations.upgrade()
        after = read_types(database_url)
        assert migrations.find_differences() == []
        migrations.downgrade("-1")
        assert read_types(database_url) == before
        migrations.upgrade()
        assert read_types(database_url) == after


def read_types(url: str) -> list[str]:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    inspector = sa.inspect(engine)
    columns = inspector.get_columns("item") if inspector.has_table("item") else []
    return [column["type"].compile(dialect=engine.dialect) for column in columns]


def test_the_revision_alters_the_column(postgresql_url: str, tmp_path: Path) -> None:
    """As for any other type: both types, and what the column is besides."""
    migrations = History(tmp_path / "one", postgresql_url).initialise()
    migrations.revise(declare(AutoString()), "one")
    migrations.upgrade()
    written = migrations.revise(declare(AutoString(50)), "two")
    assert written is not None
    upgrade = (
        "    # This may lose data: texts longer than 50 do not fit.\n"
        "    op.alter_column('item', 'c0',\n"
        "               existing_type=sa.VARCHAR(),\n"
        "               type_=sqlmodel.AutoString(length=50),\n"
        "               existing_nullable=False)\n"
    )
    downgrade = (
        "    op.alter_column('item', 'c0',\n"
        "               existing_type=sqlmodel.AutoString(length=50),\n"
        "               type_=sa.VARCHAR(),\n"
        "               existing_nullable=False)\n"
    )
    assert upgrade in written
    assert downgrade in written


# Types that are equal by other names, or look different when they are read back.
EQUAL: list[tuple[Any, Any]] = [
    (sa.VARCHAR(), sa.String()),
    (sa.VARCHAR(50), AutoString(50)),
    (sa.VARCHAR(50), sa.Unicode(50)),
    (sa.VARCHAR(7), Short()),
    (sa.VARCHAR(255), EmailType()),
    (sa.VARCHAR(9), ChoiceType([("a", "b")], impl=sa.String(9))),
    (sa.VARCHAR(9), sa.Text().with_variant(sa.String(9), "postgresql")),
    (sa.TEXT(), sa.String(9).with_variant(sa.Text(), "postgresql")),
    (sa.VARCHAR(3), sa.Enum("a", "bbb", native_enum=False)),
    (sa.VARCHAR(20), sa.Enum("a", "bbb", native_enum=False, length=20)),
    (pg.ARRAY(sa.VARCHAR(50)), pg.ARRAY(sa.String(50))),
    (pg.ARRAY(sa.Text), pg.ARRAY(sa.Text, dimensions=2)),
    (sa.VARCHAR(5), sa.String(5, collation="C")),
    (sa.String(5, collation="C"), sa.String(5)),
    (pg.DOMAIN("short", sa.String(5)), pg.DOMAIN("short", sa.String(5))),
    (sa.CHAR(), sa.CHAR(1)),
    (sa.CHAR(1), sa.CHAR()),
    (pg.BIT(), pg.BIT(1)),
    (sa.Numeric(10), sa.DECIMAL(10, 0)),
    (sa.Numeric(), sa.DECIMAL()),
    (sa.Double(), sa.Float()),
    (sa.Double(), sa.Float(30)),
    (sa.DateTime(), pg.TIMESTAMP()),
    (sa.Time(timezone=True), pg.TIME(timezone=True)),
    (pg.INTERVAL(precision=3), sa.Interval(second_precision=3)),
]


@pytest.mark.parametrize("may_ask", [True, False])
def test_one_type_that_is_written_in_two_ways_is_no_difference(engine: Engine, may_ask: bool) -> None:
    """Neither where the server is asked, nor where texts are compared."""
    with engine.connect() as connection:
        declare(*(existing for existing, _ in EQUAL)).create_all(connection)
        connection.commit()
        if not may_ask:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        assert compare(connection, declare(*(declared for _, declared in EQUAL))) == []


def test_an_array_differs_from_its_element(engine: Engine) -> None:
    """Alembic leaves out the brackets."""
    with engine.connect() as connection:
        declare(Integer, pg.ARRAY(sa.String(5)), Integer).create_all(connection)
        assert compare(connection, declare(pg.ARRAY(Integer), sa.String(5), Integer)) == ["c0", "c1"]


@pytest.mark.parametrize("may_ask", [True, False])
def test_the_arguments_of_another_type_differ_if_the_server_says_so(engine: Engine, may_ask: bool) -> None:
    """What they mean is known to it alone."""
    with engine.connect() as connection:
        declare(sa.VARCHAR(5), pg.MONEY()).create_all(connection)
        connection.commit()
        if not may_ask:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        assert compare(connection, declare(sa.String(), Money())) == ["c0"]


@pytest.mark.parametrize("compare_type", [False, lambda *_: False])
def test_the_project_has_the_last_word(engine: Engine, compare_type: Any) -> None:
    """With no comparison of types, or with one of its own."""
    with engine.connect() as connection:
        declare(sa.String()).create_all(connection)
        assert compare(connection, declare(sa.String(50)), compare_type=compare_type) == []


def test_a_function_that_leaves_the_decision_open_does_not_stop_it(engine: Engine) -> None:
    """It returns None, as Alembic documents."""
    with engine.connect() as connection:
        declare(sa.String(), sa.CHAR()).create_all(connection)
        assert compare(connection, declare(sa.String(50), sa.CHAR(1)), compare_type=lambda *_: None) == ["c0"]


def test_without_the_right_to_make_temporary_tables_the_texts_are_compared(engine: Engine) -> None:
    """Here, on a connection that has no transaction."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        declare(sa.String(), sa.Numeric(10, 2), sa.CHAR()).create_all(connection)
        assert compare(connection, declare(sa.String(50), sa.Numeric(10), sa.CHAR(1))) == ["c0", "c1"]


def test_the_number_of_queries_does_not_grow_with_the_columns(engine: Engine) -> None:
    """One of the catalog, one statement that creates the types, and one of what it has created."""
    numbers = []
    for columns in (1, 40):
        before, asked = declare(*[sa.String()] * columns), list[str]()
        with engine.connect() as connection:
            before.create_all(connection)
            assert compare(connection, before) == []
            event.listen(connection, "before_cursor_execute", lambda *arguments, asked=asked: asked.append(arguments[2]))
            assert len(compare(connection, declare(*[sa.String(50)] * columns))) == columns
        numbers.append(len(asked))
    assert numbers[0] == numbers[1]
