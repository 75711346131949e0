"""Reads the URL of a database and turns it into the form that its async driver takes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import make_url
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import InvalidURLError, MissingDriverError
from ..masking import list_unknown_words, split_secrets

# Backend to its async drivers, the preferred one first; the names are those of the modules and of this package's extras.
_DRIVERS = {
    "postgresql": ("asyncpg", "psycopg"),
    "sqlite": ("aiosqlite",),
    "mysql": ("asyncmy", "aiomysql"),
    "mariadb": ("asyncmy", "aiomysql"),
}
_ALIASES = {"postgres": "postgresql"}
# What the ini files of Alembic's own templates say until they are edited.
PLACEHOLDER = "driver://user:pass@localhost/dbname"

_NO_URL = "it is not a URL of the form backend://user:password@host:port/database"

# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS: words that asyncpg knows in a DSN only,
_DSN_WORDS = frozenset(
    "sslmode sslcert sslkey sslrootcert sslcrl sslpassword sslnegotiation ssl_min_protocol_version ssl_max_protocol_version "
    "krbsrvname gsslib passfile service target_session_attrs".split()
)
# words that are sent to the server,
_SERVER_WORDS = frozenset({"application_name", "options"})
# words that only tune libpq's sockets,
_LIBPQ_WORDS = frozenset(
    "keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout sslcompression sslsni "
    "load_balance_hosts gssencmode channel_binding client_encoding min_protocol_version max_protocol_version".split()
)
# and the values by which some of those ask for a protection that asyncpg cannot give.
_DEMANDS = {("channel_binding", "require"), ("gssencmode", "require")}
# Words that have a place of their own in a URL.
_URL_WORDS = {"user": "username", "password": "password", "dbname": "database"}
_BOOLEAN_SSL = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


@dataclass(frozen=True, slots=True)
class Database:
    """Where migrations run: a URL for a new engine, or the application's own engine to be cloned."""

    url: URL = field(repr=False)
    source: str
    engine: AsyncEngine | None = field(default=None, repr=False)
    connect_arguments: dict[str, Any] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    given: URL | None = field(default=None, repr=False)
    """The URL as its source has it, where that is not `url`."""

    def __post_init__(self) -> None:
        database = "" if self.url.get_backend_name() == "sqlite" else self.url.database or ""
        host = self.url.host or ""
        if (
            any("@" in part for part in (host, *self.url.query))
            or re.search("@.*/", database)
            or not re.search(r"^/|:|^[\w.,-]*$", host)
            or _is_cut(self.given or self.url)
        ):  # the end of a password that was not encoded
            raise InvalidURLError(self.source, _NO_URL, encoding=True)

    @property
    def original(self) -> URL:
        """The URL with the driver and the words of its source; the path of an SQLite file is absolute."""
        if self.given is None:
            return self.url
        name, _, driver = self.given.drivername.partition("+")
        url = self.given.set(drivername="+".join(filter(None, [_ALIASES.get(name, name), driver])))
        return url.set(database=self.url.database) if self.url.get_backend_name() == "sqlite" else url


def parse_url(value: str | URL, source: str) -> URL:
    """Read a URL, libpq's lists of hosts included.

    :raises InvalidURLError: it is not a URL; the message never repeats it, since it may hold a password.
    """
    if isinstance(value, URL):
        return value
    text = value.strip()
    # "host1:5432,host2:5432" becomes libpq's other form, host=host1,host2&port=5432,5432, which SQLAlchemy reads.
    # A later @ is the end of a password that is not encoded.
    match = re.fullmatch(
        r"(?P<start>[\w+]+://(?:[^@/?]*@)?)(?P<hosts>[^/?@]*,[^/?@]*)(?P<rest>/[^?@]*)?(?:\?(?P<query>[^@]*))?", text
    )
    if match:
        hosts, ports = zip(*(_split_host(host) for host in match["hosts"].split(",")), strict=True)
        query = "&".join(filter(None, [match["query"], urlencode({"host": ",".join(hosts), "port": ",".join(ports)})]))
        text = f"{match['start']}{match['rest'] or '/'}?{query}"
    url: URL | None
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if text[:1] in {"'", '"'}:
        raise InvalidURLError(source, "it begins with a quotation mark", "leave the quotation marks out")
    scheme = re.match(r"[\w+]+:(/*)", text)
    if url is None and not (scheme and scheme[1]):
        raise InvalidURLError(source, "it has no scheme", "begin it with the database's")
    if url is None and scheme and len(scheme[1]) == 1:
        raise InvalidURLError(source, "it has one slash after the scheme", "write two")
    if url is None and re.search(r":[^:/?@]*[^\d:/?@][^:/?@]*(/[^@]*)?$", text):
        raise InvalidURLError(source, "its port is not a number", "correct it, or write the @ of a password as %40")
    if url is None or (url.password and text.count("@") > 1) or _is_cut(url, text.partition("?")[2]):
        raise InvalidURLError(source, _NO_URL, encoding=True)
    return url


def _is_cut(url: URL, query: str = "") -> bool:
    """Whether a password in the query of a URL has an & that is not encoded: the rest is a word of its own."""
    empty = query and not all("=" in part for part in query.split("&"))
    return bool(split_secrets(url)[1]) and bool(empty or list_unknown_words(url))


