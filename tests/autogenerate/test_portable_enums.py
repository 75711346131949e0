"""A revision that is written on a database without enum types, and run on PostgreSQL: types come and go as often as it runs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.dialects import postgresql

from support.constructs import key
from support.history import History, migrate
from support.servers import MYSQL_VARIABLE, create_mysql_database, require_server


def models(**tables: list[Any]) -> MetaData:
    """Models with these tables."""
    metadata = MetaData()
    for name, columns in tables.items():
        Table(name, metadata, key(), *columns)
    return metadata


def status() -> Column[Any]:
    return Column("status", sa.Enum("draft", "it's", name="post_status"))


def kind() -> Column[Any]:
    return Column("kind", sa.Enum("a", "b", name="Kind of post"))


def list_types(url: str) -> list[str]:
    """The enum types of a PostgreSQL database."""
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("SELECT typname FROM pg_type WHERE typtype = 'e' ORDER BY typname")]


def run_everywhere(written: History, postgresql_url: str, *revisions: str) -> None:
    """Run all revisions up, down one by one, and up again: where they were written, and on PostgreSQL, each in a run of its own."""
    written.downgrade("base")
    for migrations in (written, replace(written, url=postgresql_url)):
        for _ in range(2):
            for revision in revisions:
                migrations.upgrade(revision)
            assert migrations.find_differences() == []
            for _ in revisions:
                migrations.downgrade("-1")
            assert migrations.url != postgresql_url or list_types(postgresql_url) == []


@pytest.fixture(params=["sqlite", pytest.param("mysql", marks=pytest.mark.mysql)])
def migrations(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Iterator[History]:
    """An empty history on a database without enum types."""
    with ExitStack() as databases:
        on_mysql = request.param == "mysql"
        url = databases.enter_context(create_mysql_database(require_server(MYSQL_VARIABLE))) if on_mysql else sqlite_url
        yield History(tmp_path / "one", url).initialise()


def test_the_downgrade_drops_the_types_of_the_tables_that_it_drops(migrations: History, postgresql_url: str) -> None:
    """The last lines do it, with a comment that says what for; several tables can have the type."""
    text = migrate(migrations, "one", models(post=[status(), kind()], note=[status()]))
    assert text.endswith(
        "    # For PostgreSQL, which keeps an enum type without columns:\n"
        "    op.drop_enum('Kind of post', ['a', 'b'])\n"
        "    op.drop_enum('post_status', ['draft', \"it's\"])\n"
        "    # ### end Alembic commands ###\n"
    )
    assert "sa.Enum('draft', \"it's\", name='post_status')" in text
    run_everywhere(migrations, postgresql_url, "one")


def test_a_type_of_an_older_table_is_neither_created_nor_dropped(migrations: History, postgresql_url: str) -> None:
    """A new table and a new column refer to it; one that goes again leaves it."""
    migrate(migrations, "one", models(post=[status()]))
    text = migrate(migrations, "two", models(post=[status()], note=[status()]))
    assert "drop_enum" not in text
    assert "create_type=False" in text
    text = migrate(migrations, "three", models(post=[status(), Column("former", status().type)], note=[status()]))
    assert "drop_enum" not in text
    run_everywhere(migrations, postgresql_url, "one", "two", "three")


def test_an_added_column_gets_its_new_type(migrations: History, postgresql_url: str) -> None:
    """`op.add_column` creates none, so the revision does; a new table that has the type too refers to it."""
    migrate(migrations, "one", models(post=[]))
    text = migrate(migrations, "two", models(post=[kind()], note=[kind()]))
    assert text.index("op.create_enum('Kind of post', ['a', 'b'])") < text.index("op.create_table('note'")
    run_everywhere(migrations, postgresql_url, "one", "two")


def test_sql_of_the_revision_has_the_types_of_postgresql_only(sqlite_url: str, postgresql_url: str, tmp_path: Path) -> None:
    """What is written offline drops the type on PostgreSQL, and nothing on SQLite."""
    migrations = History(tmp_path / "one", sqlite_url).initialise()
    migrate(migrations, "one", models(post=[status()]))
    written = []
    for url in (sqlite_url, postgresql_url):
        config = replace(migrations, url=url)._config()
        config.output_buffer = io.StringIO()
        command.downgrade(config, "one:base", sql=True)
        written.append(config.output_buffer.getvalue())
    assert ["DROP TYPE" in text for text in written] == [False, True]


@pytest.mark.parametrize(
    "types",
    [
        [sa.Enum("a" * 64, name="kind")],
        [sa.Enum("a", name="k" * 64)],
        [sa.Enum("a", name="kind", native_enum=False)],
        [sa.Enum("a")],
        [postgresql.ENUM("a", name="kind", create_type=False)],
        [sa.Enum("a", name="kind"), sa.Enum("b", name="kind")],
    ],
    ids=["long value", "long name", "not native", "nameless", "created elsewhere", "declared in two ways"],
)
def test_what_postgresql_does_not_create_is_not_dropped(types: list[Any], sqlite_url: str, tmp_path: Path) -> None:
    """SQLite takes all of it, so the revision is as Alembic has it, and runs."""
    migrations = History(tmp_path / "one", sqlite_url).initialise()
    text = migrate(migrations, "one", models(post=[Column(f"c{number}", type_) for number, type_ in enumerate(types)]))
    assert "_enum(" not in text
    migrations.downgrade("base")


def test_a_type_that_is_a_number_on_sqlite_stays_one(sqlite_url: str, postgresql_url: str, tmp_path: Path) -> None:
    """A variant for PostgreSQL is created and dropped there, and has no part in what SQLite has."""
    migrations = History(tmp_path / "one", sqlite_url).initialise()
    type_ = sa.Integer().with_variant(sa.Enum("a", "b", name="kind"), "postgresql")
    text = migrate(migrations, "one", models(post=[Column("kind", type_)]))
    assert "sa.Integer()" in text
    assert "op.drop_enum('kind', ['a', 'b'])" in text
    run_everywhere(migrations, postgresql_url, "one")
