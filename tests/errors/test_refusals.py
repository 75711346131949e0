"""What a URL, a role or a server refuses, on both drivers: the advice, typed as printed, does what it says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url
from sqlalchemy.engine.url import URL

from support.project import ENV, Project, write_revisions
from support.servers import create_postgresql_database

pytestmark = pytest.mark.postgresql

CREATE = 'op.create_table("post", sa.Column("id", sa.Integer(), primary_key=True))'
ENUM = (
    'op.create_enum("status", ["draft", "live"])\n'
    '    op.create_table("post", sa.Column("status", postgresql.ENUM(name="status", create_type=False)))'
)


@pytest.fixture(params=["asyncpg", "psycopg"])
def url(request: pytest.FixtureRequest, embedded_postgresql: str) -> Iterator[URL]:
    """An empty database on the embedded PostgreSQL, through each driver."""
    with create_postgresql_database(embedded_postgresql) as plain:
        yield make_url(plain).set(drivername=f"postgresql+{request.param}")


Write = Callable[..., None]


@pytest.fixture
def write(project: Project) -> Write:
    """Write the smallest project, with these revisions and settings."""

    def write(settings: str = "", **bodies: str) -> None:
        ini = f"[alembic]\nscript_location = %(here)s/migrations\ndatabase_wait = 1s\nlock_wait = 1s\n{settings}\n"
        project.write({"alembic.ini": ini, "migrations/env.py": ENV})
        write_revisions(project.directory, **bodies)

    return write


def upgrade(project: Project, url: URL, words: str = "", *, succeeds: bool = False) -> str:
    """The block that `alembic upgrade head` prints, if it fails as it should."""
    text = f"{url.render_as_string(hide_password=False)}{words}"
    result = project.alembic("upgrade", "head", env={"DATABASE_URL": text}, check=succeeds)
    assert "Traceback" not in result.output, str(result)
    assert (result.returncode == 0) == succeeds, str(result)
    return result.block


def find_example(block: str) -> str:
    """The last lines to type of a block."""
    return block.rpartition(":\n         ")[2]


def execute(url: URL, statement: str) -> None:
    """Execute a statement as a superuser."""
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement.encode())


@contextmanager
def make_role(url: URL, *statements: str) -> Iterator[URL]:
    """A role that may create tables, for which these statements were executed; the URL by which it migrates."""
    role = f"role-{uuid4().hex[:8]}"
    quoted = sql.Identifier(role).as_string()
    execute(url, f"CREATE ROLE {quoted} LOGIN PASSWORD 'x'")
    execute(url, f"GRANT CREATE ON SCHEMA public TO {quoted}")
    try:
        for statement in statements:
            execute(url, statement.format(role=quoted, database=url.database))
        yield url.set(username=role, password="x")
    finally:
        execute(url, f"DROP OWNED BY {quoted} CASCADE")
        execute(url, f"ALTER ROLE {quoted} RESET ALL")
        execute(url, f"DROP ROLE {quoted}")


# Words of a URL, with what one of the drivers, or each, says of them.
WORDS = [
    (
        "?target_session_attrs=bogus",
        {"asyncpg": "target_session_attrs is expected, got 'bogus'\n", "psycopg": 'attrs value: "bogus"'},
    ),
    ("?target_session_attrs=standby", {"asyncpg": "None of the hosts match", "psycopg": "is not in hot standby mode"}),
    ("?target_session_attrs=read-only", {"asyncpg": "None of the hosts match", "psycopg": "session is not read-only"}),
    ("?options=-c%20nope%3D1", {"": 'unrecognized configuration parameter "nope"'}),
    ("?options=--bad", {"": "--bad requires a value"}),
    ("?options=nope", {"": "invalid command-line argument for server process: nope"}),
    ("?options=-c%20work_mem%3Dlots", {"": 'invalid value for parameter "work_mem": "lots"'}),
    ("?ssl_min_protocol_version=9", {"asyncpg": "No such TLS version: 9", "psycopg": '"ssl_min_protocol_version" value: "9"'}),
    ("?connect_timeout=abc", {"psycopg": "bad value for connect_timeout: 'abc'"}),
    ("?keepalives=abc", {"psycopg": 'invalid integer value "abc" for connection option "keepalives"'}),
    ("?client_encoding=nope", {"psycopg": 'invalid value for parameter "client_encoding": "nope"'}),
]


def test_words_of_the_url(project: Project, write: Write, url: URL) -> None:
    """Each is refused with words that work."""
    write(one=CREATE)
    driver = url.get_driver_name()
    for words, problems in WORDS:
        problem = problems.get(driver, problems.get(""))
        said = upgrade(project, url, words, succeeds=problem is None)
        if problem is not None:
            assert problem in said, words
            assert "cannot be opened: " in said
            upgrade(project, url, find_example(said), succeeds=True)


def test_hosts_and_ports_of_the_url(project: Project, write: Write, url: URL) -> None:
    """A port is not a number, or there are fewer ports than hosts."""
    write(one=CREATE)
    said = upgrade(project, url, "?port=abc")
    assert "Received non-integer port arguments: ('abc',)\n" in said
    assert f"\n  fix    correct host and port:\n         {url.drivername}://" in said
    said = upgrade(project, url, "?host=127.0.0.1,127.0.0.1&port=1,2,3")
    assert "number of hosts and ports don't match\n" in said
    assert said.endswith(f"  fix    give each host of the URL its port:\n         {url.drivername}://app@one:5432,two:5432/app")
    hosts = f"postgresql+{url.get_driver_name()}://{quote(url.username or '')}:{quote(url.password or '', safe='')}"
    text = f"{hosts}@{url.host}:1,{url.host}:{url.port}/{url.database}"
    project.alembic("upgrade", "head", env={"DATABASE_URL": text})


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("ALTER ROLE {role} SET search_path = ''", "no schema has been selected to create in"),
        ("ALTER ROLE {role} SET search_path = nowhere", "no schema has been selected to create in"),
        ("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC", "permission denied for database"),
        ("ALTER ROLE {role} CONNECTION LIMIT 0", "too many connections for role"),
        ("ALTER ROLE {role} CONNECTION LIMIT 1", "it needs a second connection, and there was none ("),
        ("ALTER DATABASE {database} CONNECTION LIMIT 0", "too many connections for database"),
        ("ALTER DATABASE {database} CONNECTION LIMIT 1", "it needs a second connection, and there was none ("),
    ],
)
def test_the_statement_of_the_advice_lets_a_role_migrate(
    project: Project, write: Write, url: URL, statement: str, problem: str
) -> None:
    """A superuser executes what is printed, and the same command works."""
    write(one=CREATE)
    with make_role(url, statement) as own:
        said = upgrade(project, own)
        assert problem in said
        execute(url, find_example(said))
        upgrade(project, own, succeeds=True)


def test_the_encoding_of_a_role_does_not_matter(project: Project, write: Write, url: URL) -> None:
    """A revision may have every letter."""
    write(one="op.execute(\"CREATE TABLE post (title text DEFAULT '\N{CJK UNIFIED IDEOGRAPH-4E2D}')\")")
    with make_role(url, "ALTER ROLE {role} SET client_encoding = LATIN1") as own:
        upgrade(project, own, succeeds=True)


def test_transactions_that_are_serializable(project: Project, write: Write, url: URL) -> None:
    """A type cannot be rebuilt in one: the advice is for the role, or for an engine or a URL that ask for them."""
    write(one=ENUM, two='op.remove_enum_value("status", "draft", replace_with="live")')
    refused = "this transaction is serializable and does not see what others have committed since it began\n"
    level = "default_transaction_isolation"
    with make_role(url, f"ALTER ROLE {{role}} SET {level} = serializable") as own:
        said = upgrade(project, own)
        assert refused in said
        assert "\n  fix    let the role that migrates use READ COMMITTED:\n         ALTER ROLE " in said
        execute(url, find_example(said))
        said = upgrade(project, own, f"?options=-c%20{level}%3Dserializable")
        assert refused in said
        assert "\n  fix    let the engine that migrates use READ COMMITTED:\n         create_async_engine(" in said
        upgrade(project, own, succeeds=True)


def test_a_statement_of_several_lines(project: Project, write: Write, url: URL) -> None:
    """psycopg quotes the line of the statement, which is no part of the name of what is refused."""
    write(one='op.execute("\\nUPDATE billing.post SET id = 1")')
    with make_role(url, "CREATE SCHEMA billing", "CREATE TABLE billing.post (id int)") as own:
        said = upgrade(project, own)
        assert said.endswith(f':\n         GRANT USAGE, CREATE ON SCHEMA billing TO "{own.username}"')


def test_the_column_of_a_primary_key(project: Project, write: Write, url: URL) -> None:
    """It takes no nulls; once the key is dropped as printed, it does."""
    alter = 'op.alter_column("post", "id", nullable=True)'
    write(one=CREATE, two=alter)
    said = upgrade(project, url)
    assert said.startswith('column "id" is in a primary key\n')
    drop = find_example(said)
    assert drop == 'op.drop_constraint("post_pkey", "post")'
    write(one=CREATE, two=f"{drop}\n    {alter}")
    upgrade(project, url, succeeds=True)


def test_an_identifier_that_is_too_long(project: Project, write: Write, url: URL) -> None:
    """SQLAlchemy refuses it before the server would cut it off."""
    name = f"ix_{'post_' * 13}"
    write(one=CREATE, two=f'op.create_index("{name}", "post", ["id"])')
    said = upgrade(project, url)
    assert said.startswith(f"Identifier '{name}' exceeds maximum length of 63 characters\n")
    assert said.endswith(f'  fix    give it a shorter name, in the model and in the revision:\n         "{name[:50]}"')
    write(one=CREATE, two=f'op.create_index({find_example(said)}, "post", ["id"])')
    upgrade(project, url, succeeds=True)


LATE = """
import os

import psycopg
from alembic.runtime.migration import MigrationContext
from alembic_async_template import run_environment

read = MigrationContext.get_current_heads


def read_early(self):
    found = read(self)
    with psycopg.connect(os.environ["PLAIN_URL"]) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'two'")
    return found


MigrationContext.get_current_heads = read_early
run_environment()
"""


def test_check_beside_an_upgrade(project: Project, write: Write, url: URL) -> None:
    """Another process reaches the head after `check` has looked: then there is nothing to migrate."""
    write(one=CREATE, two="pass")
    text = url.render_as_string(hide_password=False)
    project.alembic("upgrade", "one", env={"DATABASE_URL": text})
    project.write(
        {
            "migrations/env.py": LATE,
            "models.py": "from sqlmodel import Field, SQLModel\n\n\nclass Post(SQLModel, table=True):\n"
            "    id: int | None = Field(default=None, primary_key=True)\n",
        }
    )
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    result = project.alembic("check", env={"DATABASE_URL": text, "PLAIN_URL": plain}, check=False)
    assert result.block == (
        "The database is at revision two, which is the head, and was not when the command looked: another process has migrated it"
        "\n  fix    run the same command again:\n         alembic check"
    )
