"""CHECK constraints that are added to a model or change: PostgreSQL shows them in other words, so it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Column, Integer, MetaData, Table, event, text
from sqlalchemy.engine import Connection, Engine

from alembic_async_template.autogenerate.check_constraints import simplify
from support.history import History, migrate

OPTIONS = {
    "compare_type": True,
    "compare_server_default": True,
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic_async_template.enums"],
}
CONVENTION = {"ck": "ck_%(table_name)s_%(constraint_name)s"}
NASTY = 'nasty%: "check"'


def kind(*values: str, name: str | None = "kind", length: int = 20) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=length)


def declare(*parts: Any, convention: dict[str, Any] | None = None, schema: str | None = None) -> MetaData:
    metadata = MetaData(naming_convention=convention)
    columns: list[Any] = [
        Column("id", Integer, primary_key=True),
        Column("x", Integer),
        Column("y", sa.String(20)),
        Column("z", sa.Numeric(9, 2)),
    ]
    Table("item", metadata, *columns, *parts, schema=schema)
    return metadata


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    engine = sa.create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


def compare(connection: Connection, metadata: MetaData, **options: Any) -> list[tuple[str, str | None]]:
    """What differs: the kind of each change, and the name of its constraint."""
    changes = compare_metadata(MigrationContext.configure(connection, opts={**OPTIONS, **options}), metadata)
    return [
        (change[0], getattr(change[1], "name", None)) if isinstance(change, tuple) else (change[0][0], None) for change in changes
    ]


def read_checks(url: str) -> dict[str, str]:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        query = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'"
        return {row.conname: row.pg_get_constraintdef for row in connection.execute(text(query))}


def simplify_all(checks: dict[str, str]) -> dict[str, str]:
    """PostgreSQL writes a condition that it has shown and read again with other casts."""
    return {name: simplify(condition) for name, condition in checks.items()}


def leave_out_versions(_object: object, name: str, *_: object) -> bool:
    return name != "alembic_version"


# Models before and after; the names of the checks that are dropped, and of those that are created.
CHANGES: dict[str, tuple[Callable[[], MetaData], Callable[[], MetaData], list[str], list[str]]] = {
    "added": (declare, lambda: declare(CheckConstraint("x > 0", name="positive")), [], ["positive"]),
    "nasty": (
        declare,
        lambda: declare(CheckConstraint(r"y LIKE 'a%' AND y <> '\:z' AND y::text <> 'it''s'", name=NASTY)),
        [],
        [NASTY],
    ),
    "unnamed": (
        declare,
        lambda: declare(CheckConstraint("x > 0"), CheckConstraint("x < id")),
        [],
        ["item_check", "item_x_check"],
    ),
    "by expression": (
        declare,
        lambda: declare(CheckConstraint(sa.column("y").in_(["a%", "b'c", ":d"]), name="listed")),
        [],
        ["listed"],
    ),
    "by convention": (
        lambda: declare(convention=CONVENTION),
        lambda: declare(CheckConstraint("x > 0", name="positive"), convention=CONVENTION),
        [],
        ["ck_item_positive"],
    ),
    "not valid": (declare, lambda: declare(CheckConstraint("x > 0", name="later", postgresql_not_valid=True)), [], ["later"]),
    "changed": (
        lambda: declare(CheckConstraint("x > 0", name="positive")),
        lambda: declare(CheckConstraint("x >= 0", name="positive")),
        ["positive"],
        ["positive"],
    ),
    "on a new column": (declare, lambda: declare(Column("w", Integer), CheckConstraint("w > x", name="order")), [], ["order"]),
    "with a new column": (
        declare,
        lambda: declare(Column("w", Integer, CheckConstraint("w > 0", name="of_column")), Column("kind", kind("a", "b"))),
        [],
        ["of_column"],
    ),
    "members": (
        lambda: declare(Column("kind", kind("a", "b"))),
        lambda: declare(Column("kind", kind("a", "b", "c"))),
        ["kind"],
        ["kind"],
    ),
    "members of an unnamed type": (
        lambda: declare(Column("kind", kind("a", "b", name=None))),
        lambda: declare(Column("kind", kind("a", "b", "c", name=None))),
        ["item_kind_check"],
        ["item_kind_check"],
    ),
    "longer members": (
        lambda: declare(Column("kind", kind("a", "b", length=1))),
        lambda: declare(Column("kind", kind("a", "b", "longer", length=6))),
        ["kind"],
        [],
    ),
    "the same members": (
        lambda: declare(Column("kind", kind("a", "b", length=1))),
        lambda: declare(Column("kind", kind("a", "b", length=6))),
        ["kind"],
        [],
    ),
    "text that gets members": (
        lambda: declare(Column("kind", sa.String(20))),
        lambda: declare(Column("kind", kind("a", "b"))),
        [],
        ["kind"],
    ),
}


# SQLAlchemy's own, where it reflects a constraint that is not valid.
@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
@pytest.mark.parametrize("case", CHANGES)
def test_a_check_is_created_or_exchanged_and_the_downgrade_is_the_reverse(case: str, postgresql_url: str, tmp_path: Path) -> None:
    """The checks of the database are those that create_all would have made, and `check` is quiet."""
    before, after, dropped, created = CHANGES[case]
    migrations = History(tmp_path / "one", postgresql_url).initialise()
    migrate(migrations, "one", before())
    first = read_checks(postgresql_url)
    written = migrate(migrations, "two", after())
    upgrade = written.partition("def upgrade")[2].partition("def downgrade")[0]
    for directive, names in (("drop_constraint", dropped), ("create_check_constraint", created)):
        assert upgrade.count(f"op.{directive}(") == len(names), upgrade
        for name in names:
            assert name in upgrade
    second = read_checks(postgresql_url)
    assert migrations.find_differences() == []
    migrations.downgrade("-1")
    assert simplify_all(read_checks(postgresql_url)) == simplify_all(first)
    engine = sa.create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert compare(connection, before(), include_object=leave_out_versions) == []
    migrations.upgrade()
    assert read_checks(postgresql_url) == second
    migrations.downgrade("base")
    after().create_all(engine)
    # What stands in CREATE TABLE is valid.
    assert read_checks(postgresql_url) == {name: condition.removesuffix(" NOT VALID") for name, condition in second.items()}


def test_the_revision_has_the_condition_as_it_was_declared(postgresql_url: str, tmp_path: Path) -> None:
    """What is dropped is created again by the downgrade, with the words of the server."""
    migrations = History(tmp_path / "one", postgresql_url).initialise()
    migrate(migrations, "one", declare(CheckConstraint("x > 0", name="positive")))
    written = migrations.revise(
        declare(CheckConstraint("x >= 0", name="positive"), CheckConstraint(r"y LIKE '%\:a'", name="b")), "two"
    )
    assert written is not None
    upgrade, downgrade = written.partition("def upgrade")[2].split("def downgrade")
    assert (
        "    op.drop_constraint(op.f('positive'), 'item', type_='check')\n"
        "    op.create_check_constraint(op.f('b'), 'item', \"y LIKE '%\\\\:a'\")\n"
        "    op.create_check_constraint(op.f('positive'), 'item', 'x >= 0')\n"
    ) in upgrade
    assert (
        "    op.drop_constraint(op.f('positive'), 'item', type_='check')\n"
        "    op.drop_constraint(op.f('b'), 'item', type_='check')\n"
        "    op.create_check_constraint(op.f('positive'), 'item', 'x > 0')\n"
    ) in downgrade


def list_equal() -> list[Any]:
    return [
        CheckConstraint("x in (1,2) or  X between 5 and 7", name="listed"),
        CheckConstraint("y IN ('a', 'b')"),
        CheckConstraint(r"y = 'A' OR y LIKE 'a%' OR y ~ '^\:z'", name=NASTY),
        CheckConstraint("length(y) > 2 AND x IS NOT NULL"),
        CheckConstraint("length(y) > 2 AND x IS NOT NULL"),
        CheckConstraint("z > 0 AND z < 5.5"),
        CheckConstraint("x <> 5", name="not_valid", postgresql_not_valid=True),
        CheckConstraint("x > 0 AND nothing", name="elsewhere").ddl_if(dialect="sqlite"),
        CheckConstraint("x > 1", name="ž" * 40),
        Column("w", Integer, CheckConstraint("w > 0"), CheckConstraint("w < 9", name="of_column")),
        Column("truth", sa.Boolean(create_constraint=True, name="truth")),
        Column("kind", kind("a", "b'c%")),
        Column("kinds", kind("a", "b", name=None)),
    ]


@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
@pytest.mark.parametrize("schema", [None, "other"])
def test_what_the_models_have_made_is_no_difference(engine: Engine, schema: str | None) -> None:
    """With or without a name, of a table, a column or a type; nor is a check that is in the database only."""
    metadata = declare(*list_equal(), schema=schema)
    with engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA other"))
        metadata.create_all(connection)
        connection.execute(
            text(f"ALTER TABLE {schema or 'public'}.item ADD CHECK (x < 1000), ADD CONSTRAINT more CHECK (id > 0)")
        )
        connection.commit()
        assert compare(connection, metadata, include_schemas=True) == []
        connection.rollback()
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        assert compare(connection, metadata, include_schemas=True) == []


def test_a_child_has_the_checks_of_its_parent(engine: Engine) -> None:
    """They change with the parent's, and cannot be dropped from the child."""

    def inherit(condition: str) -> MetaData:
        metadata = declare(CheckConstraint(condition, name="positive"))
        columns = [Column("id", Integer, primary_key=True), Column("x", Integer)]
        Table("child", metadata, *columns, CheckConstraint(condition, name="positive"), postgresql_inherits="item")
        return metadata

    with engine.connect() as connection:
        inherit("x > 0").create_all(connection)
        assert compare(connection, inherit("x > 0")) == []
        assert compare(connection, inherit("x > 1")) == [("remove_constraint", "positive"), ("add_constraint", "positive")]


