"""What differs in its text only: PostgreSQL is asked, in a number of queries that does not grow, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, event, func, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Engine

OPTIONS = {
    "compare_type": True,
    "compare_server_default": True,
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic_async_template.enums"],
}


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    engine = sa.create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


def compare(connection: Connection, metadata: MetaData, **options: Any) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={**OPTIONS, **options}), metadata))


def with_column(type_: Any, default: object = None) -> MetaData:
    metadata = MetaData()
    default = text(default) if isinstance(default, str) else default
    arguments: dict[str, Any] = {} if default is None else {"server_default": default}
    Table("things", metadata, Column("id", Integer, primary_key=True), Column("value", type_, **arguments))
    return metadata


def find_changes(engine: Engine, before: MetaData, after: MetaData) -> list[Any]:
    with engine.begin() as connection:
        before.create_all(connection)
    with engine.connect() as connection:
        found = compare(connection, after)
        temporary = connection.scalars(text("SELECT relname FROM pg_class WHERE relname LIKE 'alembic_async%'")).all()
        assert temporary == []
    return found


SAME_DEFAULTS = [
    (sa.DateTime(timezone=True), "now()", "CURRENT_TIMESTAMP"),
    (sa.DateTime(timezone=True), "now()", "Now( )"),
    (sa.Numeric(10, 2), "0", "0.0"),
    (sa.Numeric(10, 2), "0", "'0'"),
    (sa.Float, "random()", "RANDOM()"),
    (sa.Uuid, "gen_random_uuid()", "(pg_catalog.gen_random_uuid())"),
    (sa.DateTime, "(now() AT TIME ZONE 'utc')", "timezone('utc', now())"),
    (Text, "'a' || 'b%:c'", "('a'::text || 'b%:c'::text)"),
    (postgresql.JSONB, "'{}'", "'{ }'::jsonb"),
    (postgresql.ARRAY(Text), "'{}'", "ARRAY[]::text[]"),
    (sa.Boolean, "false", "'f'"),
    (Integer, "1 + 1", "2"),
]
OTHER_DEFAULTS = [
    (sa.Float, "random()", "random() * 2"),
    (sa.Float, "random()", "1"),
    (sa.Uuid, "gen_random_uuid()", "md5(random()::text)::uuid"),
    (sa.Date, "CURRENT_DATE", f"'{date.today()}'"),
    (Text, "CURRENT_USER", "'app'"),
    (sa.JSON, "'[]'", "'[ ]'"),
    (Integer, "1", "no_such_function()"),
    (Integer, "1", "2"),
]


@pytest.mark.parametrize(("type_", "default", "declared"), SAME_DEFAULTS)
def test_one_default_in_two_spellings_is_no_difference(engine: Engine, type_: Any, default: str, declared: str) -> None:
    """The server reads both alike, or they have one value and are not volatile."""
    assert find_changes(engine, with_column(type_, default), with_column(type_, declared)) == []


@pytest.mark.parametrize(("type_", "default", "declared"), OTHER_DEFAULTS)
def test_another_default_is_a_difference(engine: Engine, type_: Any, default: str, declared: str) -> None:
    """That includes one that has the same value today, one that the server does not know, and one of a type without equality."""
    ((change,),) = find_changes(engine, with_column(type_, default), with_column(type_, declared))
    assert change[0] == "modify_default"


@pytest.mark.parametrize(
    ("type_", "declared"),
    [
        (sa.REAL, sa.Float(24)),
        (sa.Double, sa.Float(53)),
        (sa.Numeric(5), sa.DECIMAL(5, 0)),
        (postgresql.BIT(1), postgresql.BIT()),
        (postgresql.INTERVAL(precision=6), sa.Interval(second_precision=6)),
    ],
)
def test_one_type_by_two_names_is_no_difference(engine: Engine, type_: Any, declared: Any) -> None:
    """A float of 24 bits is a real."""
    assert find_changes(engine, with_column(type_), with_column(declared)) == []


def test_another_type_is_a_difference(engine: Engine) -> None:
    """A float of 53 bits is none."""
    ((change,),) = find_changes(engine, with_column(sa.REAL), with_column(sa.Float(53)))
    assert change[0] == "modify_type"


def with_index(*expressions: Any, **options: Any) -> MetaData:
    metadata = MetaData()
    table = Table("things %", metadata, Column("id", Integer, primary_key=True), Column("x", Text), Column("y", Integer))
    elements: list[Any] = [expression(table.c) if callable(expression) else expression for expression in expressions]
    Index("ix: %'", *elements, **options)
    return metadata


INDEXES: list[tuple[MetaData, MetaData, bool]] = [
    (with_index(lambda c: func.lower(c.x)), with_index(lambda c: func.LOWER(c.x)), True),
    (with_index(lambda c: c.x.collate("C")), with_index(lambda c: c.x.collate("C")), True),
    (with_index(lambda c: func.coalesce(c.x, "%:a")), with_index(lambda c: func.coalesce(c.x, "%:a")), True),
    (
        with_index(lambda c: c.x, postgresql_where=text("x LIKE 'A%'")),
        with_index(lambda c: c.x, postgresql_where=text("(x LIKE 'A%')")),
        True,
    ),
    (
        with_index(lambda c: c.x, postgresql_where=text("x LIKE 'A%'")),
        with_index(lambda c: c.x, postgresql_where=text("x LIKE 'a%'")),
        False,
    ),
    (with_index(lambda c: c.x, postgresql_where=text("y > 5")), with_index(lambda c: c.x, postgresql_where=text("y > 7")), False),
    (with_index(lambda c: c.x, postgresql_where=text("y > 5")), with_index(lambda c: c.x), False),
    (with_index(lambda c: c.x), with_index(lambda c: c.x, postgresql_using="hash"), False),
    (with_index(lambda c: c.x), with_index(lambda c: c.x, postgresql_include=["y"]), False),
    (
        with_index(lambda c: c.x, postgresql_with={"fillfactor": 50}),
        with_index(lambda c: c.x, postgresql_with={"fillfactor": 70}),
        False,
    ),
    (with_index(lambda c: c.x), with_index(lambda c: c.x, postgresql_ops={"x": "text_pattern_ops"}), False),
    (with_index(lambda c: c.x), with_index(lambda c: c.x, postgresql_ops={"x": "text_ops"}), True),
    (with_index(lambda c: c.x), with_index(lambda c: c.x.collate("C")), False),
    (with_index(lambda c: c.x, "y"), with_index(lambda c: c.x, "y", postgresql_nulls_not_distinct=False), True),
    (with_index(lambda c: c.x), with_index(lambda c: c.x, postgresql_using="btree", postgresql_concurrently=True), True),
    (with_index(lambda c: func.lower(c.x)), with_index(lambda c: func.upper(c.x)), False),
    (with_index(lambda c: func.lower(c.x)), with_index(lambda c: func.lower(c.x), unique=True), False),
]


@pytest.mark.parametrize(("before", "after", "same"), INDEXES, ids=range(len(INDEXES)))
def test_an_index_differs_if_the_server_makes_another_one(engine: Engine, before: MetaData, after: MetaData, same: bool) -> None:
    """Its expressions may look different when they are read back."""
    changes = find_changes(engine, before, after)
    assert [change[0] for change in changes] == ([] if same else ["remove_index", "add_index"])


def make_many(tables: int, type_: Any, default: str) -> MetaData:
    metadata = MetaData()
    for number in range(tables):
        at = Column("at", sa.DateTime(timezone=True), server_default=text(default))
        table = Table(f"t{number}", metadata, Column("x", Text), at, Column("f", type_))
        Index(f"i{number}", table.c.x.collate("C"))
    return metadata


def test_the_number_of_queries_does_not_grow_with_the_differences(engine: Engine) -> None:
    """One query of the catalog, one statement, one query of the result and one of values; as many for indexes."""
    for tables in (3, 60):
        asked: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any, asked: list[str] = asked) -> None:
            if "alembic_async_template" in statement or "WITH ORDINALITY" in statement or "CURRENT_TIMESTAMP" in statement:
                asked.append(statement)

        before = make_many(tables, sa.REAL, "now()")
        with engine.begin() as connection:
            before.create_all(connection)
        with engine.connect() as connection:
            event.listen(connection, "before_cursor_execute", note)
            assert compare(connection, make_many(tables, sa.Float(24), "CURRENT_TIMESTAMP")) == []
        with engine.begin() as connection:
            before.drop_all(connection)
        assert len(asked) == 5


def test_serial_columns_are_looked_for_once(engine: Engine) -> None:
    """Their default is the column's own; that of another column's sequence is a default like any other."""
    metadata, asked = MetaData(), list[str]()
    for number in range(5):
        Table(f"t'{number}", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.execute(text("""ALTER TABLE "t'0" ALTER n SET DEFAULT nextval('"t''1_id_seq"')"""))
        event.listen(connection, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
        ((change,),) = compare(connection, metadata)
        assert change[:4] == ("modify_default", None, "t'0", "n")
    assert len([statement for statement in asked if "relkind='S'" in statement]) == 0
    assert len([statement for statement in asked if "owned.deptype" in statement]) == 1


def test_a_role_that_may_not_make_temporary_tables_compares_texts(engine: Engine) -> None:
    """Small letters, no casts, no parentheses around; values still decide where nothing is volatile."""
    metadata = MetaData()
    columns = [("a", Text, "'x'::text || 'y'"), ("b", sa.Float, "(random())"), ("c", sa.Numeric, "0"), ("d", Integer, "1")]
    columns += [("e", Text, "'A' || 'b'"), ("f", sa.Float, "random() * 2"), ("g", Text, "concat('a  b', now())")]
    Table("things", metadata, *(Column(name, type_, server_default=text(default)) for name, type_, default in columns))
    declared = MetaData()
    others = {"a": "'x' || 'y'", "b": "RANDOM()", "c": "0.0", "d": "2", "e": "'a' || 'B'", "f": "(RANDOM() * 2)"}
    others |= {"g": "concat('a b', now())"}
    Table("things", declared, *(Column(name, type_, server_default=text(others[name])) for name, type_, _ in columns))
    with engine.connect() as connection:
        metadata.create_all(connection)
        role = f"role_{connection.scalar(text('SELECT current_database()'))}"
        connection.execute(text(f"CREATE ROLE {role}"))
        connection.execute(text(f"REVOKE TEMP ON DATABASE {engine.url.database} FROM PUBLIC"))
        connection.execute(text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"))
        connection.execute(text(f"SET ROLE {role}"))
        changes = [change for (change,) in compare(connection, declared)]
        assert [(change[0], change[3]) for change in changes] == [("modify_default", name) for name in "deg"]
        connection.rollback()


def test_a_cast_that_cuts_a_string_is_a_part_of_it(engine: Engine) -> None:
    """The database would store `ab`."""
    with engine.begin() as connection:
        with_column(Text, "'abc'::varchar(2)").create_all(connection)
    with engine.connect() as connection:
        assert compare(connection, with_column(Text, "'ab'::text")) == []
        assert compare(connection, with_column(Text, "'abc'"))


def test_what_the_project_itself_compares_stays_as_it_says(engine: Engine) -> None:
    """A function in place of `compare_server_default=True` has the last word, unless it leaves the decision open."""
    with engine.begin() as connection:
        with_column(Integer, "1 + 1").create_all(connection)
    declared = with_column(Integer, "2")
    with engine.connect() as connection:
        assert compare(connection, declared, compare_server_default=lambda *_: True)
        assert compare(connection, declared, compare_server_default=lambda *_: False) == []
        assert compare(connection, declared, compare_server_default=lambda *_: None) == []


def test_without_a_transaction_the_texts_are_compared(engine: Engine) -> None:
    """An engine in AUTOCOMMIT has no savepoint in which anything could be tried."""
    with engine.begin() as connection:
        with_column(sa.Float, "(random())").create_all(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert compare(connection, with_column(sa.Float, "RANDOM()")) == []
