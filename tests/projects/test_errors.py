"""Broken projects, one for each error: what Alembic's own async template says, and the message that this one says in its place."""

from __future__ import annotations

import asyncio
import io
import itertools
import pickle
import re
import shutil
import sqlite3
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.url import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from alembic_async_template import AlembicAsyncTemplateError, Migrations, errors
from support.project import ENV, Project, Result, write_environment, write_files, write_revisions

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Post(Base):
    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True)
"""
UPGRADE = ("upgrade", "head")
AUTOGENERATE = ("revision", "--autogenerate", "-m", "change")
# The line of `write_revisions` at which the body of a revision begins.
LINE = 13


@dataclass(frozen=True, slots=True)
class Case:
    """A project that is broken in one way."""

    stock: str
    """What the stock template's output, or the revision that it writes, has in it: a pattern."""
    error: type[AlembicAsyncTemplateError] | None = None
    """What the awaitable API raises; None where this package's template works."""
    message: str = ""
    """The whole message; what stands in braces is filled in by the test."""
    problem: str = ""
    """What PostgreSQL says, where SQLite says something else; `{problem}` in the message."""
    sqlite_problem: str | None = ""
    """What SQLite says; None where it cannot happen there."""
    postgresql: bool = True
    """Whether it happens on PostgreSQL."""
    files: Mapping[str, str] = field(default_factory=dict)
    moves: Mapping[str, str] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)
    stock_revisions: Mapping[str, str] | None = None
    """The revisions of the stock template, where its users have to write others."""
    command: tuple[str, ...] = UPGRADE
    ini: Mapping[str, str] = field(default_factory=dict)
    """Settings of this package's ini."""
    environment: Mapping[str, str] = field(default_factory=dict)
    set_up: str = ""
    """SQL that is run before."""
    url: Mapping[str, Any] = field(default_factory=dict)
    """Parts of the URL that are wrong."""
    stock_url: str = ""
    """The whole URL of the stock template, where it would not come so far with a right one."""
    role: str = ""
    """Options of a role that migrates; its name is that of the database and the first word."""


def broken(
    stock: str,
    body: str,
    problem: str,
    fix: str,
    *,
    operation: str = "",
    line: int = LINE,
    sqlite_problem: str | None = "",
    **others: Any,
) -> Case:
    """A revision that fails: alone, or after one that does not."""
    revisions = {"one": body} if "two" not in others else {"one": body, "two": others.pop("two")}
    name = list(revisions)[-1]
    return Case(
        stock,
        errors.RevisionFailedError,
        f"Revision {name} failed at {operation or revisions[name]} (line {line} of {{directory}}/migrations/versions/{name}.py): "
        f"{{problem}}. {fix}. It was rolled back; revisions committed in this run: {'one' if name == 'two' else 'none'}",
        problem,
        sqlite_problem,
        revisions=revisions,
        **others,
    )


def unimportable(stock: str, problem: str, fix: str, **files: str) -> Case:
    """Models that cannot be imported."""
    return Case(
        stock,
        errors.ApplicationImportError,
        f"Module app.models could not be imported: {problem}. {fix}. The import root is {{directory}} (prepend_sys_path in section "
        '[alembic] of alembic.ini). See the error itself with: cd {directory} && PYTHONPATH={directory} python -c "import app.models"',
        files={f"app/{name}.py": text for name, text in files.items()},
        command=AUTOGENERATE,
    )


def unopened(stock: str, problem: str, fix: str, *, sqlite_problem: str | None = None, **others: Any) -> Case:
    """A database that lets nobody in."""
    return Case(
        stock,
        errors.ConnectionFailedError,
        f"Database {{url}}, from the environment variable DATABASE_URL, cannot be opened: {{problem}}. {fix}",
        problem,
        sqlite_problem,
        revisions={"one": "pass"},
        **others,
    )


def unreachable(stock: str, problem: str, **url: Any) -> Case:
    """A server that does not answer."""
    return Case(
        stock,
        errors.DatabaseNotReachableError,
        "Database {url}, from the environment variable DATABASE_URL, could not be reached within 0.1 s: {problem}. Start it, correct "
        "host and port, or raise database_wait in alembic.ini, for example: database_wait = 60s",
        problem,
        None,
        ini={"database_wait": "100ms"},
        url=url,
        revisions={"one": "pass"},
    )


# A revision that does nothing.
EMPTY = r"def upgrade[^#]*# ### commands auto generated by Alembic - please adjust! ###\n    pass"
CREATE_POST = 'op.create_table("post", sa.Column("id", sa.Integer(), primary_key=True))'
CONNECTION = 'Use the connection of the migration, for example: op.get_bind().execute(sa.text("SELECT 1"))'
COMPARE = "Compare what was run with what there is, for example: alembic current; alembic history"
# Modules that are not installed, for a program that is started in a folder with this file.
HIDE = "import sys\n\nsys.modules.update(dict.fromkeys({names!r}))\n"

APPLICATION = {
    "an application that was moved": Case(
        "ModuleNotFoundError: No module named 'app'",
        errors.ApplicationImportError,
        "Module app.db could not be imported: ModuleNotFoundError: No module named 'app'. Name the folder from which the application "
        "is imported, for example: prepend_sys_path = %(here)s/backend/src. The import root is {directory} (prepend_sys_path in "
        'section [alembic] of alembic.ini). See the error itself with: cd {directory} && PYTHONPATH={directory} python -c "import app.db"',
        moves={"app": "backend/src/app"},
        ini={"app_engine": "app.db:url"},
    ),
    "a package that is not installed": unimportable(
        "ModuleNotFoundError: No module named 'nowhere'",
        "ModuleNotFoundError: No module named 'nowhere'",
        "The application imports it, and it is not installed here, for example: pip install nowhere",
        models=f"import nowhere.inside\n{MODELS}",
    ),
    "a module of the application that is not there": unimportable(
        "ModuleNotFoundError: No module named 'app.nowhere'",
        "ModuleNotFoundError: No module named 'app.nowhere'",
        "A module of the application imports it, and it is not there: correct the import, or add the file, for example: app/nowhere.py",
        models=f"import app.nowhere\n{MODELS}",
    ),
    "circular imports": unimportable(
        "partially initialized module",
        "ImportError: cannot import name 'Post' from partially initialized module 'app.models' (most likely due to a circular import) "
        "({directory}/app/models.py)",
        "Two modules import each other: import one of them inside the function that needs it, or move what both need into a third one, for "
        "example: app/shared.py",
        models=f"from app.service import work\n{MODELS}",
        service="from app.models import Post\nwork = 1\n",
    ),
    "settings that do not validate": unimportable(
        "ValidationError",
        "ValidationError: secret_key: Field required",
        "Set BLOG_SECRET_KEY in the environment ({directory}/.env is not there), for example: export BLOG_SECRET_KEY=value",
        models="from pydantic_settings import BaseSettings, SettingsConfigDict\nclass Settings(BaseSettings):\n"
        "    model_config = SettingsConfigDict(env_file='.env', env_prefix='blog_')\n    secret_key: str\n"
        f"Settings()\n{MODELS}",
    ),
    "a variable that is not set": unimportable(
        "KeyError: 'SECRET_KEY'",
        "KeyError: 'SECRET_KEY'",
        "Set SECRET_KEY in the environment, for example: export SECRET_KEY=value",
        models=f"import os\nos.environ['SECRET_KEY']\n{MODELS}",
    ),
    "no tables": Case(
        EMPTY,
        errors.NoTablesError,
        "No tables were found after importing app, so autogenerate would see an empty application. Name the modules that "
        "define the models in alembic.ini, for example: app_models = app.users.models, app.posts.models",
        files={"app/models.py": "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase):\n    pass\n"},
        command=AUTOGENERATE,
    ),
    "a model module outside of the setting": Case(
        EMPTY,
        errors.UnlistedModelsError,
        "app.notes defines tables but no name in app_models in section [alembic] of alembic.ini covers it, so they would be forgotten. "
        "If they belong to this database: app_models = app.models, app.notes; if they belong to another one: app_models = "
        "app.models, ~app.notes",
        files={
            "app/models.py": "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase):\n    pass\n",
            "app/notes.py": MODELS.replace("class Base(DeclarativeBase):\n    pass", "from app.models import Base"),
        },
        ini={"app_models": "app.models"},
        command=AUTOGENERATE,
    ),
    "a table that is declared twice": unimportable(
        "Table 'post' is already defined for this MetaData instance",
        "InvalidRequestError: Table 'post' is already defined for this MetaData instance.  Specify 'extend_existing=True' to redefine "
        "options and columns on an existing Table object",
        "It is declared twice, or its module is imported by two names, as app.models and as models: import it by one name everywhere, "
        "for example: from app.models import Post. If app.models is a copy that nothing imports, leave it out: app_models = app, ~app.models",
        models=f"{MODELS}\n\nclass Again(Base):\n    __tablename__ = 'post'\n    id: Mapped[int] = mapped_column(primary_key=True)\n",
    ),
    "a table of two MetaData": Case(
        "op.create_table",
        errors.DuplicateTableError,
        "Table post is declared in two MetaData objects, so there is no telling which one is meant. Declare it once, or leave the "
        "module of the other one out, for example: app_models = app, ~app.legacy",
        files={"app/legacy.py": MODELS},
        command=AUTOGENERATE,
    ),
    "a type that is declared twice": Case(
        "(?s)name='status'.*name='status'",
        errors.EnumDeclarationsDifferError,
        'Enum public.status is declared with different values: "b" by note.two and "a" by post.one. A Python enum gives the type its '
        "class's name in lower case. Share one declaration, or give one of them another name, for example: sqlalchemy.Enum(..., "
        "name='post_one')",
        sqlite_problem=None,
        files={
            "app/models.py": MODELS.replace("import DeclarativeBase", "import DeclarativeBase")
            + "    one = mapped_column(Enum('a', name='status'))\n\n\nclass Note(Base):\n    __tablename__ = 'note'\n\n"
            "    id: Mapped[int] = mapped_column(primary_key=True)\n    two = mapped_column(Enum('b', name='status'))\n".replace(
                "Enum", "__import__('sqlalchemy').Enum"
            )
        },
        command=AUTOGENERATE,
    ),
}