def test_include_object_is_asked(engine: Engine) -> None:
    """As Alembic asks it: about a check constraint."""
    with engine.connect() as connection:
        declare().create_all(connection)
        after = declare(CheckConstraint("x > 0", name="mine"), CheckConstraint("x > 1", name="yours"))
        found = compare(
            connection, after, include_object=lambda _o, name, type_, *_: (name, type_) != ("yours", "check_constraint")
        )
        assert found == [("add_constraint", "mine")]


def test_alembics_own_comparison_does_not_repeat_it(engine: Engine) -> None:
    """Where a project asks for it too: it sees names only, and would drop every check without one."""
    pytest.importorskip("alembic.ext.checkconstraint_byname")
    plugins = [*OPTIONS["autogenerate_plugins"], "alembic.ext.checkconstraint_byname"]  # type: ignore[misc]
    with engine.connect() as connection:
        declare(CheckConstraint("x < 9")).create_all(connection)
        after = declare(CheckConstraint("x < 9"), CheckConstraint("x > 0", name="positive"))
        assert compare(connection, after, autogenerate_plugins=plugins) == [("add_constraint", "positive")]


def test_a_condition_that_was_dumped_and_restored_is_the_same(engine: Engine) -> None:
    """PostgreSQL shows it with other casts once it has read what it has shown."""
    before = declare(Column("kind", kind("a", "b'(c")), CheckConstraint("y IN ('x', 'y')"))
    with engine.connect() as connection:
        before.create_all(connection)
        query = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'item'::regclass AND contype = 'c'"
        for name, definition in connection.execute(text(query)).all():
            connection.exec_driver_sql(f"ALTER TABLE item DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {definition}")
        assert compare(connection, before) == []


