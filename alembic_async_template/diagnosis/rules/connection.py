"""Errors of connections: the server, the role and the words of a URL.

The first rule that matches wins: special ones stand before general ones.
"""

from __future__ import annotations

from ...postgresql import SQLState
from ..match import NO_CODE, Rule, Sign

CONNECTION_RULES = (
    Rule(
        "certificate verify failed",
        (Sign(text="certificate verify failed|root certificate|server certificate"),),
        "name the authority that has signed the server's certificate",
        "{verify}",
    ),
    Rule(
        "no pg_hba.conf entry for host ..., no encryption",
        (Sign(codes=("3159",)), Sign(text="pg_hba.conf.*(no encryption|ssl off)|sslmode=require|insecure transport")),
        "the server takes connections with TLS only: ask for it in the URL",
        "?{sslmode}=require",
    ),
    Rule(
        "rejected SSL upgrade; server does not support SSL",
        (Sign(text="rejected ssl upgrade|does not support ssl"),),
        "the URL asks for TLS, and the server has none: ask for it only where there is",
        "?{sslmode}=prefer",
    ),
    Rule(
        'too many connections for role "app"',
        (Sign(text="too many connections for role"),),
        "close some of its connections, or let the role have more",
        "ALTER ROLE {user} CONNECTION LIMIT 20",
    ),
    Rule(
        'too many connections for database "app"',
        (Sign(text='too many connections for database "(?P<database>.+?)"$'),),
        "close some of its connections, or let it have more",
        "ALTER DATABASE {database} CONNECTION LIMIT 20",
    ),
    Rule(
        "sorry, too many clients already; remaining connection slots are reserved",
        (
            Sign(codes=(SQLState.TOO_MANY_CONNECTIONS, "1040", "1203")),
            Sign(text="too many (connections|clients)|connection slots are reserved"),
        ),
        "the server is full: close some connections, or let it have more and restart it",
        "ALTER SYSTEM SET max_connections = 200",
    ),
    Rule(
        'database "app" does not exist',
        (Sign(codes=(SQLState.INVALID_CATALOG_NAME, "1049")), Sign(text='database "[^"]*" does not exist|no such database')),
        "create it",
        "{create}",
    ),
    Rule(
        'permission denied for database "app"',
        (Sign(codes=(SQLState.INSUFFICIENT_PRIVILEGE, NO_CODE), text='permission denied for database "?(?P<database>.+?)"?$'),),
        "let the role connect",
        "GRANT CONNECT ON DATABASE {database} TO {user}",
    ),
    Rule(
        "Access denied for user 'app'@'%' to database 'app', of MySQL",
        (Sign(codes=("1044",)),),
        "let the user who migrates have the database",
        "GRANT ALL ON {database}.* TO {user}",
    ),
    Rule(
        'role "app" is not permitted to log in',
        (Sign(text="is not permitted to log in"),),
        "let it",
        "ALTER ROLE {user} LOGIN",
    ),
    Rule(
        "password authentication failed; no pg_hba.conf entry for host",
        (
            Sign(codes=(SQLState.INVALID_PASSWORD, SQLState.INVALID_AUTHORIZATION_SPECIFICATION, "1045", "1698")),
            Sign(text='authentication failed|no password supplied|no pg_hba.conf entry|role "[^"]*" does not exist'),
        ),
        "correct the user or the password; in a URL, @ is written %40 and / is %2F",
        "{scheme}://app:s%40cret@localhost/app",
    ),
    Rule(
        "invalid sslmode value; `sslmode` parameter must be one of",
        (Sign(text="invalid sslmode|sslmode.* must be one of|ssl.* must be one of"),),
        "correct the word in the URL",
        "?{sslmode}=require",
    ),
    Rule(
        "FileNotFoundError, of a certificate",
        (Sign(raised="FileNotFoundError", function="_parse_connect"),),
        "correct the path in the URL",
        "{verify}",
    ),
    Rule(
        "port must be 0-65535; invalid port number; Received non-integer port arguments",
        (Sign(text="port must be|invalid port|non-integer port"), Sign(raised="UnicodeError")),
        "correct host and port",
        "{scheme}://app@localhost:5432/app",
    ),
    Rule(
        "number of hosts and ports don't match",
        (Sign(text="number of hosts and ports don't match"),),
        "give each host of the URL its port",
        "{scheme}://app@one:5432,two:5432/app",
    ),
    Rule(
        'invalid value for parameter "client_encoding"',
        (Sign(text='invalid value for parameter "client_encoding"'),),
        "correct the word in the URL, or leave it out",
        "?client_encoding=utf8",
    ),
    Rule(
        'unrecognized configuration parameter "nope"; invalid command-line argument for server process',
        (
            Sign(
                text="unrecognized configuration parameter|requires a value|invalid command-line argument"
                '|invalid value for parameter "|permission denied to set parameter'
            ),
        ),
        "the server does not take what options says, in the URL or in PGOPTIONS: correct it",
        "?options=-c%20statement_timeout%3D10s",
    ),
    Rule(
        "None of the hosts match the target attribute requirement; session is read-only",
        (Sign(text="None of the hosts match|session is (not )?read-only|server is (not )?in hot standby"),),
        "the URL asks for another kind of server; a migration needs one that takes writes",
        "?target_session_attrs=read-write",
    ),
    Rule(
        "invalid target_session_attrs value",
        (Sign(text="target_session_attrs"),),
        "correct the word in the URL, or leave it out",
        "?target_session_attrs=read-write",
    ),
    Rule(
        "bad value for connect_timeout; invalid integer value for connection option; No such TLS version",
        (Sign(text=r'bad value for \w+|invalid integer value|invalid "?\w+"? value:|No such TLS version'),),
        "correct the word in the URL, or leave it out",
        "?connect_timeout=10",
    ),
    Rule(
        "unable to open database file",
        (Sign(text="unable to open database file"),),
        "make its folder",
        "mkdir -p {folder}",
    ),
    Rule(
        "connect() got an unexpected keyword argument 'sslmode'",
        (Sign(text="unexpected keyword argument 'sslmode'"),),
        "asyncpg has another word for it, in the URL of an engine",
        "postgresql+asyncpg://app@localhost/app?ssl=require",
    ),
    Rule(
        "connect() got an unexpected keyword argument; invalid connection option",
        (Sign(text="unexpected keyword argument|invalid connection option"),),
        "the driver does not know that word of the URL: correct it, or leave it out",
        "{scheme}://app@localhost/app",
    ),
    Rule(
        "no pq wrapper available",
        (Sign(text="no pq wrapper available"),),
        "psycopg needs libpq: install it with the driver",
        "pip install 'psycopg[binary]'",
    ),
    Rule(
        "'cryptography' package is required",
        (Sign(text="'cryptography' package is required"),),
        "install it",
        "pip install cryptography",
    ),
)
