"""Which URL an application's own engine takes, for an example: by what its sources call and which drivers are installed."""

from __future__ import annotations

import linecache
import re
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..project.files import list_sources, read_source

if TYPE_CHECKING:
    from .settings import Settings

# Module of a driver to the URL with it, the preferred one first.
_ASYNC = {
    "asyncpg": "postgresql+asyncpg://app@localhost/app",
    "psycopg": "postgresql+psycopg://app@localhost/app",
    "asyncmy": "mysql+asyncmy://app@localhost/app",
    "aiomysql": "mysql+aiomysql://app@localhost/app",
    "aiosqlite": "sqlite+aiosqlite:///app.db",
}
_SYNC = {
    "psycopg": "postgresql+psycopg://app@localhost/app",
    "psycopg2": "postgresql+psycopg2://app@localhost/app",
    "pymysql": "mysql+pymysql://app@localhost/app",
    "MySQLdb": "mysql+mysqldb://app@localhost/app",
    "sqlite3": "sqlite:///app.db",
}
# What installs the module of a driver, where that has another name.
_PACKAGES = {
    "psycopg": "'psycopg[binary]'",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
    "cx_Oracle": "cx-Oracle",
}
_VARIABLE = re.compile(r"""(?:getenv|environ(?:\.get)?)\s*[\[(]\s*["'](\w+)["']""")
_MAKES_ASYNC = re.compile(rb"\b(create_async_engine|async_engine_from_config)\b")
_MAKES_SYNC = re.compile(rb"\b(create_engine|engine_from_config)\b")


def describe_engine(error: BaseException, settings: Settings) -> tuple[dict[str, str | None], bool]:
    """What is known of the engine that an exception of the application is about, and whether it is a sync one.

    :returns: a URL that it takes, the package of a driver that is missing, and the variable that is read for it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    files = [Path(frame.filename) for frame in frames]
    sources = [
        path for path in files if settings.directory in path.parents or any(r in path.parents for r in settings.import_roots)
    ]
    if any(frame.name in {"create_async_engine", "async_engine_from_config"} for frame in frames):
        is_sync = False
    elif any(frame.name in {"create_engine", "engine_from_config"} for frame in frames):
        is_sync = True
    else:
        is_sync = not _makes_async(sources[-1:], settings)
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    facts: dict[str, str | None] = {
        "url": write_example(is_sync=is_sync),
        "package": _PACKAGES.get(missing or "", missing),
        "read": _find_variable(sources[-1:]),
    }
    return facts, is_sync


def write_example(*, is_sync: bool = False) -> str:
    """A URL for an engine, with a driver that is installed."""
    drivers = _SYNC if is_sync else _ASYNC
    found = next((url for name, url in drivers.items() if find_spec(name)), None)
    return found or next(iter(drivers.values()))


def _makes_async(read_first: list[Path], settings: Settings) -> bool:
    """Whether the module that failed makes an async engine; if it makes no engine, whether the application's is async."""
    for path in read_first:
        text = read_source(path)
        if _MAKES_ASYNC.search(text) or _MAKES_SYNC.search(text):
            return _MAKES_ASYNC.search(text) is not None
    texts = [read_source(path) for root in settings.import_roots for path in list_sources(root, settings.excluded_folders)]
    return any(map(_MAKES_ASYNC.search, texts)) or not any(map(_MAKES_SYNC.search, texts))


def _find_variable(files: list[Path]) -> str | None:
    """The environment variable that a module reads, where it is one that names a database."""
    names = [name for path in files for line in linecache.getlines(str(path)) for name in _VARIABLE.findall(line)]
    return next((name for name in names if re.search("UR[IL]|DSN|DATABASE|DB", name, re.IGNORECASE)), next(iter(names), None))