@pytest.mark.parametrize(
    ("condition", "other"),
    [("(x > 1 OR x < 5) AND id > 0", "x > 1 OR (x < 5 AND id > 0)"), ("y = '(a)'", "y = '((a))'"), ("y = 'a'", "y = 'A'")],
)
def test_another_condition_is_another_one(engine: Engine, condition: str, other: str) -> None:
    """Parentheses and strings count."""
    with engine.connect() as connection:
        declare(CheckConstraint(condition, name="c")).create_all(connection)
        assert compare(connection, declare(CheckConstraint(other, name="c"))) == [
            ("remove_constraint", "c"),
            ("add_constraint", "c"),
        ]


def test_the_number_of_queries_does_not_grow_with_the_checks(engine: Engine) -> None:
    """None where no model has a check; a few for any number of them."""
    numbers = []
    for tables, condition in ((1, None), (30, None), (1, "x IN (1, 2)"), (30, "x IN (1, 2)")):
        metadata, asked = MetaData(), list[str]()
        for number in range(tables):
            checks = [CheckConstraint(condition, name=f"c{number}")] if condition else []
            Table(f"t{number}", metadata, Column("x", Integer), *checks)
        with engine.connect() as connection:
            metadata.create_all(connection)
            assert compare(connection, metadata) == []
            event.listen(connection, "before_cursor_execute", lambda *arguments, asked=asked: asked.append(arguments[2]))
            assert compare(connection, metadata) == []
        numbers.append(len(asked))
    assert numbers[0] == numbers[1]
    assert numbers[2] == numbers[3] <= numbers[0] + 4
