"""Projects that have a history: what their old revisions and their old `env.py` rely on still holds."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import alembic.command
import pytest
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from alembic_async_template import Migrations
from support.models import CONVENTION
from support.project import ENV, Project, write_files

# As revisions of stock environments read the URL; the last one when it is imported.
READS = {
    "get_main_option": ("", 'sa.create_engine(context.config.get_main_option("sqlalchemy.url"))'),
    "get_section_option": ("", 'sa.create_engine(context.config.get_section_option("alembic", "sqlalchemy.url"))'),
    "get_section": ("", 'sa.engine_from_config(context.config.get_section("alembic", {}), prefix="sqlalchemy.")'),
    "config.config_ini_section": (
        "config = context.config\n",
        'sa.engine_from_config(config.get_section(config.config_ini_section), prefix="sqlalchemy.", poolclass=sa.pool.NullPool)',
    ),
    "at the import": ('URL = context.config.get_main_option("sqlalchemy.url")\n', "sa.create_engine(URL)"),
}
REVISION = """
import os

import sqlalchemy as sa
from alembic import context, op

revision = "one"
down_revision = None
{start}

def upgrade():
    engine = {engine}
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            found = connection.exec_driver_sql("PRAGMA database_list").fetchone()[2]
        else:
            found = connection.scalar(sa.text("SELECT current_database()"))
        assert os.path.basename(found) == {database!r}, found
    engine.dispose()


downgrade = upgrade
"""
INI = "[alembic]\nscript_location = %(here)s/migrations\nprepend_sys_path = %(here)s\npath_separator = os\n"


def with_sync_driver(url: str) -> str:
    """The URL as a project with a sync driver has it."""
    return url.replace("postgresql://", "postgresql+psycopg://")


def write_history(directory: Path, url: str, start: str, engine: str, *, line: str = "") -> None:
    """An environment with one old revision, that looks into the database that it reads from the configuration."""
    database = Path(make_url(url).database or "").name
    files = {
        "alembic.ini": INI + line,
        "migrations/env.py": ENV,
        "migrations/versions/one.py": REVISION.format(start=start, engine=engine, database=database),
    }
    write_files(directory, files)


@pytest.mark.parametrize("line", ["", "sqlalchemy.url = driver://user:p%40ss@localhost/dbname\n"], ids=["no URL", "another URL"])
@pytest.mark.parametrize(("start", "engine"), READS.values(), ids=READS)
def test_an_old_revision_reads_the_url_of_this_run(
    project: Project, database_url: str, start: str, engine: str, line: str
) -> None:
    """An old revision gets the URL with its password, however it asks; the ini is unchanged, and no output shows the password."""
    url = with_sync_driver(database_url)
    write_history(project.directory, url, start, engine, line=line)
    for arguments in (("-x", f"url={url}", "upgrade", "head"), ("downgrade", "base")):
        result = project.alembic(*arguments, env={"DATABASE_URL": url})
        password = make_url(url).password
        assert password is None or (password not in result.output and "p%40ss%2F" not in result.output)
    assert (project.directory / "alembic.ini").read_text() == INI + line


@pytest.mark.parametrize("line", ["", "sqlalchemy.url = {url}\n"], ids=["no URL", "its URL"])
def test_a_program_finds_its_configuration_as_it_was(tmp_path: Path, sqlite_url: str, line: str) -> None:
    """The configuration is as before after a run that succeeds and one that fails, with a relative path too."""
    write_history(tmp_path, sqlite_url, *READS["get_section"], line=line.format(url="sqlite:///database.sqlite"))
    config = Config(tmp_path / "alembic.ini")
    if not line:
        config.attributes["connection"] = create_engine(sqlite_url)
    before = dict(config.file_config.items("alembic"))
    alembic.command.upgrade(config, "head")
    assert dict(config.file_config.items("alembic")) == before
    with (tmp_path / "migrations/versions/one.py").open("a") as file:
        file.write("\n\ndef downgrade():\n    raise SystemError\n")
    with pytest.raises(SystemError):
        alembic.command.downgrade(config, "base")
    assert dict(config.file_config.items("alembic")) == before
    if not line:
        config.attributes["connection"].dispose()


def test_a_program_without_an_ini_gives_it_the_url_too(tmp_path: Path, sqlite_url: str) -> None:
    """The settings are in `pyproject.toml`, and the engine comes from the program."""
    write_history(tmp_path, sqlite_url, *READS["get_main_option"])
    (tmp_path / "alembic.ini").unlink()
    (tmp_path / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/migrations"\n')
    engine = create_engine(sqlite_url)
    migrations = Migrations(tmp_path / "pyproject.toml", bind=engine)
    asyncio.run(migrations.upgrade())
    asyncio.run(migrations.downgrade("base"))
    asyncio.run(migrations.upgrade())
    assert asyncio.run(migrations.current()) == ("one",)
    engine.dispose()


PLUGIN = """
from alembic.util.exc import CommandError
from sqlalchemy import text


