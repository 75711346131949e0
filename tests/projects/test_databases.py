"""Which database a command runs on: the sources of its URL, their order, and passwords that survive each of them."""

from string import printable
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from support.project import Project

MODELS = "from sqlmodel import Field, SQLModel\nclass A(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n"
LINE = "Database "


@pytest.fixture
def app(project: Project) -> Project:
    """An initialised project that names no database yet."""
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("-x", "url=sqlite:///first.sqlite", "revision", "--autogenerate", "-m", "a")
    return project


def add_setting(project: Project, line: str) -> None:
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("database_url_env =", f"{line}\ndatabase_url_env ="))


def database_line(output: str) -> str:
    (line,) = (line for line in output.splitlines() if line.startswith(LINE) and ", from " in line)
    return line.removeprefix(LINE)


def test_no_source_names_a_database(app: Project) -> None:
    """The error has every place that was looked at, and never a default."""
    assert app.alembic("upgrade", "head", check=False).block == (
        "No database URL was found\n  where  section [alembic] of alembic.ini\n"
        "         looked at -x url, app_engine, the environment variable DATABASE_URL, sqlalchemy.url\n"
        "  fix    set one:\n         export DATABASE_URL=postgresql://app@localhost/app"
    )


def test_the_error_names_the_engines_that_were_found(project: Project) -> None:
    """Several candidates at init: none is chosen, and the first use says which there are."""
    project.write(
        {
            "app/models.py": MODELS,
            "app/db.py": "from sqlalchemy.ext.asyncio import create_async_engine as c\n"
            "primary = c('sqlite+aiosqlite:///one.sqlite')\nstock = c('sqlite+aiosqlite:///two.sqlite')\n",
            "app/users.py": "from app.db import primary\n",
        }
    )
    project.alembic("init", "-t", "async-fastapi", "migrations")
    assert project.alembic("current", check=False).block.endswith(
        "  fix    name one of the application's engines or URLs in alembic.ini (app/db.py, line 2; used by app.users):\n"
        "         app_engine = app.db:primary\n"
        "  or     another one (app/db.py, line 3):\n         app_engine = app.db:stock\n"
        "  or     set one:\n         export DATABASE_URL=postgresql://app@localhost/app"
    )


def test_sources_have_an_order_and_a_later_one_that_disagrees_is_a_warning(app: Project) -> None:
    """-x url, app_engine, the environment variable, sqlalchemy.url: each is taken when those before it are gone."""
    app.write({"app/config.py": "import os\nclass Settings:\n    database_url = os.environ['APP_URL']\nsettings = Settings()\n"})
    add_setting(app, "sqlalchemy.url = sqlite:///ini.sqlite")
    add_setting(app, "app_engine = app.config:settings.database_url")
    environment = {"APP_URL": "sqlite:///app.sqlite", "DATABASE_URL": "sqlite:///env.sqlite"}
    here = app.directory

    result = app.alembic("-x", "url=sqlite:///x.sqlite", "current", env=environment)
    assert database_line(result.stderr) == f"sqlite+aiosqlite:///{here}/x.sqlite, from -x url"
    result = app.alembic("current", env=environment)
    assert (
        database_line(result.stderr) == f"sqlite+aiosqlite:///{here}/app.sqlite, from app_engine app.config:settings.database_url"
    )
    assert (
        f"the environment variable DATABASE_URL names another database (sqlite+aiosqlite:///{here}/env.sqlite) and is not used: "
        "app_engine app.config:settings.database_url comes first"
    ) in result.stderr
    assert "sqlalchemy.url in alembic.ini names another database" in result.stderr
    ini = app.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("\napp_engine", "\n# app_engine"))
    result = app.alembic("current", env=environment)
    assert database_line(result.stderr) == f"sqlite+aiosqlite:///{here}/env.sqlite, from the environment variable DATABASE_URL"
    result = app.alembic("current")
    assert database_line(result.stderr) == f"sqlite+aiosqlite:///{here}/ini.sqlite, from sqlalchemy.url in alembic.ini"
    result = app.alembic("current", env={"DATABASE_URL": "sqlite:///./ini.sqlite"})
    assert "names another database" not in result.stderr


