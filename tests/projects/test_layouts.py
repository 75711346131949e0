"""Projects as teams lay them out, each taken from `alembic init` to a migrated database and back with nothing edited.

A layout is a folder in `layouts`: the application in `project`, what it gets later in `added` (a file that exists is
appended to), and in `layout.toml` how it is told its database, and what `init` has to find.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from configparser import RawConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import Connection, NullPool, create_engine, inspect, text
from sqlalchemy.engine import make_url

from alembic_async_template.application.models import is_covered
from alembic_async_template.application.settings import split_names
from alembic_async_template.project.discovery import find_tables
from alembic_async_template.project.files import list_sources
from support.fingerprint import read_fingerprint
from support.project import Project, Result, replace_settings
from support.servers import POSTGRESQL_SERVERS, SQLITE_SERVERS

LAYOUTS = Path(__file__).with_name("layouts")
SYNC_DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg", "mysql": "pymysql"}
ASYNC_DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg", "mysql": "asyncmy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What `layout.toml` says."""

    name: str
    tables: frozenset[str]
    """The tables of the application, schema-qualified where they are not in the default schema."""
    added_tables: frozenset[str]
    """Those of the model that is added later."""
    ini: Mapping[str, str]
    """Settings that `init` has to write; `app_engine` and `database_url_env` have to be absent or default otherwise."""
    ini_lines: tuple[str, ...] = ()
    """Comments that `init` has to write."""
    directory: str = "."
    """The folder that the commands are run in."""
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    offline: tuple[str, ...] = ("sqlite", "postgresql", "mysql")
    """The databases for which the migrations can be written as SQL."""
    environment: Mapping[str, str]
    """Environment variables of every command but `init`."""
    files: Mapping[str, str]
    """Files that are not committed, written after `init`."""
    revision_contains: tuple[str, ...] = ()
    added_revision_contains: tuple[str, ...] = ()


def read_layout(name: str) -> Layout:
    values: dict[str, Any] = tomllib.loads((LAYOUTS / name / "layout.toml").read_text())
    ini = values.pop("ini")
    defaults: dict[str, Any] = {"environment": {}, "files": {}}
    for key, value in values.items():
        if isinstance(value, list):
            values[key] = frozenset(value) if key in {"tables", "added_tables"} else tuple(value)
    return Layout(name=name, ini=ini, ini_lines=tuple(ini.pop("lines", ())), **defaults | values)


NAMES = sorted(path.name for path in LAYOUTS.iterdir() if (path / "layout.toml").is_file())
CASES = [
    pytest.param(name, server.values[0], id=f"{name}-{server.id}", marks=server.marks)
    for name in NAMES
    for backend, servers in [("sqlite", SQLITE_SERVERS), ("postgresql", POSTGRESQL_SERVERS)]
    if backend in read_layout(name).databases
    for server in servers
    # Every second layout is enough for SQLite, on which a project is laid out no differently.
    if backend == "postgresql" or "postgresql" not in read_layout(name).databases or zlib.crc32(name.encode()) % 2
]