def setup(plugin):
    plugin.add_autogenerate_comparator(compare, "table", "rows")


def compare(context, operations, schema, name, reflected, declared):
    {body}
"""
MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
post = sa.Table("post", metadata, sa.Column("id", sa.Integer, primary_key=True))
"""
COMMANDS = [("check",), ("revision", "--autogenerate", "-m", "x")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{}['audited']", "KeyError: 'audited'"),
        ("raise CommandError('no rows')", "CommandError: no rows"),
        ("context.connection.execute(text('SELECT * FROM audit'))", "OperationalError: "),
    ],
    ids=["any error", "an error for the command line", "an error of the database"],
)
def test_an_error_of_another_plugin_names_it(
    project: Project, sqlite_url: str, body: str, problem: str, command: tuple[str, ...]
) -> None:
    """One line, with the function and where it is, and nothing is written; the project runs without the plugin."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write({"app/__init__.py": "", "app/audit.py": PLUGIN.format(body=body), "app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    env = project.directory / "migrations/env.py"
    names = '["alembic.autogenerate.*", "alembic_async_template.enums", "audit"]'
    setup = "from alembic.runtime.plugins import Plugin\nfrom app import audit\nPlugin.setup_plugin_from_module(audit, 'audit')\n"
    env.write_text(f"{setup}{ENV.replace('environment()', f'environment(autogenerate_plugins={names})')}")
    result = project.alembic(*command, check=False)
    place = f"{project.directory / 'app/audit.py'}:10"
    assert result.returncode
    assert result.block.startswith(f"The comparison failed in another plugin, app: {problem}")
    assert f"\n  where  app.audit.compare, {place}\n  fix    correct it\n" in result.block
    assert "Traceback" not in result.output
    assert project.revisions() == []
    assert "Traceback" in project.alembic("--raiseerr", "check", check=False).output
    env.write_text(env.read_text().replace(', "audit"', ""))
    project.alembic("revision", "--autogenerate", "-m", "x")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_error_of_an_installed_plugin_names_its_distribution(
    project: Project, sqlite_url: str, command: tuple[str, ...]
) -> None:
    """alembic-postgresql-enum asks SQLite for PostgreSQL's catalog, if it is told to."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    env = project.directory / "migrations/env.py"
    configure = "import alembic_postgresql_enum as other\nother.set_configuration(other.Config(force_dialect_support=True))\n"
    env.write_text(configure + env.read_text())
    result = project.alembic(*command, check=False)
    assert result.block.startswith("The comparison failed in another plugin, alembic-postgresql-enum: ")
    assert "\n  where  alembic_postgresql_enum.compare_dispatch.compare_enums, /" in result.block
    update = "update alembic-postgresql-enum:\n         pip install --upgrade alembic-postgresql-enum\n"
    assert f"\n  fix    {update}" in result.block
    assert "Traceback" not in result.output
    assert project.revisions() == []


UNNAMED = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    __table_args__ = (sa.CheckConstraint("id > 0", name="positive"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(50), unique=True)


class Post(Base):
    __tablename__ = "post"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("author.id"), index=True)
"""
ADDED = """

class Vote(Base):
    __tablename__ = "vote"
    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(sa.ForeignKey("post.id"), unique=True)
"""
STOCK_ENV = """
from alembic import context
from sqlalchemy import create_engine

from app.models import Base

Base.metadata.naming_convention = {convention}
with create_engine({url!r}).connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata{options})
    with context.begin_transaction():
        context.run_migrations()