def test_a_later_source_that_cannot_be_read_is_a_warning(app: Project) -> None:
    """What is not used does not stop the command."""
    result = app.alembic("-x", "url=sqlite:///x.sqlite", "current", env={"DATABASE_URL": "nonsense"})
    assert "the environment variable DATABASE_URL is not used. The database URL cannot be used: " in result.stderr


def test_another_variable_and_another_section(app: Project) -> None:
    """Each section has settings of its own, named with -n, as Alembic has it."""
    ini = app.directory / "alembic.ini"
    text = ini.read_text()
    section = (
        text[: text.index("[post_write_hooks]")].replace("[alembic]", "[reports]").replace("= DATABASE_URL", "= REPORTS_URL")
    )
    ini.write_text(f"{text}\n{section}")
    result = app.alembic(
        "-n", "reports", "current", env={"REPORTS_URL": "sqlite:///r.sqlite", "DATABASE_URL": "sqlite:///d.sqlite"}
    )
    assert database_line(result.stderr).endswith("r.sqlite, from the environment variable REPORTS_URL")
    assert "  where  section [reports] of alembic.ini\n" in app.alembic("-n", "reports", "current", check=False).block


def test_relative_sqlite_paths_start_at_the_ini(app: Project) -> None:
    """A relative path starts at the ini, whichever directory the command is started in."""
    (app.directory / "elsewhere").mkdir()
    app.alembic(
        "-c", "../alembic.ini", "upgrade", "head", cwd=app.directory / "elsewhere", env={"DATABASE_URL": "sqlite:///here.db"}
    )
    assert (app.directory / "here.db").exists()
    assert list((app.directory / "elsewhere").iterdir()) == []


def test_in_memory_databases_are_refused(app: Project) -> None:
    """A migration that is gone at once would look like one that succeeded."""
    block = app.alembic("upgrade", "head", check=False, env={"DATABASE_URL": "sqlite://"}).block
    assert block.startswith(
        "An in-memory SQLite database exists in one connection only, with which the migration would be gone\n"
        "  where  the database URL from the environment variable DATABASE_URL\n"
    )


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("app.config", "it is not of the form module:attribute"),
        ("app.config:a[0]", "it is not of the form module:attribute"),
        ("app.config:get(1)", "it is not of the form module:attribute"),
        ("app.config:__import__('os').system('true')", "it is not of the form module:attribute"),
        ("app.config:settngs", 'app.config has no attribute "settngs" (there is settings, '),
        ("app.config:settings", "it is of type Settings, neither an engine nor a URL"),
        ("app.config:get_settings", "it is a function; add () to call it"),
        ("app.config:fetch()", "it is a coroutine, which nothing awaits here"),
        ("app.config:settings.database_url", "it is of type NoneType, neither an engine nor a URL"),
        ("app.config:broken().x", "app.config.broken(): RuntimeError: no settings today"),
        ("app.config:strict().x", "app.config.strict(): ValidationError: port: Input should be a valid integer"),
    ],
)
def test_a_reference_that_leads_nowhere_is_explained(app: Project, reference: str, problem: str) -> None:
    """The reference is parsed and never evaluated; each wrong step is named, and no rejected value is shown."""
    app.write(
        {
            "app/config.py": "from pydantic import BaseModel\n"
            "class Settings:\n    database_url = None\nsettings = Settings()\n"
            "class Strict(BaseModel):\n    port: int\n"
            "def get_settings():\n    return settings\n"
            "async def fetch():\n    return 1\n"
            "def broken():\n    raise RuntimeError('no settings today')\n"
            "def strict():\n    return Strict(port='s3cret')\n"
        }
    )
    add_setting(app, f"app_engine = {reference}")
    result = app.alembic("current", check=False)
    assert result.block.startswith(f"app_engine = {reference}: {problem}")
    assert "\n  where  section [alembic] of alembic.ini\n" in result.block
    assert "s3cret" not in result.output


