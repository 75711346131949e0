"""What autogenerate of enum types takes notice of, leaves alone and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql
from sqlalchemy import MetaData, create_engine, event

from alembic_async_template.errors import EnumDeclarationsDifferError, EnumValueInUseError, InvalidEnumError
from support.enums import NASTY, execute, read_enums
from support.fingerprint import read_fingerprint
from support.history import HAND_WRITTEN_ENV, History, migrate
from support.scenarios import column, declare, post, status


@pytest.fixture
def migrations(postgresql_url: str, tmp_path: Path) -> History:
    return History(tmp_path / "project", postgresql_url).initialise()


def test_models_that_declare_a_type_differently_are_refused(migrations: History) -> None:
    """The error names both columns with their values, before anything is written."""
    models = declare(
        post(column(status("draft", "live"))),
        post(column(status("draft", "gone", schema="public"), "state"), name="page", schema="other"),
    )
    with pytest.raises(EnumDeclarationsDifferError) as raised:
        migrations.revise(models, "one")
    assert str(raised.value) == (
        'Enum public.status is declared with different values\n  where  "draft", "gone" by other.page.state\n'
        '         "draft", "live" by post.status\n  fix    share one declaration\n'
        "  or     give one of them another name; that of a Python enum is its class's in lower case:\n"
        "         sqlalchemy.Enum(..., name='post_status')"
    )
    assert raised.value.columns == ("other.page.state", "post.status")
    assert raised.value.values == (("draft", "gone"), ("draft", "live"))
    assert list((migrations.directory / "migrations/versions").iterdir()) == []


def test_a_reference_without_labels_declares_nothing(migrations: History) -> None:
    """It names a type that is created elsewhere, and another column may have its values."""
    execute(migrations.url, "CREATE TYPE theirs AS ENUM ('a')")
    models = declare(
        post(column(status(name="theirs")), column(status(), "one"), column(status("draft"), "two"), column(status(), "three"))
    )
    text = migrate(migrations, "one", models)
    assert "op.create_enum('status', ['draft'])" in text
    assert text.count("create_enum") == 1
    assert migrations.find_differences() == []


@pytest.mark.parametrize(
    ("type_", "problem"),
    [
        (status("x" * 64), f"Enum status: Value '{'x' * 64}' is 64 bytes long, and PostgreSQL takes 63 at most"),
        (status("a", name="x" * 64), f"Enum {'x' * 64}: The name of the enum '{'x' * 64}' is 64 bytes long"),
    ],
)
def test_what_postgresql_cannot_store_is_refused_before_a_revision_is_written(
    migrations: History, type_: sa.Enum, problem: str
) -> None:
    """The labels are checked when the revision is written, not by the server when it runs."""
    with pytest.raises(InvalidEnumError) as raised:
        migrations.revise(declare(post(column(type_))), "one")
    assert problem.partition(": ")[2] in str(raised.value)


OUTSIDE = {
    "function": "CREATE FUNCTION f(status) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "view": "CREATE VIEW v AS SELECT 'draft'::status AS state",
    "domain": "CREATE DOMAIN d AS status",
    "composite": "CREATE TYPE c AS (s status)",
    "table": "CREATE TABLE theirs (s status[])",
    "extension": "CREATE EXTENSION IF NOT EXISTS plpgsql; ALTER EXTENSION plpgsql ADD TYPE status",
}


@pytest.mark.parametrize("statement", OUTSIDE.values(), ids=OUTSIDE)
def test_a_type_that_something_else_uses_is_left_alone(migrations: History, statement: str) -> None:
    """The last column of the models goes, the type stays; the table that uses it is left out by include_object."""
    migrations.options["include_object"] = lambda _, name, type_, *__: not (type_ == "table" and name == "theirs")
    migrate(migrations, "one", declare(post(column(status("draft", "live")), column(status("x", name="own"), "own"))))
    execute(migrations.url, statement)
    text = migrate(migrations, "two", declare(post()))
    assert "op.drop_enum('own', ['x'])" in text
    assert "'status', [" not in text
    assert migrations.find_differences() == []
    migrations.downgrade("-1")
    migrations.upgrade()


@pytest.mark.parametrize("kind", ["PARTITION BY LIST (kind)", ""])
def test_a_column_of_a_partitioned_table_is_one_use(migrations: History, kind: str) -> None:
    """The partitions' columns go with it, and a default and a CHECK; without partitions it is the same."""
    migrations.options["include_name"] = lambda name, type_, _: not (type_ == "table" and str(name).startswith("part"))
    migrate(migrations, "zero", declare(post(name="page")))
    execute(
        migrations.url,
        "CREATE TYPE status AS ENUM ('draft')",
        "CREATE TABLE post (id serial, kind int, status status DEFAULT 'draft', CHECK (status <> 'draft'), "
        f"PRIMARY KEY (id, kind)) {kind}",
    )
    if kind:
        execute(migrations.url, "CREATE TABLE part1 PARTITION OF post FOR VALUES IN (1)")
    models = declare(post(sa.Column("kind", sa.Integer(), primary_key=True)), post(name="page"))
    assert "op.drop_enum('status', ['draft'])" in migrate(migrations, "one", models)
    assert read_enums(migrations.url) == {}