def _split_host(text: str) -> tuple[str, str]:
    host, _, port = text.rpartition(":") if re.search(r":\d+$", text) else (text, "", "")
    return host.strip("[]"), port or "5432"


def adapt_url(url: URL, source: str, *, directory: Path, installed: bool = True) -> Database:
    """The same database through an async driver.

    :param directory: where relative SQLite paths start.
    :param installed: whether the driver has to be installed; offline mode needs none.
    :raises InvalidURLError: there is no async driver for it.
    :raises MissingDriverError: its async driver is not installed.
    """
    database = _adapt(url, source, directory, installed)
    adapted, secrets = split_secrets(database.url)
    if "password" in secrets:
        adapted = adapted.set(password=secrets.pop("password"))
    return replace(database, url=adapted, connect_arguments=database.connect_arguments | secrets, given=url)


def _adapt(url: URL, source: str, directory: Path, installed: bool) -> Database:
    name, _, driver = url.drivername.partition("+")
    backend = _ALIASES.get(name, name)
    if backend not in _DRIVERS:
        return _other_backend(url, source)
    drivers = _DRIVERS[backend]
    wanted = {"psycopg_async": "psycopg"}.get(driver, driver)
    if wanted in drivers:
        drivers = (wanted,)
    chosen = next((candidate for candidate in drivers if find_spec(candidate)), None)
    if chosen is None:
        if installed:
            raise MissingDriverError(backend, drivers, source)
        chosen = drivers[0]
    url = url.set(drivername=f"{backend}+{chosen}")
    if backend == "sqlite":
        return Database(absolute_sqlite(url, directory), source)
    if chosen == "asyncpg":
        return _for_asyncpg(url, source)
    if chosen == "psycopg" and isinstance(mode := url.query.get("ssl"), str):
        url = url.difference_update_query(["ssl"]).update_query_dict({"sslmode": _BOOLEAN_SSL.get(mode.lower(), mode)})
    return Database(url, source)


def _other_backend(url: URL, source: str) -> Database:
    try:
        dialect = url.get_dialect()
    except Exception as error:
        raise InvalidURLError(source, f'"{url.drivername}" is not an installed SQLAlchemy dialect') from error
    if not dialect.is_async:
        raise InvalidURLError(source, f'"{url.drivername}" is not an async driver, and this package knows none for it')
    return Database(url, source)


def absolute_sqlite(url: URL, directory: Path) -> URL:
    database = url.database or ""
    if is_memory(url):
        return url.set(database=database)
    prefix, path = ("file:", database[5:]) if database.startswith("file:") else ("", database)
    return url.set(database=f"{prefix}{directory / path}")


def is_memory(url: URL) -> bool:
    """Whether the URL is an in-memory SQLite database."""
    if url.get_backend_name() != "sqlite":
        return False
    database = url.database or ""
    return not database or ":memory:" in database or "mode=memory" in database or url.query.get("mode") == "memory"


def _for_asyncpg(url: URL, source: str) -> Database:
    """Give libpq's words to asyncpg in the place where it takes each of them."""
    query = dict(url.query)
    arguments: dict[str, Any] = {}
    warnings: list[str] = []
    words = {part: str(query.pop(word)) for word, part in _URL_WORDS.items() if word in query}
    url = url.set(
        username=url.username or words.get("username"),
        password=url.password or words.get("password"),
        database=url.database or words.get("database"),
    )
    if "hostaddr" in query:
        query["host"] = query.pop("hostaddr")
    settings = {word: query.pop(word) for word in _SERVER_WORDS & query.keys()}
    fallback = query.pop("fallback_application_name", None)
    if fallback is not None:
        settings.setdefault("application_name", fallback)
    if settings:
        arguments["server_settings"] = settings
    timeout = query.pop("connect_timeout", query.pop("timeout", None))
    if isinstance(timeout, str) and timeout.isdigit() and int(timeout) > 0:
        arguments["timeout"] = float(timeout)
    for word in _LIBPQ_WORDS & query.keys():
        value = query.pop(word)
        if (word, value) in _DEMANDS:
            warnings.append(f"asyncpg cannot do {word}={value}: the connection goes without it")
    if isinstance(mode := query.get("ssl"), str):
        query["ssl"] = _BOOLEAN_SSL.get(mode.lower(), mode)
    dsn_words = {word: query.pop(word) for word in _DSN_WORDS & query.keys()}
    if dsn_words:
        arguments["dsn"] = "postgresql://?" + urlencode(dsn_words, doseq=True)
    return Database(url.set(query=query), source, connect_arguments=arguments, warnings=tuple(warnings))


def same_database(one: URL, other: URL) -> bool:
    """Whether two URLs lead to one database, whatever their driver, user and password."""

    def place(url: URL) -> tuple[object, ...]:
        backend = _ALIASES.get(url.get_backend_name(), url.get_backend_name())
        port = url.port or url.query.get("port") or {"postgresql": 5432}.get(backend, 3306)
        return backend, url.host or url.query.get("host") or "localhost", str(port), url.database

    return place(one) == place(other)
