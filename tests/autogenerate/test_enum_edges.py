"""Where a comparison of enum types was once wrong, or might be: each case once went wrong somewhere."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import ARRAY, MetaData, create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

from alembic_async_template.errors import ExistingEnumsError, InvalidEnumError, RevisionFailedError
from support.enums import execute, read_enums
from support.fingerprint import read_fingerprint
from support.history import HAND_WRITTEN_ENV, History, migrate
from support.scenarios import StatusType, column, declare, post, status


@pytest.fixture
def migrations(postgresql_url: str, tmp_path: Path) -> History:
    return History(tmp_path / "project", postgresql_url).initialise()


def read_column(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(query.encode())]


def travel(migrations: History, before: MetaData, after: MetaData, rows: str = "") -> str:
    """Migrate from one to the other and back, as in every scenario; returns the revision."""
    migrate(migrations, "one", before)
    if rows:
        execute(migrations.url, rows)
    fingerprint = read_fingerprint(migrations.url)
    text_ = migrate(migrations, "two", after)
    assert migrations.find_differences() == []
    migrations.downgrade("one")
    assert read_fingerprint(migrations.url) == fingerprint
    migrations.upgrade()
    return text_


@pytest.mark.parametrize("array", ["{a,b}", "{{a,b},{b,a}}", "{}"])
def test_an_array_of_several_is_not_made_one_value(migrations: History, array: str) -> None:
    """The conversion is refused by the server, and nothing is lost."""
    migrate(migrations, "one", declare(post(column(ARRAY(status("a", "b"))))))
    execute(migrations.url, f"INSERT INTO post (status) VALUES ('{array}')")
    text_ = migrations.revise(declare(post(column(status("a", "b")))), "two") or ""
    assert "# Refused unless each array has one element." in text_
    before = read_fingerprint(migrations.url)
    with pytest.raises(RevisionFailedError, match="the array of some row does not have exactly one element"):
        migrations.upgrade()
    assert read_fingerprint(migrations.url) == before


def test_what_is_too_long_for_text_is_refused(migrations: History) -> None:
    """No label is cut off on its way to a shorter type."""
    migrate(migrations, "one", declare(post(column(status("alpha")), column(status("alpha"), "more"))))
    execute(migrations.url, "INSERT INTO post (status) VALUES ('alpha')")
    types: list[TypeEngine[Any]] = [sa.String(3), ARRAY(sa.String(3))]
    for number, type_ in enumerate(types):
        migrations.revise(declare(post(column(type_), column(status("alpha"), "more"))), f"two{number}")
        with pytest.raises(RevisionFailedError, match="too long"):
            migrations.upgrade()
        next((migrations.directory / "migrations/versions").glob(f"*two{number}*")).unlink()


def test_padded_text_becomes_an_enum(migrations: History) -> None:
    """CHAR has spaces behind the value, which is taken without them."""
    before, after = declare(post(column(sa.CHAR(10)))), declare(post(column(status("draft"))))
    travel(migrations, before, after, "INSERT INTO post (status) VALUES ('draft')")
    assert read_column(migrations.url, "SELECT status::text FROM post") == ["draft"]


@pytest.mark.parametrize("value", ["new", "it's 50%: \\"])
@pytest.mark.parametrize("is_text", [True, False])
def test_conditions_use_a_value_of_the_same_revision(migrations: History, value: str, *, is_text: bool) -> None:
    """The server cannot create an index with a value that is still to be added, so it differs from the one that is there."""

    def conditioned(used: str, *labels: str) -> MetaData:
        written = used.replace("'", "''").replace(":", "\\:")
        condition: Any = sa.text(f"status = '{written}'") if is_text else sa.column("status", status(*labels)) == used
        check = sa.CheckConstraint(sa.text(f"status <> '{written}'"), name="used")
        return declare(post(column(status(*labels)), check, sa.Index("ix_used", "id", postgresql_where=condition)))

    text_ = travel(migrations, conditioned("draft", "draft", "live"), conditioned(value, "draft", "live", value))
    upgrade = text_.partition("def downgrade")[0]
    places = [upgrade.index(call) for call in ("op.add_enum_value(", "op.create_index(", "op.create_check_constraint(")]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["line", "int", "interval", "national", "double", "record"])
def test_a_name_that_postgresql_takes_for_another_type_is_refused(migrations: History, name: str) -> None:
    """A column would get the other one; with a schema, or another name, it is right."""
    with pytest.raises(InvalidEnumError) as raised:
        migrations.revise(declare(post(column(status("a", name=name), "kind"))), "one")
    assert str(raised.value) == (
        f"Enum {name} of post.kind: PostgreSQL has a type of that name, which the column would get\n  fix    correct the "
        f"arguments:\n         sqlalchemy.Enum(..., name='post_{name}')"
    )
    migrate(migrations, "one", declare(post(column(status("a", name=f"post_{name}")))))


def test_a_type_with_the_name_of_a_table_is_refused(migrations: History) -> None:
    """A table has a type of its name: of a new one, and of one that is there."""
    expected = "A table of that name, or another type, is in the schema, and a table has a type of its name"
    with pytest.raises(InvalidEnumError, match=expected):
        migrations.revise(declare(post(column(status("a", name="post")))), "one")
    migrate(migrations, "one", declare(post()))
    with pytest.raises(InvalidEnumError, match=expected):
        migrations.revise(declare(post(), post(column(status("a", name="post")), name="page")), "two")
    both = declare(post(), post(column(status("a", name="post", schema="other")), name="page"))
    migrate(migrations, "two", both)
    assert migrations.find_differences() == []


def test_an_inherited_column_goes_with_its_parents(migrations: History) -> None:
    """The type has no other use, and is dropped."""
    migrate(migrations, "one", declare(post(column(status("a")))))
    execute(migrations.url, "CREATE TABLE child () INHERITS (post)")
    migrations.options["include_name"] = lambda name, type_, _: (type_, name) != ("table", "child")
    assert "op.drop_enum('status', ['a'])" in migrate(migrations, "two", declare(post()))


def test_a_type_found_through_the_search_path_goes_and_comes_back_where_it_was(migrations: History) -> None:
    """The downgrade creates the type where it was, also if its table is not in the first schema of the path."""
    name = migrations.url.rpartition("/")[2]
    execute(migrations.url, f"ALTER DATABASE {name} SET search_path = tenant, public", "CREATE SCHEMA tenant")
    migrate(migrations, "one", declare(post(name="page")))
    execute(
        migrations.url,
        "CREATE TYPE public.status AS ENUM ('a')",
        "CREATE TYPE public.mood AS ENUM ('a')",
        "CREATE TABLE tenant.post (id serial PRIMARY KEY, status public.status)",
        "CREATE TABLE public.other (id serial PRIMARY KEY, mood public.mood)",
    )
    text_ = migrate(migrations, "two", declare(post(name="page")))
    assert "op.drop_enum('status', ['a'], schema='public')" in text_
    assert read_enums(migrations.url) == {}
    migrations.downgrade("one")
    assert read_enums(migrations.url) == {"public.status": ["a"], "public.mood": ["a"]}


def test_a_default_that_the_models_do_not_have_is_kept(migrations: History) -> None:
    """Where defaults are not compared, a conversion takes along what the database has."""
    migrations.options["compare_server_default"] = False
    migrate(migrations, "one", declare(post(column(sa.Text()), column(sa.Text(), "more"))))
    execute(
        migrations.url,
        "ALTER TABLE post ALTER status SET DEFAULT 'draft', ALTER more SET DEFAULT lower('DRAFT')",
    )
    before = read_fingerprint(migrations.url)
    migrate(migrations, "two", declare(post(column(status("draft")), column(status("draft"), "more"))))
    execute(migrations.url, "INSERT INTO post DEFAULT VALUES")
    assert read_column(migrations.url, "SELECT (status, more)::text FROM post") == ["(draft,draft)"]
    execute(migrations.url, "DELETE FROM post; ALTER SEQUENCE post_id_seq RESTART")
    migrations.downgrade("one")
    after = read_fingerprint(migrations.url)
    assert [name for name in before if before[name] != after[name]] in ([], ["columns"])  # lower('DRAFT'), with casts


@pytest.mark.parametrize("env", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("value", ["50%", ":draft", "a\\:b", "it's"])
def test_a_default_survives_the_downgrade(postgresql_url: str, tmp_path: Path, env: str, value: str) -> None:
    """The default of a converted column and of a dropped one stays the same, whatever the driver reads in it."""
    migrations = History(tmp_path / "project", postgresql_url)
    migrations.initialise(*([HAND_WRITTEN_ENV] if env == "psycopg" else []))
    before = declare(
        post(column(sa.Text(), server_default=value), name="page"), post(column(status(value), server_default=value))
    )
    after = declare(post(column(status(value), server_default=value), name="page"), post())
    migrate(migrations, "one", before)
    fingerprint = read_fingerprint(postgresql_url)
    text_ = migrate(migrations, "two", after)
    migrations.downgrade("one")
    assert read_fingerprint(postgresql_url) == fingerprint, text_


def test_a_type_that_is_left_over_is_mentioned_before_it_is_taken(migrations: History, caplog: pytest.LogCaptureFixture) -> None:
    """The revision would not create it: a warning; for the first revision it is an error."""
    execute(migrations.url, "CREATE TYPE status AS ENUM ('a')")
    for type_ in (status("a"), StatusType(), ARRAY(status("a"))):
        with pytest.raises(ExistingEnumsError):
            migrations.revise(declare(post(column(type_))), "one")
    # What is no enum type of PostgreSQL does not matter.
    migrate(migrations, "one", declare(post(column(status("a", native_enum=False)))))
    caplog.set_level(logging.WARNING)
    migrations.revise(declare(post(column(status("a", native_enum=False)), column(status("a"), "more"))), "two")
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "Enum public.status is in the database, though no table that is compared has it: this revision does not create it. If "
        "no other revision does and it is left over, drop it and write this one again: DROP TYPE public.status"
    ]


def test_the_type_of_a_domain_is_created(migrations: History) -> None:
    """The domain is SQLAlchemy's to create, with the table."""
    before = declare(post())
    domain = postgresql.DOMAIN("kind", postgresql.ENUM("a", "b", name="status"))
    after = declare(post(), post(column(domain), name="page"))
    migrate(migrations, "one", before)
    migrations.metadata = after  # Alembic 1.18 cannot write a domain
    assert migrations.find_differences()[0] == ("create_enum", None, "status", ("a", "b"))


