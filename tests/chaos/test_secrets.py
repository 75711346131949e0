"""Statements with a secret in them fail in every way; no output, log, repr or cause of the error shows it."""

import asyncio
import importlib
import io
import logging
import re
import string
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from alembic_async_template import Migrations
from support.project import Project, write_environment, write_files

# What an attacker would look for. As a revision has it, with what ends a pattern too early.
SECRETS = ("zq7", "it''s,zq7;x", "a b/*zq7*/", "p=q&zq7", '"zq7"', "x--zq7")
STATEMENTS = (
    "ALTER ROLE nobody_here PASSWORD '{}'",
    "ALTER ROLE nobody_here PASSWORD '{}' VALID UNTIL 'never'",
    "ALTER ROLE nobody_here WITH ENCRYPTED PASSWORD E'\\'{}'",
    "ALTER ROLE nobody_here PASSWORD $${}$$",
    "ALTER ROLE nobody_here PASSWORD $a${}$a$",
    "ALTER ROLE nobody_here /* '{}' */ PASSWORD '{}'",
    "ALTER USER nobody_here PASSWORD U&'{}'",
    "ALTER ROLE nobody_here PASSWORD zq7",
    'ALTER ROLE nobody_here PASSWORD "zq7"',
    "CREATE ROLE postgres PASSWORD '{}'",
    "CREATE ROLE pg_zq PASSWORD '{}'",
    "CREATE USER postgres WITH PASSWORD '{}' IN ROLE nobody_here",
    "ALTER ROLE nobody_here IDENTIFIED BY '{}'",
    "CREATE USER MAPPING FOR CURRENT_USER SERVER nowhere OPTIONS (user 'app', password '{}')",
    "ALTER USER MAPPING FOR CURRENT_USER SERVER nowhere OPTIONS (SET password '{}')",
    "CREATE SERVER s FOREIGN DATA WRAPPER nowhere OPTIONS (host 'x', secret '{}')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 password={}' PUBLICATION p",
    "ALTER SUBSCRIPTION nowhere CONNECTION 'host=127.0.0.1 port=1 password=zq7,zq7;zq7'",
    "SELECT dblink_connect('host=127.0.0.1 port=1 password=zq7')",
    "SELECT * FROM dblink('postgresql://app:zq7@127.0.0.1:1/app', 'SELECT 1') AS t (x int)",
    "COPY account FROM PROGRAM 'PGPASSWORD=zq7 psql -h 127.0.0.1 -p 1 && false'",
    "COPY account FROM PROGRAM 'curl --user app:zq7 http://127.0.0.1:1/'",
    "INSERT INTO account (name, password) VALUES ('{}', '{}'), ('{}', '{}')",
    "INSERT INTO account (password, size) VALUES ('{}', 'zq7')",
    "INSERT INTO account (password, size) VALUES ('x', 77777777777777)",
    "INSERT INTO account (name, password) VALUES (NULL, '{}')",
    "INSERT INTO accountz (name, password) VALUES ('a', '{}')",
    "UPDATE account SET password = crypt('{}', gen_salt('bf'))",
    "UPDATE account SET password = '{}', name = NULL",
    "UPDATE account SET size = 'zq7' WHERE password <> '{}'",
    "UPDATE account SET mood = 'zq7', password = 'x'",
    "UPDATE account SET password = md5('{}') || missing",
    "DELETE FROM account WHERE api_key = '{}'",
    "SELECT pgp_sym_encrypt('{}', 'zq7')",
    "SELECT set_config('app.secret', '{}', true) / 0",
    "SET app.password = '{}' nonsense",
    "ALTER DATABASE nowhere SET app.token = '{}'",
    "ALTER SYSTEM SET nowhere_password = '{}'",
    "CREATE TABLE t (password text DEFAULT '{}' CHECK (nowhere))",
    "ALTER TABLE account ALTER password SET DEFAULT nowhere('{}')",
    "COMMENT ON COLUMN account.nowhere IS 'the password is {}'",
    "CREATE FUNCTION f() RETURNS int LANGUAGE nowhere AS $$ SELECT 'password zq7' $$",
    "CREATE VIEW v AS SELECT * FROM nowhere WHERE secret = '{}'",
    "DO $$ BEGIN RAISE 'password is %', 'zq7'; END $$",
    "DO $$ BEGIN EXECUTE 'ALTER ROLE nobody_here PASSWORD ''zq7'''; END $$",
)
# Ways in which a revision hands a statement over; {0} is the statement as a literal of Python.
_DRIVER = "op.get_bind().exec_driver_sql({}, execution_options={{{{'no_parameters': True}}}})"
WAYS = {
    "execute": "op.execute({0}.replace(':', '\\\\:'))",
    "driver": _DRIVER.format("{0}"),
    "variable": "value = {0}\n    " + _DRIVER.format("value"),
    "format": "op.execute(sa.text('{{}}'.format({0}).replace(':', '\\\\:')))",
    "autocommit": "with op.get_context().autocommit_block():\n        " + _DRIVER.format("{0}"),
}
OPERATIONS = (
    "op.bulk_insert(sa.table('account', sa.column('name'), sa.column('password')), [{'name': 'zq7', 'password': 'zq7'}] * 2)",
    "op.bulk_insert(sa.table('account', sa.column('password'), sa.column('size', sa.Integer)), [{'size': 'zq7'}])",
    "op.execute(sa.text('UPDATE account SET password = :new, size = :new').bindparams(new='zq7'))",
    "op.execute(sa.text('ALTER ROLE nobody_here PASSWORD :password').bindparams(password='zq7'))",
    "op.execute('''\n        ALTER ROLE nobody_here\n        PASSWORD 'zq7'\n    ''')",
    "password = 'zq7'; op.execute(f\"ALTER ROLE {nobody_here} PASSWORD '{password}'\")",
    "op.execute(\"ALTER ROLE nobody_here PASSWORD '{}'\".format('zq7'))",
    "op.execute(\"ALTER ROLE nobody_here PASSWORD '%s'\" % 'zq7', nowhere=1)",
    "connect(password='zq7')",
    "op.add_column('nowhere', sa.Column('password', sa.Text(), server_default='zq7'))",
)