def test_a_type_that_the_models_never_declared_is_dropped_only_when_asked(migrations: History) -> None:
    """drop_unused_enums=True drops it, unless it is in use or in a schema that is not compared."""
    models = declare(post(column(status("draft"))))
    migrate(migrations, "one", models)
    execute(
        migrations.url,
        "CREATE TYPE stranger AS ENUM ('a', 'b')",
        "CREATE TYPE used AS ENUM ('a')",
        "CREATE FUNCTION f(used) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA other",
        "CREATE TYPE other.far AS ENUM ('a')",
    )
    assert migrations.find_differences() == []
    migrations.options["drop_unused_enums"] = True
    assert migrations.find_differences() == [("drop_enum", None, "stranger", ("a", "b"))]
    migrations.options.update(include_schemas=True, include_name=lambda name, type_, _: (type_, name) != ("enum", "stranger"))
    assert migrations.find_differences() == [("drop_enum", "other", "far", ("a",))]
    migrations.options["include_object"] = lambda _, name, type_, *__: (type_, name) != ("enum", "far")
    assert migrations.find_differences() == []


def test_include_object_leaves_a_declared_type_alone(migrations: History) -> None:
    """It gets the declared and the reflected type; tables and columns that it leaves out declare nothing."""
    asked: list[tuple[Any, ...]] = []

    def include_object(object_: Any, name: str, type_: str, reflected: bool, compare_to: Any) -> bool:
        if type_ == "enum":
            asked.append((object_.enums, name, reflected, compare_to and compare_to.enums))
        return name not in {"hidden", "status"}

    migrate(migrations, "one", declare(post(column(status("a", name="kind"), "kind"))))
    execute(migrations.url, "CREATE TYPE status AS ENUM ('a')")
    models = declare(
        post(
            column(status("a", "b", name="kind"), "kind"),
            column(status("a", "b"), "state"),
            column(status("x", name="n"), "hidden"),
        ),
        post(column(status("y", name="m")), name="hidden"),
    )
    migrations.options["include_object"] = include_object
    text = migrations.revise(models, "two") or ""
    assert asked == [(["a", "b"], "kind", False, ["a"]), (["a", "b"], "status", False, ["a"])]
    assert "op.add_enum_value('kind', 'b')" in text
    assert "add_enum_value('status'" not in text
    assert "create_enum" not in text


def test_include_name_hides_a_type_of_the_database(migrations: History) -> None:
    """A filter leaves out a type as it does a table, and can tell it by its schema."""
    asked = []

    def include_name(name: str | None, type_: str, parents: dict[str, Any]) -> bool:
        if type_ == "enum":
            asked.append((name, parents))
        return (type_, name) != ("enum", "status")

    execute(migrations.url, "CREATE TYPE status AS ENUM ('a')", "CREATE SCHEMA other", "CREATE TYPE other.far AS ENUM ()")
    migrations.options["include_name"] = include_name
    migrations.metadata = declare(post(column(status("b"))))
    assert ("create_enum", None, "status", ("b",)) in migrations.find_differences()
    assert sorted(asked) == [("far", {"schema_name": "other"}), ("status", {"schema_name": None})]