class OwnEnum(sa.Enum):
    """An application's subclass."""


class OwnArray(TypeDecorator[list[str]]):
    """An application's type over an array."""

    impl = ARRAY(status("draft", "live"))
    cache_ok = True


class Twice(TypeDecorator[str]):
    """A decorator over a decorator."""

    impl = StatusType
    cache_ok = True


@pytest.mark.parametrize("type_", [OwnEnum("draft", "live", name="status"), OwnArray(), Twice(), ARRAY(StatusType())])
def test_types_of_the_application_are_written_as_what_they_are(migrations: History, type_: Any) -> None:
    """The revision needs nothing of the application, and creates the type once."""
    text_ = migrate(migrations, "one", declare(post(column(type_))))
    assert "postgresql.ENUM('draft', 'live', name='status', create_type=False)" in text_
    assert "import test_" not in text_
    assert migrations.find_differences() == []
    migrations.downgrade("base")
    assert read_enums(migrations.url) == {}


def test_include_object_may_ask_for_info(migrations: History) -> None:
    """Everything that Alembic asks about has it."""
    migrations.options["include_object"] = lambda object_, *_: not object_.info.get("skip")
    migrate(migrations, "one", declare(post(column(status("a")))))
    migrate(migrations, "two", declare(post(column(status("a", "b")))))
    migrate(migrations, "three", declare(post()))


