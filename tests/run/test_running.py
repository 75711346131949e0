"""How revisions run: whole or not at all, without the application's limits, through a pooler, with quiet logging."""

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import Engine, make_url

from support.project import Project

MODELS = """
from sqlalchemy import ForeignKey
from sqlmodel import Field, SQLModel


class Parent(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str = ""


class Child(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    parent_id: int = Field(foreign_key="parent.id", ondelete="CASCADE")
"""
ENGINE = """
import os
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

url = os.environ["APP_URL"]
seen = []
"""


def sync_engine(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:").replace("mysql:", "mysql+pymysql:"))


def table_names(url: str) -> set[str]:
    engine = sync_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def add_revision(project: Project, upgrade: str, downgrade: str = "") -> None:
    """A hand-written revision at the head."""
    number = len(project.revisions())
    project.alembic("revision", "-m", f"number {number}", "--rev-id", f"r{number}")
    path = project.revisions()[-1]
    text = path.read_text().replace('schema."""', f'schema."""\n    {upgrade}')
    path.write_text(text.replace('back."""', f'back."""\n    {downgrade}'))


@pytest.fixture
def app(project: Project) -> Project:
    """An initialised project without an engine and without revisions."""
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    return project


def use_engine(project: Project, url: str, code: str) -> None:
    """Name an engine of the application, made by `code`, in the ini."""
    driver = url.replace("postgresql:", "postgresql+asyncpg:").replace("sqlite:", "sqlite+aiosqlite:")
    project.environment["APP_URL"] = driver
    project.write({"app/db.py": ENGINE + code})
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("database_url_env =", "app_engine = app.db:engine\ndatabase_url_env ="))


def test_a_failing_migration_leaves_nothing_of_itself(app: Project, database_url: str) -> None:
    """DDL is in a transaction, on SQLite too; earlier migrations stay, and a rerun goes on from there."""
    app.environment["DATABASE_URL"] = database_url
    add_revision(app, 'op.create_table("one", sa.Column("id", sa.Integer()))')
    add_revision(app, 'op.create_table("two", sa.Column("id", sa.Integer()))\n    op.execute("nonsense")')
    app.alembic("upgrade", "head", check=False)
    assert table_names(database_url) == {"alembic_version", "one"}
    assert "r0" in app.alembic("current").stdout
    path = app.revisions()[-1]
    path.write_text(path.read_text().replace('op.execute("nonsense")', ""))
    app.alembic("upgrade", "head")
    assert table_names(database_url) == {"alembic_version", "one", "two"}


def test_a_batch_operation_on_sqlite_keeps_the_rows_of_other_tables(app: Project, sqlite_url: str) -> None:
    """Although the application's engine enforces foreign keys: the old copy of the table is dropped without cascading."""
    use_engine(
        app,
        sqlite_url,
        "engine = create_async_engine(url)\n"
        "@event.listens_for(engine.sync_engine, 'connect')\n"
        "def enforce(connection, record):\n    connection.execute('PRAGMA foreign_keys = ON')\n",
    )
    app.alembic("revision", "--autogenerate", "-m", "tables", "--rev-id", "r0")
    app.alembic("upgrade", "head")
    engine = create_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO parent VALUES (1, 'a')"))
        connection.execute(text("INSERT INTO child VALUES (1, 1)"))
    app.write({"app/models.py": MODELS.replace('name: str = ""', "")})
    app.alembic("revision", "--autogenerate", "-m", "drop a column")
    assert "batch_alter_table" in app.revisions()[-1].read_text()
    app.alembic("upgrade", "head")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM child")).all() == [(1, 1)]
        assert connection.execute(text("SELECT * FROM parent")).all() == [(1,)]
    engine.dispose()


