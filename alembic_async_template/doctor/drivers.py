"""Checks whether `env.py`, the URL and the installed drivers fit each other."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy.engine.url import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from ..application.url import adapt_url
from ..errors import AlembicAsyncTemplateError
from ..errors.block import Fix
from ..masking import mask_message, mask_url
from .finding import Problem
from .revision_files import called_name, find_keyword, list_calls
from .subject import SourceFile, Subject

_SYNC_CALLS = {"engine_from_config", "create_engine"}
_ASYNC_CALLS = {"async_engine_from_config", "create_async_engine"}
# What reads the URL of the ini with the rest of its section.
_SECTION_READERS = {"engine_from_config", "async_engine_from_config", "get_section"}
# https://docs.sqlalchemy.org/en/20/dialects/index.html; psycopg is both.
_ASYNC_DRIVERS = {"postgresql": "asyncpg", "sqlite": "aiosqlite", "mysql": "asyncmy", "mariadb": "asyncmy"}
_SYNC_DRIVERS = {"postgresql": "psycopg", "sqlite": "pysqlite", "mysql": "pymysql", "mariadb": "pymysql"}
_IS_ASYNC = {"asyncpg", "aiosqlite", "asyncmy", "aiomysql", "psycopg_async", "aioodbc"}
_IS_SYNC = {"psycopg2", "pysqlite", "pymysql", "mysqldb", "pg8000"}
# The module that a driver's name stands for, where it is another.
_MODULES = {"psycopg_async": "psycopg", "pysqlite": "sqlite3", "mysqldb": "MySQLdb"}
# What libpq calls what asyncpg has under another name, or not at all.
_LIBPQ_WORDS = {"sslmode": "ssl", "channel_binding": None, "gssencmode": None}
_PLACEHOLDER = "driver"
# The port on which PgBouncer listens by itself.
_PGBOUNCER = 6432
# The methods of an asynchronous connection that have to be awaited.
_COROUTINES = {"execute", "run_sync", "commit", "rollback", "scalar", "scalars", "close", "exec_driver_sql"}


@dataclass(frozen=True, slots=True)
class ConfiguredURL:
    """A URL, and where it is."""

    url: URL
    write: str
    """What sets it, up to the value."""
    path: Path | None
    line: int | None


def find_url(subject: Subject) -> ConfiguredURL | None:
    """The URL that `env.py` uses, as far as the sources show: a variable's, or that of the ini."""
    text = subject.env.text if subject.env else ""
    variables = re.findall(r"""(?:environ(?:\.get\(|\[)|getenv\()\s*["'](\w+)""", text)
    if subject.uses_this_package:
        setting = subject.settings.get("database_url_env")
        variables.append(setting.value if setting else "DATABASE_URL")
    for variable in variables:
        if url := _parse(os.environ.get(variable, "")):
            return ConfiguredURL(url, f"export {variable}=", None, None)
    setting = None if _has_own_url(subject) else subject.settings.get("sqlalchemy.url")
    url = _parse(subject.interpolate(setting.value)) if setting else None
    return ConfiguredURL(url, "sqlalchemy.url = ", setting.file.path, setting.line) if setting and url else None


def find_driver(subject: Subject) -> str:
    """The driver that the revisions run through, empty where it is not known."""
    status = subject.probe.status if subject.probe else None
    if status:
        return str(status["database"]).partition("://")[0].partition("+")[2]
    found = find_url(subject)
    if found is None:
        return ""
    if subject.uses_this_package:
        with suppress(AlembicAsyncTemplateError):  # which check_drivers, or the command itself, tells
            return adapt_url(found.url, found.write, directory=subject.directory, installed=False).url.get_driver_name()
        return ""
    is_async = subject.env is not None and any(called_name(call) in _ASYNC_CALLS for call in list_calls(subject.env.tree))
    return found.url.drivername.partition("+")[2] if is_async else ""


def _has_own_url(subject: Subject) -> bool:
    """Whether a hand-written `env.py` has the URL from elsewhere than the ini; for `--sql` it may read that all the same."""
    if subject.env is None or subject.uses_this_package:
        return False
    nodes = list(ast.walk(subject.env.tree))
    offline = _list_offline(nodes)
    return any(map(_sets_url, nodes)) or not any(_reads_url(node) for node in nodes if id(node) not in offline)


def _sets_url(node: ast.AST) -> bool:
    match node:
        case ast.Call() if called_name(node) in {"set_main_option", "set_section_option"}:
            return any(map(_is_url_name, node.args))
        case ast.Call() if called_name(node) in {"engine_from_config", "async_engine_from_config"}:
            return find_keyword(node, "url") is not None
        case ast.Subscript(ctx=ast.Store()):
            return _is_url_name(node.slice)
        case ast.Dict():
            return any(map(_is_url_name, node.keys))
    return False