@pytest.mark.parametrize(("name", "database_url"), CASES, indirect=["database_url"])
def test_layout_works_with_no_edit(
    name: str, database_url: str, project: Project, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A project goes from `init` to offline SQL, with a model added on the way, and down to nothing and up again."""
    # What no server has a part in, or was seen in another step, is done for one of them.
    first = request.node.callspec.params["database_url"] == POSTGRESQL_SERVERS[0].values[0]
    run_cycle(read_layout(name), database_url, project, tmp_path, thorough=first)


def test_plain_layout_works_on_mysql(mysql_url: str, project: Project, tmp_path: Path) -> None:
    """The same for the one layout that uses nothing but what every database has."""
    run_cycle(read_layout("app_models"), mysql_url, project, tmp_path)


@pytest.mark.sqlite
def test_a_relative_sqlite_file_is_the_one_that_the_application_opens(project: Project, tmp_path: Path) -> None:
    """The tutorial's application, which has no URL, falls back to a file beside main.py, wherever Alembic is started."""
    layout = read_layout("main_alone")
    project.copy(LAYOUTS / layout.name / "project")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ini = str(project.directory / "alembic.ini")
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("-c", ini, "revision", "--autogenerate", "-m", "create tables", cwd=elsewhere)
    project.alembic("-c", ini, "upgrade", "head", cwd=elsewhere)
    with connect_to(f"sqlite:///{project.directory / 'database.db'}") as connection:
        assert reflect_tables(connection) == layout.tables | {"alembic_version"}
    assert list(elsewhere.iterdir()) == []


def test_layout_with_parts_of_a_url_runs_once_the_line_is_written(postgresql_url: str, project: Project, tmp_path: Path) -> None:
    """The property that the ini asks for, and the line that it shows, are all that is missing."""
    layout = read_layout("split_fields")
    cycle = Cycle(layout, postgresql_url, project, tmp_path)
    cycle.initialise()
    project.environment.pop("DATABASE_URL")
    refusal = project.alembic("upgrade", "head", check=False)
    assert refusal.returncode != 0
    assert "No database URL was found where section [alembic] of alembic.ini" in " ".join(refusal.output.split())

    config = project.directory / "app/core/config.py"
    config.write_text(
        config.read_text().replace(
            "\n\nsettings =",
            """
    @property
    def database_url(self) -> URL:
        password = self.DB_PASSWORD.get_secret_value()
        return URL.create("postgresql", self.DB_USER, password, self.DB_HOST, self.DB_PORT, self.DB_NAME)


settings =""",
        )
    )
    config.write_text(f"from sqlalchemy import URL\n{config.read_text()}")
    ini = project.directory / "alembic.ini"
    line = "app_engine = app.core.config:settings.database_url"
    ini.write_text(ini.read_text().replace(f"# {line}", line))
    cycle.autogenerate("create tables")
    project.alembic("upgrade", "head")
    assert cycle.tables() == layout.tables | {"alembic_version"}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "split_fields"])  # its application has no URL
def test_layout_with_a_stock_environment_is_adopted(name: str, postgresql_url: str, project: Project, tmp_path: Path) -> None:
    """With an env.py of Alembic's async template, edited as its comments say: the new one makes the same schema."""
    cycle = Cycle(read_layout(name), postgresql_url, project, tmp_path)
    cycle.initialise("async")
    folder = project.directory / cycle.layout.directory
    replace_settings(folder / "alembic.ini", "[alembic]", prepend_sys_path=cycle.layout.ini["prepend_sys_path"])
    edit_stock_environment(folder, cycle)
    cycle.create_schemas()
    cycle.run("revision", "--autogenerate", "-m", "create tables")
    cycle.run("upgrade", "head")
    before = read_fingerprint(postgresql_url)

    report = json.loads(cycle.run("adopt", "--yes", "--json").stdout)
    assert {one["command"]: one["verdict"] for one in report["commands"]} == dict.fromkeys(
        ("database", "tables", "current", "check", "upgrade head --sql"), "same"
    ), json.dumps(report, indent=1)
    env = (folder / "migrations/env.py").read_text()
    assert env.endswith(("\nrun_environment()\n", "\nrun_environment(include_schemas=True)\n")), env
    assert "sqlalchemy" not in env
    section = RawConfigParser()
    section.read(folder / "alembic.ini")
    expected = {name: value for name, value in cycle.layout.ini.items() if name != "app_engine"}
    assert expected.items() <= dict(section["alembic"]).items()
    cycle.clear()
    cycle.run("upgrade", "head")
    assert read_fingerprint(postgresql_url) == before
    cycle.assert_nothing_to_write()


# How the URL is read from what is neither an engine nor a string.
_SECRET = "{}.get_secret_value()"
FORMS = {"settings_nested": _SECRET, "src_package": _SECRET, "settings_url_object": "{}"}