def test_the_applications_limits_end_no_migration(app: Project, postgresql_url: str) -> None:
    """asyncpg's `command_timeout` and statement timeouts of the connection or the role do not apply."""
    use_engine(
        app,
        postgresql_url,
        "limits = {'command_timeout': 0.3, 'server_settings': {'statement_timeout': '300'}}\n"
        "engine = create_async_engine(url, connect_args=limits)\n",
    )
    engine = sync_engine(postgresql_url)
    with engine.begin() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f"ALTER DATABASE {name} SET statement_timeout = '250'"))
        connection.execute(text(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '250'"))
    add_revision(
        app,
        'op.execute("SELECT pg_sleep(0.6)")\n    import time\n    time.sleep(0.5)\n'
        '    with op.get_context().autocommit_block():\n        op.execute("SELECT pg_sleep(0.6)")',
    )
    app.alembic("upgrade", "head")
    engine.dispose()


def test_an_engine_of_the_application_gives_its_events_and_keeps_its_pool(app: Project, database_url: str) -> None:
    """Listeners run for the migration's connection; AUTOCOMMIT does not apply; the pool is never touched."""
    use_engine(
        app,
        database_url,
        "engine = create_async_engine(url, isolation_level='AUTOCOMMIT')\n"
        "@event.listens_for(engine.sync_engine, 'connect')\n"
        "def on_connect(connection, record):\n    print('event: connect')\n"
        "@event.listens_for(engine.sync_engine, 'before_cursor_execute')\n"
        "def on_execute(connection, cursor, statement, *rest):\n"
        "    if 'marker' in statement:\n        print('event: execute', engine.pool.checkedout())\n",
    )
    add_revision(app, 'op.create_table("marker", sa.Column("id", sa.Integer()))\n    op.execute("nonsense")')
    result = app.alembic("upgrade", "head", check=False)
    assert "event: connect\nevent: execute 0\n" in result.stdout
    assert "marker" not in table_names(database_url)


def test_an_environment_runs_through_a_pooler(app: Project, pgbouncer_url: str) -> None:
    """Transaction mode, several server connections, each driver: upgrade, autogenerate, check, downgrade."""
    for scheme in ("postgresql+asyncpg", "postgresql+psycopg"):
        app.environment["DATABASE_URL"] = pgbouncer_url.replace("postgresql", scheme, 1)
        if not app.revisions():
            app.alembic("revision", "--autogenerate", "-m", "tables")
            add_revision(app, 'op.create_enum("mood", ["sad"])', 'op.drop_enum("mood", ["sad"])')
            add_revision(
                app,
                'op.add_enum_value("mood", "glad")\n    op.execute("CREATE TABLE moods AS SELECT \'glad\'::mood AS mood")',
                'op.execute("DROP TABLE moods")',
            )
        app.alembic("upgrade", "head")
        assert "moods" in table_names(pgbouncer_url)
        assert "The models have no table moods" in app.alembic("check", check=False).block
        app.alembic("downgrade", "base")
        assert table_names(pgbouncer_url) == {"alembic_version"}


def test_a_pooled_session_keeps_its_limits(app: Project, pgbouncer_url: str) -> None:
    """Time limits are lifted for a migration's own transactions: the session behind the pooler is everybody's."""
    url = make_url(pgbouncer_url)
    # Server connections of the database have the limit from their start: those that were there before go.
    admin = sync_engine(url.set(database="postgres").render_as_string(hide_password=False))
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {url.database} SET statement_timeout = '400'"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name"), {"name": url.database}
        )
        connection.commit()
    admin.dispose()
    app.environment["DATABASE_URL"] = pgbouncer_url
    add_revision(app, 'op.execute("SELECT pg_sleep(0.8)")')
    app.alembic("upgrade", "head")
    engine = sync_engine(pgbouncer_url)
    with engine.connect() as connection:
        limit = connection.scalar(text("SHOW statement_timeout"))
    engine.dispose()
    assert limit == "400ms"


def test_logging_is_short_and_disables_nothing(app: Project, sqlite_url: str) -> None:
    """One line for the database, none for plugins, and the application's loggers stay as they were; errors come once."""
    app.environment["DATABASE_URL"] = sqlite_url
    app.write({"app/models.py": MODELS + "\nimport logging\nlogging.getLogger('uvicorn.error').error('still here')\n"})
    result = app.alembic("revision", "--autogenerate", "-m", "tables")
    assert "still here" in result.stderr
    assert "plugin" not in result.stderr
    assert result.stderr.count("Database sqlite") == 1
    failed = app.alembic("upgrade", "nowhere", check=False)
    assert failed.output.count("There is no revision nowhere among the files") == 1
    quiet = app.alembic("-q", "upgrade", "nowhere", check=False)
    assert quiet.output.count("There is no revision nowhere among the files") == 1