"""


def adopt(project: Project, url: str, convention: dict[str, str], options: str = "") -> None:
    """A project whose history its old `env.py` has written, with the new one in its place."""
    project.write(
        {
            "app/models.py": UNNAMED,
            "alembic.ini": INI,
            "migrations/script.py.mako": (Path(alembic.__file__).parent / "templates/generic/script.py.mako").read_text(),
            "migrations/versions/.keep": "",
            "migrations/env.py": STOCK_ENV.format(convention=convention, url=with_sync_driver(url), options=options),
        }
    )
    project.environment["PYTHONWARNINGS"] = "default"
    project.alembic("revision", "--autogenerate", "-m", "old")
    project.alembic("upgrade", "head")
    project.environment |= {"DATABASE_URL": url, "PYTHONWARNINGS": "error"}
    project.write({"migrations/env.py": ENV})


@pytest.mark.parametrize(
    "convention",
    [
        CONVENTION,
        {"fk": "FK_%(table_name)s_%(referred_table_name)s", "uq": "%(table_name)s_%(column_0_name)s_uniq"},
        {"pk": "%(table_name)s_primary"},
    ],
    ids=["the usual one", "others", "keys only"],
)
def test_a_naming_convention_that_only_the_old_env_had_is_noticed(
    project: Project, database_url: str, convention: dict[str, str]
) -> None:
    """The warning has the line to write; with it nothing differs, and new constraints follow the convention."""
    adopt(project, database_url, convention)
    said = " ".join(project.alembic("check").output.split())
    found = re.search(r"Give it in env\.py, as far as the names show it: (run_environment\(naming_convention=\{.*?\}\))", said)
    assert found, said
    inferred = eval(found[1].replace("run_environment(naming_convention=", "(", 1))
    assert inferred == {kind: pattern for kind, pattern in convention.items() if kind != "ix"}
    project.write({"migrations/env.py": ENV.replace("run_environment()", found[1]), "app/models.py": UNNAMED + ADDED})
    result = project.alembic("revision", "--autogenerate", "-m", "vote")
    assert "WARN" not in result.output
    written = project.revisions()[-1].read_text()
    table = {"table_name": "vote", "column_0_name": "post_id", "referred_table_name": "post"}
    for kind in {"pk", "fk", "uq"} & convention.keys():
        assert f"op.f('{convention[kind] % table}')" in written
    project.alembic("upgrade", "head")
    assert "No new upgrade operations" in project.alembic("check").output
    project.alembic("downgrade", "base")


@pytest.mark.parametrize("convention", [{}, {"pk": "%(table_name)s_pkey", "fk": "%(table_name)s_%(column_0_name)s_fkey"}])
def test_names_that_a_database_chooses_are_no_convention(project: Project, database_url: str, convention: dict[str, str]) -> None:
    """Nothing is said where new constraints get names of the same form."""
    adopt(project, database_url, convention)
    assert "WARN" not in project.alembic("check").output


def test_a_single_name_is_no_convention(project: Project, postgresql_url: str) -> None:
    """One key was named by hand, in a revision."""
    adopt(project, postgresql_url, {})
    engine = create_engine(with_sync_driver(postgresql_url))
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE post RENAME CONSTRAINT post_author_id_fkey TO fk_post_author")
    engine.dispose()
    assert "WARN" not in project.alembic("check").output


@pytest.mark.parametrize("location", ["app:migrations", "%(here)s/app/migrations"])
def test_migrations_inside_a_package_are_no_sources(project: Project, sqlite_url: str, location: str) -> None:
    """A revision that has a Table of its own is not taken for models, in `versions` and in other version_locations."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write(
        {"app/__init__.py": "", "app/models.py": MODELS, "app/migrations/env.py": ENV, "app/migrations/__init__.py": ""}
    )
    revision = "import sqlalchemy as sa\n{table}\nrevision = {name!r}\ndown_revision = {previous!r}\n\n\ndef upgrade(): pass\n"
    table = 'old = sa.Table("old", sa.MetaData(), sa.Column("id", sa.Integer))'
    project.write(
        {
            "app/migrations/versions/one.py": revision.format(name="one", previous=None, table=table),
            "app/history/two.py": revision.format(name="two", previous="one", table=table),
            "alembic.ini": INI.replace("%(here)s/migrations", location).replace("path_separator = os", "path_separator = space")
            + f"version_locations = {location}{':' if ':' in location else '/'}versions %(here)s/app/history\n",
        }
    )
    project.alembic("upgrade", "head")
    result = project.alembic("check", check=False)
    assert "The database has no table post" in result.block
    assert "'old'" not in result.output
    assert "several" not in result.output