def edit_stock_environment(folder: Path, cycle: Cycle) -> None:
    """Do to the env.py and script.py.mako of Alembic's async template what its comments and SQLModel's users do."""
    roots = [folder / root.replace("%(here)s", ".") for root in cycle.layout.ini["prepend_sys_path"].split(":")]
    root = roots[0].resolve()
    files = map(str, list_sources(root, [folder / "migrations"]))
    _, tables = find_tables(root, files)
    covered = [name for name in tables if is_covered(name, split_names(cycle.layout.ini["app_models"]))]
    origins = dict.fromkeys(table.origin or "sqlmodel:SQLModel" for name in covered for table in tables[name])
    found = [origin.replace(":", ".") for origin in origins]
    targets = ", ".join(f'getattr({name}, "metadata", {name})' for name in found)
    reference = cycle.layout.ini.get("app_engine", "")
    driver = f"{cycle.backend}+{ASYNC_DRIVERS[cycle.backend]}"
    if reference:
        url = reference.replace(":", ".")
        form = FORMS.get(cycle.layout.name, "{}.url" if re.search(r"engine(\(\))?$", url) else "str({})")
        url = form.format(url)
    else:
        url = f'os.environ["{cycle.layout.ini["database_url_env"]}"]'
    modules = sorted({*covered, *(one.partition(":")[0] for one in (*origins, *([reference] if reference else [])))})
    env = folder / "migrations/env.py"
    text = env.read_text()
    imports = "".join(f"import {name}\n" for name in ("os", *modules))
    text = text.replace(
        "from alembic import context\n", f"from alembic import context\n{imports}from sqlalchemy import make_url\n"
    )
    text = text.replace(
        "target_metadata = None\n",
        f"target_metadata = list({{id(one): one for one in [{targets}]}}.values())\n"
        f'url = make_url({url}).set(drivername="{driver}").render_as_string(hide_password=False)\n'
        'config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))\n',
    )
    if any("." in name for name in cycle.layout.tables):
        text = text.replace("connection=connection,", "connection=connection, include_schemas=True,")
    env.write_text(text)
    template = folder / "migrations/script.py.mako"
    template.write_text(template.read_text().replace("import sqlalchemy as sa\n", "import sqlalchemy as sa\nimport sqlmodel\n"))


def run_cycle(layout: Layout, url: str, project: Project, tmp_path: Path, *, thorough: bool = True) -> None:
    """Everything that a layout has to pass; each step fails with the output of its command."""
    cycle = Cycle(layout, url, project, tmp_path)
    cycle.initialise()

    first = cycle.autogenerate("create tables")
    assert_revision(first, layout.tables, layout.revision_contains)
    cycle.run("upgrade", "head")
    assert cycle.tables() == layout.tables | {"alembic_version"}
    if thorough:
        cycle.run_elsewhere("check")

    project.copy(LAYOUTS / layout.name / "added")
    second = cycle.autogenerate("add a model")
    assert_revision(second, layout.added_tables, layout.added_revision_contains)
    if thorough and cycle.backend == "postgresql":
        assert re.search(r"\nNothing blocks a table while one of more than [\d,]+ rows is worked on\n$", cycle.run("plan").stdout)
    cycle.run_elsewhere("upgrade", "head")
    everything = layout.tables | layout.added_tables
    assert cycle.tables() == everything | {"alembic_version"}
    cycle.assert_nothing_to_write()

    cycle.run("downgrade", "base")
    cycle.assert_nothing_is_left()
    cycle.run("upgrade", "head")
    assert cycle.tables() == everything | {"alembic_version"}
    if thorough:
        cycle.run("check")
        assert cycle.run("doctor").stdout == cycle.run("doctor", "--no-database").stdout == "Nothing found\n"
        if cycle.backend == "postgresql":
            assert cycle.run("drift").stdout.endswith(" is as its revisions make it\n")

    if thorough and cycle.backend in layout.offline:
        script = cycle.run("upgrade", "head", "--sql").stdout
        assert statements(script, "CREATE TABLE") == everything | {"alembic_version"}
        script = cycle.run("downgrade", "head:base", "--sql").stdout
        assert statements(script, "DROP TABLE") >= everything


