"""The errors that are known, of connections, applications and revisions: how each is recognised, and how it is fixed.

The messages and the reference are made from these tables.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.sql.compiler import IdentifierPreparer

from .driver_errors import describe, find_detail, find_number, find_own_sqlstate, list_causes

_quote = IdentifierPreparer(PGDialect()).quote  # type: ignore[no-untyped-call]
# What the braces of a fix stand for where nothing better is known.
_EXAMPLES = {
    "name": "post",
    "type": "status",
    "column": "title",
    "value": "archived",
    "revision": "4f2a",
    "import": "import app.models",
    "near": "app.db",
    "module": "app",
    "app_models": "app",
    "copy": "app.models_old",
    "variables": "DATABASE_URL",
    "variable": "DATABASE_URL",
    "files": "no .env file is read",
    "folder": "src",
    "root": "%(here)s/src",
    "path": "app/nowhere",
    "kind": "TABLE",
    "schema": "public",
    "user": "app",
    "create": "createdb --host=localhost --port=5432 --username=app app",
}
# How much of a statement, and of a text, patterns can tell by.
_BEGINNING = 200
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Rule:
    """An error that is known."""

    error: str
    """As it reads where nobody explains it."""
    pattern: str
    """What `_list_signatures` says of it, ignoring case. A group stands for the braces of the same name."""
    fix: str
    """What to do, with an example to type."""

    def explain(self, facts: Mapping[str, str | None]) -> str:
        """The fix, with what is known in its braces."""
        known = _EXAMPLES | {name: value for name, value in facts.items() if value}
        known["example"] = "postgresql://app@localhost/app" if re.search("UR[IL]|DSN", known["variable"]) else "value"
        known |= {name: _quote(known[name]) for name in ("name", "schema", "user")}
        if within := known.get("within"):
            known["name"] = f"{_quote(within)}.{known['name']}"
        known["in_schema"] = f', schema="{within}"' if within else ""
        return self.fix.format_map(known)


def find_fix(
    rules: Iterable[Rule], error: BaseException, facts: Mapping[str, str | None] | None = None, where: str = ""
) -> tuple[str, str] | None:
    """What was said, and what to do about it; None for an error that nobody has foreseen.

    :param facts: what the braces of a fix stand for.
    :param where: is in the signature, for patterns to tell by.
    """
    signatures = list(_list_signatures(error, where))
    for rule in rules:
        for cause, signature in signatures:
            if match := re.search(rule.pattern, signature, re.IGNORECASE):
                found = {name: value.upper() if name == "kind" else value for name, value in match.groupdict().items() if value}
                found |= _find_schema(found, str(getattr(error, "statement", None) or ""))
                said = describe(cause)
                problem = said if " " in said else f"{type(cause).__name__}{f': {said}' if said else ''}"
                if detail := find_detail(cause):
                    problem = f"{problem} ({detail})"
                return problem, rule.explain({**(facts or {}), **found})
    return None


def _find_schema(found: Mapping[str, str], statement: str) -> dict[str, str]:
    """The schema of an object that an error names, from how the error or the statement writes the name."""
    kind = next((kind for kind in ("name", "type") if kind in found), None)
    if kind is None:
        return {}
    within, _, name = found[kind].replace('"', "").rpartition(".") if kind == "type" else ("", "", found[kind])
    in_statement = re.search(rf'(\w+|"[^"]+")\."?{re.escape(name)}(?!\w)', statement)
    within = within or (in_statement[1].strip('"') if in_statement else "")
    return {kind: name, "within": within} if within else {kind: name}


def _list_signatures(error: BaseException, where: str) -> Iterable[tuple[BaseException, str]]:
    """Each cause with its code, class, text, statement and function: `- NameError: name 'app' is not defined [] (in upgrade)`.

    The code is a SQLSTATE, a number of MySQL, ~ for what a driver says without one, or - for what comes from no database.
    """
    # What the driver said is under SQLAlchemy's error. What a program has raised in place of another error says more than that.
    is_sqlalchemys = getattr(error, "orig", None) is not None
    statement = " ".join(str(getattr(error, "statement", None) or "").split())[:_BEGINNING]
    for cause in list_causes(error) if is_sqlalchemys else [error]:
        code = find_number(cause) or find_own_sqlstate(cause) or ("~" if is_sqlalchemys else "-")
        frames = traceback.extract_tb(cause.__traceback__)
        function = frames[-1].name if frames else ""
        said = re.sub(r"^<class '[^']*'>: ", "", str(cause)[:_LONGEST])
        text = " ".join(re.split(r"\n(?:DETAIL|HINT|NOTE|LINE \d+):", said)[0].split())
        yield cause, f"{code} {type(cause).__name__}: {text} [{statement}] (in {function}{where})"


_CONNECTION = 'Use the connection of the migration, for example: op.get_bind().execute(sa.text("SELECT 1"))'

CONNECTION_RULES = (
    Rule(
        "certificate verify failed",
        "certificate verify failed|root certificate|server certificate",
        "Name the authority that has signed the server's certificate, for example: "
        "?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem",
    ),
    Rule(
        "no pg_hba.conf entry for host ..., no encryption",
        "^3159 |pg_hba.conf.*(no encryption|ssl off)|sslmode=require|insecure transport",
        "The server takes connections with TLS only: ask for it in the URL, for example: ?sslmode=require",
    ),
    Rule(
        "rejected SSL upgrade; server does not support SSL",
        "rejected ssl upgrade|does not support ssl",
        "The URL asks for TLS, and the server has none: ask for it only where there is, for example: ?sslmode=prefer",
    ),
    Rule(
        'too many connections for role "app"',
        "too many connections for role",
        "Close some of its connections, or let the role have more, for example: ALTER ROLE {user} CONNECTION LIMIT 20",
    ),
    Rule(
        'too many connections for database "app"',
        'too many connections for database "(?P<name>.+?)" \\[',
        "Close some of its connections, or let it have more, for example: ALTER DATABASE {name} CONNECTION LIMIT 20",
    ),
    Rule(
        "sorry, too many clients already; remaining connection slots are reserved",
        "^(53300|1040|1203) |too many (connections|clients)|connection slots are reserved",
        "The server is full: close some connections, put a pooler in front of it, or let it have more and restart it, in "
        "PostgreSQL for example: ALTER SYSTEM SET max_connections = 200",
    ),
    Rule(
        'database "app" does not exist',
        '^(3D000|1049) |database "[^"]*" does not exist|no such database',
        "Create it, for example: {create}",
    ),
    Rule(
        'permission denied for database "app"',
        '^((42501|~) .*permission denied for database "?(?P<name>.+?)"? \\[|1044 )',
        "Let the role connect, for example: GRANT CONNECT ON DATABASE {name} TO {user}",
    ),
    Rule(
        'role "app" is not permitted to log in',
        "is not permitted to log in",
        "Let it, for example: ALTER ROLE {user} LOGIN",
    ),
    Rule(
        "password authentication failed; no pg_hba.conf entry for host",
        '^(28P01|28000|1045|1698) |authentication failed|no password supplied|no pg_hba.conf entry|role "[^"]*" does not exist',
        "Correct the user or the password; in a URL, @ is written %40 and / is %2F, for example: "
        "postgresql://app:s%40cret@localhost/app",
    ),
    Rule(
        "invalid sslmode value; `sslmode` parameter must be one of",
        "invalid sslmode|sslmode.* must be one of|ssl.* must be one of",
        "Correct the word in the URL, for example: ?sslmode=require",
    ),
    Rule(
        "FileNotFoundError, of a certificate",
        r"FileNotFoundError: .*\(in _parse_connect",
        "Correct the path in the URL, for example: ?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem",
    ),
    Rule(
        "port must be 0-65535; invalid port number; Received non-integer port arguments",
        "port must be|invalid port|non-integer port|UnicodeError: ",
        "Correct host and port, for example: postgresql://app@localhost:5432/app",
    ),
    Rule(
        "number of hosts and ports don't match",
        "number of hosts and ports don't match",
        "Give each host of the URL its port, for example: postgresql://app@one:5432,two:5432/app",
    ),
    Rule(
        'invalid value for parameter "client_encoding"',
        'invalid value for parameter "client_encoding"',
        "Correct the word in the URL, or leave it out, for example: ?client_encoding=utf8",
    ),
    Rule(
        'unrecognized configuration parameter "nope"; invalid command-line argument for server process',
        'unrecognized configuration parameter|requires a value|invalid command-line argument|invalid value for parameter "'
        "|permission denied to set parameter",
        "The server does not take what options says, in the URL or in PGOPTIONS: correct it, for example: "
        "?options=-c%20statement_timeout%3D10s",
    ),
    Rule(
        "None of the hosts match the target attribute requirement; session is read-only",
        "None of the hosts match|session is (not )?read-only|server is (not )?in hot standby",
        "The URL asks for another kind of server; a migration needs one that takes writes, for example: "
        "?target_session_attrs=read-write",
    ),
    Rule(
        "invalid target_session_attrs value",
        "target_session_attrs",
        "Correct the word in the URL, or leave it out, for example: ?target_session_attrs=read-write",
    ),
    Rule(
        "bad value for connect_timeout; invalid integer value for connection option; No such TLS version",
        r'bad value for \w+|invalid integer value|invalid "?\w+"? value:|No such TLS version',
        "Correct the word in the URL, or leave it out, for example: ?connect_timeout=10",
    ),
    Rule(
        "unable to open database file",
        "unable to open database file",
        "Make its folder, for example: mkdir -p {folder}",
    ),
    Rule(
        "connect() got an unexpected keyword argument 'sslmode'",
        "unexpected keyword argument 'sslmode'",
        "asyncpg has another word for it, in the URL of an engine, for example: "
        "postgresql+asyncpg://app@localhost/app?ssl=require",
    ),
    Rule(
        "connect() got an unexpected keyword argument; invalid connection option",
        "unexpected keyword argument|invalid connection option",
        "The driver does not know that word of the URL: correct it, or leave it out, for example: "
        "postgresql://app@localhost/app?sslmode=require",
    ),
    Rule(
        "no pq wrapper available",
        "no pq wrapper available",
        "psycopg needs libpq: install it with the driver, for example: pip install 'psycopg[binary]'",
    ),
    Rule(
        "'cryptography' package is required",
        "'cryptography' package is required",
        "Install it, for example: pip install cryptography",
    ),
)

APPLICATION_RULES = (
    Rule(
        "No module named 'app'",
        r"ModuleNotFoundError: .*, the application itself\)$",
        "Name the folder from which the application is imported, for example: prepend_sys_path = {root}",
    ),
    Rule(
        "No module named 'app.bd'",
        r"ModuleNotFoundError: .*, named in a setting\)$",
        "There is no such module: correct the setting in alembic.ini, for example: {near}",
    ),
    Rule(
        "No module named 'app.nowhere'",
        r"ModuleNotFoundError: .*, a module of the application\)$",
        "A module of the application imports it, and it is not there: correct the import, or add the file, for example: "
        "{path}.py",
    ),
    Rule(
        "No module named 'psycopg2'; No module named 'psycopg'; Can't load plugin: sqlalchemy.dialects:postgres",
        r"ModuleNotFoundError: .*\(in import_dbapi|Can't load plugin: sqlalchemy\.dialects",
        "The URL of an engine names its driver, which is not installed, or none: give create_async_engine one that is, for "
        "example: postgresql+asyncpg://app@localhost/app",
    ),
    Rule(
        "No module named 'something'",
        "ModuleNotFoundError: No module named '(?P<module>[^'.]*)",
        "The application imports it, and it is not installed here, for example: pip install {module}",
    ),
    Rule(
        "cannot import name ... from partially initialized module",
        "partially initialized module|circular import",
        "Two modules import each other: import one of them inside the function that needs it, or move what both need into a "
        "third one, for example: app/shared.py",
    ),
    Rule(
        "ValidationError: 1 validation error for Settings",
        r"ValidationError: .*, missing settings\)$",
        "Set {variables} in the environment ({files}), for example: export {variable}={example}",
    ),
    Rule(
        "ValidationError: Extra inputs are not permitted",
        r"ValidationError: .*, extra settings\)$",
        "Leave {variables} out ({files}), or let the settings ignore what they do not know, for example: "
        'model_config = SettingsConfigDict(extra="ignore")',
    ),
    Rule(
        "ValidationError: Input should be a valid integer",
        r"ValidationError: .*, invalid settings\)$",
        "Correct {variables} in the environment ({files}), for example: export {variable}={example}",
    ),
    Rule(
        "KeyError: 'DATABASE_URL' from os.environ",
        r"KeyError: '(?P<variable>\w+)' \[\] \(in __getitem__, environment",
        "Set {variable} in the environment, for example: export {variable}={example}",
    ),
    Rule(
        "ArgumentError: Expected string or URL object, got None",
        "Expected string or URL object, got None",
        "The URL that the application gives to its engine is not set, for example: export DATABASE_URL={example}",
    ),
    Rule(
        "The asyncio extension requires an async driver to be used",
        "requires an async driver",
        "Give create_async_engine a URL with one, for example: postgresql+asyncpg://app@localhost/app, or "
        "sqlite+aiosqlite:///app.db",
    ),
    Rule(
        "MissingGreenlet: greenlet_spawn has not been called",
        "MissingGreenlet: ",
        "An async driver is used without await when the module is imported: make the engine with create_async_engine, and "
        "connect in a function, for example: async with engine.connect() as connection",
    ),
    Rule(
        "Table 'post' is already defined for this MetaData instance",
        "Table '(?P<name>[^']*)' is already defined for this MetaData instance",
        "It is declared twice, or its module is imported by two names, as app.models and as models: import it by one name "
        "everywhere, for example: from app.models import Post. If {copy} is a copy that nothing imports, leave it out: "
        "app_models = {app_models}, ~{copy}",
    ),
)

REVISION_RULES = (
    Rule(
        "NameError: name 'sqlmodel' is not defined",
        r"NameError: name 'sqlmodel' is not defined.*, the revision\)$",
        "Import it in the revision, as this package's script.py.mako does in new ones, for example: import sqlmodel",
    ),
    Rule(
        "NameError: name 'app' is not defined",
        r"NameError: name '\w+' is not defined.*, the revision\)$",
        "Import what the revision uses, for example: {import}",
    ),
    Rule(
        "KeyError: 'd01' in the revisions",
        r"KeyError: '(?P<revision>[^']*)' .*, the history\)$",
        "A revision names {revision} as one that runs before it, and no file has that. Get the file back, for example: git "
        "log -- migrations/versions",
    ),
    Rule(
        "ModuleNotFoundError: No module named 'sqlmodel'",
        r"^- ModuleNotFoundError: No module named 'sqlmodel'.*, the revision\)$",
        "Install it: pip install sqlmodel. If the revision does not use it, remove that line instead, and the same one from "
        "script.py.mako",
    ),
    Rule(
        "ModuleNotFoundError: No module named 'app'",
        r"^- ModuleNotFoundError: No module named '(?P<module>[^']*)'.*, the revision\)$",
        "A revision imports it. If it is yours, name the folder that has it, for example: prepend_sys_path = %(here)s/src; if it "
        "is not, install it, for example: pip install {module}",
    ),
    Rule(
        "MissingGreenlet: greenlet_spawn has not been called",
        r"^\S+ MissingGreenlet: ",
        f"A revision is synchronous, and an async engine, a session or a thread of its own does not work in it. {_CONNECTION}",
    ),
    Rule(
        "asyncio.run() cannot be called from a running event loop",
        r"^- RuntimeError: (asyncio\.run\(\) cannot be called from|this event loop is already running|cannot run the event "
        r"loop while)",
        f"A revision is synchronous, and the event loop runs already. {_CONNECTION}",
    ),
    Rule(
        "ObjectNotExecutableError: Not an executable object",
        r"^\S+ ObjectNotExecutableError: ",
        "A connection executes statements of SQLAlchemy, and not this. Use op.execute for a text, for example: "
        'op.execute("UPDATE ...")',
    ),
    Rule(
        "AssertionError in autocommit_block",
        r"^- AssertionError: +\[\] \(in autocommit_block",
        "An autocommit block cannot leave a transaction that somebody else has begun, nor stand in another block. Hand over "
        "an engine, not a connection, for example: await Migrations(bind=engine).upgrade()",
    ),
    Rule(
        "VACUUM cannot run inside a transaction block; CREATE DATABASE, ALTER SYSTEM and the like",
        "^25001 (?!.*(CONCURRENTLY|INDEX)).*(inside a transaction block|cannot run)",
        "Leave the transaction for it, at the beginning of the revision or in one of its own, since what was done before is "
        'committed, for example: with op.get_context().autocommit_block(): op.execute("VACUUM")',
    ),
    Rule(
        "CREATE INDEX CONCURRENTLY cannot run inside a transaction block",
        "^25001 .*(inside a transaction block|cannot run)",
        "Leave the transaction for it, at the beginning of the revision or in one of its own, since what was done before is "
        "committed, for example: with op.get_context().autocommit_block(): op.create_index(..., postgresql_concurrently=True)",
    ),
    Rule(
        "cannot insert multiple commands into a prepared statement",
        "^(42601|~) .*(cannot insert multiple commands|only execute one statement at a time)",
        'The driver takes one statement at a time. Call op.execute for each, for example: op.execute("..."); op.execute("...")',
    ),
    Rule(
        "current transaction is aborted, commands ignored until end of transaction block",
        "^25P02 ",
        "The revision has caught the error of an earlier statement and gone on. Put that statement into a savepoint, for "
        "example: with op.get_bind().begin_nested(): op.execute(...)",
    ),
    Rule(
        'relation "post" does not exist; no such table: post',
        r"^(42P01 (?!.*FROM-clause)|1146 |1051 |~ .*no such table|- NoSuchTableError: )",
        "Its name is misspelt, or the revision that creates it has not run on this database, which was stamped or restored "
        "perhaps, or it comes later. Compare what was run with what there is, for example: alembic current; alembic history",
    ),
    Rule(
        'relation "post" already exists, in a downgrade',
        r"^(42P07|42701|1050|1060|~ .*(already exists|duplicate column name)).*, a downgrade",
        "What the downgrade makes again is there already. Leave that line out, or look what there is, for example: alembic "
        "history",
    ),
    Rule(
        'relation "ix" already exists, of CREATE INDEX CONCURRENTLY',
        r'^42P07 .*?"(?P<name>[^"]+)".*\[CREATE (UNIQUE )?INDEX CONCURRENTLY',
        "A run that failed has left it, and it may be invalid. Drop it and run the same command again, for example: DROP INDEX "
        "CONCURRENTLY {name}",
    ),
    Rule(
        'relation "post" already exists; table post already exists',
        r"^(42P07|1050) |^23505 .*pg_(type_typname|class_relname)_nsp_index"
        r"|^~ .*(table|index) .+ already exists",
        "Something else has made it: create_all when the application starts, another revision, a downgrade that left it, or a "
        "run that failed half way. Leave it to the revisions alone; if all that this one makes is there, and those before it "
        "have run, count it as done, for example: alembic stamp {revision}",
    ),
    Rule(
        'column "title" does not exist; no such column: title',
        "^(42703|1054) |^~ .*no such column",
        "Its name is misspelt, or a text is in double quotes, which are for names; or the revision that adds it has not run "
        "on this database, or comes later. Compare what was run with what there is, for example: alembic current; alembic "
        "history",
    ),
    Rule(
        'column "title" of relation "post" already exists; duplicate column name: title',
        "^(42701|1060) |^~ .*duplicate column name",
        "Something else has added it: another revision, or a run that failed half way. If all that this revision makes is "
        "there, and those before it have run, count it as done, for example: alembic stamp {revision}",
    ),
    Rule(
        'type "status" already exists',
        '^42710 .*?type "(?P<type>.+?)" already exists',
        "Something else has made it: create_all, another column of the type, or a downgrade that left it. Let the column "
        "refer to the type that is there, for example: "
        'from sqlalchemy.dialects import postgresql; postgresql.ENUM(name="{type}"{in_schema}, create_type=False)',
    ),
    Rule(
        'type "status" does not exist',
        r'^42704 .*?type "(?P<type>.+?)(\[\])*" does not exist',
        'Create it first, with its own values, for example: op.create_enum("{type}", ["draft", "live"]{in_schema}); one of an '
        'extension comes with that, for example: op.execute("CREATE EXTENSION ...")',
    ),
    Rule(
        'unsafe use of new value "archived" of enum type status',
        '^55P04 (.*?value "(?P<value>[^"]*)" of enum type (?P<type>[^ ]+))?',
        "PostgreSQL does not let a transaction use a value that it added itself. Split revision {revision}: leave the "
        "addition in it, "
        'and put what uses the value into the next one, for example: alembic revision -m "use {value}"; or let this package '
        'add it, at the beginning of the revision: op.add_enum_value("{type}", "{value}"{in_schema})',
    ),
    Rule(
        'invalid input value for enum status: "ab", where an array becomes one value',
        r"^22P02 .*\[ALTER TABLE .* array_to_string\(",
        "The array of some row does not have exactly one element. Correct these rows before, for example: "
        "op.execute('UPDATE ... SET ... = ARRAY[...]')",
    ),
    Rule(
        'invalid input value for enum status: "archived"',
        r'^22P02 .*enum "?(?P<type>[^" ]+)"?: "(?P<value>[^"\x00-\x1f]+)"',
        'The type has no such value. Add it before it is used, for example: op.add_enum_value("{type}", "{value}"{in_schema}); a '
        'value that is to go is taken out of the rows as well by op.remove_enum_value("{type}", "{value}", '
        "replace_with=...{in_schema})",
    ),
    Rule(
        "dropping an enum value is not implemented",
        "^0A000 .*dropping an enum value",
        'Let this package rebuild the type, for example: op.remove_enum_value("{type}", "{value}", '
        'replace_with="published"{in_schema})',
    ),
    Rule(
        'column "title" of relation "post" contains null values, of ALTER COLUMN',
        '^23502 .*?column "(?P<column>[^"]*)".*ALTER COLUMN .* SET NOT NULL',
        "Give the rows that have none a value before, for example: op.execute('UPDATE ... SET {column} = ... WHERE {column} "
        "IS NULL')",
    ),
    Rule(
        'column "title" of relation "post" contains null values; Cannot add a NOT NULL column with default value NULL',
        r'^23502 .*?column "(?P<column>[^"]*)".*\[ALTER TABLE|^~ .*Cannot add a NOT NULL column',
        "Give the existing rows a value, and the model the same default, for example: "
        'sa.Column("{column}", ..., nullable=False, server_default=...)',
    ),
    Rule(
        "could not create unique index; violates foreign key constraint; violates not-null constraint; CHECK constraint failed",
        "^(23502|23505|23503|23514|1048|1062|1452|3819) |^~ .*constraint failed",
        'Rows break the constraint. Correct them in the revision first, for example: op.execute("UPDATE ...")',
    ),
    Rule(
        'default for column "status" cannot be cast automatically to type status',
        '^42804 .*?default for column "(?P<column>.+?)" cannot be cast automatically',
        "Drop the default before, and give it back afterwards, for example: "
        'op.alter_column(..., "{column}", server_default=None)',
    ),
    Rule(
        'column "title" cannot be cast automatically to type integer',
        '^42804 .*?column "(?P<column>.+?)" cannot be cast automatically to type (?P<type>.+?) \\[',
        "Say how its values become those of the new type, for example: op.alter_column(..., "
        'postgresql_using="{column}::text::{type}")',
    ),
    Rule(
        "permission denied for schema public",
        r'^42501 .*permission denied for schema "?(?P<schema>.+?)"? \[',
        "Let the role that migrates create there, for example: GRANT USAGE, CREATE ON SCHEMA {schema} TO {user}",
    ),
    Rule(
        "must be owner of table post",
        r"^42501 .*must be owner of (?P<kind>materialized view|foreign table|table|view|sequence|type|schema) "
        r'"?(?P<name>.+?)"? \[',
        "Let the role that migrates own it, for example: ALTER {kind} {name} OWNER TO {user}",
    ),
    Rule(
        "permission denied for table post",
        r'^42501 .*permission denied for (table|view|relation|sequence) "?(?P<name>.+?)"? \[',
        "Let the role that migrates own it, or use it, for example: GRANT ALL ON {name} TO {user}",
    ),
    Rule(
        "permission denied for database app",
        r'^42501 .*permission denied for database "?(?P<name>.+?)"? \[',
        "Let the role that migrates create schemas, for example: GRANT CREATE ON DATABASE {name} TO {user}",
    ),
    Rule(
        "permission denied to create extension",
        "^42501 .*permission denied to create extension",
        "A superuser has to create it, once for each database, for example: psql -c 'CREATE EXTENSION IF NOT EXISTS ...'",
    ),
    Rule(
        "permission denied, of anything else",
        "^(42501|1044|1142) ",
        "Let the owner of the database do it, or let the role that migrates have the privilege, for example: GRANT ... TO {user}",
    ),
    Rule(
        "attempt to write a readonly database",
        "^~ .*attempt to write a readonly database",
        "Let the file and its folder belong to the user who migrates, for example: chown -R app .",
    ),
    Rule(
        'syntax error at or near "UPDAT"',
        r"^42601 |^1064 |^~ .*: near \"(?!ALTER|CONSTRAINT).*\": syntax error",
        "Correct the statement of the revision, and look at it beforehand, for example: alembic upgrade head --sql",
    ),
    Rule(
        "no schema has been selected to create in",
        "^3F000 .*no schema has been selected",
        "The search_path of the role names no schema that is there and that it may use. Set another one, for example: ALTER ROLE "
        "{user} SET search_path = public",
    ),
    Rule(
        'column "id" is in a primary key',
        '^42P16 .*column "(?P<column>[^"]*)" is in a primary key',
        "A column of a primary key takes no nulls: leave it NOT NULL; if it is to leave the key, drop that first, for example: "
        'op.drop_constraint("post_pkey", "post")',
    ),
    Rule(
        "IdentifierError: Identifier 'ix_...' exceeds maximum length of 63 characters",
        "IdentifierError: Identifier '.*' exceeds maximum length",
        "Give it a shorter name, in the model and in the revision, for example: "
        'op.create_index("ix_post_title", "post", ["title"])',
    ),
    Rule(
        'schema "billing" does not exist',
        '^3F000 .*?schema "(?P<schema>[^"]+)"',
        "Create it before, for example: op.execute('CREATE SCHEMA IF NOT EXISTS {schema}')",
    ),
    Rule(
        'constraint "uq" of relation "post" does not exist; index "ix" does not exist; no such index',
        r'^42704 [^\[]*?(constraint|index|trigger) .*?(of relation "(?P<name>[^"]+)"|does not exist)'
        r"|^1091 |^~ .*no such (index|constraint)|^- ValueError: No such constraint",
        "It has another name in this database, or was dropped before. Look what there is, for example: psql -c '\\d {name}'",
    ),
    Rule(
        "cannot drop type status because other objects depend on it",
        "^2BP01 ",
        "Drop or change first what depends on it, for example: op.alter_column(...)",
    ),
    Rule(
        "value too long for type character varying(32), of alembic_version",
        r"^22001 .*alembic_version",
        "The identifier of the revision is too long, and its name in the file may be as long as it likes: give it one of 32 "
        "characters at "
        'most, for example: revision = "4f2a"',
    ),
    Rule(
        "value too long for type character varying(1)",
        "^22001 ",
        "Make the column longer, or the rows shorter before, for example: op.execute('UPDATE ...')",
    ),
    Rule(
        'invalid input syntax for type integer: "a"',
        "^(22P02|22003|22007|22008) ",
        "The rows, or the statement, have what the type cannot hold. Correct them before, for example: op.execute('UPDATE ...')",
    ),
    Rule(
        'extension "vector" is not available',
        '^(0A000|58P01|22023) .*extension "(?P<name>[^"]+)"',
        "Install its package where the server runs, for example: apt-get install postgresql-18-pgvector",
    ),
    Rule(
        'column "status" is of type status but expression is of type text',
        '^42804 .*column "(?P<column>[^"]+)" is of type (?P<type>\\S+) but expression',
        "Give the expression the type of the column, for example: op.execute('UPDATE ... SET {column} = CAST(... AS {type})')",
    ),
    Rule(
        "function gen_salt(text) does not exist",
        "^42883 .*function .* does not exist",
        "Its name is misspelt, its arguments have other types, or it belongs to an extension that is not there, for example: "
        "op.execute('CREATE EXTENSION IF NOT EXISTS pgcrypto')",
    ),
    Rule(
        'operator class "gin_trgm_ops" does not exist for access method "gin"',
        '^42704 .*operator class "[^"]+" does not exist',
        "Its name is misspelt, or it belongs to an extension that is not there, for example: "
        "op.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')",
    ),
    Rule(
        "cannot alter type of a column used by a view or rule",
        "^0A000 .*cannot alter type of a column used by",
        'Drop what uses it before, and make it again afterwards, for example: op.execute("DROP VIEW ..."); op.alter_column(...); '
        'op.execute("CREATE VIEW ...")',
    ),
    Rule(
        'there is no unique constraint matching given keys for referenced table "post"',
        '^42830 .*referenced table "(?P<name>[^"]+)"',
        "A foreign key refers to columns that are unique together: name those, or make them so before, for example: "
        'op.create_unique_constraint("uq_post_title", "post", ["title"])',
    ),
    Rule(
        'enum label "archived" already exists',
        '^42710 .*enum label "(?P<value>[^"]+)" already exists',
        "Another revision, or a run that failed half way, has added it. Let it be added only where it is not there, for example: "
        'op.add_enum_value("{type}", "{value}"{in_schema})',
    ),
    Rule(
        "cannot execute CREATE TABLE in a read-only transaction",
        "^(25006|1290|1792) ",
        "The server is a replica, or the role or the database may only read: name the primary in the URL, or allow it, for "
        "example: ALTER ROLE {user} SET default_transaction_read_only = off",
    ),
    Rule(
        "A value is required for bind parameter 'x'",
        "^~ InvalidRequestError: A value is required for bind parameter",
        "In a text, a colon before a word stands for a parameter: write a backslash before it, for example: "
        "op.execute(r\"UPDATE ... SET data = '{{\\:x}}'\")",
    ),
    Rule(
        "Can't emit DROP CONSTRAINT for constraint; it has no name",
        r"^\S+ CompileError: Can't emit DROP CONSTRAINT .*it has no name",
        'Say which one, by the name that it has in the database, for example: op.drop_constraint("post_title_key", "post")',
    ),
    Rule(
        "NoReferencedTableError: could not find table 'users'",
        r"^\S+ NoReferencedTableError: ",
        'Correct the name in the foreign key, or import the model of that table, for example: Field(foreign_key="user.id")',
    ),
    Rule(
        "canceling statement due to statement timeout",
        "^57014 .*statement timeout",
        "Let statements take longer in alembic.ini, for example: statement_timeout = 10min",
    ),
    Rule(
        'prepared statement "__asyncpg_stmt_1__" already exists',
        '^(42P05|26000) .*"(__asyncpg|_pg3)',
        "A pooler in transaction mode gives one client's statements to another. Let the migration have a connection of its "
        "own, for example: await Migrations(bind=engine).upgrade()",
    ),
    Rule(
        "database is locked",
        "^(55P03|40P01|1205|1213) |^~ .*database is locked",
        "Let the program that holds it end, and run the same command again. Look which one it is, for example: fuser app.db",
    ),
    Rule(
        "No support for ALTER of constraints in SQLite dialect",
        '^- NotImplementedError: No support for ALTER of constraints in SQLite|^~ .*near "(ALTER|CONSTRAINT)": syntax error',
        'SQLite changes a table by making it anew, for example: with op.batch_alter_table("post") as batch: '
        "batch.alter_column(...)",
    ),
    Rule(
        "terminating connection due to administrator command; connection was closed in the middle of operation",
        "^(57P0[123]|2006|2013) |^(08003|08006|~) .*(connection was closed|connection is closed|server closed the connection)",
        "The server ended the connection, or started anew; if that was at the very end of a revision, it may be committed. "
        "Look, and run the same command again, for example: alembic current",
    ),
)
