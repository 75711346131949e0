"""What autogenerate adds and refuses: nothing to do, existing tables, dropped tables, schemas, extensions, foreign types."""

import psycopg
import pytest

from support.project import Project

MODELS = """
from sqlmodel import Field, SQLModel


class One(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
"""


@pytest.fixture
def app(project: Project, database_url: str) -> Project:
    """An initialised project with one table and a database."""
    project.environment["DATABASE_URL"] = database_url
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    return project


@pytest.fixture
def postgresql_app(project: Project, postgresql_url: str) -> Project:
    """A project with models, on PostgreSQL only."""
    project.environment["DATABASE_URL"] = postgresql_url
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    return project


def autogenerate(project: Project, *arguments: str, check: bool = True) -> str:
    return project.alembic(*arguments, "revision", "--autogenerate", "-m", "x", check=check).output


def execute(project: Project, *statements: str) -> list[tuple[object, ...]]:
    """Run SQL on the project's PostgreSQL; the rows of the last statement."""
    with psycopg.connect(project.environment["DATABASE_URL"], autocommit=True) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_revision_with_nothing_to_do_is_not_written(app: Project) -> None:
    """The command says so and succeeds."""
    autogenerate(app)
    app.alembic("upgrade", "head")
    assert "No difference between the models and the database: no revision was written." in autogenerate(app)
    assert len(app.revisions()) == 1
    assert "written" not in app.alembic("check").output


def test_dropped_tables_are_named_as_the_revision_is_written(app: Project) -> None:
    """A table that is in the database only is dropped by the revision, and the command says which."""
    app.write({"app/more.py": MODELS.replace("One", "Two")})
    autogenerate(app)
    app.alembic("upgrade", "head")
    (app.directory / "app/more.py").unlink()
    output = autogenerate(app)
    assert "This revision loses data, as its comments say: table two" in output
    assert 'op.drop_table("two")' in app.revisions()[-1].read_text()