def test_the_plugin_can_be_left_out(migrations: History) -> None:
    """Alembic's own syntax for plugins turns the comparison off: enum types are not mentioned, and rendered as Alembic does."""
    migrations.options["autogenerate_plugins"] = ["alembic.autogenerate.*", "~alembic_async_template.enums"]
    text = migrations.revise(declare(post(column(status("draft")))), "one") or ""
    assert "sa.Enum('draft', name='status')" in text
    assert "_enum(" not in text


def test_a_hand_written_env_that_names_the_plugin_has_all_of_it(postgresql_url: str, tmp_path: Path) -> None:
    """Its own render_item comes first."""
    migrations = History(tmp_path / "project", postgresql_url).initialise(HAND_WRITTEN_ENV)
    mine = "postgresql.ENUM(*['a'], name='mine', create_type=False)"
    migrations.options["render_item"] = lambda kind, item, _: (
        mine if kind == "type" and getattr(item, "name", "") == "mine" else False
    )
    before = declare(post(column(status("draft", "live")), column(status("a", name="mine"), "mine")))
    assert f"sa.Column('mine', {mine}" in migrate(migrations, "one", before)
    after = declare(post(column(status("live", "gone"), server_default="gone"), column(status("a", name="mine"), "mine")))
    text = migrate(migrations, "two", after)
    assert text.index("add_enum_value") < text.index("server_default='gone'") < text.index("remove_enum_value")
    assert migrations.find_differences() == []
    migrations.downgrade("base")
    assert read_enums(postgresql_url) == {}
    migrations.upgrade()


@pytest.mark.parametrize("schema", ["public", "other"])
def test_types_are_the_same_under_every_way_to_name_them(migrations: History, schema: str) -> None:
    """A model that names the default schema, and one that finds the type through the search path."""
    execute(
        migrations.url,
        "CREATE SCHEMA IF NOT EXISTS other",
        sql.SQL("ALTER DATABASE {} SET search_path = public, other")
        .format(sql.Identifier(migrations.url.rpartition("/")[2]))
        .as_string(None),
        f"CREATE TYPE {schema}.status AS ENUM ('draft', 'live')",
        f"CREATE TABLE post (id serial PRIMARY KEY, a {schema}.status, b {schema}.status)",
    )
    execute(migrations.url, "CREATE TYPE public.filler AS ENUM ('x')")
    migrations.metadata = declare(post(column(status("draft", "live"), "a"), column(status("draft", "live", schema=schema), "b")))
    assert migrations.find_differences() == []
    migrations.metadata = declare(
        post(column(status("draft", "live", "new"), "a"), column(status("draft", "live", "new", schema=schema), "b"))
    )
    assert migrations.find_differences() == [("add_enum_value", None, "status", "new", None, None)]


def test_a_metadata_schema_is_that_of_its_types(migrations: History) -> None:
    """Types without a schema are in that of the MetaData, with SQLAlchemy 2.1 at least; nothing differs afterwards."""
    metadata = MetaData(schema="other")
    post(column(status("draft", metadata=metadata)), schema="other")(metadata)
    text = migrate(migrations, "one", metadata)
    assert "op.create_enum('status', ['draft'], schema='other')" in text
    assert migrations.find_differences() == []
    migrations.downgrade("base")
    assert read_enums(migrations.url) == {}


