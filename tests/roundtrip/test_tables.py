"""Tables that go, and keys between tables that come, go and stay: the revision runs both ways, whatever refers to what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from constructs import key
from migrations import Migrations
from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, MetaData, Table
from test_constructs import read_objects

Models = Callable[[MetaData, str | None], None]


def nothing(metadata: MetaData, schema: str | None) -> None:
    Table("keep", metadata, key(), schema=schema)


def chain(metadata: MetaData, schema: str | None) -> None:
    nothing(metadata, schema)
    Table("b_parent", metadata, key(), Column("x", Integer, index=True))
    Table("a_child", metadata, key(), Column("parent_id", ForeignKey("b_parent.id"), index=True))
    Table("c_grandchild", metadata, key(), Column("child_id", ForeignKey("a_child.id")), schema=schema)


def cycle(metadata: MetaData, schema: str | None) -> None:
    nothing(metadata, schema)
    Table("a", metadata, key(), Column("b_id", ForeignKey("b.id", ondelete="CASCADE")), Column("self_id", ForeignKey("a.id")))
    c_id = f"{schema}.c.id" if schema else "c.id"
    Table("b", metadata, key(), Column("c_id", ForeignKey(c_id)), Column("x", Integer, unique=True, index=True))
    Table("c", metadata, key(), Column("a_id", ForeignKey("a.id")), schema=schema)


def one(metadata: MetaData, _schema: str | None) -> None:
    Table("old", metadata, key())
    Table("plain", metadata, key(), Column("x", Integer))


def one_with_key_to_new(metadata: MetaData, _schema: str | None) -> None:
    Table("old", metadata, key(), Column("new_id", ForeignKey("new.id")))
    Table("new", metadata, key(), Column("old_id", ForeignKey("old.id")))
    Table("plain", metadata, key(), Column("x", ForeignKey("old.id", use_alter=True)))


def one_with_checked_column(metadata: MetaData, _schema: str | None) -> None:
    Table("old", metadata, key(), Column("y", Integer, CheckConstraint("y > 0")))
    Table("plain", metadata, key(), Column("x", Integer), Column("y", Integer, CheckConstraint("y < 9", name="small")))


def two_keys_of_one_column(metadata: MetaData, schema: str | None) -> None:
    one(metadata, schema)
    table = Table("more", metadata, key(), Column("x", Integer))
    for target in ("old", "plain"):
        table.append_constraint(sa.ForeignKeyConstraint(["x"], [f"{target}.id"]))


def two_more_keys_of_one_column(metadata: MetaData, schema: str | None) -> None:
    two_keys_of_one_column(metadata, schema)
    metadata.tables["more"].append_constraint(sa.ForeignKeyConstraint(["x"], ["more.id"]))


CASES: dict[str, tuple[Models, Models]] = {
    "a chain of keys goes": (chain, nothing),
    "a cycle goes": (cycle, nothing),
    "a cycle comes": (nothing, cycle),
    "a table goes that another one refers to": (one_with_key_to_new, one),
    "an existing table gets a key to a new one": (one, one_with_key_to_new),
    "a column comes with a check": (one, one_with_checked_column),
    "a column gets a third key": (two_keys_of_one_column, two_more_keys_of_one_column),
}


def declare(models: Models, schema: str | None = "other") -> MetaData:
    metadata = MetaData()
    models(metadata, schema)
    return metadata


@pytest.mark.parametrize("name", CASES)
def test_tables_and_keys_come_and_go(name: str, postgresql_url: str, tmp_path: Path) -> None:
    """From one state of the models to another, back, there again, and to nothing."""
    before, after = CASES[name]
    migrations = Migrations(tmp_path / "project", postgresql_url).initialise()
    migrations.downgrade("base")
    states = [read_objects(postgresql_url)]
    for revision, models in (("before", before), ("after", after)):
        assert migrations.revise(declare(models), revision)
        migrations.upgrade()
        assert migrations.find_differences() == []
        states.append(read_objects(postgresql_url))
    migrations.downgrade("-1")
    assert read_objects(postgresql_url) == states[1]
    migrations.upgrade()
    assert read_objects(postgresql_url) == states[2]
    migrations.downgrade("base")
    assert read_objects(postgresql_url) == states[0]


# Those in which no key goes from a table that stays: there, SQLite has no name for it.
@pytest.mark.parametrize("name", ["a chain of keys goes", "a cycle goes", "a cycle comes", "a column comes with a check"])
def test_sqlite_keeps_keys_inside_of_their_tables(name: str, sqlite_url: str, tmp_path: Path) -> None:
    """It cannot add one to a table that is there."""
    migrations = Migrations(tmp_path / "project", sqlite_url).initialise()
    for revision, models in zip(("before", "after"), CASES[name], strict=True):
        assert migrations.revise(declare(models, None), revision)
        migrations.upgrade()
        assert migrations.find_differences() == []
    migrations.downgrade("base")
    migrations.upgrade()
    assert migrations.find_differences() == []


def test_mysql_gets_the_keys_of_a_cycle_after_its_tables(mysql_url: str, tmp_path: Path) -> None:
    """They have names, so that the downgrade can drop them first."""
    migrations = Migrations(tmp_path / "project", mysql_url).initialise()
    for revision, models in (("before", nothing), ("after", cycle), ("gone", nothing)):
        assert migrations.revise(declare(models, None), revision)
        migrations.upgrade()
        assert migrations.find_differences() == []
    migrations.downgrade("base")


def couple(metadata: MetaData, _schema: str | None) -> None:
    Table("a", metadata, key(), Column("b_id", ForeignKey("b.id", ondelete="CASCADE")))
    Table("b", metadata, key(), Column("a_id", ForeignKey("a.id")))


def test_the_keys_of_a_cycle_have_the_names_of_the_environments_convention(postgresql_url: str, tmp_path: Path) -> None:
    """`run_environment(naming_convention=...)`, where the models have none."""
    env = """
from alembic import context
from alembic_async_template import run_environment

run_environment(context.config.attributes["metadata"], naming_convention={"fk": "fk_%(table_name)s_%(column_0_name)s"})
"""
    migrations = Migrations(tmp_path / "project", postgresql_url).initialise(env)
    text = migrations.revise(declare(couple), "first")
    assert text is not None
    assert "op.create_foreign_key(op.f('fk_a_b_id'), 'a', 'b', ['b_id'], ['id'], ondelete='CASCADE')" in text
    migrations.upgrade()
    assert migrations.find_differences() == []
    migrations.downgrade("base")


def test_a_key_that_alembic_would_leave_out_is_added(postgresql_url: str, tmp_path: Path) -> None:
    """`use_alter` is for `create_all`: in `op.create_table` it means that there is no key."""

    def models(metadata: MetaData, _schema: str | None) -> None:
        Table("a", metadata, key(), Column("b_id", ForeignKey("b.id", use_alter=True)))
        Table("b", metadata, key())

    text: Any = Migrations(tmp_path / "project", postgresql_url).initialise().revise(declare(models), "first")
    assert "use_alter" not in text
    assert "op.create_foreign_key('a_b_id_fkey', 'a', 'b', ['b_id'], ['id'])" in text
    assert text.index("op.drop_constraint('a_b_id_fkey', 'a', type_='foreignkey')") < text.index("op.drop_table('b')")
