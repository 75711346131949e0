"""Each known error of a connection: how it is provoked, and how the example of its fix is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class ConnectionHint:
    """A known error, and its hint. The example is SQL, a command, or the URL as it should be."""

    error: str
    """The rule's own title."""
    url: Mapping[str, Any] = field(default_factory=dict)
    """Parts of the URL that are wrong; the query replaces the whole query."""
    role: str = ""
    """Options of a role that migrates."""
    set_up: str = ""
    dialect: str = "postgresql"
    filled: Mapping[str, str] = field(default_factory=dict)
    """What a person puts in place of a part of the example."""
    next: str = ""
    """What the next error has in it, another and truer; empty where the command works."""
    engine: bool = False
    """Whether the URL is that of an application's engine, which gets it as it is."""


NO_TLS = "rejected SSL upgrade"  # the embedded server has no TLS
LATE = {"sslmode": "verify-full", "sslrootcert": "/nowhere.pem"}
CONNECTION_HINTS = [
    ConnectionHint("no pg_hba.conf entry for host ..., no encryption", role="tls LOGIN", next=NO_TLS),
    ConnectionHint("rejected SSL upgrade; server does not support SSL", {"query": {"sslmode": "require"}}),
    ConnectionHint('too many connections for role "app"', role="busy LOGIN CONNECTION LIMIT 0"),
    ConnectionHint(
        'too many connections for database "app"', role="guest LOGIN", set_up="ALTER DATABASE {database} CONNECTION LIMIT 0"
    ),
    ConnectionHint('database "app" does not exist', {"database": "no where"}),
    ConnectionHint(
        'permission denied for database "app"', role="guest LOGIN", set_up="REVOKE CONNECT ON DATABASE {database} FROM PUBLIC"
    ),
    ConnectionHint("Access denied for user 'app'@'%' to database 'app', of MySQL", dialect="mysql", role="guest"),
    ConnectionHint('role "app" is not permitted to log in', role="guest NOLOGIN"),
    ConnectionHint("password authentication failed; no pg_hba.conf entry for host", {"password": "wrong"}),
    ConnectionHint("password authentication failed; no pg_hba.conf entry for host", {"username": "nobody here"}),
    ConnectionHint("invalid sslmode value; `sslmode` parameter must be one of", {"query": {"sslmode": "nope"}}, next=NO_TLS),
    ConnectionHint(
        "FileNotFoundError, of a certificate", {"query": LATE}, filled={"/etc/ssl/ca.pem": "{certificate}"}, next=NO_TLS
    ),
    ConnectionHint("port must be 0-65535; invalid port number; Received non-integer port arguments", {"port": 99999}),
    ConnectionHint(
        "number of hosts and ports don't match",
        {"drivername": "postgresql+psycopg", "host": None, "port": None, "query": {"host": "one,two", "port": "1,2,3"}},
    ),
    ConnectionHint(
        'invalid value for parameter "client_encoding"',
        {"drivername": "postgresql+psycopg", "query": {"client_encoding": "nope"}},
    ),
    ConnectionHint(
        'unrecognized configuration parameter "nope"; invalid command-line argument for server process',
        {"query": {"options": "-c nope=1"}},
    ),
    ConnectionHint(
        "None of the hosts match the target attribute requirement; session is read-only",
        {"query": {"target_session_attrs": "read-only"}},
    ),
    ConnectionHint("invalid target_session_attrs value", {"query": {"target_session_attrs": "nope"}}),
    ConnectionHint(
        "bad value for connect_timeout; invalid integer value for connection option; No such TLS version",
        {"drivername": "postgresql+psycopg", "query": {"connect_timeout": "soon"}},
    ),
    ConnectionHint("unable to open database file", {"database": "{folder}/not there/app.db"}, dialect="sqlite"),
    ConnectionHint(
        "connect() got an unexpected keyword argument 'sslmode'",
        {"drivername": "postgresql+asyncpg", "query": {"sslmode": "require"}},
        engine=True,
        next=NO_TLS,
    ),
    ConnectionHint("connect() got an unexpected keyword argument; invalid connection option", {"query": {"pool_size": "5"}}),
]
UNTYPED_CONNECTION = {
    "certificate verify failed": "needs a server with TLS",
    "sorry, too many clients already; remaining connection slots are reserved": "would stop every other test on the server",
    "no pq wrapper available": "installs a package",
    "'cryptography' package is required": "installs a package",
}
"""Errors whose hint is not in the table, with the reason."""