CONNECTIONS = {
    "no URL": Case(
        "Can't load plugin: sqlalchemy.dialects:driver",
        errors.NoDatabaseURLError,
        "No database URL was found for section [alembic] of alembic.ini: looked at -x url, app_engine, the environment variable "
        "DATABASE_URL and sqlalchemy.url. Set one, for example: export DATABASE_URL=postgresql://app@localhost/app",
        environment={"DATABASE_URL": ""},
        stock_url="driver://user:pass@localhost/dbname",
    ),
    "a percent sign in the URL": Case(
        "invalid interpolation syntax|'%' must be followed by",
        sqlite_problem=None,
        environment={"DATABASE_URL": ""},
        ini={"sqlalchemy.url": "{raw_url}"},
        stock_url="{raw_url}",
    ),
    "an unknown dialect": Case(
        "Can't load plugin: sqlalchemy.dialects:postgre",
        errors.InvalidURLError,
        'The database URL from the environment variable DATABASE_URL cannot be used: "postgre" names no installed SQLAlchemy dialect. '
        "Name a database that this package or an installed dialect has an async driver for, for example: "
        "postgresql://app:s%40cret@localhost/app",
        environment={"DATABASE_URL": "postgre://app@localhost/app"},
        stock_url="postgre://app@localhost/app",
        sqlite_problem=None,
    ),
    "a driver that is not installed": Case(
        "No module named 'asyncpg'|import of asyncpg halted",
        errors.MissingDriverError,
        "The database URL from the environment variable DATABASE_URL names postgresql, and its async driver asyncpg is not installed. "
        "Install it: pip install 'alembic-async-template[asyncpg]'",
        files={"sitecustomize.py": HIDE.format(names=["asyncpg"])},
        url={"drivername": "postgresql+asyncpg"},
        environment={"PYTHONPATH": "."},
        sqlite_problem=None,
    ),
    "greenlet is not installed": Case(
        "greenlet' library is installed|greenlet library is required",
        errors.GreenletNotInstalledError,
        "SQLAlchemy's asyncio needs the library greenlet, which cannot be imported: import of greenlet halted; None in sys.modules. "
        "Install it: pip install 'sqlalchemy[asyncio]'",
        files={"sitecustomize.py": HIDE.format(names=["greenlet"])},
        environment={"PYTHONPATH": "."},
    ),
    "a sync driver in the URL": Case(
        "requires an async driver",
        postgresql=False,
        revisions={"one": "pass"},
        stock_url="{plain_url}",
    ),
    "a sync driver in an async place": unimportable(
        "requires an async driver",
        "InvalidRequestError: The asyncio extension requires an async driver to be used. The loaded 'pysqlite' is not async",
        "Give create_async_engine a URL with one, for example: postgresql+asyncpg://app@localhost/app, or sqlite+aiosqlite:///app.db",
        models=f"from sqlalchemy.ext.asyncio import create_async_engine\ncreate_async_engine('sqlite:///app.db')\n{MODELS}",
    ),
    "an async driver in a sync place": unimportable(
        "MissingGreenlet",
        "MissingGreenlet: greenlet_spawn has not been called; can't call await_() here. Was IO attempted in an unexpected place? "
        "(Background on this error at: https://sqlalche.me/e/{version}/xd2s)",
        "An async driver is used without await when the module is imported: make the engine with create_async_engine, and connect in "
        "a function, for example: async with engine.connect() as connection",
        models=f"from sqlalchemy import create_engine\ncreate_engine('sqlite+aiosqlite:///app.db').connect()\n{MODELS}",
    ),
    "a wrong password": unopened(
        "InvalidPasswordError|password authentication failed",
        'password authentication failed for user "{user}"',
        "Correct the user or the password; in a URL, @ is written %40 and / is %2F, for example: "
        "postgresql://app:s%40cret@localhost/app",
        url={"password": "wr@ng/pass%"},
    ),
    "a database that does not exist": unopened(
        'database "no where" does not exist',
        'database "no where" does not exist',
        "Create it, for example: createdb --host=127.0.0.1 --port={port} --username={user} 'no where'",
        url={"database": "no where"},
    ),
    "a host that is not found": unreachable(
        "Name or service not known|Temporary failure in name resolution|No address associated",
        "[Errno -2] Name or service not known",
        host="nowhere.invalid",
    ),
    "a server that is not there": unreachable(
        "Connection refused|Connect call failed", "[Errno 111] Connect call failed ('127.0.0.1', 1)", port=1
    ),
    "a server without TLS": unopened(
        "rejected SSL upgrade|unexpected keyword argument 'sslmode'",
        'PostgreSQL server at "127.0.0.1:{port}" rejected SSL upgrade',
        "The URL asks for TLS, and the server has none: ask for it only where there is, for example: ?sslmode=prefer",
        url={"query": {"sslmode": "require"}},
    ),
    "a server that demands TLS": unopened(
        "no encryption",
        'pg_hba.conf rejects connection for host "127.0.0.1", user "{user}", database "{database}", no encryption',
        "The server takes connections with TLS only: ask for it in the URL, for example: ?sslmode=require",
        role="tls LOGIN",
    ),
    "too many connections": unopened(
        "too many connections for role",
        'too many connections for role "{user}"',
        "Close some of its connections, or let the role have more, for example: ALTER ROLE {user} CONNECTION LIMIT 20",
        role="busy LOGIN CONNECTION LIMIT 0",
        ini={"database_wait": "off"},
    ),
    "a word that the driver does not know": unopened(
        "unexpected keyword argument 'pool_size'",
        "connect() got an unexpected keyword argument 'pool_size'",
        "The driver does not know that word of the URL: correct it, or leave it out, for example: "
        "postgresql://app@localhost/app?sslmode=require",
        url={"query": {"pool_size": "5"}},
    ),
    "a SQLite file in no folder": unopened(
        "unable to open database file",
        "",
        "Make its folder, for example: mkdir -p /no/where",
        sqlite_problem="unable to open database file",
        postgresql=False,
        url={"database": "/no/where/app.db"},
    ),
}