class Cycle:
    """One layout on one database."""

    def __init__(self, layout: Layout, url: str, project: Project, tmp_path: Path) -> None:
        self.layout = layout
        self.url = make_url(url)
        self.backend = self.url.get_backend_name()
        self.project = project
        self.elsewhere = tmp_path / "elsewhere"
        self.elsewhere.mkdir()

    # Commands

    def initialise(self, template: str = "async-fastapi") -> None:
        """Run init where the application is, which has no way to reach a database yet, and read what it wrote."""
        root = self.project.directory
        self.project.copy(LAYOUTS / self.layout.name / "project")
        source = root / self.layout.directory
        self.project.migrations = (source / "migrations").relative_to(root).as_posix()
        self.run("init", "-t", template, "migrations")
        if template == "async-fastapi":
            assert_ini(source / "alembic.ini", self.layout)
        values = self._placeholders()
        self.project.write({name: value.format(**values) for name, value in self.layout.files.items()})
        self.project.environment |= {name: value.format(**values) for name, value in self.layout.environment.items()}

    def run(self, *arguments: str, cwd: Path | None = None) -> Result:
        result = self.project.alembic(*arguments, cwd=cwd or self.project.directory / self.layout.directory)
        assert "Traceback" not in result.stderr, str(result)
        assert "WARN" not in result.stderr, str(result)
        if self.url.password:
            encoded = re.search(r":([^:@]*)@", self.url.render_as_string(hide_password=False))
            assert encoded is not None
            assert self.url.password not in result.output, str(result)
            assert encoded[1] not in result.output, str(result)
        return result

    def run_elsewhere(self, *arguments: str) -> Result:
        """Run a command from a folder that is not the project's."""
        ini = self.project.directory / self.layout.directory / "alembic.ini"
        return self.run("-c", str(ini), *arguments, cwd=self.elsewhere)

    def autogenerate(self, message: str) -> str:
        """Run `revision --autogenerate` and return what it wrote: one revision, or two if a key needs a new table."""
        before = set(self.project.revisions())
        result = self.run("revision", "--autogenerate", "-m", message)
        written = [path for path in self.project.revisions() if path not in before]
        assert len(written) == 1 + ("2 revisions are written" in result.output), str(result)
        return "\n".join(path.read_text() for path in written)

    def assert_nothing_to_write(self) -> None:
        before = self.project.revisions()
        result = self.run("revision", "--autogenerate", "-m", "nothing")
        assert self.project.revisions() == before, str(result)
        assert "No difference between the models and the database: no revision was written." in result.stdout

    def _placeholders(self) -> dict[str, str]:
        """What files and environment variables may hold: the URL for each kind of driver, and its parts."""

        def with_driver(drivers: Mapping[str, str]) -> str:
            return self.url.set(drivername=f"{self.backend}+{drivers[self.backend]}").render_as_string(hide_password=False)

        return {
            "url": self.url.render_as_string(hide_password=False),
            "sync_url": with_driver(SYNC_DRIVERS),
            "async_url": with_driver(ASYNC_DRIVERS),
            "host": self.url.host or "",
            "port": str(self.url.port or ""),
            "user": self.url.username or "",
            "password": self.url.password or "",
            "name": self.url.database or "",
        }

    # Database

    def _connect(self) -> Any:
        return connect_to(self._placeholders()["sync_url"])

    def tables(self) -> frozenset[str]:
        with self._connect() as connection:
            return reflect_tables(connection)

    def create_schemas(self) -> None:
        """Create those that tables of the layout are in, as stock autogenerate does not."""
        for schema in sorted({name.partition(".")[0] for name in self.layout.tables if "." in name}):
            with self._connect() as connection:
                connection.execute(text(f"CREATE SCHEMA {schema}"))
                connection.commit()

    def clear(self) -> None:
        """Leave nothing in the database but the schemas of the layout."""
        with self._connect() as connection:
            for schema in {"public", *(name.partition(".")[0] for name in self.layout.tables if "." in name)}:
                connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
                connection.execute(text(f"CREATE SCHEMA {schema}"))
            connection.commit()

    def assert_nothing_is_left(self) -> None:
        """A downgrade to base leaves the version table only, no type and no schema."""
        with self._connect() as connection:
            assert reflect_tables(connection) == {"alembic_version"}
            if self.backend != "postgresql":
                return
            ours = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
            kinds = text(
                "SELECT DISTINCT c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                f"WHERE {ours} AND c.relname !~ '^alembic_version'"
            )
            assert connection.scalars(kinds).all() == []
            types = text(
                "SELECT t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
                f"WHERE t.typtype IN ('d', 'e', 'r') AND {ours}"
            )
            assert connection.scalars(types).all() == []
            assert {name for name in inspect(connection).get_schema_names() if name != "information_schema"} == {"public"}