PASSWORD = "".join(character for character in printable if character.isprintable())
CONFIG = """
import os
from urllib.parse import quote
from pydantic import PostgresDsn, SecretStr
from pydantic_settings import BaseSettings
from sqlalchemy.engine import make_url, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

url = make_url(os.environ["APP_URL"])
text = url.render_as_string(hide_password=False)
secret = SecretStr(text)
asynchronous = create_async_engine(url.set(drivername="postgresql+asyncpg"))
synchronous = create_engine(url.set(drivername="postgresql+psycopg"))


class Settings(BaseSettings):
    app_url: PostgresDsn


def get_settings() -> Settings:
    return Settings()
"""


@pytest.mark.parametrize(
    "source",
    ["-x", "env", "ini", "doubled ini", "url", "text", "secret", "asynchronous", "synchronous", "get_settings().app_url"],
)
def test_a_password_with_every_printable_character_works_from_each_source(app: Project, postgresql_url: str, source: str) -> None:
    """It reaches a server that checks it, never passes through ConfigParser's interpolation, and is never shown."""
    url = make_url(postgresql_url)
    role = sql.Identifier(f"{url.database}_role")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(role, PASSWORD))
    user = f"{url.database}_role"
    text = f"postgresql://{user}:{quote(PASSWORD, safe='')}@{url.host}:{url.port}/{url.database}"
    arguments, environment = [], {}
    if source == "-x":
        arguments = ["-x", f"url={text}"]
    elif source == "env":
        environment = {"DATABASE_URL": text}
    elif source == "ini":
        add_setting(app, f"sqlalchemy.url = {text}")
    elif source == "doubled ini":
        add_setting(app, f"sqlalchemy.url = {text.replace('%', '%%')}")
    else:
        app.write({"app/config.py": CONFIG})
        add_setting(app, f"app_engine = app.config:{source}")
        environment = {"APP_URL": text}
    try:
        result = app.alembic(*arguments, "upgrade", "head", env=environment)
        offline = app.alembic(*arguments, "upgrade", "head", "--sql", env=environment)
    finally:
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))
    for output in (result.output, offline.output):
        assert PASSWORD not in output
        assert quote(PASSWORD, safe="") not in output
        assert "_role:***@" in output


def test_libpq_words_reach_the_server(app: Project, postgresql_url: str) -> None:
    """`application_name`, `options`, `sslmode`, `connect_timeout` and two hosts through asyncpg."""
    app.alembic("-x", f"url={postgresql_url}", "upgrade", "head")
    app.alembic("revision", "-m", "show", "--head", "head")
    revision = app.revisions()[-1]
    revision.write_text(
        revision.read_text().replace(
            'schema."""',
            'schema."""\n    for name in ("application_name", "work_mem"):\n'
            '        print(op.get_bind().exec_driver_sql(f"SHOW {name}").scalar())',
            1,
        )
    )
    url = make_url(postgresql_url)
    hosts = f"127.0.0.1:1,{url.host}:{url.port}"
    words = "sslmode=prefer&channel_binding=require&application_name=words&options=-c%20work_mem%3D123kB&connect_timeout=5"
    text = postgresql_url.replace(f"{url.host}:{url.port}", hosts)
    result = app.alembic("-x", f"url={text}?{words}&target_session_attrs=read-write", "upgrade", "head")
    assert result.stdout.splitlines()[-2:] == ["words", "123kB"]
    assert "asyncpg cannot do channel_binding=require" in result.stderr


def test_the_plain_template_runs_on_mysql(app: Project, mysql_url: str) -> None:
    """Whichever driver is named, or none."""
    for scheme in ("mysql", "mysql+asyncmy", "mariadb+aiomysql"):
        environment = {"DATABASE_URL": mysql_url.replace("mysql:", f"{scheme}:")}
        app.alembic("upgrade", "head", env=environment)
        assert "No new upgrade operations" in app.alembic("check", env=environment).stdout
        app.alembic("downgrade", "base", env=environment)