REVISIONS = {
    "sqlmodel is not imported": broken(
        "NameError: name 'sqlmodel' is not defined",
        'op.create_table("post", sa.Column("title", sqlmodel.AutoString()))',
        "name 'sqlmodel' is not defined",
        "Import it in the revision, as this package's script.py.mako does in new ones, for example: import sqlmodel",
    ),
    "another name is not imported": broken(
        "NameError: name 'app' is not defined",
        "app.models.work()",
        "name 'app' is not defined",
        "Import what the revision uses, for example: import app.models",
    ),
    "a module that a revision imports": Case(
        "ModuleNotFoundError: No module named 'nowhere'",
        errors.RevisionFailedError,
        "The command failed at import nowhere (line 1 of {directory}/migrations/versions/one.py): No module named 'nowhere'. A revision "
        "imports it. If it is yours, name the folder that has it, for example: prepend_sys_path = %(here)s/src; if it is not, install "
        "it, for example: pip install nowhere. Nothing was changed",
        files={"migrations/versions/one.py": "import nowhere\nrevision = 'one'\ndown_revision = None\n"},
    ),
    "MissingGreenlet": broken(
        "MissingGreenlet",
        "pass",
        "greenlet_spawn has not been called; can't call await_() here. Was IO attempted in an unexpected place?",
        "A revision is synchronous, and an async engine, a session or a thread of its own does not work in it. " + CONNECTION,
        operation="thread.submit(op.get_bind().exec_driver_sql, 'SELECT 1').result()",
        line=LINE + 1,
        environment={"PYTHONWARNINGS": "ignore"},
        two="thread = __import__('concurrent.futures').futures.ThreadPoolExecutor()\n"
        "    thread.submit(op.get_bind().exec_driver_sql, 'SELECT 1').result()",
    ),
    "asyncio.run in a revision": broken(
        "cannot be called from a running event loop",
        "import asyncio\n    asyncio.run(None)",
        "asyncio.run() cannot be called from a running event loop",
        "A revision is synchronous, and the event loop runs already. " + CONNECTION,
        operation="asyncio.run(None)",
        line=LINE + 1,
    ),
    "ObjectNotExecutableError": broken(
        "ObjectNotExecutableError",
        'op.get_bind().execute("SELECT 1")',
        "Not an executable object: 'SELECT 1'",
        'A connection executes statements of SQLAlchemy, and not this. Use op.execute for a text, for example: op.execute("UPDATE ...")',
    ),
    "a statement that runs outside of transactions": broken(
        "cannot run inside a transaction block",
        'op.execute("CREATE INDEX CONCURRENTLY ix ON post (id)")',
        "CREATE INDEX CONCURRENTLY cannot run inside a transaction block",
        "Leave the transaction for it, at the beginning of the revision or in one of its own, since what was done before is committed, for "
        "example: with op.get_context().autocommit_block(): op.create_index(..., postgresql_concurrently=True)",
        set_up="CREATE TABLE post (id int)",
        sqlite_problem=None,
    ),
    "another statement that runs outside of transactions": broken(
        "cannot run inside a transaction block",
        'op.execute("VACUUM")',
        "VACUUM cannot run inside a transaction block",
        "Leave the transaction for it, at the beginning of the revision or in one of its own, since what was done before is committed, for "
        'example: with op.get_context().autocommit_block(): op.execute("VACUUM")',
        sqlite_problem=None,
    ),
    "an error that was caught": broken(
        "current transaction is aborted",
        'try:\n        op.execute("SELECT 1 FROM nowhere")\n    except Exception:\n        op.execute("SELECT 1")',
        "current transaction is aborted, commands ignored until end of transaction block",
        "The revision has caught the error of an earlier statement and gone on. Put that statement into a savepoint, for example: with "
        "op.get_bind().begin_nested(): op.execute(...)",
        operation='op.execute("SELECT 1")',
        line=LINE + 3,
        sqlite_problem=None,
    ),
    "a table that does not exist": broken(
        'relation "post" does not exist|no such table',
        "pass",
        'relation "post" does not exist',
        "Its name is misspelt, or the revision that creates it has not run on this database, which was stamped or restored perhaps, or it "
        "comes later. " + COMPARE,
        two='op.execute("INSERT INTO post VALUES (1)")',
        sqlite_problem="no such table: post",
    ),
    "a column that does not exist": broken(
        'column "title" does not exist|no such column',
        'op.execute("SELECT title FROM post")',
        'column "title" does not exist',
        "Its name is misspelt, or a text is in double quotes, which are for names; or the revision that adds it has not run on this "
        "database, or comes later. " + COMPARE,
        set_up="CREATE TABLE post (id int)",
        sqlite_problem="no such column: title",
    ),
    "a table that exists": broken(
        "post.* already exists",
        CREATE_POST,
        'relation "post" already exists',
        "Something else has made it: create_all when the application starts, another revision, a downgrade that left it, or a run that "
        "failed half way. Leave it to the revisions alone; if all that this one makes is there, and those before it have run, count it as done, for example: alembic stamp one",
        set_up="CREATE TABLE post (id int)",
        sqlite_problem="table post already exists",
    ),
    "a column that exists": broken(
        'column "id" of relation "post" already exists|duplicate column name',
        'op.add_column("post", sa.Column("id", sa.Integer()))',
        'column "id" of relation "post" already exists',
        "Something else has added it: another revision, or a run that failed half way. If all that this revision makes is there, and those "
        "before it have run, count it as done, for example: alembic stamp one",
        set_up="CREATE TABLE post (id int)",
        sqlite_problem="duplicate column name: id",
    ),
    "a type that exists": broken(
        'type "status" already exists',
        'op.create_table("post", sa.Column("status", sa.Enum("a", name="status")))',
        'type "status" already exists',
        "Something else has made it: create_all, another column of the type, or a downgrade that left it. Let the column refer to the "
        'type that is there, for example: from sqlalchemy.dialects import postgresql; postgresql.ENUM(name="status", create_type=False)',
        set_up="CREATE TYPE status AS ENUM ('a')",
        sqlite_problem=None,
    ),
    "a type that does not exist": broken(
        'type "status" does not exist',
        'op.execute("CREATE TABLE post (status status)")',
        'type "status" does not exist',
        'Create it first, with its own values, for example: op.create_enum("status", ["draft", "live"]); one of an extension comes with '
        "that, for example: "
        'op.execute("CREATE EXTENSION ...")',
        sqlite_problem=None,
    ),
    "an array of a type that does not exist": broken(
        r'type "status\[\]" does not exist',
        'op.execute("CREATE TABLE post (status status[])")',
        'type "status[]" does not exist',
        'Create it first, with its own values, for example: op.create_enum("status", ["draft", "live"]); one of an extension comes with '
        "that, for example: "
        'op.execute("CREATE EXTENSION ...")',
        sqlite_problem=None,
    ),
    "a new enum value": broken(
        "unsafe use of new value",
        "op.execute(\"ALTER TYPE status ADD VALUE 'b'\")\n    op.execute(\"INSERT INTO post VALUES ('b')\")",
        'unsafe use of new value "b" of enum type status',
        "PostgreSQL does not let a transaction use a value that it added itself. Split revision one: leave the addition in it, and put "
        'what uses the value into the next one, for example: alembic revision -m "use b"; or let this package add it, at the beginning of '
        'the revision: op.add_enum_value("status", "b")',
        operation="op.execute(\"INSERT INTO post VALUES ('b')\")",
        line=LINE + 1,
        set_up="CREATE TYPE status AS ENUM ('a'); CREATE TABLE post (status status)",
        sqlite_problem=None,
    ),
    "a value that the type does not have": broken(
        "invalid input value for enum status",
        "op.execute(\"INSERT INTO post VALUES ('b')\")",
        'invalid input value for enum status: "b"',
        "The type has no such value. Add it before it is used, for example: "
        'op.add_enum_value("status", "b"); a value that is to go is taken out of the rows as well by op.remove_enum_value("status", "b", '
        "replace_with=...)",
        set_up="CREATE TYPE status AS ENUM ('a'); CREATE TABLE post (status status)",
        sqlite_problem=None,
    ),
    "a value that cannot be dropped": broken(
        "dropping an enum value is not implemented",
        "op.execute(\"ALTER TYPE status DROP VALUE 'a'\")",
        "dropping an enum value is not implemented",
        'Let this package rebuild the type, for example: op.remove_enum_value("status", "archived", replace_with="published")',
        set_up="CREATE TYPE status AS ENUM ('a')",
        sqlite_problem=None,
    ),
    "a value in use": Case(
        'invalid input value for enum status: "a"',
        errors.EnumValueInUseError,
        'Value "a" cannot be removed from enum public.status: 1 row of public.post.status holds it. Give a replacement, for example: '
        "op.remove_enum_value('status', 'a', replace_with='b'). Revision one failed at op.remove_enum_value(\"status\", \"a\") (line 13 of "
        "{directory}/migrations/versions/one.py). It was rolled back; revisions committed in this run: none",
        set_up="CREATE TYPE status AS ENUM ('a', 'b'); CREATE TABLE post (status status); INSERT INTO post VALUES ('a')",
        revisions={"one": 'op.remove_enum_value("status", "a")'},
        stock_revisions={
            "one": "op.execute('ALTER TYPE status RENAME TO old')\n"
            "    op.execute(\"CREATE TYPE status AS ENUM ('b')\")\n"
            '    op.alter_column("post", "status", type_=postgresql.ENUM("b", name="status"), postgresql_using="status::text::status")'
        },
        sqlite_problem=None,
    ),
    "rows without a value": broken(
        'column "title" of relation "post" contains null values|Cannot add a NOT NULL column',
        'op.add_column("post", sa.Column("title", sa.String(), nullable=False))',
        'column "title" of relation "post" contains null values',
        'Give the existing rows a value, and the model the same default, for example: sa.Column("title", ..., nullable=False, server_default=...)',
        set_up="CREATE TABLE post (id int); INSERT INTO post VALUES (1)",
        sqlite_problem="Cannot add a NOT NULL column with default value NULL",
    ),
    "rows that break a constraint": broken(
        "could not create unique index|UNIQUE constraint failed",
        'op.create_index("ix", "post", ["id"], unique=True)',
        'could not create unique index "ix" (Key (id)=(1) is duplicated)',
        'Rows break the constraint. Correct them in the revision first, for example: op.execute("UPDATE ...")',
        set_up="CREATE TABLE post (id int); INSERT INTO post VALUES (1); INSERT INTO post VALUES (1)",
        sqlite_problem="UNIQUE constraint failed: post.id",
    ),
    "a type that cannot be cast": broken(
        "cannot be cast automatically",
        'op.alter_column("post", "title", type_=sa.Integer())',
        'column "title" cannot be cast automatically to type integer',
        'Say how its values become those of the new type, for example: op.alter_column(..., postgresql_using="title::text::integer")',
        set_up="CREATE TABLE post (title text)",
        sqlite_problem=None,
    ),
    "a schema of somebody else": broken(
        "permission denied for schema public",
        CREATE_POST,
        "permission denied for schema public",
        "Let the role that migrates create there, for example: GRANT USAGE, CREATE ON SCHEMA public TO {user}",
        set_up="CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); GRANT ALL ON alembic_version TO PUBLIC",
        role="guest LOGIN",
        sqlite_problem=None,
    ),
    "a table of somebody else": broken(
        "must be owner of table post",
        'op.drop_table("post")',
        "must be owner of table post",
        "Let the role that migrates own it, for example: ALTER TABLE post OWNER TO {user}",
        set_up="CREATE TABLE post (id int); GRANT CREATE ON SCHEMA public TO PUBLIC",
        role="guest LOGIN",
        sqlite_problem=None,
    ),
    "statement_timeout": broken(
        "canceling statement due to statement timeout",
        'op.execute("SELECT pg_sleep(9)")',
        "canceling statement due to statement timeout",
        "Let statements take longer in alembic.ini, for example: statement_timeout = 10min",
        set_up="ALTER DATABASE {database} SET statement_timeout = '300ms'",
        ini={"statement_timeout": "300ms"},
        sqlite_problem=None,
    ),
    "ALTER on SQLite": broken(
        "No support for ALTER of constraints in SQLite dialect",
        'op.create_unique_constraint("uq", "post", ["id"])',
        "",
        'SQLite changes a table by making it anew, for example: with op.batch_alter_table("post") as batch: batch.alter_column(...)',
        set_up="CREATE TABLE post (id int)",
        sqlite_problem="No support for ALTER of constraints in SQLite dialect. Please refer to the batch mode feature which allows for "
        "SQLite migrations using a copy-and-move strategy",
        postgresql=False,
    ),
    "an expression of another type": broken(
        'column "status" is of type status but expression is of type text',
        "op.execute(\"UPDATE post SET status = 'a'::text\")",
        'column "status" is of type status but expression is of type text',
        "Give the expression the type of the column, for example: op.execute('UPDATE ... SET status = CAST(... AS status)')",
        set_up="CREATE TYPE status AS ENUM ('a'); CREATE TABLE post (status status)",
        sqlite_problem=None,
    ),
    "a function that is not there": broken(
        "function nowhere\\(\\) does not exist",
        'op.execute("SELECT nowhere()")',
        "function nowhere() does not exist",
        "Its name is misspelt, its arguments have other types, or it belongs to an extension that is not there, for example: "
        "op.execute('CREATE EXTENSION IF NOT EXISTS pgcrypto')",
        sqlite_problem=None,
    ),
    "an operator class that is not there": broken(
        'operator class "gin_trgm_ops" does not exist',
        'op.execute("CREATE INDEX i ON post USING gin (title gin_trgm_ops)")',
        'operator class "gin_trgm_ops" does not exist for access method "gin"',
        "Its name is misspelt, or it belongs to an extension that is not there, for example: "
        "op.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')",
        set_up="CREATE TABLE post (title text)",
        sqlite_problem=None,
    ),
    "a column that a view shows": broken(
        "cannot alter type of a column used by a view or rule",
        'op.alter_column("post", "id", type_=sa.BigInteger())',
        'cannot alter type of a column used by a view or rule (rule _RETURN on view v depends on column "id")',
        'Drop what uses it before, and make it again afterwards, for example: op.execute("DROP VIEW ..."); op.alter_column(...); '
        'op.execute("CREATE VIEW ...")',
        set_up="CREATE TABLE post (id int); CREATE VIEW v AS SELECT id FROM post",
        sqlite_problem=None,
    ),
    "a foreign key to what is not unique": broken(
        "there is no unique constraint matching given keys",
        'op.create_foreign_key("fk", "post", "post", ["id"], ["id"])',
        'there is no unique constraint matching given keys for referenced table "post"',
        "A foreign key refers to columns that are unique together: name those, or make them so before, for example: "
        'op.create_unique_constraint("uq_post_title", "post", ["title"])',
        set_up="CREATE TABLE post (id int)",
        sqlite_problem=None,
    ),
    "an enum value that is there": broken(
        'enum label "b" already exists',
        "op.execute(\"ALTER TYPE status ADD VALUE 'b'\")",
        'enum label "b" already exists',
        "Another revision, or a run that failed half way, has added it. Let it be added only where it is not there, for example: "
        'op.add_enum_value("status", "b")',
        set_up="CREATE TYPE status AS ENUM ('a', 'b')",
        sqlite_problem=None,
    ),
    "a database that may only be read": Case(
        "cannot execute CREATE TABLE in a read-only transaction",
        errors.RevisionFailedError,
        "The command failed: cannot execute CREATE TABLE in a read-only transaction. The server is a replica, or the role or the database "
        "may only read: name the primary in the URL, or allow it, for example: ALTER ROLE {user} SET default_transaction_read_only = off. "
        "Nothing was changed",
        sqlite_problem=None,
        revisions={"one": "pass"},
        set_up="ALTER DATABASE {database} SET default_transaction_read_only = on",
    ),
    "a colon in a text": broken(
        "A value is required for bind parameter 'x'",
        "op.execute(\"UPDATE post SET id = ':x'\")",
        "A value is required for bind parameter 'x'",
        "In a text, a colon before a word stands for a parameter: write a backslash before it, for example: "
        "op.execute(r\"UPDATE ... SET data = '{{\\:x}}'\")".replace("{{", "{").replace("}}", "}"),
        set_up="CREATE TABLE post (id int)",
    ),
    "a constraint without its name": broken(
        "it has no name",
        'op.drop_constraint(None, "post")',
        "Can't emit DROP CONSTRAINT for constraint Constraint(); it has no name",
        'Say which one, by the name that it has in the database, for example: op.drop_constraint("post_title_key", "post")',
        set_up="CREATE TABLE post (id int)",
        sqlite_problem=None,
    ),
    "an identifier that is too long": Case(
        r"value too long for type character varying\(32\)",
        errors.RevisionFailedError,
        "Revision a_very_long_identifier_of_a_revision failed: value too long for type character varying(32). The identifier of the "
        "revision is too long, and its name in the file may be as long as it likes: give it one of 32 characters at most, for example: "
        'revision = "4f2a". It was rolled back; revisions committed in this run: none',
        sqlite_problem=None,
        revisions={"a_very_long_identifier_of_a_revision": "pass"},
    ),
    "a revision that is not there": Case(
        "Can't locate revision identified by 'nowhere'",
        errors.RevisionNotFoundError,
        "There is no revision nowhere among the files, whose head is one; the database is at none. See which there are: alembic history",
        revisions={"one": "pass"},
        command=("upgrade", "nowhere"),
    ),
    "a database at a revision that is not there": Case(
        "Can't locate revision identified by 'newer'",
        errors.DatabaseNotAtHeadError,
        "The database is at revision newer, and this application's head is one: it has no revision newer. A newer release has migrated "
        "the database, or the file was deleted or is on another branch. Deploy what has it, or go back with that to a revision that both have, "
        "for example: alembic downgrade -1; if nothing of it is left in the database, name the newest revisions of these files that have run "
        "there: alembic stamp --purge ...",
        revisions={"one": "pass"},
        set_up="CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('newer')",
    ),
    "several heads": Case(
        "Multiple head revisions are present",
        errors.SeveralHeadsError,
        "The revisions have 2 heads, one, two: written at the same time perhaps, and nobody knows which comes first. Join them: alembic "
        'merge -m "merge" heads; or go to all of them: alembic upgrade heads',
        files={
            "migrations/versions/one.py": "revision = 'one'\ndown_revision = None\n",
            "migrations/versions/two.py": "revision = 'two'\ndown_revision = None\n",
        },
    ),
    "a database that is not up to date": Case(
        "Target database is not up to date",
        errors.DatabaseNotAtHeadError,
        "The database is at no revision, and this application needs one. Migrate it: alembic upgrade head",
        revisions={"one": "pass"},
        command=("check",),
    ),
}
CASES = {**APPLICATION, **CONNECTIONS, **REVISIONS}
POSTGRESQL = [name for name, case in CASES.items() if case.postgresql]
# What is wrong with an application is found out before a database is asked.
SQLITE = [name for name, case in CASES.items() if case.sqlite_problem is not None and name not in APPLICATION]


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of each template, to be copied: `async`, whose `env.py` was edited as its users do, and `async-fastapi`."""
    directory = tmp_path_factory.mktemp("templates")
    for template in ("async", "async-fastapi"):
        project = Project(directory / template)
        project.write({"app/__init__.py": "", "app/models.py": MODELS})
        project.alembic("init", "-t", template, "migrations")
    env = directory / "async/migrations/env.py"
    env.write_text(
        env.read_text().replace("target_metadata = None", "from app.models import Base\ntarget_metadata = Base.metadata")
    )
    return directory


@contextmanager
def prepare_database(case: Case, url: URL) -> Iterator[URL]:
    """Run what the case needs before, and make its role; the URL by which it migrates."""
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as database:
            database.executescript(case.set_up)
        yield url.set(**case.url)
        return
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(case.set_up.format(database=url.database).encode())
        if not case.role:
            yield url.set(**case.url)
            return
        name, _, options = case.role.partition(" ")
        role = f"{url.database}_{name}"
        connection.execute(
            sql.SQL("CREATE ROLE {} PASSWORD {} ").format(sql.Identifier(role), str(url.password)) + sql.SQL(options)  # pyright: ignore[reportArgumentType]
        )
        yield url.set(username=role)
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


def run(project: Project, case: Case, template: Path, url: URL) -> Result:
    """Run the case's command in a copy of a template's project."""
    stock = template.name == "async"
    shutil.copytree(template, project.directory, dirs_exist_ok=True)
    for source, target in case.moves.items():
        (project.directory / target).parent.mkdir(parents=True)
        (project.directory / source).rename(project.directory / target)
    revisions = case.stock_revisions if stock and case.stock_revisions else case.revisions
    write_revisions(project.directory, **revisions)
    project.write(case.files)
    raw = url.render_as_string(hide_password=False)
    asynchronous = url.set(
        drivername=url.drivername.partition("+")[0] + ("+aiosqlite" if url.get_backend_name() == "sqlite" else "+asyncpg")
    )
    names = {"raw_url": asynchronous.render_as_string(hide_password=False), "plain_url": raw}
    if stock:
        escaped = names["raw_url"].replace("%", "%%")
        settings = {"sqlalchemy.url": case.stock_url.format(**names) or escaped}
    else:
        settings = {name: value.format(**names) for name, value in case.ini.items()}
    ini = project.directory / "alembic.ini"
    for name, value in settings.items():
        text = re.sub(rf"^{re.escape(name)} = .*\n", "", ini.read_text(), flags=re.MULTILINE)
        ini.write_text(text.replace("[alembic]\n", f"[alembic]\n{name} = {value}\n", 1))
    return project.alembic(*case.command, env={"DATABASE_URL": raw, **case.environment}, check=False)


def fill_in(case: Case, project: Project, url: URL) -> str:
    """The message that is expected."""
    sqlite = url.get_backend_name() == "sqlite"
    driver = "sqlite+aiosqlite" if sqlite else "postgresql+asyncpg"
    message = case.message.replace("{problem}", case.sqlite_problem if sqlite and case.sqlite_problem else case.problem)
    names = {
        "directory": project.directory,
        "url": url.set(drivername=driver, query={name: value for name, value in url.query.items() if name != "sslmode"})
        .render_as_string()
        .replace("pool_size=5", "***"),  # which may be a part of a password
        "user": url.username,
        "port": url.port,
        "database": url.database,
        "version": __import__("sqlalchemy").__version__[:3].replace(".", ""),
    }
    return re.sub(r"\{(\w+)\}", lambda match: str(names[match[1]]), message).replace("?. ", "? ")


def call(case: Case, project: Project, url: URL, monkeypatch: pytest.MonkeyPatch) -> AlembicAsyncTemplateError | None:
    """The same command in code, on the database as the case found it."""
    forget_versions(case, url)
    with monkeypatch.context() as patch:
        patch.chdir(project.directory)
        for name, value in {"DATABASE_URL": url.render_as_string(hide_password=False), **case.environment}.items():
            patch.setenv(name, value)
        migrations = Migrations(project.directory / "alembic.ini")
        try:
            asyncio.run(migrations.upgrade(case.command[1]) if case.command[0] == "upgrade" else migrations.check())
        except AlembicAsyncTemplateError as error:
            return error
    return None


def forget_versions(case: Case, url: URL) -> None:
    """Let no revision have run, unless the case itself says so."""
    if case.error is not errors.RevisionFailedError or "alembic_version" in case.set_up:
        return
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as database:
            database.execute("DROP TABLE IF EXISTS alembic_version")
    else:
        writes = "-c default_transaction_read_only=off"
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True, options=writes) as connection:
            connection.execute("DROP TABLE IF EXISTS alembic_version")


def check_case(case: Case, templates: Path, tmp_path: Path, url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stock template fails as it always did; ours tells the fix, in a command and in code."""
    stock, ours = Project(tmp_path / "stock"), Project(tmp_path / "ours")
    with prepare_database(case, url) as url_to_use:
        result = run(ours, case, templates / "async-fastapi", url_to_use)
        assert "Traceback" not in result.output, str(result)
        assert not url_to_use.password or str(url_to_use.password) not in result.output
        message = " ".join(result.stdout.split()).partition("FAILED: ")[2]
        if case.error is None:
            assert result.returncode == 0, str(result)
        else:
            assert result.returncode != 0, str(result)
            assert message == " ".join(fill_in(case, ours, url_to_use).split()), str(result)
        if not case.environment.keys() & {"PYTHONPATH", "PYTHONWARNINGS"}:  # with which this process was not started
            error = call(case, ours, url_to_use, monkeypatch)
            assert type(error) is (case.error or type(None))
            if error is not None:
                assert " ".join(str(error).split()) == message
                assert vars(error)
                copied = pickle.loads(pickle.dumps(error))  # as another process sees it
                assert (str(copied), vars(copied)) == (str(error), vars(error))
                assert (error.failure is not None) == ("committed in this run" in message or "Nothing was changed" in message)
                assert error.failure is None or f"{error.failure.place}" in message
        result = run(stock, case, templates / "async", url_to_use)
        revisions = "".join(path.read_text() for path in stock.revisions())
        assert re.search(case.stock, result.output + revisions), str(result)