def test_a_type_that_include_object_leaves_out_and_nobody_has_made_is_named(
    migrations: History, caplog: pytest.LogCaptureFixture
) -> None:
    """The revision would fail."""
    caplog.set_level(logging.WARNING)
    migrations.options["include_object"] = lambda _, __, type_, *___: type_ in {"table", "column"}
    assert "create_enum" not in (migrations.revise(declare(post(column(status("a")))), "one") or "")
    assert "include_object leaves out enum status, which is not in the database" in caplog.text


def test_a_type_without_labels_gets_some(migrations: History) -> None:
    """PostgreSQL has such types; no operation makes one, so the downgrade leaves the values, and none is dropped."""
    migrate(migrations, "one", declare(post(name="page")))
    execute(migrations.url, "CREATE TYPE status AS ENUM ()", "CREATE TABLE post (id serial PRIMARY KEY, status status)")
    page = post(name="page")
    text_ = migrate(migrations, "two", declare(page, post(column(status("a", "b")))))
    assert "op.add_enum_value('status', 'a')\n    op.add_enum_value('status', 'b')" in text_
    migrations.downgrade("one")
    migrations.upgrade()
    assert migrations.find_differences() == []


def test_alembics_own_comparison_of_types_can_be_left_out(migrations: History) -> None:
    """Conversions are still this package's."""
    migrations.options["autogenerate_plugins"] = [
        "alembic.autogenerate.*",
        "~alembic.autogenerate.types",
        "alembic_async_template.enums",
    ]
    travel(migrations, declare(post(column(sa.Text()))), declare(post(column(status("a")))))


