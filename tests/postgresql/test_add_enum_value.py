"""`op.add_enum_value` on a real server: position, names, the transaction it needs, and databases without enum types."""

import psycopg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from psycopg import sql
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine

from alembic_async_template.errors import EnumOperationError

NASTY = ['"', "'", "%", "%(x)s", ":x", "\\", "a.b", " ", "Upper Case", "select", "žluťoučký 🐎", "n" * 63]


@pytest.fixture(params=["psycopg"])
def engine(request: pytest.FixtureRequest, postgresql_url: str) -> Engine:
    engine = create_engine(postgresql_url.replace("postgresql:", f"postgresql+{request.param}:"))
    yield engine
    engine.dispose()


def operations(connection: Connection) -> Operations:
    return Operations(MigrationContext.configure(connection))


def labels(connection: Connection, name: str = "mood") -> list[str]:
    query = text("SELECT enumlabel FROM pg_enum JOIN pg_type t ON t.oid = enumtypid WHERE typname = :name ORDER BY enumsortorder")
    return list(connection.scalars(query, {"name": name}))


def create(url: str, name: str, values: list[str], schema: str = "public") -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        quoted = sql.SQL(", ").join(map(sql.Literal, values))
        connection.execute(sql.SQL("CREATE TYPE {} AS ENUM ({})").format(sql.Identifier(schema, name), quoted))


def test_a_value_is_added_at_its_place_and_can_be_used(engine: Engine, postgresql_url: str) -> None:
    """At the end, before and after a neighbour, twice without harm; the next statement uses it."""
    create(postgresql_url, "mood", ["a", "z"])
    with engine.connect() as connection:
        op = operations(connection)
        op.add_enum_value("mood", "end")
        op.add_enum_value("mood", "first", before="a")
        op.add_enum_value("mood", "middle", after="a")
        op.add_enum_value("mood", "middle", after="a")
        assert connection.scalar(text("SELECT 'middle'::mood < 'z'::mood"))
        assert labels(connection) == ["first", "a", "middle", "z", "end"]


@pytest.mark.parametrize("nasty", NASTY)
def test_every_name_is_quoted(engine: Engine, postgresql_url: str, nasty: str) -> None:
    """Schema, type, label and neighbour, online and in SQL to be run by hand."""
    create(postgresql_url, nasty, ["a", nasty], schema=f"{nasty[:60]}_s")
    with engine.connect() as connection:
        operations(connection).add_enum_value(nasty, f"{nasty[:62]}x", before=nasty, schema=f"{nasty[:60]}_s")
        assert labels(connection, nasty) == ["a", f"{nasty[:62]}x", nasty]


def test_in_a_transaction_of_the_caller_it_stays_there(engine: Engine, postgresql_url: str) -> None:
    """There is no autocommit block, and a rollback takes the value back."""
    create(postgresql_url, "mood", ["a"])
    with engine.connect() as connection:
        transaction = connection.begin()
        operations(connection).add_enum_value("mood", "b")
        assert labels(connection) == ["a", "b"]
        transaction.rollback()
        assert labels(connection) == ["a"]


def test_both_neighbours_are_refused(engine: Engine) -> None:
    """The message has the call with one of them."""
    with engine.connect() as connection, pytest.raises(EnumOperationError) as error:
        operations(connection).add_enum_value("mood", "b", before="a", after="c", schema="s")
    assert str(error.value) == (
        'Value "b" cannot be added to enum s.mood: before="a" and after="c" are both given. Keep one of them, for example: '
        "op.add_enum_value('mood', 'b', after='c')"
    )


@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
def test_databases_without_enum_types_are_left_alone(dialect: str, caplog: pytest.LogCaptureFixture) -> None:
    """The same revision runs in tests on SQLite; the log says that nothing was done."""
    lines: list[str] = []
    context = MigrationContext.configure(dialect_name=dialect, opts={"as_sql": True, "output_buffer": _Lines(lines)})
    with caplog.at_level("INFO"):
        Operations(context).add_enum_value("mood", "b")
    assert lines == []
    assert f'Value "b" is not added to enum mood: {dialect} has no enum types' in caplog.text


def test_the_sql_of_offline_mode() -> None:
    """Exactly one statement, outside of the transaction that surrounds it."""
    lines: list[str] = []
    context = MigrationContext.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        opts={"as_sql": True, "output_buffer": _Lines(lines), "literal_binds": True},
    )
    Operations(context).add_enum_value("mo'od", "it's :x %", after="100%", schema="S")
    assert "".join(lines).split("\n\n") == [
        "COMMIT;",
        """ALTER TYPE "S"."mo'od" ADD VALUE IF NOT EXISTS 'it''s :x %' AFTER '100%';""",
        "BEGIN;",
        "",
    ]


class _Lines:
    """A stream that Alembic writes its SQL to."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append

    def flush(self) -> None:
        pass