@pytest.mark.postgresql
@pytest.mark.parametrize("name", POSTGRESQL)
def test_an_error_tells_the_fix_on_postgresql(
    name: str, templates: Path, tmp_path: Path, embedded_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole message, without a traceback; with Alembic's own template, the error that it is for."""
    check_case(CASES[name], templates, tmp_path, make_url(embedded_url), monkeypatch)


@pytest.mark.sqlite
@pytest.mark.parametrize("name", SQLITE)
def test_an_error_tells_the_fix_on_sqlite(
    name: str, templates: Path, tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, for what can happen there."""
    check_case(CASES[name], templates, tmp_path, make_url(sqlite_url), monkeypatch)


def refuse(directory: Path, url: str, **revisions: str) -> AlembicAsyncTemplateError:
    """What a migration raises that goes through `Migrations`."""
    write_environment(directory, url, **revisions)
    with pytest.raises(AlembicAsyncTemplateError) as refused:
        asyncio.run(Migrations(directory / "alembic.ini").upgrade())
    return refused.value


def test_an_operation_is_quoted_whole(tmp_path: Path, sqlite_url: str) -> None:
    """Over several lines, of a block what stands before its body, and from a helper called by the revision."""
    operation = 'op.add_column(\n        "nowhere",\n        sa.Column("é", sa.Integer()),\n    )'
    error = refuse(tmp_path, sqlite_url, one=f"pass; {operation}; pass")
    assert error.failure is not None
    assert error.failure.operation == 'op.add_column( "nowhere", sa.Column("é", sa.Integer()), )'
    assert (error.failure.revision, error.failure.line) == ("one", LINE)
    block = 'with op.batch_alter_table("nowhere") as batch:\n        batch.drop_column("x")\n'
    (tmp_path / "two").mkdir()
    error = refuse(tmp_path / "two", f"{sqlite_url}2", one=block)
    assert error.failure is not None
    assert error.failure.operation == 'with op.batch_alter_table("nowhere") as batch:'


@pytest.mark.postgresql
def test_what_is_committed_is_said(tmp_path: Path, embedded_url: str) -> None:
    """By the revisions before, and by the one that failed; in one transaction for all nothing is."""
    block = "with op.get_context().autocommit_block():\n        op.execute('CREATE TABLE one (id int)')\n    "
    error = refuse(tmp_path, embedded_url, one="pass", two="pass", three=f"{block}op.execute('SELECT 1 FROM nowhere')")
    assert str(error).endswith("Whatever it had committed before stays; revisions committed in this run: one, two")
    assert error.failure is not None
    assert (error.failure.revision, error.failure.done, error.failure.committed) == ("three", ("one", "two"), True)
    together = ENV.replace("run_environment()", "run_environment(transaction_per_migration=False)")
    write_files(tmp_path, {"migrations/env.py": together})
    write_revisions(tmp_path, one="pass", two="pass", three="pass", four="pass", five="op.execute('SELECT 1 FROM nowhere')")
    with pytest.raises(errors.RevisionFailedError, match=r"All of the run was rolled back$"):
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())


@pytest.mark.postgresql
def test_a_downgrade_says_where_it_failed(tmp_path: Path, embedded_url: str) -> None:
    """The revision that is taken back is named."""
    write_environment(tmp_path, embedded_url)
    write_revisions(tmp_path, one="pass", two=("pass", 'op.drop_table("nowhere")'), three="pass")
    migrations = Migrations(tmp_path / "alembic.ini")
    asyncio.run(migrations.upgrade())
    with pytest.raises(
        errors.RevisionFailedError,
        match=r"^The downgrade of revision two failed at op\.drop_table.*; downgrades committed in this run: three$",
    ):
        asyncio.run(migrations.downgrade("base"))
    assert asyncio.run(migrations.current()) == ("two",)


def test_a_coroutine_function_is_refused(tmp_path: Path, sqlite_url: str) -> None:
    """Alembic would call it, wait for nothing and count the revision as done; before any revision runs, and in a script too."""
    write_environment(tmp_path, sqlite_url, one="pass", two="op.create_table('t')")
    path = tmp_path / "migrations/versions/two.py"
    path.write_text(path.read_text().replace("def upgrade", "async def upgrade"))
    migrations = Migrations(tmp_path / "alembic.ini")
    with pytest.raises(errors.RevisionFailedError) as refused:
        asyncio.run(migrations.upgrade())
    assert str(refused.value) == (
        f"Revision two failed at async def upgrade() (line {LINE - 1} of {path}): Alembic calls it and waits for nothing, so none of it "
        "would run, and the revision would count as done. Leave async out, and use op and op.get_bind() without await, for example: def "
        "upgrade(). It was rolled back; revisions committed in this run: none"
    )
    assert asyncio.run(migrations.current()) == ()
    with pytest.raises(errors.RevisionFailedError, match=r"nothing was run$"):
        command.upgrade(Config(tmp_path / "alembic.ini", output_buffer=io.StringIO()), "head", sql=True)
    path.write_text(path.read_text().replace("async def upgrade", "def upgrade").replace("def downgrade", "async def downgrade"))
    path.write_text(path.read_text().replace("op.create_table('t')", "pass"))
    asyncio.run(migrations.upgrade())
    with pytest.raises(errors.RevisionFailedError, match=r"^The downgrade of revision two failed at async def downgrade\(\)"):
        asyncio.run(migrations.downgrade("base"))
    assert asyncio.run(migrations.current()) == ("two",)


def test_a_step_back_from_a_merge(tmp_path: Path, sqlite_url: str) -> None:
    """It has two ends, and both are named; so are the heads that are not merged yet, with the command that was typed."""
    write_environment(tmp_path, sqlite_url)
    migrations = Migrations(tmp_path / "alembic.ini")
    for name, previous in {"one": None, "two": None, "three": ("one", "two")}.items():
        text = f"revision = {name!r}\ndown_revision = {previous!r}\nupgrade = downgrade = lambda: None\n"
        write_files(tmp_path, {f"migrations/versions/{name}.py": text})
        if name == "two":
            with pytest.raises(errors.SeveralHeadsError, match=r"or go to all of them: alembic stamp heads$"):
                asyncio.run(migrations.stamp("head"))
    asyncio.run(migrations.upgrade())
    with pytest.raises(errors.RevisionError) as refused:
        asyncio.run(migrations.downgrade("-1"))
    assert str(refused.value) == (
        "One step back from three leads to each of one, two. Name the one to go to, for example: alembic downgrade one"
    )
    asyncio.run(migrations.downgrade("one"))
    assert set(asyncio.run(migrations.current())) == {"one", "two"}


@pytest.mark.postgresql
def test_only_what_a_statement_has_left_is_to_be_dropped(tmp_path: Path, embedded_url: str) -> None:
    """Not the invalid index whose name begins in the same way; and one whose name PostgreSQL has made."""
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE post (title text); INSERT INTO post VALUES ('a'), ('a')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_post ON post (title)")
    block = "with op.get_context().autocommit_block():\n        op.execute('CREATE UNIQUE INDEX CONCURRENTLY {} ON post (title)')"
    for name, left in {"ix_post_title": ("ix_post_title",), "": ("post_title_idx",)}.items():
        error = refuse(tmp_path, embedded_url, one=block.format(name))
        assert error.failure is not None
        assert error.failure.invalid_indexes == left
        assert f"which is to be dropped first: DROP INDEX CONCURRENTLY {left[0]}" in str(error)


def test_settings_that_were_rejected_are_in_no_traceback(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pydantic's own error would show every value that it was given."""
    write_environment(tmp_path, sqlite_url)
    monkeypatch.setenv("A", "postgresql://app:zq7@localhost/app")
    module = f"settings_{uuid4().hex}"
    write_files(
        tmp_path,
        {
            f"{module}.py": "from pydantic_settings import BaseSettings\n\n\nclass Settings(BaseSettings):\n    a: int\n    b: int\n\n\n"
            "settings = Settings()\n"
        },
    )
    ini = tmp_path / "alembic.ini"
    ini.write_text(f"{ini.read_text()}app_engine = {module}:settings\nprepend_sys_path = %(here)s\npath_separator = os\n")
    with pytest.raises(errors.ApplicationImportError) as refused:
        asyncio.run(Migrations(ini).upgrade())
    printed = "".join(traceback.format_exception(refused.value))
    assert "zq7" not in printed
    assert "2 validation errors for Settings\na\n  Input should be a valid integer" in printed


def test_a_failed_purge_keeps_the_revision(tmp_path: Path, database_url: str) -> None:
    """The version table is emptied and filled in one transaction."""
    write_environment(tmp_path, database_url.replace("%", "%%"), one="pass")
    migrations = Migrations(tmp_path / "alembic.ini")
    asyncio.run(migrations.upgrade())
    with pytest.raises(errors.RevisionNotFoundError, match="whose head is one; the database is at one"):
        command.stamp(Config(tmp_path / "alembic.ini"), "nowhere", purge=True)
    assert asyncio.run(migrations.current()) == ("one",)
    with pytest.raises(errors.RevisionNotFoundError, match=r"whose head is one\. See which there are"):  # nobody has asked
        command.upgrade(Config(tmp_path / "alembic.ini", output_buffer=io.StringIO()), "nowhere", sql=True)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("options", "place", "state"),
    [
        ("", "Revision two", "It was rolled back; revisions committed in this run: one"),
        ("transaction_per_migration=False", "The command", "All of the run was rolled back"),
    ],
)
def test_a_commit_that_fails(tmp_path: Path, embedded_url: str, options: str, place: str, state: str) -> None:
    """A deferred constraint is looked at by COMMIT: nothing of its transaction stays, whichever revision it was."""
    one = "op.execute('CREATE TABLE post (id int PRIMARY KEY, parent int REFERENCES post DEFERRABLE INITIALLY DEFERRED)')"
    write_environment(tmp_path, embedded_url, one=one, two="op.execute('INSERT INTO post VALUES (1, 2)')")
    write_files(tmp_path, {"migrations/env.py": ENV.replace("()", f"({options})")})
    migrations = Migrations(tmp_path / "alembic.ini")
    with pytest.raises(errors.RevisionFailedError) as failed:
        asyncio.run(migrations.upgrade())
    assert str(failed.value).startswith(f"{place} failed at COMMIT: insert or update on table")
    assert str(failed.value).endswith(f". {state}")
    assert asyncio.run(migrations.current()) == (() if options else ("one",))


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("statement", "stays"),
    [
        ("CREATE TABLE t (id int); END; SELECT 1", True),
        ("ROLLBACK; CREATE TABLE t (id int)", True),
        ("CREATE TABLE t (id int); /* now */ COMMIT", True),
        ("CREATE TABLE t (x text DEFAULT '; COMMIT'); DO $a$ BEGIN NULL; END; $a$", False),
        ("CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", False),
    ],
)
def test_a_transaction_that_one_of_several_statements_ends(
    tmp_path: Path, embedded_url: str, statement: str, stays: bool
) -> None:
    """What the message says of it is so; the words are told from those of functions and texts."""
    url = embedded_url.replace("postgresql:", "postgresql+psycopg:")
    error = refuse(tmp_path, url, one=f"op.execute({statement!r})\n    op.execute('nothing')")
    assert ("Whatever it had committed before stays" in str(error), "It was rolled back" in str(error)) == (stays, not stays)
    with psycopg.connect(embedded_url) as connection:
        assert connection.execute("SELECT to_regclass('t') IS NOT NULL").fetchall() == [(stays,)]


