"""Tables that go, and keys between tables that come, go and stay: the revision runs both ways, whatever refers to what."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Index, Integer, MetaData, Sequence, Table, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects import postgresql as pg

from support.constructs import key
from support.fingerprint import read_objects
from support.history import History

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
    more = [CheckConstraint("y > 1"), CheckConstraint("y > 2")]
    Table("plain", metadata, key(), Column("x", Integer), Column("y", Integer, CheckConstraint("y < 9", name="small"), *more))


def two_keys_of_one_column(metadata: MetaData, schema: str | None) -> None:
    one(metadata, schema)
    table = Table("more", metadata, key(), Column("x", Integer))
    for target in ("old", "plain"):
        table.append_constraint(ForeignKeyConstraint(["x"], [f"{target}.id"]))


def two_more_keys_of_one_column(metadata: MetaData, schema: str | None) -> None:
    two_keys_of_one_column(metadata, schema)
    metadata.tables["more"].append_constraint(ForeignKeyConstraint(["x"], ["more.id"]))


def alike(metadata: MetaData, schema: str | None) -> None:
    nothing(metadata, schema)
    Table("a", metadata, key(), Column("b_c", Integer), Column("x", Integer), schema=schema)
    Table("d", metadata, key(), Column("e_f", Integer), schema=schema)
    Table("d_e", metadata, key(), Column("f", Integer), schema=schema)
    Table("taken", metadata, key(), Index("a_x_key", "id"), schema=schema)


def alike_and_unique(metadata: MetaData, schema: str | None) -> None:
    alike(metadata, schema)
    for table, column in (("a", "b_c"), ("a", "x"), ("d", "e_f"), ("d_e", "f")):
        metadata.tables[f"{schema}.{table}"].append_constraint(Unique(column))
    # PostgreSQL itself names the one of the new table, which comes before; another schema has names of its own.
    Table("a_b", metadata, key(), Column("c", Integer, unique=True), schema=schema)
    Table("a", metadata, key(), Column("b", Integer), Column("c", Integer), Unique("b", "c"))


def apart(metadata: MetaData, schema: str | None) -> None:
    nothing(metadata, schema)
    for name in ("a", "z"):
        Table(name, metadata, key(), *(Column(column, Integer) for column in "uvwa"))


def coupled(metadata: MetaData, schema: str | None) -> None:
    """Keys may refer to columns that were not unique or did not exist, between tables in either order of their names."""
    nothing(metadata, schema)
    z_new = ForeignKey("z.new")
    for name, other in (("a", "z"), ("z", "a")):
        Table(
            name,
            metadata,
            key(),
            Column("u", Integer, unique=True),
            Column("v", Integer),
            Column("w", ForeignKey(f"{other}.u")),
            Column("a", ForeignKey("a.u")),
            Column("new", Integer, unique=True),
            Unique("u", "v"),
            Index(f"{name}_indexed", "w", "v", unique=True),
            ForeignKeyConstraint(["u", "v"], [f"{other}.u", f"{other}.v"]),
            ForeignKeyConstraint(["v", "w"], [f"{other}.w", f"{other}.v"], name=f"{name}_to_index"),
            ForeignKeyConstraint(["new"], [f"{other}.new"]),
        )
    Table("new", metadata, key(), Column("u", ForeignKey("z.u")), Column("new", z_new), Column("v", ForeignKey("a.id")))


def counted(metadata: MetaData, schema: str | None) -> None:
    nothing(metadata, schema)
    shared = Sequence("shared", metadata=metadata, start=10)
    Table("counted", metadata, Column("id", Integer, shared, server_default=shared.next_value(), primary_key=True))


def uncounted(metadata: MetaData, schema: str | None) -> None:
    nothing(metadata, schema)
    Sequence("shared", metadata=metadata, start=10)


def without_domains(metadata: MetaData, schema: str | None) -> None:
    nothing(metadata, schema)
    Table("a", metadata, key(), Column("e", Text), Column("all", pg.ARRAY(Text)))


def with_domains(metadata: MetaData, schema: str | None) -> None:
    nothing(metadata, schema)
    email = pg.DOMAIN("email", Text, check=sa.text("VALUE LIKE '%@%'"))
    Table(
        "a",
        metadata,
        key(),
        Column("e", email),
        Column("all", pg.ARRAY(email)),
        Column("f", pg.ARRAY(pg.DOMAIN("in_array", Text))),
        Column("g", pg.DOMAIN("elsewhere", Integer, schema="of_domain")),
    )
    Table("b", metadata, key(), Column("f", pg.ARRAY(pg.DOMAIN("in_new_array", Text, schema="of_array"))))


def with_sequence(metadata: MetaData, schema: str | None) -> None:
    nothing(metadata, schema)
    sequence = Sequence("s", schema="of_sequence", metadata=metadata)
    Table("a", metadata, Column("id", Integer, sequence, server_default=sequence.next_value(), primary_key=True))


CASES: dict[str, tuple[Models, Models]] = {
    "a chain of keys goes": (chain, nothing),
    "a cycle goes": (cycle, nothing),
    "a cycle comes": (nothing, cycle),
    "a table goes that another one refers to": (one_with_key_to_new, one),
    "an existing table gets a key to a new one": (one, one_with_key_to_new),
    "a column comes with a check": (one, one_with_checked_column),
    "a column gets a third key": (two_keys_of_one_column, two_more_keys_of_one_column),
    "unique constraints come that PostgreSQL would name alike": (alike, alike_and_unique),
    "keys come with what they refer to": (apart, coupled),
    "keys go with what they refer to": (coupled, apart),
    "a table goes that takes its numbers from a shared sequence": (counted, uncounted),
    "columns get domains": (without_domains, with_domains),
    "a schema has only a sequence": (nothing, with_sequence),
}


def declare(models: Models, schema: str | None = "other") -> MetaData:
    metadata = MetaData()
    models(metadata, schema)
    return metadata


@pytest.mark.parametrize("name", CASES)
def test_tables_and_keys_come_and_go(name: str, postgresql_url: str, tmp_path: Path) -> None:
    """Migrate from one state of the models to another, back, there again, and to nothing."""
    before, after = CASES[name]
    migrations = History(tmp_path / "project", postgresql_url).initialise()
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
    migrations = History(tmp_path / "project", sqlite_url).initialise()
    for revision, models in zip(("before", "after"), CASES[name], strict=True):
        assert migrations.revise(declare(models, None), revision)
        migrations.upgrade()
        assert migrations.find_differences() == []
    migrations.downgrade("base")
    migrations.upgrade()
    assert migrations.find_differences() == []


def test_mysql_gets_the_keys_of_a_cycle_after_its_tables(mysql_url: str, tmp_path: Path) -> None:
    """They have names, so that the downgrade can drop them first."""
    migrations = History(tmp_path / "project", mysql_url).initialise()
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
    migrations = History(tmp_path / "project", postgresql_url).initialise(env)
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

    text: Any = History(tmp_path / "project", postgresql_url).initialise().revise(declare(models), "first")
    assert "use_alter" not in text
    assert "op.create_foreign_key('a_b_id_fkey', 'a', 'b', ['b_id'], ['id'])" in text
    assert text.index("op.drop_constraint('a_b_id_fkey', 'a', type_='foreignkey')") < text.index("op.drop_table('b')")


def test_unique_constraints_have_the_names_that_postgresql_would_choose(postgresql_url: str, tmp_path: Path) -> None:
    """They are those of indexes as well, which the tables of a schema share."""
    migrations = History(tmp_path / "project", postgresql_url).initialise()
    migrations.revise(declare(alike), "before")
    migrations.upgrade()
    text: Any = migrations.revise(declare(alike_and_unique), "after")
    names = re.findall(r"create_unique_constraint\('(\w+)'", text)
    assert sorted(names) == ["a_b_c_key1", "a_x_key1", "d_e_f_key", "d_e_f_key1"]