def test_a_database_made_by_create_all_needs_a_baseline(app: Project) -> None:
    """The first revision would be empty: refused, with the way, and the way works."""
    (app.directory / "make.py").write_text(
        "import os, sqlmodel, app.models\n"
        "url = os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+psycopg:')\n"
        "sqlmodel.SQLModel.metadata.create_all(sqlmodel.create_engine(url))\n"
    )
    (app.directory / "migrations/env.py").write_text((app.directory / "migrations/env.py").read_text() + "import make\n")
    app.alembic("current", env={"PYTHONWARNINGS": "default", "PYTHONPATH": str(app.directory)})
    (app.directory / "migrations/env.py").write_text("from alembic_async_template import run_environment\nrun_environment()\n")
    (app.directory / "make.py").unlink()
    assert app.alembic("revision", "--autogenerate", "-m", "x", check=False).block == (
        "There is no revision yet, but the database already has 1 table of the models\n"
        "  where  one: probably made by create_all; the first revision would leave them out\n"
        '  fix    compare with an empty database:\n         alembic -x baseline revision --autogenerate -m "baseline"\n'
        "  then   mark this database as migrated:\n         alembic stamp head"
    )
    assert app.revisions() == []
    app.alembic("-x", "baseline", "revision", "--autogenerate", "-m", "baseline")
    assert 'op.create_table(\n        "one"' in app.revisions()[-1].read_text()
    app.alembic("stamp", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout
    refusal = (
        "FAILED: -x baseline is for the first revision, and there are revisions already: every table would be created twice\n"
    )
    assert refusal in autogenerate(app, "-x", "baseline", check=False)


def test_a_baseline_for_a_part_of_the_tables_says_what_to_take_out(app: Project) -> None:
    """A table that is not there would be recorded as created; one that `include_object` leaves out does not count."""
    app.write({"app/more.py": MODELS.replace("One", "Two")})
    autogenerate(app)
    app.alembic("upgrade", "head")
    app.revisions()[-1].unlink()
    app.write({"app/other.py": MODELS.replace("One", "Three")})
    env = app.directory / "migrations/env.py"
    own = env.read_text()
    version = 'run_environment(version_table="other_version"'
    env.write_text(own.replace("run_environment(", version))
    assert (
        "  fix    compare with an empty database:\n"
        '         alembic -x baseline revision --autogenerate -m "baseline"\n'
        "  then   take out of that revision what is not there: three\n"
        "  then   mark this database as migrated:\n         alembic stamp head\n"
        "  then   write that in a second one:\n         alembic revision --autogenerate\n"
    ) in autogenerate(app, check=False)
    leave_out = "include_object=lambda item, name, kind, *_: kind != 'table' or name not in {'one', 'two'}"
    env.write_text(own.replace("run_environment(", f"{version}, {leave_out}"))
    autogenerate(app)
    text = app.revisions()[-1].read_text()
    assert "three" in text
    assert "two" not in text


def test_a_database_whose_revisions_are_missing_is_not_taken_for_one_without(app: Project) -> None:
    """The files are missing, not the baseline."""
    autogenerate(app)
    app.alembic("upgrade", "head")
    app.revisions()[-1].unlink()
    assert "\n  fix    get them back, if they were deleted or are on another branch:\n" in autogenerate(app, check=False)


SCHEMAS = """
import enum
from sqlalchemy import Enum, ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Plain(Base):
    __tablename__ = "plain"
    id: Mapped[int] = mapped_column(primary_key=True)


class Billing(Base):
    __tablename__ = "invoice"
    __table_args__ = {"schema": "NASTY"}
    id: Mapped[int] = mapped_column(primary_key=True)
    plain_id: Mapped[int] = mapped_column(ForeignKey("plain.id"))
"""


def test_schemas_of_the_models_are_created_first_and_others_left_alone(postgresql_app: Project) -> None:
    """Only the models' schemas are compared; what is in another one is not proposed for dropping."""
    app = postgresql_app
    execute(app, "CREATE SCHEMA other", "CREATE TABLE other.stranger (id int)")
    app.write({"app/models.py": SCHEMAS.replace("NASTY", "Weird Sch:ema%")})
    assert "stranger" not in autogenerate(app)
    app.alembic("upgrade", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout
    assert execute(app, "SELECT schemaname FROM pg_tables WHERE tablename = 'invoice'") == [("Weird Sch:ema%",)]
    app.alembic("downgrade", "base")
    assert execute(app, "SELECT nspname FROM pg_namespace WHERE nspname ~ '^(We|oth)'") == [("other",)]
    app.alembic("upgrade", "head")


def test_an_enum_type_that_is_left_over_is_named_before_the_first_revision(postgresql_app: Project) -> None:
    """The revision would not create it, and fail wherever it is not."""
    app = postgresql_app
    app.write(
        {
            "app/models.py": MODELS.replace("from", "import enum\n\nfrom", 1)
            + "\n\nclass Color(enum.Enum):\n    red = 'red'\n\n\nclass Thing(SQLModel, table=True):\n"
            "    id: int = Field(primary_key=True)\n    color: Color\n"
        }
    )
    execute(app, "CREATE TYPE color AS ENUM ('red')")
    assert app.alembic("revision", "--autogenerate", "-m", "x", check=False).block == (
        "There is no revision yet, but the database already has 1 enum type of the models\n"
        "  where  public.color: probably left over; the first revision would leave them out\n"
        "  fix    drop them:\n         DROP TYPE public.color"
    )
    execute(app, "DROP TYPE color")
    autogenerate(app)


def test_models_that_name_the_default_schema_come_to_rest(postgresql_app: Project) -> None:
    """Their foreign keys are the ones that are there; one that changes is still a change."""
    app = postgresql_app
    foreign_key = '    other_id: int | None = Field(default=None, foreign_key="public.one.id")\n'
    app.write({"app/models.py": MODELS + foreign_key + '    __table_args__ = {"schema": "public"}\n'})
    autogenerate(app)
    app.alembic("upgrade", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout
    app.write({"app/models.py": (app.directory / "app/models.py").read_text().replace('.id")', '.id", ondelete="CASCADE")')})
    autogenerate(app)
    app.alembic("upgrade", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout
    app.alembic("downgrade", "base")


def test_tables_of_an_extension_are_left_alone(postgresql_app: Project) -> None:
    """PostGIS brings `spatial_ref_sys`; a table of the models with such a name is still compared."""
    app = postgresql_app
    autogenerate(app)
    app.alembic("upgrade", "head")
    execute(
        app,
        "CREATE TABLE spatial_ref_sys (srid int)",
        "ALTER EXTENSION plpgsql ADD TABLE spatial_ref_sys",
        "CREATE TABLE mine (id int)",
    )
    output = app.alembic("check", check=False).output
    assert "The models have no table mine" in output
    assert "spatial_ref_sys" not in output


TYPES = """
import sqlalchemy as sa
import sqlmodel
from pgvector.sqlalchemy import HALFVEC, Vector
from sqlalchemy.dialects import postgresql
from sqlalchemy_utils import ChoiceType, EmailType, LtreeType, URLType, UUIDType

from app import types

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("auto", sqlmodel.AutoString(length=7)),
    sa.Column("vector", Vector(3)),
    sa.Column("vectors", postgresql.ARRAY(HALFVEC(2))),
    sa.Column("email", EmailType(length=99)),
    sa.Column("url", URLType),
    sa.Column("uuid", UUIDType(binary=False)),
    sa.Column("choice", ChoiceType([("a", "A")], impl=sa.String(3))),
    sa.Column("money", types.Money()),
    sa.Column("more", types.Money()),
    sa.Column("ours", types.Ours(5)),
    sa.Column("hidden", types.make_hidden()(4)),
    sa.Column("variant", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
)
"""
OWN_TYPES = """
import sqlalchemy as sa


class Money(sa.types.TypeDecorator):
    impl = sa.Numeric
    cache_ok = True

    def __init__(self):
        super().__init__(10, 2)


class Ours(sa.types.TypeDecorator):
    impl = sa.String
    cache_ok = True


def make_hidden():
    class Hidden(sa.types.TypeDecorator):
        impl = sa.String
        cache_ok = True

    return Hidden
"""


def test_types_of_other_packages_render_so_that_the_revision_runs(postgresql_app: Project) -> None:
    """A type is imported where that builds the same type, otherwise rendered as the type underneath, with a warning."""
    app = postgresql_app
    execute(app, "CREATE EXTENSION IF NOT EXISTS vector") if has_vector(app) else None
    models = TYPES if has_vector(app) else without_vector(TYPES)
    app.write({"app/models.py": models, "app/types.py": OWN_TYPES})
    output = app.alembic("revision", "--autogenerate", "-m", "x", env={"PYTHONWARNINGS": "ignore"}).output
    text = app.revisions()[-1].read_text()
    assert 'sa.Column("auto", sqlmodel.AutoString(length=7), nullable=True)' in text
    assert "sqlalchemy_utils.types.email.EmailType(length=99)" in text
    assert "import sqlalchemy_utils.types.email\n" in text
    assert 'sa.Column("money", sa.Numeric(precision=10, scale=2), nullable=True)' in text
    assert 'sa.Column("ours", app.types.Ours(length=5), nullable=True)' in text
    assert 'sa.Column("hidden", sa.String(length=4), nullable=True)' in text
    assert (
        "Type Money is rendered as sa.Numeric(precision=10, scale=2), which is underneath: Money does not take the arguments"
        in output
    )
    assert "app.types.make_hidden.<locals>.Hidden cannot be imported" in output
    assert output.count("Type Money is rendered") == 1
    app.alembic("upgrade", "head", env={"PYTHONWARNINGS": "ignore"})
    assert "No new upgrade operations" in app.alembic("check", env={"PYTHONWARNINGS": "ignore"}).stdout


def has_vector(app: Project) -> bool:
    return bool(execute(app, "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"))


def without_vector(models: str) -> str:
    return "".join(line for line in models.splitlines(keepends=True) if "vector" not in line.lower() or "import" in line)


DIALECT_TYPES = """
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlmodel import SQLModel

sa.Table(
    "one",
    SQLModel.metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("base", postgresql.JSONB().with_variant(sa.JSON(), "sqlite").with_variant(mysql.JSON(), "mysql")),
    sa.Column("plain", postgresql.JSON(none_as_null=True).with_variant(sa.JSON(), "sqlite", "mysql")),
    sa.Column("variant", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
    sa.Column("array", postgresql.ARRAY(sa.Text()).with_variant(sa.JSON(), "sqlite", "mysql")),
    sa.Column("inner", sa.JSON().with_variant(postgresql.ARRAY(postgresql.JSONB()), "postgresql")),
    sa.Column("other", sa.String(9).with_variant(mysql.VARCHAR(9, charset="utf8mb4"), "mysql")),
)
"""


def test_types_of_another_dialect_render_so_that_the_revision_runs(app: Project) -> None:
    """The revision runs on every database, whichever dialect the types and their variants belong to."""
    app.write({"app/models.py": DIALECT_TYPES})
    autogenerate(app)
    text = "".join(app.revisions()[-1].read_text().split())
    assert "postgresql.JSONB(astext_type=sa.Text()).with_variant(" in text
    assert 'sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()),"postgresql")' in text
    assert "postgresql.ARRAY(sa.Text())" in text
    assert "postgresql.ARRAY(postgresql.JSONB(astext_type=sa.Text()))" in text
    app.alembic("upgrade", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout


def test_a_given_render_item_comes_first(app: Project) -> None:
    """What the project renders itself is not rendered again."""
    (app.directory / "migrations/env.py").write_text(
        "from alembic_async_template import run_environment\n"
        "def render_item(kind, item, context):\n"
        "    return 'sa.BigInteger()' if kind == 'type' and type(item).__name__ == 'Integer' else False\n"
        "run_environment(render_item=render_item)\n"
    )
    autogenerate(app)
    assert 'sa.Column("id", sa.BigInteger(), nullable=False)' in app.revisions()[-1].read_text()


VARIANTS = """
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from app.types import Guid, Keyed

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("guid", Guid().with_variant(UUID(), "postgresql")),
    sa.Column("keyed", Keyed("s3cret")),
)
"""
VARIANT_TYPES = """
import sqlalchemy as sa


class Guid(sa.types.TypeDecorator):
    impl = sa.CHAR(32)
    cache_ok = True

    def __repr__(self):
        return "Guid()"


class Keyed(sa.types.TypeDecorator):
    impl = sa.String
    cache_ok = True

    def __init__(self, key):
        super().__init__()
        self.key = key

    def load_dialect_impl(self, dialect):
        return dialect.type_descriptor(sa.String(80))

    def __repr__(self):
        return f"Keyed(<{self.key}>)"
"""


def test_variants_and_private_classes_of_a_dialect_render_as_what_can_be_imported(postgresql_app: Project) -> None:
    """Each variant is kept, the driver's own String is a String, and no repr with a secret is shown."""
    app = postgresql_app
    app.write({"app/models.py": VARIANTS, "app/types.py": VARIANT_TYPES})
    output = autogenerate(app)
    text = app.revisions()[-1].read_text()
    assert 'app.types.Guid().with_variant(sa.UUID(), "postgresql")' in text
    assert 'sa.Column("keyed", sa.String(length=80), nullable=True)' in text
    assert "s3cret" not in output + text
    app.alembic("upgrade", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout


def test_constraints_of_added_columns_have_names(app: Project) -> None:
    """SQLite's batch operations need names to add constraints, and a downgrade needs them to drop them."""
    autogenerate(app)
    app.alembic("upgrade", "head")
    columns = (
        "    email: str | None = Field(default=None, unique=True)\n"
        "    other_id: int | None = Field(default=None, foreign_key='one.id')\n"
    )
    app.write({"app/models.py": MODELS + columns})
    autogenerate(app)
    text = app.revisions()[-1].read_text()
    assert '"one_email_key", ["email"]' in text or '"one_email_key", "one", ["email"]' in text
    for _ in range(2):
        app.alembic("upgrade", "head")
        assert "No new upgrade operations" in app.alembic("check").stdout
        app.alembic("downgrade", "-1")