def _reads_url(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    is_option = called_name(node) in {"get_main_option", "get_section_option"}
    return any(map(_is_url_name, node.args)) if is_option else called_name(node) in _SECTION_READERS


def _is_url_name(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value == "sqlalchemy.url"


def _list_offline(nodes: Sequence[ast.AST]) -> set[int]:
    """What is in the functions that give `context.configure` a URL in place of a connection."""
    offline = []
    for function in (node for node in nodes if isinstance(node, ast.FunctionDef)):
        calls = list_calls(function)
        connects = any(called_name(call) in {"connect", *_SYNC_CALLS, *_ASYNC_CALLS} for call in calls)
        if not connects and any(called_name(call) == "configure" and find_keyword(call, "url") for call in calls):
            offline.append(function)
    return {id(node) for function in offline for node in ast.walk(function)}


def _check_pooler(subject: Subject, found: ConfiguredURL) -> Iterator[Problem]:
    """See https://docs.sqlalchemy.org/en/20/dialects/postgresql.html#prepared-statement-name-with-pgbouncer."""
    if subject.env is not None and "statement_cache_size" not in subject.env.text:
        words = (
            '"statement_cache_size": 0, "prepared_statement_cache_size": 0, "prepared_statement_name_func": lambda: f"_{uuid4()}"'
        )
        fix = Fix("give the engine of env.py these arguments, with uuid4 of the module uuid", f"connect_args={{{words}}}")
        problem = f"The URL {mask_url(found.url)} leads to a pooler, and env.py uses prepared statements"
        yield Problem("pooled-statements", problem, fix, found.path, found.line)


def _check_unawaited(subject: Subject, env: SourceFile) -> Iterator[Problem]:
    """Calls on an asynchronous connection, or of a coroutine function of `env.py`, whose coroutine is not awaited."""
    coroutines = {node.name for node in ast.walk(env.tree) if isinstance(node, ast.AsyncFunctionDef)}
    for function in (node for node in ast.walk(env.tree) if isinstance(node, ast.AsyncFunctionDef)):
        items = [item for node in ast.walk(function) if isinstance(node, ast.AsyncWith) for item in node.items]
        connections = {item.optional_vars.id for item in items if isinstance(item.optional_vars, ast.Name)}
        for node in ast.walk(function):
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
                continue
            owner, _, name = ast.unparse(node.value.func).rpartition(".")
            if (owner in connections and name in _COROUTINES) or (not owner and name in coroutines):
                fix = Fix("await it", f"await {ast.unparse(node)}")
                problem = f"{subject.relative_path(env.path)} does not await {ast.unparse(node.value.func)}"
                yield Problem("unawaited-call", problem, fix, env.path, node.lineno)


def _check_placeholder(subject: Subject, *, is_async: bool) -> Iterator[Problem]:
    setting = subject.settings.get("sqlalchemy.url")
    if setting is not None and setting.value.startswith(f"{_PLACEHOLDER}://") and not _has_own_url(subject):
        example = f"sqlalchemy.url = postgresql+{'asyncpg' if is_async else 'psycopg'}://app@localhost/app"
        problem = f"sqlalchemy.url is still {mask_message(setting.value)}"
        yield Problem("placeholder-url", problem, Fix("name the database", example), setting.file.path, setting.line)


def _parse(text: str) -> URL | None:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return None
    return None if url.drivername == _PLACEHOLDER else url


def check_drivers(subject: Subject) -> Iterator[Problem]:
    """Find what fails when a hand-written `env.py` connects; this package's adapts the URL by itself."""
    if subject.env is None or subject.uses_this_package:
        return
    called = {called_name(call) for call in list_calls(subject.env.tree)}
    is_sync, is_async = bool(called & _SYNC_CALLS), bool(called & _ASYNC_CALLS)
    if is_async and find_spec("greenlet") is None:
        fix = Fix("install it", "pip install 'sqlalchemy[asyncio]'")
        yield Problem("missing-greenlet", "env.py makes an asynchronous engine, and greenlet is not installed", fix)
    yield from _check_unawaited(subject, subject.env)
    found = find_url(subject)
    if found is None:
        yield from _check_placeholder(subject, is_async=is_async)
        return
    url = found.url

    def correct(corrected: URL) -> str:
        return found.write + mask_url(corrected).replace("%", "%%" if found.path else "%")

    if url.drivername.split("+")[0] == "postgres":
        scheme = f"postgresql{url.drivername.removeprefix('postgres')}"
        fix = Fix("correct the scheme", correct(url.set(drivername=scheme)))
        yield Problem("old-postgres-url", f"The URL {mask_url(url)} begins with postgres://", fix, found.path, found.line)
        return
    try:
        backend, driver = url.get_backend_name(), url.get_driver_name()
    except NoSuchModuleError:
        return
    if is_sync and not is_async and driver in _IS_ASYNC:
        fix = Fix("name a synchronous driver", correct(url.set(drivername=f"{backend}+{_SYNC_DRIVERS[backend]}")))
        problem = f"env.py makes a synchronous engine, and the URL names {driver}"
        yield Problem("sync-environment", problem, fix, found.path, found.line)
    elif is_async and not is_sync and driver in _IS_SYNC:
        fix = Fix("name an asynchronous driver", correct(url.set(drivername=f"{backend}+{_ASYNC_DRIVERS[backend]}")))
        problem = f"env.py makes an asynchronous engine, and the URL names {driver}"
        yield Problem("async-environment", problem, fix, found.path, found.line)
    elif find_spec(_MODULES.get(driver, driver)) is None:
        fix = Fix("install it", f"pip install {driver.removesuffix('_async')}")
        yield Problem("missing-driver", f"The driver {driver} is not installed", fix, found.path, found.line)
    elif driver == "asyncpg" and (words := [word for word in _LIBPQ_WORDS if word in url.query]):
        query = {name: value for word, value in url.query.items() if (name := _LIBPQ_WORDS.get(word, word)) is not None}
        problem = f"{', '.join(words)} in the URL is libpq's"
        fix = Fix("say it as asyncpg does", correct(url.set(query=query)))
        yield Problem("libpq-words", problem, fix, found.path, found.line)
    elif driver == "asyncpg" and (url.port == _PGBOUNCER or re.search("pgbouncer|pooler", url.host or "", re.IGNORECASE)):
        yield from _check_pooler(subject, found)