# SQLAlchemy takes parentheses in a type's name for arguments, and does not reflect it.
@pytest.mark.parametrize("nasty", [name for name in NASTY if "(" not in name])
@pytest.mark.parametrize("env", ["asyncpg", "psycopg"])
def test_nasty_names_survive(postgresql_url: str, tmp_path: Path, nasty: str, env: str) -> None:
    """Types, values, schemas, tables and columns with such names are created, changed, converted and dropped with each driver."""
    migrations = History(tmp_path / "project", postgresql_url)
    migrations.initialise(*([HAND_WRITTEN_ENV] if env == "psycopg" else []))
    # Alembic itself takes a dot in a schema for two names, and loses colons and percent signs in a default that it reflects.
    schema = None if "." in nasty else f"{nasty[:62]}s"
    name, label = f"{nasty[:62]}t", f"x{nasty[:61]}x"
    default = {} if set(nasty) & set(":%") else {"server_default": label}

    def models(type_: sa.types.TypeEngine[Any]) -> MetaData:
        id_ = sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False)
        return declare(lambda metadata: sa.Table(nasty, metadata, id_, column(type_, nasty, **default), schema=schema))

    with psycopg.connect(postgresql_url) as connection:
        if schema:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
    migrations.options["include_schemas"] = True
    empty = read_fingerprint(postgresql_url)
    steps = [
        status(label, "b", name=name, schema=schema),
        status("a", label, nasty, "b", name=name, schema=schema),
        status(label, nasty, name=f"{nasty[:62]}?", schema=schema),
        sa.String(80),
        status("b", label, name=name, schema=schema),
    ]
    for number, type_ in enumerate(steps):
        migrate(migrations, f"r{number}", models(type_))
        assert migrations.find_differences() == []
    migrations.downgrade("base")
    assert read_fingerprint(postgresql_url) == empty
    migrations.upgrade()
    assert migrations.find_differences() == []


def test_a_downgrade_refuses_while_rows_hold_the_value_and_goes_on_when_they_do_not(migrations: History) -> None:
    """It counts them, nothing is changed, and what the comment says is the way out."""
    migrate(migrations, "one", declare(post(column(status("draft", "live")))))
    migrate(migrations, "two", declare(post(column(status("draft", "live", "gone")))))
    execute(migrations.url, "INSERT INTO post (status) VALUES ('gone'), ('gone'), ('live')")
    before = read_fingerprint(migrations.url)
    with pytest.raises(EnumValueInUseError, match=r"2 rows of public\.post\.status"):
        migrations.downgrade("base")
    assert read_fingerprint(migrations.url) == before
    (path,) = (migrations.directory / "migrations/versions").glob("*two*")
    text = path.read_text()
    assert "# replace_with='draft'\n    op.remove_enum_value('status', 'gone')" in text
    path.write_text(text.replace("'status', 'gone')\n    # ### end", "'status', 'gone', replace_with='draft')\n    # ### end", 2))
    migrations.downgrade("one")
    with psycopg.connect(migrations.url) as connection:
        assert connection.execute("SELECT status::text FROM post ORDER BY id").fetchall() == [("draft",), ("draft",), ("live",)]
    migrations.downgrade("base")
    assert read_enums(migrations.url) == {}


def test_a_comparison_asks_the_catalog_once(postgresql_url: str) -> None:
    """One query reads all types, and one more is sent if something goes that may be the last use of a type.

    It also asks once which columns are serial, where Alembic asks for each of them.
    """
    engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _, __, statement, *___: asked.append(statement))
    plugins = ["alembic.autogenerate.*", "alembic_async_template.enums"]
    counts = []
    for number in (10, 100, 1000):
        metadata = MetaData()
        for first in range(0, number, 10):
            table = sa.Table(f"table{first // 10}", metadata, sa.Column("id", sa.Integer(), primary_key=True))
            for index in range(first, first + 10):
                table.append_column(column(status("a", "b", name=f"t{index}"), f"c{index}"))
        with engine.begin() as connection:
            metadata.create_all(connection)
        for target, dropped in ((metadata, 0), (MetaData(), number)):
            known = []
            for names in (plugins[:1], plugins[:1], plugins):  # the first time, SQLAlchemy reads more for its own use
                with engine.connect() as connection:
                    context = MigrationContext.configure(
                        connection, opts={"autogenerate_plugins": names, "compare_server_default": True}
                    )
                    asked.clear()
                    differences = compare_metadata(context, target)
                    known.append(len([statement for statement in asked if "relkind='S'" not in statement]))
                assert [difference[0] for difference in differences].count("drop_enum") == (dropped if names is plugins else 0)
            counts.append(known[2] - known[1])
        with engine.begin() as connection:
            metadata.drop_all(connection)
    engine.dispose()
    assert counts == [2, 3] * 3