@pytest.mark.parametrize(
    "raised",
    [
        "RuntimeError('the import loop is already running')",
        "__import__('alembic').util.CommandError('Multiple heads are present')",
        "type('Broken', (LookupError,), {'__str__': lambda self: 1 / 0})()",
    ],
)
def test_what_a_revision_raises_itself_is_its_own(tmp_path: Path, sqlite_url: str, raised: str) -> None:
    """Whatever it says, and whether it can be described."""
    write_environment(tmp_path, sqlite_url, one=f"raise {raised}")
    with pytest.raises((RuntimeError, CommandError, LookupError)) as failed:
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())
    assert not isinstance(failed.value, AlembicAsyncTemplateError)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ("op.execute(\"UPDATE billing.invoice SET kind = 'z'\")", 'op.add_enum_value("kind", "z", schema="billing")'),
        ('op.execute("ALTER TABLE billing.invoice ADD x nokind")', 'op.create_enum("nokind", ["draft", "live"])'),
        (
            'op.execute("ALTER TABLE billing.invoice ADD x billing.nokind")',
            'op.create_enum("nokind", ["draft", "live"], schema="billing")',
        ),
        (
            'op.execute("CREATE TYPE billing.kind AS ENUM ()")',
            'postgresql.ENUM(name="kind", schema="billing", create_type=False)',
        ),
        ('op.drop_constraint("uq", "invoice", schema="billing")', "psql -c '\\d billing.invoice'"),
        ("op.execute('CREATE INDEX CONCURRENTLY ix ON billing.invoice (id)')", "Leave the transaction for it"),
    ],
)
def test_objects_of_other_schemas(tmp_path: Path, embedded_url: str, body: str, advice: str) -> None:
    """The example to type names the schema."""
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE SCHEMA billing; CREATE TYPE billing.kind AS ENUM ('a')")
        connection.execute("CREATE TABLE billing.invoice (id int, kind billing.kind)")
    assert advice in str(refuse(tmp_path, embedded_url, one=body))