class Output:
    """All that a program can show of a run."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def run(self, work: Callable[[], object]) -> BaseException | None:
        """Run the work, and return what it raised."""
        handler = logging.StreamHandler(self.stream)
        logger = logging.getLogger("alembic_async_template")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            work()
        except Exception as error:
            self.note(error)
            return error
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
        return None

    def note(self, error: BaseException) -> None:
        """Write what can be seen of an error and of all that led to it."""
        self.stream.writelines(traceback.format_exception(error))
        for cause in list_chain(error):
            facts = {name: value for name, value in vars(cause).items() if name == "__notes__" or name[0] != "_"}
            self.stream.write(f"{cause!r} {cause} {facts}\n")

    @property
    def text(self) -> str:
        return self.stream.getvalue()


def upgrade(config: Path | Config) -> None:
    asyncio.run(Migrations(config).upgrade())


def list_chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.postgresql
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_no_statement_shows_its_secret(tmp_path: Path, embedded_url: str, driver: str) -> None:
    """Each in each of the ways that a revision has, one secret after the other; and what operations have as arguments."""
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE account (name varchar(9) UNIQUE NOT NULL DEFAULT 'x', password text, "
            "size int, mood mood, CHECK (name <> 'no')); INSERT INTO account VALUES ('x', 'x', 1)"
        )
    bodies: list[str] = list(OPERATIONS)
    for number, statement in enumerate(STATEMENTS):
        secret = SECRETS[number % len(SECRETS)]
        way = list(WAYS.values())[number % len(WAYS)]
        bodies.append(way.format(repr(statement.replace("{}", secret))))
    shown = {}
    for body in bodies:
        write_environment(tmp_path, embedded_url.replace("postgresql:", f"postgresql+{driver}:"), one=body)
        output = Output()
        error = output.run(partial(upgrade, tmp_path / "alembic.ini"))
        assert error is not None, body
        if "zq7" in output.text or "7777" in output.text:
            shown[body] = output.text
    assert not shown, "\n\n".join(f"{body}\n{text}" for body, text in shown.items())


@pytest.mark.postgresql
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("options", [(), ("--raiseerr",), ("-q",)])
def test_the_command_shows_no_secret(project: Project, embedded_url: str, driver: str, options: tuple[str, ...]) -> None:
    """Messages and tracebacks, of known and unknown errors, are without the secret."""
    bodies = {
        "known": "op.execute(\"ALTER ROLE nobody_here PASSWORD 'zq7'\")",
        "unknown": "op.execute(\"SELECT lo_get(1) -- the password is 'zq7'\")",
        "python": "connection.connect(password='zq7')",
    }
    for name, body in bodies.items():
        write_environment(project.directory, embedded_url.replace("postgresql:", f"postgresql+{driver}:"), **{name: body})
        result = project.alembic(*options, "upgrade", "head", check=False)
        assert result.returncode != 0
        assert "zq7" not in result.output
        (project.directory / f"migrations/versions/{name}.py").unlink()


def as_it_is(text: str, **_: str) -> str:
    """No encoding."""
    return text


APPLICATIONS = {
    "url": "url = URL\n",
    "engine": "from sqlalchemy.ext.asyncio import create_async_engine\nurl = create_async_engine(URL)\n",
    "settings": "from pydantic import BaseModel\nclass Settings(BaseModel):\n    url: int\nurl = Settings(url=URL).url\n",
    "error": "raise ValueError(f'cannot connect to {URL}, nor to {URL!r}')\n",
}


@pytest.mark.postgresql
@pytest.mark.usefixtures("round_number")
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    password=st.text(string.ascii_letters + string.digits + string.punctuation, max_size=16).map(lambda text: f"zq7{text}xw9"),
    driver=st.sampled_from(["postgresql", "postgresql+psycopg", "postgres", "mysql", "nothing"]),
    encode=st.sampled_from([quote, quote_plus, as_it_is]),
    server=st.sampled_from(["127.0.0.1:1/app", "EMBEDDED", "127.0.0.1:1/app?sslmode=nothing&unknown=1", "127.0.0.1:port/app"]),
    place=st.sampled_from(["", "password", "sslpassword", "passwd", "options"]),
    source=st.sampled_from(["ini", "environment", "x", *APPLICATIONS]),
)
@example(password="zq7@xw9", driver="postgresql", encode=as_it_is, server="127.0.0.1:1/app", place="", source="engine")
@example(password="zq7,/xw9", driver="postgresql", encode=as_it_is, server="127.0.0.1:1/app", place="", source="ini")
@example(password="zq7@/xw9", driver="mysql", encode=as_it_is, server="127.0.0.1:1/app", place="", source="x")
@example(password="zq7@?xw9", driver="postgresql+psycopg", encode=as_it_is, server="127.0.0.1:1/app", place="", source="engine")
@example(password="zq7@ss%w/:?@xw9", driver="postgresql", encode=as_it_is, server="EMBEDDED", place="", source="engine")
@example(password="zq7&xw9", driver="postgresql", encode=as_it_is, server="EMBEDDED", place="password", source="ini")
@example(password="zq7&xw9=b", driver="postgresql+psycopg", encode=as_it_is, server="EMBEDDED", place="password", source="engine")
@example(password="zq7xw9", driver="postgresql+psycopg", encode=quote, server="EMBEDDED", place="options", source="environment")
def test_no_password_is_in_any_output(
    tmp_path: Path, embedded_postgresql: str, password: str, driver: str, encode: Any, server: str, place: str, source: str
) -> None:
    """Messages, logs and SQL are without the password, for every fault, source of the URL and command."""
    known = make_url(embedded_postgresql)
    address = server.replace("EMBEDDED", f"{known.host}:{1 if driver == 'mysql' else known.port}/{known.database}")
    written = encode(password, safe="")
    if place:
        value = f"-c%20x.password%3D{written}" if place == "options" else written
        url = f"{driver}://someone@{address}{'&' if '?' in address else '?'}{place}={value}"
    else:
        url = f"{driver}://someone:{written}@{address}"
    write_environment(tmp_path, url.replace("%", "%%") if source == "ini" else "", one="pass")
    if source in APPLICATIONS:
        write_files(tmp_path, {"fuzz_application.py": f"URL = {url!r}\n{APPLICATIONS[source]}"})
        ini = tmp_path / "alembic.ini"
        ini.write_text(f"{ini.read_text()}app_engine = fuzz_application:url\nprepend_sys_path = %(here)s\npath_separator = os\n")
    arguments = Namespace(x=[f"url={url}"] if source == "x" else None)
    output = Output()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        importlib.invalidate_caches()
        if source == "environment":
            patch.setenv("DATABASE_URL", url)
        for sql_only in (False, True):
            config = Config(tmp_path / "alembic.ini", output_buffer=output.stream, cmd_opts=arguments)
            output.run(partial(command.upgrade, config, "head", sql=True) if sql_only else partial(upgrade, config))
            sys.modules.pop("fuzz_application", None)
    assert output.text
    # Its beginning and its end are the same in each encoding, and nowhere else.
    leaks = re.findall(".{0,80}(?:zq7|xw9).{0,40}", output.text, re.IGNORECASE)
    assert not leaks


@pytest.mark.postgresql
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_nobody_in_the_way_shows_a_secret(tmp_path: Path, embedded_url: str, driver: str) -> None:
    """The query of another session is quoted, in the log and in the error, for a change of an enum and for a statement."""
    statement = "LOCK TABLE account /* ALTER ROLE app PASSWORD 'zq7' */"
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE account (mood mood)")
        connection.commit()
        connection.execute(statement)
        for name, body in {"enum": "op.remove_enum_value('mood', 'b')", "sql": "op.execute('DROP TABLE account')"}.items():
            folder = tmp_path / name
            write_environment(folder, embedded_url.replace("postgresql:", f"postgresql+{driver}:"), **{name: body})
            ini = folder / "alembic.ini"
            ini.write_text(f"{ini.read_text()}\nlock_timeout = 600ms\nlock_retries = 0\n")
            output = Output()
            assert output.run(partial(upgrade, ini)) is not None
            assert "LOCK TABLE account ***" in output.text
            assert "zq7" not in output.text


@pytest.mark.postgresql
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("source", ["variable", "engine"])
def test_no_command_shows_a_password_of_the_query(project: Project, embedded_url: str, driver: str, source: str) -> None:
    """Alembic itself prints the engine's URL, and hides only the password that stands before the host."""
    known = make_url(embedded_url)
    assert known.password
    words = [f"user={known.username}", f"password={quote(known.password, safe='')}"]
    words += ["options=-c%20x.password%3Dzq7"] if source == "variable" else []
    words += ["sslpassword=zq7"] if (driver, source) != ("asyncpg", "engine") else []
    url = f"postgresql+{driver}://{known.host}:{known.port}/{known.database}?{'&'.join(words)}"
    table = "class A(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n"
    project.write({"app/__init__.py": "", "app/models.py": f"from sqlmodel import Field, SQLModel\n\n\n{table}"})
    if source == "engine":
        made = f"engine = create_async_engine({url!r})\n"
        project.write({"app/db.py": f"from sqlalchemy.ext.asyncio import create_async_engine\n\n{made}"})
    project.environment |= {"DATABASE_URL": url} if source == "variable" else {}
    project.alembic("init", "-t", "async-fastapi", "migrations")
    for command_ in (
        ["revision", "--autogenerate", "-m", "a"],
        ["upgrade", "head"],
        ["current", "-v"],
        ["history", "-v", "-i"],
        ["check"],
    ):
        output = project.alembic(*command_).output
        assert known.password not in output
        assert quote(known.password, safe="") not in output
        assert "zq7" not in output