def test_without_comparison_of_types_nothing_is_created_for_what_stays(migrations: History) -> None:
    """The column stays text, and needs no type."""
    migrations.options["compare_type"] = False
    migrate(migrations, "one", declare(post(column(sa.Text()))))
    migrations.metadata = declare(post(column(status("a"))))
    assert migrations.find_differences() == []


def test_a_comparison_of_types_by_the_project_is_converted_too(migrations: History) -> None:
    """What its function says differs has its USING clause, and the old type goes."""
    migrations.options["compare_type"] = lambda _, __, ___, *types: len({getattr(type_, "name", "") for type_ in types}) > 1
    text_ = travel(migrations, declare(post(column(status("a")))), declare(post(column(status("a", name="mood")))))
    assert "status::text::mood" in text_
    assert "op.drop_enum('status', ['a'])" in text_


DEFAULTS = [
    (sa.Integer(), "1", status("1", "2"), "2"),
    (ARRAY(sa.Text()), text("ARRAY['a']::text[]"), ARRAY(status("a", "b")), text("ARRAY['b']::status[]")),
    (sa.Text(), "a", status("a", "b"), text("lower('B')::status")),
    (status("a"), "a", status("a", "b"), text("lower('B')::status")),
]


@pytest.mark.parametrize("callable_", [False, True], ids=["compared", "compared by a function that does not decide"])
@pytest.mark.parametrize(("old", "old_default", "new", "new_default"), DEFAULTS)
def test_defaults_that_the_server_cannot_compare_differ(
    migrations: History, old: Any, old_default: Any, new: Any, new_default: Any, callable_: bool
) -> None:
    """It does not know the type or value yet; later it does, and nothing differs."""
    if callable_:
        migrations.options["compare_server_default"] = lambda *_: None
    before = declare(post(column(_copy(old), server_default=old_default)))
    travel(migrations, before, declare(post(column(_copy(new), server_default=new_default))))


def _copy(type_: Any) -> Any:
    """A type belongs to one table, and parameters are shared by tests."""
    return type_.copy() if hasattr(type_, "copy") else type_