@pytest.mark.postgresql
def test_a_transaction_of_the_caller_stays_the_callers(tmp_path: Path, embedded_url: str) -> None:
    """Nothing is committed or rolled back; an autocommit block is refused there, which Alembic does without a word."""
    write_environment(tmp_path, embedded_url)
    write_revisions(
        tmp_path, one="op.execute('CREATE TABLE one (id int)')", two="with op.get_context().autocommit_block():\n        pass"
    )
    engine = create_async_engine(make_url(embedded_url).set(drivername="postgresql+asyncpg"))

    async def use() -> None:
        async with engine.connect() as connection:
            await connection.begin()
            with pytest.raises(errors.RevisionFailedError) as refused:
                await Migrations(tmp_path / "alembic.ini", bind=connection).upgrade()
            assert str(refused.value) == (
                f"Revision two failed at with op.get_context().autocommit_block(): (line {LINE} of {tmp_path}/migrations/versions/two.py): "
                "AssertionError. An autocommit block cannot leave a transaction that somebody else has begun, nor stand in another block. Hand over an engine, not a "
                "connection, for example: await Migrations(bind=engine).upgrade(). The transaction is yours: roll it back"
            )
            assert connection.in_transaction()
            await connection.execute(text("SELECT 1 FROM one"))
            await connection.rollback()
        await engine.dispose()

    asyncio.run(use())
    with psycopg.connect(embedded_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


@pytest.mark.postgresql
def test_the_same_autocommit_block_in_the_stock_template(templates: Path, tmp_path: Path, embedded_url: str) -> None:
    """With `engine.begin()` in its `env.py`, a bare AssertionError."""
    project = Project(tmp_path / "stock")
    case = Case("", revisions={"one": "with op.get_context().autocommit_block():\n        pass"})
    shutil.copytree(templates / "async", tmp_path / "begin")
    env = tmp_path / "begin/migrations/env.py"
    env.write_text(env.read_text().replace("connectable.connect()", "connectable.begin()"))
    (tmp_path / "begin").rename(tmp_path / "async")
    result = run(project, case, tmp_path / "async", make_url(embedded_url))
    assert re.search(r"(?s)assert self._transaction is not None\n.*AssertionError$", result.stderr.strip()), str(result)


@pytest.mark.parametrize("template", ["async", "async-fastapi"])
def test_a_command_in_a_running_loop(templates: Path, tmp_path: Path, sqlite_url: str, template: str) -> None:
    """As when an application starts: the stock template cannot, and ours does not mind."""
    project = Project(tmp_path / "project")
    run(project, Case("", revisions={"one": "pass"}, command=("history",)), templates / template, make_url(sqlite_url))
    script = (
        "import asyncio\nfrom alembic import command\nfrom alembic.config import Config\n\n"
        "async def main():\n    command.upgrade(Config('alembic.ini'), 'head')\n\nasyncio.run(main())\n"
    )
    project.write({"start.py": script})
    process = project.start(sqlite_url, "start.py", program=sys.executable)
    output = process.communicate()[0]
    refused = "asyncio.run() cannot be called from a running event loop" in output
    assert (process.returncode != 0, refused) == ((True, True) if template == "async" else (False, False)), output


@pytest.mark.pgbouncer
def test_prepared_statements_behind_a_pooler(templates: Path, tmp_path: Path, pgbouncer_url: str) -> None:
    """The stock template's meet those of another client; ours has none, except on a connection that it is given."""
    url = make_url(pgbouncer_url)
    case = Case("", revisions={"one": "op.execute('SELECT 1')"}, command=("upgrade", "head"))
    outputs = [run(Project(tmp_path / f"stock{number}"), case, templates / "async", url).output for number in range(4)]
    assert any("DuplicatePreparedStatementError" in output for output in outputs)
    project = Project(tmp_path / "ours")
    assert run(project, case, templates / "async-fastapi", url).returncode == 0
    names = itertools.chain((f"name{number}" for number in range(6)), itertools.repeat("__asyncpg_stmt_1__"))
    arguments = {"prepared_statement_name_func": lambda: next(names), "statement_cache_size": 0}
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), connect_args=arguments, poolclass=NullPool)

    async def use() -> None:
        for _ in range(4):
            async with engine.connect() as connection:
                await Migrations(project.directory / "alembic.ini", bind=connection).current()

    with pytest.raises(errors.RevisionFailedError, match="A pooler in transaction mode gives one client's statements to another"):
        asyncio.run(use())