@contextmanager
def connect_to(url: str) -> Iterator[Connection]:
    """A connection of its own with a sync driver, none of the application's or the package's."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def reflect_tables(connection: Connection) -> frozenset[str]:
    """The tables in the database, schema-qualified where they are not in the default schema."""
    inspector = inspect(connection)
    if connection.dialect.name != "postgresql":
        return frozenset(inspector.get_table_names())
    schemas = [name for name in inspector.get_schema_names() if name != "information_schema"]
    return frozenset(
        name if schema == inspector.default_schema_name else f"{schema}.{name}"
        for schema in schemas
        for name in inspector.get_table_names(schema)
    )


def assert_ini(path: Path, layout: Layout) -> None:
    """The ini has the settings of the layout, in Alembic's section, and no other engine or variable."""
    parser = RawConfigParser()
    parser.read(path)
    section = dict(parser["alembic"])
    expected = {"database_url_env": section["database_url_env"], **layout.ini}
    names = ("prepend_sys_path", "app_models", "app_engine", "database_url_env")
    assert {name: section[name] for name in names if name in section} == expected
    assert [line for line in layout.ini_lines if line not in path.read_text().splitlines()] == []


def assert_revision(revision: str, tables: frozenset[str], contains: tuple[str, ...]) -> None:
    """The revision creates these tables in its upgrade, drops them in its downgrade, and has these texts."""
    functions = [node for node in ast.parse(revision).body if isinstance(node, ast.FunctionDef)]
    upgrades, downgrades = ([one for one in functions if one.name == name] for name in ("upgrade", "downgrade"))
    assert named_tables(upgrades, "create_table") == tables, revision
    assert named_tables(upgrades, "drop_table") == frozenset(), revision
    assert named_tables(downgrades, "drop_table") == tables, revision
    assert [fragment for fragment in contains if fragment not in revision] == [], revision


def named_tables(functions: list[ast.FunctionDef], directive: Literal["create_table", "drop_table"]) -> frozenset[str]:
    """The tables that calls of a directive name, schema-qualified where they say so."""
    names = set()
    for node in (inner for function in functions for inner in ast.walk(function)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"op.{directive}":
            schemas = [ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg == "schema"]
            names.add(".".join([*schemas, ast.literal_eval(node.args[0])]))
    return frozenset(names)


def statements(script: str, verb: str) -> frozenset[str]:
    """The names that statements with this verb have in an SQL script, without quotes."""
    return frozenset(re.sub(r'["`]', "", name) for name in re.findall(rf"^{verb} (\S+?);?(?: \(|$)", script, re.MULTILINE))