def test_logging_sections_of_the_ini_are_used(app: Project, sqlite_url: str) -> None:
    """The sections configure logging as in Alembic, and existing loggers are not disabled."""
    app.environment["DATABASE_URL"] = sqlite_url
    app.write({"app/models.py": MODELS + "\nimport logging\nlogging.getLogger('uvicorn.error').error('still here')\n"})
    generic = app.directory / "generic"
    generic.mkdir()
    app.alembic("init", "-t", "generic", "old", cwd=generic)
    sections = (generic / "alembic.ini").read_text().partition("[loggers]")[2]
    ini = app.directory / "alembic.ini"
    ini.write_text(f"{ini.read_text()}\n[loggers]{sections}".replace("(levelname)-5.5s", "(levelname)s FROM-INI"))
    result = app.alembic("revision", "--autogenerate", "-m", "tables")
    assert "INFO FROM-INI [alembic.autogenerate.compare.tables]" in result.stderr
    assert "still here" in result.stderr
    assert "plugin" not in result.stderr


def test_sql_is_the_same_as_what_runs(app: Project, database_url: str) -> None:
    """`--sql` writes each migration in a transaction, to a stream that holds nothing else."""
    app.environment["DATABASE_URL"] = database_url
    app.alembic("revision", "--autogenerate", "-m", "tables", "--rev-id", "r0")
    sql = app.alembic("upgrade", "head", "--sql").stdout
    assert sql.startswith("BEGIN;")
    assert sql.rstrip().endswith("COMMIT;")
    engine = sync_engine(database_url)
    with engine.connect() as connection:
        for statement in sql.replace("BEGIN;", "").replace("COMMIT;", "").split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.commit()
    engine.dispose()
    assert "No new upgrade operations" in app.alembic("check").stdout
    down = app.alembic("downgrade", "r0:base", "--sql").stdout
    assert "DROP TABLE child" in down


def test_any_directory_will_do(app: Project, sqlite_url: str) -> None:
    """The application reads `.env` where the project is, wherever the command line was started; then it is back there."""
    app.write(
        {
            ".env": f"DATABASE_URL={sqlite_url.replace('sqlite:', 'sqlite+aiosqlite:')}\n",
            "app/config.py": "from pydantic_settings import BaseSettings, SettingsConfigDict\n"
            "class Settings(BaseSettings):\n    model_config = SettingsConfigDict(env_file='.env')\n    database_url: str\n"
            "def get_settings():\n    return Settings()\n",
        }
    )
    ini = app.directory / "alembic.ini"
    setting = "app_engine = app.config:get_settings().database_url"
    ini.write_text(ini.read_text().replace("database_url_env =", f"{setting}\ndatabase_url_env ="))
    away = app.directory.parent / "away"
    away.mkdir()
    for arguments in (["revision", "--autogenerate", "-m", "a"], ["upgrade", "head"], ["check"], ["upgrade", "head", "--sql"]):
        app.alembic("-c", str(ini), *arguments, cwd=away)
    # Alembic's own templates write a relative path, which it takes from the working directory.
    ini.write_text(ini.read_text().replace("prepend_sys_path = %(here)s", "prepend_sys_path = ."))
    app.alembic("-c", str(ini), "check", cwd=away)
    assert list(away.iterdir()) == []


def test_the_schema_of_the_version_table_is_created(app: Project, postgresql_url: str) -> None:
    """No revision could create it: every command reads the version table before."""
    env = "from alembic_async_template import run_environment\n\nrun_environment(version_table_schema='o p s')\n"
    app.write({"migrations/env.py": env})
    app.environment["DATABASE_URL"] = postgresql_url
    app.alembic("revision", "--autogenerate", "-m", "one")
    app.alembic("upgrade", "head")
    app.alembic("check")
    engine = sync_engine(postgresql_url)
    assert inspect(engine).get_table_names("o p s") == ["alembic_version"]
    engine.dispose()
    app.alembic("downgrade", "base")
    assert table_names(postgresql_url) == set()