@pytest.mark.postgresql
@pytest.mark.parametrize("template", ["async", "async-fastapi"])
def test_a_deadlock(templates: Path, tmp_path: Path, embedded_url: str, template: str) -> None:
    """What PostgreSQL ends, and who was in the way."""
    project = Project(tmp_path / "project")
    body = 'op.execute("LOCK TABLE one")\n    op.execute("LOCK TABLE two")'
    case = Case("", revisions={"first": body}, command=("history",))
    run(project, case, templates / template, make_url(embedded_url))
    if template == "async-fastapi":
        project.set(lock_retries="0", lock_timeout="30s")
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE TABLE one (id int); CREATE TABLE two (id int)")
        connection.commit()
        connection.execute("LOCK TABLE two")
        process = project.start(embedded_url)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'two'::regclass"
        while connection.execute(waiting).fetchone() == (0,):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        connection.execute("LOCK TABLE one")  # ends when PostgreSQL has ended the other one, which has waited for longer
        output = process.communicate()[0]
    assert process.returncode != 0
    if template == "async":
        assert "DeadlockDetectedError" in output
    else:
        assert "Traceback" not in output
        assert re.fullmatch(
            r'Revision first failed at op\.execute\("LOCK TABLE two"\) \(line 14 of \S+\): it did not get a lock in one attempt '
            r"\(deadlock detected\), and waited for .*, at: LOCK TABLE two\. It was rolled back; revisions committed in this run: none\. Let "
            r"what it waited for end and run the same command again, or raise lock_timeout and lock_retries in alembic\.ini, for "
            r"example: lock_timeout = 30s",
            " ".join(output.split()).partition("FAILED: ")[2],
        )


