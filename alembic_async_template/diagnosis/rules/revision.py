"""Errors of revisions: their Python, their SQL, and the rows that they meet.

The first rule that matches wins: special ones stand before general ones.
"""

from __future__ import annotations

from ...postgresql import SQLState
from ..match import NO_CODE, NO_DATABASE, Origin, Rule, Sign

REVISION_RULES = (
    Rule(
        "NameError: name 'sqlmodel' is not defined",
        (Sign(raised="NameError", text="name 'sqlmodel' is not defined", origin=Origin.REVISION),),
        "import it in the revision, as this package's script.py.mako does in new ones",
        "import sqlmodel",
    ),
    Rule(
        "NameError: name 'app' is not defined",
        (Sign(raised="NameError", text=r"name '\w+' is not defined", origin=Origin.REVISION),),
        "import what the revision uses",
        "{import}",
    ),
    Rule(
        "KeyError: 'd01' in the revisions",
        (Sign(raised="KeyError", text="'(?P<revision>[^']*)'", origin=Origin.HISTORY),),
        "a revision names {revision} as one that runs before it, and no file has that: get the file back",
        "git log -- migrations/versions",
    ),
    Rule(
        "ModuleNotFoundError: No module named 'sqlmodel'",
        (Sign(codes=(NO_DATABASE,), raised="ModuleNotFoundError", text="No module named 'sqlmodel'", origin=Origin.REVISION),),
        "install it",
        "pip install sqlmodel",
        ("if the revision does not use it, remove this line from the revision and from script.py.mako", "import sqlmodel"),
    ),
    Rule(
        "ModuleNotFoundError: No module named 'app'",
        (
            Sign(
                codes=(NO_DATABASE,),
                raised="ModuleNotFoundError",
                text="No module named '(?P<module>[^']*)'",
                origin=Origin.REVISION,
            ),
        ),
        "if a part of the project has it, name the folder",
        "prepend_sys_path = %(here)s/src",
        ("if it is another package, install it", "pip install {module}"),
    ),
    Rule(
        "MissingGreenlet: greenlet_spawn has not been called",
        (Sign(raised="MissingGreenlet"),),
        "a revision is synchronous, and an async engine, a session or a thread of its own does not work in it: use "
        "the connection of the migration",
        'op.get_bind().execute(sa.text("SELECT 1"))',
    ),
    Rule(
        "asyncio.run() cannot be called from a running event loop",
        (
            Sign(
                codes=(NO_DATABASE,),
                raised="RuntimeError",
                text=r"^asyncio\.run\(\) cannot be called from|^this event loop is already running"
                "|^cannot run the event loop while",
            ),
        ),
        "a revision is synchronous, and the event loop runs already: use the connection of the migration",
        'op.get_bind().execute(sa.text("SELECT 1"))',
    ),
    Rule(
        "ObjectNotExecutableError: Not an executable object",
        (Sign(raised="ObjectNotExecutableError"),),
        "a connection executes statements of SQLAlchemy, and not this: use op.execute for a text",
        'op.execute("UPDATE ...")',
    ),
    Rule(
        "AssertionError in autocommit_block",
        (Sign(codes=(NO_DATABASE,), raised="AssertionError", text="^$", function="autocommit_block"),),
        "an autocommit block works only in a transaction that Alembic has begun itself, and not in another block: "
        "hand over an engine, not a connection",
        "await Migrations(bind=engine).upgrade()",
    ),
    Rule(
        "VACUUM cannot run inside a transaction block; CREATE DATABASE, ALTER SYSTEM and the like",
        (
            Sign(
                codes=(SQLState.ACTIVE_SQL_TRANSACTION,),
                text="^(?!.*(CONCURRENTLY|INDEX)).*(inside a transaction block|cannot run)",
                statement="^(?!.*(CONCURRENTLY|INDEX))",
            ),
        ),
        "leave the transaction for it, at the beginning of the revision or in one of its own, since what was done "
        "before is committed",
        'with op.get_context().autocommit_block(): op.execute("VACUUM")',
    ),
    Rule(
        "CREATE INDEX CONCURRENTLY cannot run inside a transaction block",
        (Sign(codes=(SQLState.ACTIVE_SQL_TRANSACTION,), text="inside a transaction block|cannot run"),),
        "leave the transaction for it, at the beginning of the revision or in one of its own, since what was done "
        "before is committed",
        "with op.get_context().autocommit_block(): op.create_index(..., postgresql_concurrently=True)",
    ),
    Rule(
        "cannot insert multiple commands into a prepared statement",
        (
            Sign(
                codes=(SQLState.SYNTAX_ERROR, NO_CODE),
                text="cannot insert multiple commands|only execute one statement at a time",
            ),
        ),
        "the driver takes one statement at a time: call op.execute for each",
        'op.execute("..."); op.execute("...")',
    ),
    Rule(
        "current transaction is aborted, commands ignored until end of transaction block",
        (Sign(codes=(SQLState.IN_FAILED_SQL_TRANSACTION,)),),
        "the revision has caught the error of an earlier statement and gone on: put that statement into a savepoint",
        "with op.get_bind().begin_nested(): op.execute(...)",
    ),
    Rule(
        'relation "post" does not exist; no such table: post',
        (
            Sign(codes=(SQLState.UNDEFINED_TABLE,), text="^(?!.*FROM-clause)"),
            Sign(codes=("1146", "1051")),
            Sign(codes=(NO_CODE,), text="no such table"),
            Sign(codes=(NO_DATABASE,), raised="NoSuchTableError"),
        ),
        "correct its name; or the revision that creates it comes later or has not run here, as on a stamped or "
        "restored database; compare",
        "alembic current; alembic history",
    ),
    Rule(
        'relation "post" already exists, in a downgrade',
        (
            Sign(codes=(SQLState.DUPLICATE_TABLE, SQLState.DUPLICATE_COLUMN, "1050", "1060"), origin=Origin.DOWNGRADE),
            Sign(codes=(NO_CODE,), text="already exists|duplicate column name", origin=Origin.DOWNGRADE),
        ),
        "what the downgrade creates is there already: remove that line, or see what ran",
        "alembic history",
    ),
    Rule(
        'relation "ix" already exists, of CREATE INDEX CONCURRENTLY',
        (Sign(codes=(SQLState.DUPLICATE_TABLE,), text='"(?P<name>[^"]+)"', statement="^CREATE (UNIQUE )?INDEX CONCURRENTLY"),),
        "a run that failed has left it, and it may be invalid: drop it and run the same command again",
        "DROP INDEX CONCURRENTLY {name}",
    ),
    Rule(
        'relation "post" already exists; table post already exists',
        (
            Sign(codes=(SQLState.DUPLICATE_TABLE, "1050")),
            Sign(codes=(SQLState.UNIQUE_VIOLATION,), text="pg_(type_typname|class_relname)_nsp_index"),
            Sign(codes=(NO_CODE,), text="(table|index) .+ already exists"),
        ),
        "something else has created it: create_all when the application starts, another revision, a downgrade that "
        "left it, or a run that failed half way; leave it to the revisions alone; if all that this one creates is "
        "there, and those before it have run, count it as done",
        "alembic stamp {revision}",
    ),
    Rule(
        'column "title" does not exist; no such column: title',
        (Sign(codes=(SQLState.UNDEFINED_COLUMN, "1054")), Sign(codes=(NO_CODE,), text="no such column")),
        "correct its name, and quote texts with ', not \"; or the revision that adds it comes later or has not run here: compare",
        "alembic current; alembic history",
    ),
    Rule(
        'column "title" of relation "post" already exists; duplicate column name: title',
        (Sign(codes=(SQLState.DUPLICATE_COLUMN, "1060")), Sign(codes=(NO_CODE,), text="duplicate column name")),
        "something else has added it: another revision, or a run that failed half way; if all that this revision "
        "creates is there, and those before it have run, count it as done",
        "alembic stamp {revision}",
    ),
    Rule(
        'type "status" already exists',
        (Sign(codes=(SQLState.DUPLICATE_OBJECT,), text='type "(?P<type>.+?)" already exists'),),
        "something else has created it: create_all, another column of the type, or a downgrade that left it; let "
        "the column refer to the type that is there",
        'from sqlalchemy.dialects import postgresql; postgresql.ENUM(name="{type}"{in_schema}, create_type=False)',
    ),
    Rule(
        'type "status" does not exist',
        (Sign(codes=(SQLState.UNDEFINED_OBJECT,), text=r'type "(?P<type>.+?)(\[\])*" does not exist'),),
        "create it first, with its own values",
        'op.create_enum("{type}", ["draft", "live"]{in_schema})',
        ("if it belongs to an extension, create that", 'op.execute("CREATE EXTENSION ...")'),
    ),
    Rule(
        'unsafe use of new value "archived" of enum type status',
        (
            Sign(codes=(SQLState.UNSAFE_NEW_ENUM_VALUE_USAGE,), text='value "(?P<value>[^"]*)" of enum type (?P<type>[^ ]+)'),
            Sign(codes=(SQLState.UNSAFE_NEW_ENUM_VALUE_USAGE,)),
        ),
        "PostgreSQL does not let a transaction use a value that it added itself: leave the addition in revision "
        "{revision}, and use the value in the next one",
        'alembic revision -m "use {value}"',
        ("let this package add it, at the beginning of the revision", 'op.add_enum_value("{type}", "{value}"{in_schema})'),
    ),
    Rule(
        'invalid input value for enum status: "ab", where an array becomes one value',
        (Sign(codes=(SQLState.INVALID_TEXT_REPRESENTATION,), statement=r"^ALTER TABLE .* array_to_string\("),),
        "the array of some row does not have exactly one element: correct these rows before",
        "op.execute('UPDATE ... SET ... = ARRAY[...]')",
    ),
    Rule(
        'invalid input value for enum status: "archived"',
        (Sign(codes=(SQLState.INVALID_TEXT_REPRESENTATION,), text=r'enum "?(?P<type>[^" ]+)"?: "(?P<value>[^"\x00-\x1f]+)"'),),
        "the type has no such value: add it before it is used",
        'op.add_enum_value("{type}", "{value}"{in_schema})',
        (
            "to remove a value from the type and from the rows",
            'op.remove_enum_value("{type}", "{value}", replace_with=...{in_schema})',
        ),
    ),
    Rule(
        "dropping an enum value is not implemented",
        (Sign(codes=(SQLState.FEATURE_NOT_SUPPORTED,), text="dropping an enum value"),),
        "let this package rebuild the type",
        'op.remove_enum_value("{type}", "{value}", replace_with="published"{in_schema})',
    ),
    Rule(
        'column "title" of relation "post" contains null values, of ALTER COLUMN',
        (
            Sign(
                codes=(SQLState.NOT_NULL_VIOLATION,), text='column "(?P<column>[^"]*)"', statement="ALTER COLUMN .* SET NOT NULL"
            ),
        ),
        "give the rows that have none a value before",
        "op.execute('UPDATE ... SET {column} = ... WHERE {column} IS NULL')",
    ),
    Rule(
        'column "title" of relation "post" contains null values; Cannot add a NOT NULL column with default value NULL',
        (
            Sign(codes=(SQLState.NOT_NULL_VIOLATION,), text='column "(?P<column>[^"]*)"', statement="^ALTER TABLE"),
            Sign(codes=(NO_CODE,), text="Cannot add a NOT NULL column"),
        ),
        "give the existing rows a value, and the model the same default",
        'sa.Column("{column}", ..., nullable=False, server_default=...)',
    ),
    Rule(
        "could not create unique index; violates foreign key constraint; violates not-null constraint; CHECK constraint failed",
        (
            Sign(
                codes=(
                    SQLState.NOT_NULL_VIOLATION,
                    SQLState.UNIQUE_VIOLATION,
                    SQLState.FOREIGN_KEY_VIOLATION,
                    SQLState.CHECK_VIOLATION,
                    "1048",
                    "1062",
                    "1452",
                    "3819",
                )
            ),
            Sign(codes=(NO_CODE,), text="constraint failed"),
        ),
        "rows break the constraint: correct them in the revision first",
        'op.execute("UPDATE ...")',
    ),
    Rule(
        'default for column "status" cannot be cast automatically to type status',
        (Sign(codes=(SQLState.DATATYPE_MISMATCH,), text='default for column "(?P<column>.+?)" cannot be cast automatically'),),
        "drop the default before, and give it back afterwards",
        'op.alter_column(..., "{column}", server_default=None)',
    ),
    Rule(
        'column "title" cannot be cast automatically to type integer',
        (
            Sign(
                codes=(SQLState.DATATYPE_MISMATCH,),
                text='column "(?P<column>.+?)" cannot be cast automatically to type (?P<type>.+)',
            ),
        ),
        "say how its values become those of the new type",
        'op.alter_column(..., postgresql_using="{column}::text::{type}")',
    ),
    Rule(
        "permission denied for schema public",
        (Sign(codes=(SQLState.INSUFFICIENT_PRIVILEGE,), text='permission denied for schema "?(?P<schema>.+?)"?$'),),
        "let the role that migrates create there",
        "GRANT USAGE, CREATE ON SCHEMA {schema} TO {user}",
    ),
    Rule(
        "must be owner of table post",
        (
            Sign(
                codes=(SQLState.INSUFFICIENT_PRIVILEGE,),
                text="must be owner of (?P<kind>materialized view|foreign table|table|view|sequence|type|schema) "
                '"?(?P<name>.+?)"?$',
            ),
        ),
        "let the role that migrates own it",
        "ALTER {kind} {name} OWNER TO {user}",
    ),
    Rule(
        "permission denied for table post",
        (
            Sign(
                codes=(SQLState.INSUFFICIENT_PRIVILEGE,),
                text='permission denied for (table|view|relation|sequence) "?(?P<name>.+?)"?$',
            ),
        ),
        "let the role that migrates own it, or use it",
        "GRANT ALL ON {name} TO {user}",
    ),
    Rule(
        "permission denied for database app",
        (Sign(codes=(SQLState.INSUFFICIENT_PRIVILEGE,), text='permission denied for database "?(?P<name>.+?)"?$'),),
        "let the role that migrates create schemas",
        "GRANT CREATE ON DATABASE {name} TO {user}",
    ),
    Rule(
        "permission denied to create extension",
        (Sign(codes=(SQLState.INSUFFICIENT_PRIVILEGE,), text="permission denied to create extension"),),
        "a superuser has to create it, once for each database",
        "psql -c 'CREATE EXTENSION IF NOT EXISTS ...'",
    ),
    Rule(
        "permission denied, of anything else",
        (Sign(codes=(SQLState.INSUFFICIENT_PRIVILEGE, "1044", "1142")),),
        "let the owner of the database do it, or let the role that migrates have the privilege",
        "GRANT ... TO {user}",
    ),
    Rule(
        "attempt to write a readonly database",
        (Sign(codes=(NO_CODE,), text="attempt to write a readonly database"),),
        "let the file and its folder belong to the user who migrates",
        "chown -R app .",
    ),
    Rule(
        'syntax error at or near "UPDAT"',
        (
            Sign(codes=(SQLState.SYNTAX_ERROR, "1064")),
            Sign(codes=(NO_CODE,), text=': near "(?!ALTER|CONSTRAINT).*": syntax error'),
        ),
        "correct the statement of the revision, and look at it beforehand",
        "alembic upgrade head --sql",
    ),
    Rule(
        "no schema has been selected to create in",
        (Sign(codes=(SQLState.INVALID_SCHEMA_NAME,), text="no schema has been selected"),),
        "the search_path of the role names no schema that is there and that it may use: set another one",
        "ALTER ROLE {user} SET search_path = public",
    ),
    Rule(
        'column "id" is in a primary key',
        (Sign(codes=(SQLState.INVALID_TABLE_DEFINITION,), text='column "(?P<column>[^"]*)" is in a primary key'),),
        "a column of a primary key takes no nulls: leave it NOT NULL; if it is to leave the key, drop that first",
        'op.drop_constraint("post_pkey", "post")',
    ),
    Rule(
        "IdentifierError: Identifier 'ix_...' exceeds maximum length of 63 characters",
        (Sign(raised="IdentifierError", text="Identifier '.*' exceeds maximum length"),),
        "give it a shorter name, in the model and in the revision",
        'op.create_index("ix_post_title", "post", ["title"])',
    ),
    Rule(
        'schema "billing" does not exist',
        (Sign(codes=(SQLState.INVALID_SCHEMA_NAME,), text='schema "(?P<schema>[^"]+)"'),),
        "create it before",
        "op.execute('CREATE SCHEMA IF NOT EXISTS {schema}')",
    ),
    Rule(
        'constraint "uq" of relation "post" does not exist; index "ix" does not exist; no such index',
        (
            Sign(
                codes=(SQLState.UNDEFINED_OBJECT,),
                text='(constraint|index|trigger) .*?(of relation "(?P<name>[^"]+)"|does not exist)',
            ),
            Sign(codes=("1091",)),
            Sign(codes=(NO_CODE,), text="no such (index|constraint)"),
            Sign(codes=(NO_DATABASE,), raised="ValueError", text="No such constraint"),
        ),
        "it has another name in this database, or was dropped before: see what there is",
        r"psql -c '\d {name}'",
    ),
    Rule(
        "cannot drop type status because other objects depend on it",
        (Sign(codes=(SQLState.DEPENDENT_OBJECTS_STILL_EXIST,)),),
        "drop or change first what depends on it",
        "op.alter_column(...)",
    ),
    Rule(
        "value too long for type character varying(32), of alembic_version",
        (Sign(codes=(SQLState.STRING_DATA_RIGHT_TRUNCATION,), statement="alembic_version"),),
        "the identifier of the revision is too long, and its name in the file may be as long as it likes: give it "
        "one of 32 characters at most",
        'revision = "4f2a"',
    ),
    Rule(
        "value too long for type character varying(1)",
        (Sign(codes=(SQLState.STRING_DATA_RIGHT_TRUNCATION,)),),
        "make the column longer, or the rows shorter before",
        "op.execute('UPDATE ...')",
    ),
    Rule(
        'invalid input syntax for type integer: "a"',
        (
            Sign(
                codes=(
                    SQLState.INVALID_TEXT_REPRESENTATION,
                    SQLState.NUMERIC_VALUE_OUT_OF_RANGE,
                    SQLState.INVALID_DATETIME_FORMAT,
                    SQLState.DATETIME_FIELD_OVERFLOW,
                )
            ),
        ),
        "the rows, or the statement, have what the type cannot hold: correct them before",
        "op.execute('UPDATE ...')",
    ),
    Rule(
        'extension "vector" is not available',
        (
            Sign(
                codes=(SQLState.FEATURE_NOT_SUPPORTED, SQLState.UNDEFINED_FILE, SQLState.INVALID_PARAMETER_VALUE),
                text='extension "(?P<name>[^"]+)"',
            ),
        ),
        "install its package where the server runs",
        "apt-get install postgresql-18-pgvector",
    ),
    Rule(
        'column "status" is of type status but expression is of type text',
        (Sign(codes=(SQLState.DATATYPE_MISMATCH,), text=r'column "(?P<column>[^"]+)" is of type (?P<type>\S+) but expression'),),
        "give the expression the type of the column",
        "op.execute('UPDATE ... SET {column} = CAST(... AS {type})')",
    ),
    Rule(
        "function gen_salt(text) does not exist",
        (Sign(codes=(SQLState.UNDEFINED_FUNCTION,), text="function .* does not exist"),),
        "its name is misspelt, its arguments have other types, or it belongs to an extension that is not there",
        "op.execute('CREATE EXTENSION IF NOT EXISTS pgcrypto')",
    ),
    Rule(
        'operator class "gin_trgm_ops" does not exist for access method "gin"',
        (Sign(codes=(SQLState.UNDEFINED_OBJECT,), text='operator class "[^"]+" does not exist'),),
        "its name is misspelt, or it belongs to an extension that is not there",
        "op.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')",
    ),
    Rule(
        "cannot alter type of a column used by a view or rule",
        (Sign(codes=(SQLState.FEATURE_NOT_SUPPORTED,), text="cannot alter type of a column used by"),),
        "drop what uses it before, and create it again afterwards",
        'op.execute("DROP VIEW ..."); op.alter_column(...); op.execute("CREATE VIEW ...")',
    ),
    Rule(
        'there is no unique constraint matching given keys for referenced table "post"',
        (Sign(codes=(SQLState.INVALID_FOREIGN_KEY,), text='referenced table "(?P<name>[^"]+)"'),),
        "a foreign key refers to columns that are unique together: name those, or make them so before",
        'op.create_unique_constraint("uq_post_title", "post", ["title"])',
    ),
    Rule(
        'enum label "archived" already exists',
        (Sign(codes=(SQLState.DUPLICATE_OBJECT,), text='enum label "(?P<value>[^"]+)" already exists'),),
        "another revision, or a run that failed half way, has added it: let it be added only where it is not there",
        'op.add_enum_value("{type}", "{value}"{in_schema})',
    ),
    Rule(
        "cannot execute CREATE TABLE in a read-only transaction",
        (Sign(codes=(SQLState.READ_ONLY_SQL_TRANSACTION, "1290", "1792")),),
        "the server is a replica, or the role or the database may only read: name the primary in the URL, or allow it",
        "ALTER ROLE {user} SET default_transaction_read_only = off",
    ),
    Rule(
        "A value is required for bind parameter 'x'",
        (Sign(codes=(NO_CODE,), raised="InvalidRequestError", text="A value is required for bind parameter"),),
        "in a text, a colon before a word stands for a parameter: write a backslash before it",
        "op.execute(r\"UPDATE ... SET data = '{{\\:x}}'\")",
    ),
    Rule(
        "Can't emit DROP CONSTRAINT for constraint; it has no name",
        (Sign(raised="CompileError", text="Can't emit DROP CONSTRAINT .*it has no name"),),
        "say which one, by the name that it has in the database",
        'op.drop_constraint("post_title_key", "post")',
    ),
    Rule(
        "NoReferencedTableError: could not find table 'users'",
        (Sign(raised="NoReferencedTableError"),),
        "correct the name in the foreign key, or import the model of that table",
        'Field(foreign_key="user.id")',
    ),
    Rule(
        "canceling statement due to statement timeout",
        (Sign(codes=(SQLState.QUERY_CANCELED,), text="statement timeout"),),
        "let statements take longer in alembic.ini",
        "statement_timeout = 10min",
    ),
    Rule(
        'prepared statement "__asyncpg_stmt_1__" already exists',
        (Sign(codes=(SQLState.DUPLICATE_PREPARED_STATEMENT, SQLState.INVALID_SQL_STATEMENT_NAME), text='"(__asyncpg|_pg3)'),),
        "a pooler in transaction mode gives one client's statements to another: let the migration have a connection of its own",
        "await Migrations(bind=engine).upgrade()",
    ),
    Rule(
        "database is locked",
        (
            Sign(codes=(SQLState.LOCK_NOT_AVAILABLE, SQLState.DEADLOCK_DETECTED, "1205", "1213")),
            Sign(codes=(NO_CODE,), text="database is locked"),
        ),
        "let the program that holds it end, and run the same command again: look which one it is",
        "fuser app.db",
    ),
    Rule(
        "No support for ALTER of constraints in SQLite dialect",
        (
            Sign(codes=(NO_DATABASE,), raised="NotImplementedError", text="No support for ALTER of constraints in SQLite"),
            Sign(codes=(NO_CODE,), text='near "(ALTER|CONSTRAINT)": syntax error'),
        ),
        "SQLite changes a table by copying it into a new one",
        'with op.batch_alter_table("post") as batch: batch.alter_column(...)',
    ),
    Rule(
        "terminating connection due to administrator command; connection was closed in the middle of operation",
        (
            Sign(codes=(SQLState.ADMIN_SHUTDOWN, SQLState.CRASH_SHUTDOWN, SQLState.CANNOT_CONNECT_NOW, "2006", "2013")),
            Sign(
                codes=(SQLState.CONNECTION_DOES_NOT_EXIST, SQLState.CONNECTION_FAILURE, NO_CODE),
                text="connection was closed|connection is closed|server closed the connection",
            ),
        ),
        "the server ended the connection, or restarted; if that was at the end of a revision, it may be committed: "
        "look, then run the same command again",
        "alembic current",
    ),
)