def test_a_base_type_with_a_variant_for_postgresql_is_not_created(migrations: History) -> None:
    """The column has the variant, though SQLAlchemy's copies of an enum lose it."""
    types = [
        status("a", name="unused").with_variant(sa.String(20), "postgresql"),
        status("a", name="unused").with_variant(postgresql.ENUM("a", "b", name="used"), "postgresql"),
    ]
    text_ = migrate(migrations, "one", declare(post(column(types[0], "one"), column(types[1], "two"))))
    assert "unused" not in text_
    assert read_enums(migrations.url) == {"public.used": ["a", "b"]}
    assert migrations.find_differences() == []


def test_a_baseline_names_the_default_schema_and_does_not_create_it(migrations: History) -> None:
    """A model may name it."""
    migrations.arguments.append("baseline")
    text_ = migrations.revise(declare(post(column(status("a", schema="public")))), "one") or ""
    assert "SCHEMA" not in text_
    assert "op.create_enum('status', ['a'], schema='public')" in text_


def test_operations_can_be_invoked_and_rendered_without_a_revision(postgresql_url: str) -> None:
    """A move as in Alembic's documentation works in both directions, with no type created twice."""
    engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    sets = [
        MetaData(),
        declare(post(column(status("a"), server_default="a"))),
        declare(post(column(status("b", "a"), server_default="b"), column(ARRAY(status("b", "a")), "more"))),
        declare(post()),
    ]
    with engine.connect() as connection:
        plugins = ["alembic.autogenerate.*", "alembic_async_template.enums"]
        options = {"autogenerate_plugins": plugins, "compare_server_default": True, "transaction_per_migration": True}
        context = MigrationContext.configure(connection, opts=options)
        op = Operations(context)

        def invoke(operations: Any) -> None:
            for operation in operations:
                if hasattr(operation, "ops"):
                    invoke(operation.ops)
                else:
                    op.invoke(operation)

        for metadata in sets:
            script = produce_migrations(context, metadata)
            for number, container in enumerate([script.upgrade_ops, script.downgrade_ops, script.upgrade_ops]):
                assert container is not None
                rendered = render_python_code(container, migration_context=context)
                if not sa.__version__.startswith("2.0"):  # its ENUM does not show it
                    assert ", create_type=False)" in rendered or "ENUM(" not in rendered, number
                assert len(set(container.ops)) == len(container.ops)
                with context.begin_transaction(_per_migration=True):
                    invoke(container.ops)
                connection.commit()
            assert produce_migrations(context, metadata).upgrade_ops.ops == []  # type: ignore[union-attr]
            connection.commit()
    engine.dispose()


def test_a_rename_among_other_changes_is_told_apart(migrations: History) -> None:
    """The comment names the addition that the rename replaces, and following it literally leaves no difference."""
    migrate(migrations, "one", declare(post(column(status("gone", "a", "old", "b", "z")))))
    text_ = migrations.revise(declare(post(column(status("a", "new", "b", "z", "extra")))), "two") or ""
    assert (
        "    op.add_enum_value('status', 'new', after='a')\n"
        "    op.add_enum_value('status', 'extra')\n"
        "    # If 'old' was renamed to 'new', write this instead of the addition of 'new':\n"
        "    # op.rename_enum_value('status', 'old', 'new')\n"
    ) in text_
    (path,) = (migrations.directory / "migrations/versions").glob("*two*")
    followed = path.read_text().replace("    # op.rename", "    op.rename", 1)
    path.write_text(followed.replace("    op.add_enum_value('status', 'new', after='a')\n", "", 1))
    execute(migrations.url, "INSERT INTO post (status) VALUES ('old')")
    migrations.upgrade()
    assert migrations.find_differences() == []
    assert read_column(migrations.url, "SELECT status::text FROM post") == ["new"]


def test_a_character_that_has_no_encoding_is_refused(migrations: History) -> None:
    """Half of a surrogate pair."""
    with pytest.raises(InvalidEnumError, match="has a character that UTF-8 does not have"):
        migrations.revise(declare(post(column(status("\ud800")))), "one")