def test_raiseerr_gives_the_cause(templates: Path, tmp_path: Path, sqlite_url: str) -> None:
    """The traceback that is left out otherwise, from the driver's error to the message."""
    case = Case("", revisions={"one": 'op.execute("SELECT 1 FROM nowhere")'}, command=("--raiseerr", "upgrade", "head"))
    output = run(Project(tmp_path / "ours"), case, templates / "async-fastapi", make_url(sqlite_url)).stderr
    positions = [
        output.index("sqlite3.OperationalError: no such table: nowhere"),
        output.index("The above exception was the direct cause"),
        output.index("alembic_async_template.errors.RevisionFailedError: Revision one failed at"),
    ]
    assert positions == sorted(positions)


def test_what_nobody_foresaw_keeps_its_traceback(templates: Path, tmp_path: Path, sqlite_url: str) -> None:
    """With a last line that tells the place; a revision's own AssertionError is no autocommit block's."""
    case = Case("", revisions={"one": "pass", "two": "assert sa is None"})
    output = run(Project(tmp_path / "ours"), case, templates / "async-fastapi", make_url(sqlite_url)).stderr
    assert "Traceback" in output
    file = tmp_path / "ours/migrations/versions/two.py"
    assert output.endswith(
        f"AssertionError\nRevision two failed at assert sa is None (line {LINE} of {file}). It was rolled back; revisions committed in this run: "
        "one.\n"
    )


def test_what_a_revision_raises_itself_is_not_explained(tmp_path: Path, sqlite_url: str) -> None:
    """Alembic's own class of errors gets the place; what is raised because of another error says more than that one."""
    error = "__import__('alembic').util.CommandError('Run the other tool first')"
    write_environment(tmp_path, sqlite_url, one=f"raise {error}")
    place = rf"Revision one failed at raise .* \(line {LINE} of .*\)\. It was rolled back; revisions committed in this run: none$"
    with pytest.raises(CommandError, match=rf"^Run the other tool first\. {place}"):
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())
    write_revisions(
        tmp_path, one="try:\n        nowhere\n    except NameError as error:\n        raise ValueError('no') from error"
    )
    with pytest.raises(ValueError, match="no") as raised:
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())
    assert raised.value.__notes__[0].startswith("Revision one failed at raise ValueError('no') from error (line 16 of ")


@pytest.mark.parametrize(
    "body",
    [
        "raise RuntimeError('legacy index ix-2020 already exists in S3')",
        "raise ConnectionError('http connection is closed by the peer')",
        "raise RuntimeError('First\\nno such table: of contents')",
        "with op.get_bind() as connection:\n        pass\n    op.execute('SELECT 1')",
        "class Odd(Exception):\n        def __str__(self):\n            raise ValueError\n    raise Odd",
        "error = RuntimeError('a')\n    error.__cause__ = ValueError('b')\n    error.__cause__.__cause__ = error\n    raise error",
        "error = RuntimeError('a')\n    error.orig = error\n    raise error",
    ],
)
def test_what_only_sounds_like_an_error_that_is_known(tmp_path: Path, sqlite_url: str, body: str) -> None:
    """The exceptions of a revision's own code come out as they are, however odd."""
    write_environment(tmp_path, sqlite_url, one=body)
    with pytest.raises(Exception) as raised:  # noqa: PT011
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())
    assert not isinstance(raised.value, AlembicAsyncTemplateError)


@pytest.mark.postgresql
def test_a_command_that_was_refused_leaves_no_transaction(tmp_path: Path, embedded_url: str) -> None:
    """Alembic would take it for the caller's, and what the next command does would be lost."""
    write_environment(tmp_path, embedded_url, one="op.execute('CREATE TABLE one (id int)')")
    engine = create_async_engine(make_url(embedded_url).set(drivername="postgresql+asyncpg"))

    async def use() -> None:
        async with engine.connect() as connection:
            migrations = Migrations(tmp_path / "alembic.ini", bind=connection)
            with pytest.raises(errors.RevisionNotFoundError):
                await migrations.upgrade("nowhere")
            assert not connection.in_transaction()
            await migrations.upgrade()
        await engine.dispose()

    asyncio.run(use())
    with psycopg.connect(embedded_url) as connection:
        connection.execute("SELECT FROM one")


@pytest.mark.mysql
@pytest.mark.parametrize(
    ("body", "fix"),
    [
        ("op.execute('SELECT 1 FROM nowhere')", "Its name is misspelt, or the revision that creates it"),
        ("op.execute('SELECT nowhere')", "Its name is misspelt, or a text is in double quotes"),
        ("op.execute('CREATE TABLE one (id int)')\n    op.execute('CREATE TABLE one (id int)')", "count it as done"),
        ("op.execute('SELECTED')", "Correct the statement of the revision"),
    ],
)
def test_errors_of_mysql_are_known(tmp_path: Path, mysql_url: str, body: str, fix: str) -> None:
    """By their numbers; what a statement has done is not rolled back, and nobody says so."""
    error = refuse(tmp_path, mysql_url, one=body)
    assert fix in str(error)
    assert str(error).endswith("Whatever it had committed before stays; revisions committed in this run: none")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("app_engine", "postgresql://app:zq7secret@localhost/app"),
        ("app_models", "postgresql://app:zq7secret@localhost/app"),
        ("database_url_env", "postgresql://app:zq7secret@localhost/app"),
        ("lock_wait", "postgresql://app:zq7secret@localhost/app"),
        ("sqlalchemy.url", "mssql+aioodbc:///?odbc_connect=PWD%%3Dzq7secret"),
        ("sqlalchemy.url", "postgresql+asyncpg://localhost:1/app?passwd=zq7secret&PASSWORD=zq7secret"),
    ],
)
def test_a_password_in_the_wrong_setting(tmp_path: Path, caplog: pytest.LogCaptureFixture, setting: str, value: str) -> None:
    """It is not repeated."""
    write_environment(tmp_path, "", one="pass")
    ini = tmp_path / "alembic.ini"
    ini.write_text(f"{ini.read_text().replace('sqlalchemy.url = ', '')}\n{setting} = {value}\n")
    with pytest.raises(AlembicAsyncTemplateError) as refused:
        asyncio.run(Migrations(ini).check())
    assert "zq7secret" not in f"{refused.value} {vars(refused.value)} {caplog.text}"


def test_a_revision_whose_source_is_gone(tmp_path: Path, sqlite_url: str) -> None:
    """The line is known, and nothing is quoted that is not there."""
    write_environment(tmp_path, sqlite_url, one="__import__('pathlib').Path(__file__).write_text('changed (')\n    nowhere")
    with pytest.raises(
        errors.RevisionFailedError, match=rf"^Revision one failed at line {LINE + 1} of \S+/one.py: name 'nowhere'"
    ):
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())


def test_a_script_says_where_it_failed(templates: Path, tmp_path: Path, sqlite_url: str) -> None:
    """Without a database, too."""
    case = Case("", revisions={"one": "pass", "two": "sqlmodel.AutoString()"}, command=("upgrade", "head", "--sql"))
    result = run(Project(tmp_path / "ours"), case, templates / "async-fastapi", make_url(sqlite_url))
    assert "Traceback" not in result.output
    message = " ".join(result.stdout.split()).partition("FAILED: ")[2]
    assert message.startswith(f"Revision two failed at sqlmodel.AutoString() (line {LINE} of {tmp_path}/ours")


@pytest.mark.postgresql
def test_a_server_that_ends_the_connection(tmp_path: Path, embedded_url: str) -> None:
    """In the middle of a revision, which is rolled back."""
    body = "op.execute('CREATE TABLE one (id int)')\n    op.execute('SELECT pg_terminate_backend(pg_backend_pid())')"
    error = refuse(tmp_path, embedded_url, one=body)
    assert " Look, and run the same command again, for example: alembic current. It was rolled back" in str(error)


def test_a_revision_for_several_heads(templates: Path, tmp_path: Path, sqlite_url: str) -> None:
    """Autogenerate is refused before it compares, unless a head is named."""
    files = {f"migrations/versions/{name}.py": f"revision = '{name}'\ndown_revision = None\n" for name in ("one", "two")}
    project = Project(tmp_path / "ours")
    for arguments, refused in ((), True), (("--head", "one"), False):
        case = Case("", files=files, command=(*AUTOGENERATE, *arguments))
        result = run(project, case, templates / "async-fastapi", make_url(sqlite_url))
        assert ("The revisions have 2 heads, one, two" in " ".join(result.stdout.split())) is refused, str(result)
        shutil.rmtree(project.directory)
