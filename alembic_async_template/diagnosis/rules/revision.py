"""Errors of revisions: their Python, their SQL, and the rows that they meet.

The first rule that matches wins: special ones stand before general ones.
"""

from __future__ import annotations

from ...postgresql import SQLState
from ..match import NO_CODE, NO_DATABASE, Origin, Rule, Sign
from ..row_updates import fill_nulls

# A name as messages of PostgreSQL have it, with its schema or without.
_NAME = r'(?:(?:"[^"]+"|\w+)\.)?(?:"[^"]+"|\w+)'
# In front of `op.online()`, which has to be the first that runs in its transaction.
_APART = "with op.get_context().autocommit_block():"
_FILL_NULLS = fill_nulls("{table}", "{sql_column}", "...")

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
        "get the file of {revision} back, or name another revision before it",
        "git log --diff-filter=D --summary -- {versions}",
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
        "prepend_sys_path = {root}",
        ("if it is another package, install it", "{install}"),
    ),
    Rule(
        "MissingGreenlet: greenlet_spawn has not been called",
        (Sign(raised="MissingGreenlet"),),
        "a revision is synchronous, without async engines and threads: use the connection of the migration",
        'op.get_bind().execute(sa.text("SELECT 1"))',
    ),
    Rule(
        "asyncio.run() cannot be called from a running event loop",
        (
            Sign(
                codes=(NO_DATABASE,),
                raised="RuntimeError",
                text=r"^(asyncio|Runner)\.run\(\) cannot be called from|^this event loop is already running"
                "|^cannot run the event loop while",
            ),
        ),
        "the event loop runs already: let the revision wait in it for the coroutine",
        "{awaited}",
        ("do without it, with the connection of the migration", 'op.get_bind().execute(sa.text("SELECT 1"))'),
    ),
    Rule(
        "ObjectNotExecutableError: Not an executable object",
        (
            Sign(raised="ObjectNotExecutableError", text=r"""object: (?P<object>'[^'\\]{1,60}'|"[^"\\]{1,60}")$"""),
            Sign(raised="ObjectNotExecutableError"),
        ),
        "a connection executes statements of SQLAlchemy: make the text one",
        "sa.text({object})",
    ),
    Rule(
        "AssertionError in autocommit_block",
        (Sign(codes=(NO_DATABASE,), raised="AssertionError", text="^$", function="autocommit_block"),),
        "an autocommit block needs a transaction of Alembic's own, not in another one: hand over an engine",
        "await Migrations(bind=engine).upgrade()",
    ),
    Rule(
        "VACUUM cannot run inside a transaction block; CREATE INDEX CONCURRENTLY, CREATE DATABASE and the like",
        (Sign(codes=(SQLState.ACTIVE_SQL_TRANSACTION,), text="inside a transaction block|cannot run"),),
        "leave the transaction for it, first in the revision, since what was done before is committed",
        "with op.get_context().autocommit_block(): {operation}",
    ),
    Rule(
        "cannot insert multiple commands into a prepared statement",
        (
            Sign(
                codes=(SQLState.SYNTAX_ERROR, NO_CODE),
                text="cannot insert multiple commands|only execute one statement at a time",
                statement=r"^(?P<first>[^;'\\]{1,80}?) ?;|",
            ),
        ),
        "the driver takes one statement at a time: call op.execute for each",
        'op.execute("{first}")',
    ),
    Rule(
        "current transaction is aborted, commands ignored until end of transaction block",
        (Sign(codes=(SQLState.IN_FAILED_SQL_TRANSACTION,)),),
        "the revision caught the error of an earlier statement: put that one into a savepoint",
        'with op.get_bind().begin_nested(): op.execute("...")',
    ),
    Rule(
        'relation "post" does not exist; no such table: post',
        (
            Sign(codes=(SQLState.UNDEFINED_TABLE,), text="^(?!.*FROM-clause)"),
            Sign(codes=("1146", "1051")),
            Sign(codes=(NO_CODE,), text="no such table"),
            Sign(codes=(NO_DATABASE,), raised="NoSuchTableError"),
        ),
        "correct its name; or the revision that creates it comes later or has not run here: compare",
        "alembic history --indicate-current",
    ),
    Rule(
        'relation "post" already exists, in a downgrade',
        (
            Sign(codes=(SQLState.DUPLICATE_TABLE, SQLState.DUPLICATE_COLUMN, "1050", "1060"), origin=Origin.DOWNGRADE),
            Sign(codes=(NO_CODE,), text="already exists|duplicate column name", origin=Origin.DOWNGRADE),
        ),
        "what the downgrade creates is there already: remove that line, or see what ran",
        "alembic history --indicate-current",
    ),
    Rule(
        'relation "post" already exists; duplicate column name: title, made by the same run',
        (
            Sign(codes=(SQLState.DUPLICATE_TABLE, SQLState.DUPLICATE_COLUMN, "1050", "1060", "1061"), origin=Origin.MADE_TWICE),
            Sign(codes=(NO_CODE,), text="already exists|duplicate column name", origin=Origin.MADE_TWICE),
        ),
        "revision {maker} has made it before in the same run: remove one of the two",
        "alembic show {maker}",
    ),
    Rule(
        'relation "ix" already exists, of CREATE INDEX CONCURRENTLY',
        (Sign(codes=(SQLState.DUPLICATE_TABLE,), text='"(?P<name>[^"]+)"', statement="^CREATE (UNIQUE )?INDEX CONCURRENTLY"),),
        "a run that failed has left it, and it may be invalid: drop it and run the same command again",
        "DROP INDEX CONCURRENTLY {name}",
    ),
    Rule(
        'relation "post" already exists, and lacks a column that the revision makes',
        (
            Sign(codes=(SQLState.DUPLICATE_TABLE, "1050"), origin=Origin.MADE_IN_PART),
            Sign(codes=(NO_CODE,), text="table .+ already exists", origin=Origin.MADE_IN_PART),
        ),
        "it has no {absent}, so older models have made it: add what is missing",
        "{additions}",
        ("if all that this revision makes is there then, count it as done", "alembic stamp {revision}"),
    ),
    Rule(
        'relation "post" already exists; table post already exists',
        (
            Sign(codes=(SQLState.DUPLICATE_TABLE, "1050")),
            Sign(codes=(SQLState.UNIQUE_VIOLATION,), text="pg_(type_typname|class_relname)_nsp_index"),
            Sign(codes=(NO_CODE,), text="(table|index) .+ already exists"),
        ),
        "create_all or a failed run has made it; if all that this revision makes is there, count it as done",
        "alembic stamp {revision}",
        ("if a part is missing, let the revision skip what is there, and run it to its end", "{resumed}"),
    ),
    Rule(
        'column "title" does not exist; no such column: title',
        (Sign(codes=(SQLState.UNDEFINED_COLUMN, "1054")), Sign(codes=(NO_CODE,), text="no such column")),
        "correct its name, and quote texts with ', not \"; or a later revision adds it: compare",
        "alembic history --indicate-current",
    ),
    Rule(
        'column "title" of relation "post" already exists',
        (Sign(codes=(SQLState.DUPLICATE_COLUMN,)),),
        "a failed run or create_all has added it: let the revision skip what is there, and run it to its end",
        "{resumed}",
        ("if all that this revision makes is there, count it as done", "alembic stamp {revision}"),
    ),
    Rule(
        "duplicate column name: title, of SQLite and MySQL",
        (Sign(codes=("1060",)), Sign(codes=(NO_CODE,), text="duplicate column name")),
        "create_all or a failed run has added it; if all that this revision makes is there, count it as done",
        "alembic stamp {revision}",
    ),
    Rule(
        'type "status" already exists',
        (Sign(codes=(SQLState.DUPLICATE_OBJECT,), text='type "(?P<type>.+?)" already exists'),),
        "if no column uses it, since a downgrade left it: drop it first, and at the end of downgrade() too",
        'if op.get_context().dialect.name == "postgresql": {drop_type}',
        (
            "if one uses it, let this column refer to it, with postgresql from sqlalchemy.dialects",
            "postgresql.ENUM({labels}, name={py_type}{in_schema}, create_type=False)",
        ),
    ),
    Rule(
        'type "citext" does not exist; hstore, ltree and the like',
        (
            Sign(
                codes=(SQLState.UNDEFINED_OBJECT,),
                text=r'type "(\w+\.)?(?P<extension>citext|hstore|ltree|cube|isbn|seg)(\[\])*" does not exist',
            ),
        ),
        "it belongs to an extension: create that before",
        'op.execute("CREATE EXTENSION IF NOT EXISTS {extension}")',
    ),
    Rule(
        'type "vector" does not exist; halfvec, sparsevec',
        (Sign(codes=(SQLState.UNDEFINED_OBJECT,), text=r'type "(\w+\.)?(vector|halfvec|sparsevec)(\[\])*" does not exist'),),
        "it belongs to an extension: create that before",
        'op.execute("CREATE EXTENSION IF NOT EXISTS vector")',
    ),
    Rule(
        'type "geometry" does not exist; geography',
        (Sign(codes=(SQLState.UNDEFINED_OBJECT,), text=r'type "(\w+\.)?(geometry|geography|raster)(\[\])*" does not exist'),),
        "it belongs to an extension: create that before",
        'op.execute("CREATE EXTENSION IF NOT EXISTS postgis")',
    ),
    Rule(
        'type "status" does not exist',
        (Sign(codes=(SQLState.UNDEFINED_OBJECT,), text=r'type "(?P<type>.+?)(\[\])*" does not exist'),),
        "create it first, with its own values",
        "op.create_enum({py_type}, [{type_labels}]{in_schema})",
        ("if it belongs to an extension, create that", 'op.execute("CREATE EXTENSION ...")'),
    ),
    Rule(
        'unsafe use of new value "archived" of enum type status',
        (
            Sign(
                codes=(SQLState.UNSAFE_NEW_ENUM_VALUE_USAGE,),
                text=rf'value "(?P<value>[^"]*)" of enum type (?P<type>{_NAME})',
            ),
            Sign(codes=(SQLState.UNSAFE_NEW_ENUM_VALUE_USAGE,)),
        ),
        "a transaction cannot use a value that it added: keep the addition, and use it in the next revision",
        'alembic revision -m "use {value}"',
        ("let this package add it, first in the revision", "op.add_enum_value({py_type}, {py_value}{in_schema})"),
    ),
    Rule(
        'invalid input value for enum status: "ab", where an array becomes one value',
        (Sign(codes=(SQLState.INVALID_TEXT_REPRESENTATION,), statement=r"^ALTER TABLE .* array_to_string\("),),
        "the array of some row does not have exactly one element: correct these rows before",
        'op.execute("UPDATE {table} SET {sql_column} = ARRAY[...]")',
    ),
    Rule(
        'invalid input value for enum status: "archived", where a column of text becomes an enum',
        (
            Sign(
                codes=(SQLState.INVALID_TEXT_REPRESENTATION,),
                text=rf'enum (?P<type>{_NAME}): "(?P<value>[^"\x00-\x1f]+)"',
                statement="^ALTER TABLE .* USING ",
                origin=Origin.ENUM_ROWS,
            ),
        ),
        "rows have texts that are not values of the type: give them its values before",
        "{mapping}",
        (
            "if the model is to store its members' values, not their names: say so, and write this revision again",
            "Enum(..., values_callable=lambda members: [member.value for member in members])",
        ),
    ),
    Rule(
        'invalid input value for enum status: "archived", where the type has "ARCHIVED"',
        (
            Sign(
                codes=(SQLState.INVALID_TEXT_REPRESENTATION,),
                text=rf'enum (?P<type>{_NAME}): "(?P<value>[^"\x00-\x1f]+)"',
                statement="^(?!ALTER TABLE .* USING )",
                origin=Origin.ENUM_LABEL,
            ),
        ),
        "write it as the type has it: a model's Enum stores the names of its members, not their values",
        "{sql_label}",
        ("if it is another value, add it before it is used", "op.add_enum_value({py_type}, {py_value}{in_schema})"),
    ),
    Rule(
        'invalid input value for enum status: "archived"',
        (Sign(codes=(SQLState.INVALID_TEXT_REPRESENTATION,), text=rf'enum (?P<type>{_NAME}): "(?P<value>[^"\x00-\x1f]+)"'),),
        "the type has no such value: add it before it is used",
        "op.add_enum_value({py_type}, {py_value}{in_schema})",
        (
            "to remove a value from the type and from the rows",
            "op.remove_enum_value({py_type}, {py_value}, replace_with=...{in_schema})",
        ),
    ),
    Rule(
        "ALTER TYPE status DROP VALUE: dropping an enum value is not implemented",
        (
            Sign(codes=(SQLState.FEATURE_NOT_SUPPORTED,), text="dropping an enum value"),
            Sign(codes=(SQLState.SYNTAX_ERROR,), statement="^ALTER TYPE .* DROP VALUE"),  # of PostgreSQL 17 and older
        ),
        "PostgreSQL removes no value: let this package rebuild the type",
        "op.remove_enum_value({py_type}, {py_value}{in_schema})",
    ),
    Rule(
        "Data truncated for column 'status', of an ENUM of MySQL or MariaDB",
        (
            Sign(
                codes=("1265",),
                text="column '(?P<column>[^']+)'",
                statement="^(INSERT|UPDATE|REPLACE)",
                origin=Origin.ENUM_COLUMN,
            ),
        ),
        "the column has no such value: give it one more before, for MySQL and MariaDB",
        'op.alter_column("{of_table}", "{column}", existing_type=sa.Enum({labels}), type_=sa.Enum({labels}, {py_value}))',
    ),
    Rule(
        'column "title" of relation "post" contains null values, of ALTER COLUMN',
        (
            Sign(codes=(SQLState.NOT_NULL_VIOLATION,), text='column "(?P<column>[^"]*)"', statement=r"\bSET NOT NULL\b"),
            Sign(codes=("1138", "1265"), statement="^ALTER TABLE .* (MODIFY|CHANGE) .* NOT NULL"),
            Sign(
                codes=(NO_CODE,),
                both=r"NOT NULL constraint failed: _alembic_tmp_[^|]+?\.(?P<column>[^|]+) \| "
                r'INSERT INTO \S+ \((?:[^)]*[ ,])?"?(?P=column)"?[,)]',
            ),
        ),
        "give the rows that have none a value before",
        f'op.execute("{_FILL_NULLS}")',
    ),
    Rule(
        'column "title" of relation "post" contains null values; Cannot add a NOT NULL column with default value NULL',
        (
            Sign(codes=(SQLState.NOT_NULL_VIOLATION,), text='column "(?P<column>[^"]*)"', statement="^ALTER TABLE"),
            Sign(codes=(NO_CODE,), text="Cannot add a NOT NULL column"),
            Sign(codes=(NO_CODE,), text=r"NOT NULL constraint failed: _alembic_tmp_.+\.(?P<column>\w+)"),
        ),
        "give the existing rows a value, and the model the same default",
        'sa.Column("{column}", ..., nullable=False, server_default=...)',
        (
            "if it is the new name of another column: rename that, in place of its removal and of this line",
            'op.alter_column("{of_table}", "...", new_column_name="{column}"{of_schema})',
        ),
    ),
    Rule(
        'check constraint "online_not_null_title" of relation "post" is violated by some row, of NOT NULL in op.online()',
        (
            Sign(
                codes=(SQLState.CHECK_VIOLATION,),
                text='"online_not_null_(?![0-9a-f]{16}")(?P<column>[^"]+)"',
                statement=r"\bVALIDATE CONSTRAINT\b",
            ),
        ),
        "give the rows that have none a value, in front of the block",
        f'{_APART} op.execute("{_FILL_NULLS}")',
    ),
    Rule(
        "could not create unique index; is violated by some row, in op.online()",
        (
            Sign(
                codes=(SQLState.UNIQUE_VIOLATION, SQLState.FOREIGN_KEY_VIOLATION, SQLState.CHECK_VIOLATION),
                statement=r"\bVALIDATE CONSTRAINT\b|\bINDEX CONCURRENTLY\b",
            ),
        ),
        "rows break the constraint: correct them in front of the block",
        f'{_APART} op.execute("UPDATE {{table}} SET ...")',
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
                    "4025",
                )
            ),
            Sign(codes=(NO_CODE,), text="constraint failed"),
        ),
        "rows break the constraint: correct them in the revision first",
        'op.execute("UPDATE {table} SET ...")',
    ),
    Rule(
        'default for column "status" cannot be cast automatically to type status',
        (Sign(codes=(SQLState.DATATYPE_MISMATCH,), text='default for column "(?P<column>.+?)" cannot be cast automatically'),),
        "drop the default before, and give it back afterwards",
        'op.alter_column("{of_table}", "{column}", server_default=None{of_schema})',
    ),
    Rule(
        'column "title" cannot be cast automatically to type integer',
        (
            Sign(
                codes=(SQLState.DATATYPE_MISMATCH,),
                text='column "(?P<column>.+?)" cannot be cast automatically to type (?P<target>.+)',
            ),
        ),
        "say how its values become those of the new type, as an argument of op.alter_column",
        "postgresql_using='{sql_column}::text::{target}'",
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
                text="must be owner of (?P<kind>materialized view|foreign table|table|view|sequence|type|schema|function|"
                'procedure) "?(?P<name>.+?)"?$',
            ),
        ),
        "let the role that migrates own it",
        "ALTER {kind} {name} OWNER TO {user}",
    ),
    Rule(
        "permission denied for sequence post_id_seq",
        (Sign(codes=(SQLState.INSUFFICIENT_PRIVILEGE,), text='permission denied for sequence "?(?P<name>.+?)"?$'),),
        "let the role that migrates own it, or use it",
        "GRANT ALL ON SEQUENCE {name} TO {user}",
    ),
    Rule(
        "permission denied for table post",
        (
            Sign(
                codes=(SQLState.INSUFFICIENT_PRIVILEGE,),
                text='permission denied for (table|view|relation) "?(?P<name>.+?)"?$',
            ),
        ),
        "let the role that migrates {access}",
        "GRANT {privileges} ON {name} TO {user}",
    ),
    Rule(
        "permission denied for database app",
        (Sign(codes=(SQLState.INSUFFICIENT_PRIVILEGE,), text='permission denied for database "?(?P<name>.+?)"?$'),),
        "let the role that migrates create schemas",
        "GRANT CREATE ON DATABASE {name} TO {user}",
    ),
    Rule(
        'permission denied to create extension "vector"',
        (Sign(codes=(SQLState.INSUFFICIENT_PRIVILEGE,), text='permission denied to create extension "(?P<name>[^"]+)"'),),
        "a superuser has to create it, once for each database",
        "CREATE EXTENSION IF NOT EXISTS {name}",
    ),
    Rule(
        "CREATE command denied to user; Access denied for user to database, of MySQL",
        (Sign(codes=("1044", "1142")),),
        "let the user who migrates change the database",
        "GRANT ALL ON {database}.* TO {user}",
    ),
    Rule(
        "permission denied, of anything else",
        (Sign(codes=(SQLState.INSUFFICIENT_PRIVILEGE,)),),
        "let the owner of the database do it, or let the role that migrates have the privilege",
        "GRANT ... TO {user}",
    ),
    Rule(
        "attempt to write a readonly database",
        (Sign(codes=(NO_CODE,), text="attempt to write a readonly database"),),
        "let the file and its folder belong to the user who migrates",
        'chown "$USER" {folder} {file}',
    ),
    Rule(
        'syntax error at or near "UPDAT"',
        (
            Sign(codes=(SQLState.SYNTAX_ERROR, "1064")),
            Sign(codes=(NO_CODE,), text='^near "(?!ALTER|CONSTRAINT).*": syntax error|^incomplete input'),
        ),
        "correct the statement of the revision, and look at it beforehand",
        "alembic upgrade head --sql",
    ),
    Rule(
        "no schema has been selected to create in",
        (Sign(codes=(SQLState.INVALID_SCHEMA_NAME,), text="no schema has been selected"),),
        "the search_path of the role names no schema that it may use: set another one",
        "ALTER ROLE {user} SET search_path = public",
    ),
    Rule(
        'column "id" is in a primary key',
        (Sign(codes=(SQLState.INVALID_TABLE_DEFINITION,), text='column "(?P<column>[^"]*)" is in a primary key'),),
        "a column of a primary key takes no nulls: leave it NOT NULL, or drop the key first",
        'op.drop_constraint("{of_table}_pkey", "{of_table}"{of_schema})',
    ),
    Rule(
        "IdentifierError: Identifier 'ix_...' exceeds maximum length of 63 characters",
        (
            Sign(raised="IdentifierError", text="Identifier '(?P<short>.{1,50}).*' exceeds maximum length"),
            Sign(codes=("1059",), text="Identifier name '(?P<short>.{1,50})"),
        ),
        "give it a shorter name, in the model and in the revision",
        '"{short}"',
    ),
    Rule(
        'schema "billing" does not exist',
        (Sign(codes=(SQLState.INVALID_SCHEMA_NAME,), text='schema "(?P<schema>[^"]+)"'),),
        "create it before",
        'op.execute("CREATE SCHEMA IF NOT EXISTS {schema}")',
    ),
    Rule(
        'constraint "uq" of relation "post" does not exist; trigger "t" for table "post" does not exist',
        (Sign(codes=(SQLState.UNDEFINED_OBJECT,), text='(constraint|trigger) .*(of relation|for table) "(?P<name>[^"]+)"'),),
        "it has another name in this database, or was dropped before: see what there is",
        r"{psql} -c '\d {name}'",
    ),
    Rule(
        'index "ix" does not exist',
        (Sign(codes=(SQLState.UNDEFINED_OBJECT,), text="index .*does not exist"),),
        "it has another name in this database, or was dropped before: see what there is",
        r"{psql} -c '\di'",
    ),
    Rule(
        "Can't DROP INDEX `ix`; check that it exists, of MySQL",
        (Sign(codes=("1091",)),),
        "it has another name in this database, or was dropped before: see what there is",
        "SHOW CREATE TABLE {table}",
    ),
    Rule(
        "no such index; No such constraint, of SQLite",
        (
            Sign(codes=(NO_CODE,), text="no such (index|constraint)"),
            Sign(codes=(NO_DATABASE,), raised="ValueError", text="No such constraint"),
        ),
        "it has another name in this database, or was dropped before: see what there is",
        "SELECT sql FROM sqlite_master",
    ),
    Rule(
        "cannot drop table post because other objects depend on it: a constraint of another table",
        (
            Sign(
                codes=(SQLState.DEPENDENT_OBJECTS_STILL_EXIST,),
                detail=rf"^constraint (?P<constraint>.+?) on table (?P<table>{_NAME}) depends on",
            ),
        ),
        "drop that first",
        'op.execute("ALTER TABLE {table} DROP CONSTRAINT {constraint}")',
    ),
    Rule(
        "cannot drop table post because other objects depend on it: a view",
        (
            Sign(
                codes=(SQLState.DEPENDENT_OBJECTS_STILL_EXIST,),
                detail=rf"^(?P<kind>materialized view|view) (?P<object>{_NAME}) depends on",
            ),
            Sign(
                codes=(SQLState.FEATURE_NOT_SUPPORTED,),
                text="cannot alter type of a column used by",
                detail=rf"^rule .* on (?P<kind>materialized view|view) (?P<object>{_NAME}) depends on",
            ),
        ),
        "drop that first, and create it again afterwards",
        'op.execute("DROP {kind} {object}")',
    ),
    Rule(
        "cannot drop type status because other objects depend on it: a column",
        (
            Sign(
                codes=(SQLState.DEPENDENT_OBJECTS_STILL_EXIST,),
                detail=rf"^column (?P<column>.+?) of table (?P<table>{_NAME}) depends on type",
            ),
        ),
        "give the column another type first",
        'op.execute("ALTER TABLE {table} ALTER COLUMN {sql_column} TYPE text")',
    ),
    Rule(
        "cannot drop ... because other objects depend on it; cannot alter type of a column used by a trigger",
        (
            Sign(codes=(SQLState.DEPENDENT_OBJECTS_STILL_EXIST,)),
            Sign(codes=(SQLState.FEATURE_NOT_SUPPORTED,), text="cannot alter type of a column used by"),
        ),
        "drop or change first what depends on it",
        'op.execute("DROP ...")',
    ),
    Rule(
        "value too long for type character varying(32), of alembic_version",
        (Sign(codes=(SQLState.STRING_DATA_RIGHT_TRUNCATION,), statement="alembic_version"),),
        "the identifier of a revision has 32 characters at most, and the name of its file any number",
        'revision = "4f2a"',
    ),
    Rule(
        "value too long for type character varying(1), of ALTER COLUMN",
        (
            Sign(
                codes=(SQLState.STRING_DATA_RIGHT_TRUNCATION,),
                statement=r"^ALTER TABLE .* TYPE (VAR)?CHAR\((?P<length>\d+)\)",
            ),
        ),
        "rows are longer: leave the column as long as they are, or cut them before",
        'op.execute("UPDATE {table} SET {sql_column} = left({sql_column}, {length})")',
    ),
    Rule(
        "value too long for type character varying(1); Data too long for column 'title'",
        (Sign(codes=(SQLState.STRING_DATA_RIGHT_TRUNCATION, "1406")),),
        "make the column longer before, or the value shorter",
        'op.alter_column("{of_table}", ..., type_=sa.Text(){of_schema})',
    ),
    Rule(
        'invalid input syntax for type integer: "a"; Data truncated for column',
        (
            Sign(
                codes=(
                    SQLState.INVALID_TEXT_REPRESENTATION,
                    SQLState.NUMERIC_VALUE_OUT_OF_RANGE,
                    SQLState.INVALID_DATETIME_FORMAT,
                    SQLState.DATETIME_FIELD_OVERFLOW,
                    "1264",
                    "1265",
                    "1292",
                    "1366",
                )
            ),
        ),
        "the rows, or the statement, have what the type cannot hold: correct them before",
        'op.execute("UPDATE {table} SET ...")',
    ),
    Rule(
        'extension "vector" is not available',
        (
            Sign(
                codes=(SQLState.FEATURE_NOT_SUPPORTED, SQLState.UNDEFINED_FILE, SQLState.INVALID_PARAMETER_VALUE),
                text='extension "(?P<name>[^"]+)"',
            ),
        ),
        "install its package where the server runs; see what it has",
        "SELECT name FROM pg_available_extensions",
    ),
    Rule(
        'column "status" is of type status but expression is of type text',
        (
            Sign(
                codes=(SQLState.DATATYPE_MISMATCH,),
                text=rf'column "(?P<column>[^"]+)" is of type (?P<target>{_NAME}(\[\])?) but expression',
            ),
        ),
        "give the expression the type of the column",
        "CAST(... AS {target})",
    ),
    Rule(
        "function gen_salt(text) does not exist",
        (
            Sign(
                codes=(SQLState.UNDEFINED_FUNCTION,),
                text=r"function (\w+\.)?(gen_salt|crypt|digest|hmac|gen_random_bytes|(pgp|armor)\w*)\(.* does not exist",
            ),
        ),
        "it belongs to an extension: create that before",
        'op.execute("CREATE EXTENSION IF NOT EXISTS pgcrypto")',
    ),
    Rule(
        "function uuid_generate_v4() does not exist",
        (Sign(codes=(SQLState.UNDEFINED_FUNCTION,), text=r"function (\w+\.)?uuid_\w+\(.* does not exist"),),
        "it belongs to an extension: create that before",
        "op.execute('CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\"')",
    ),
    Rule(
        "operator does not exist: text = integer",
        (Sign(codes=(SQLState.UNDEFINED_FUNCTION,), text="operator does not exist: (?P<left>[^=<>~|+*/-]+?) [=<>~|+*/-]"),),
        "the two sides have different types: give the right one that of the left one",
        "CAST(... AS {left})",
    ),
    Rule(
        "function nowhere() does not exist",
        (Sign(codes=(SQLState.UNDEFINED_FUNCTION,), text=r"function (?P<function>[\w.]+)?.* does not exist"),),
        "its name is misspelt, its arguments have other types, or an extension has it: see what there is",
        r"{psql} -c '\df {function}'",
    ),
    Rule(
        'operator class "gin_trgm_ops" does not exist for access method "gin"',
        (Sign(codes=(SQLState.UNDEFINED_OBJECT,), text=r'operator class "(\w+\.)?(gin|gist)_trgm_ops" does not exist'),),
        "it belongs to an extension: create that before",
        'op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")',
    ),
    Rule(
        'operator class "vector_cosine_ops" does not exist for access method "hnsw"',
        (Sign(codes=(SQLState.UNDEFINED_OBJECT,), text='operator class "[^"]+" does not exist'),),
        "its name is misspelt, or it belongs to an extension that is not there: see what there is",
        r"{psql} -c '\dAc'",
    ),
    Rule(
        'there is no unique constraint matching given keys for referenced table "post"',
        (
            Sign(
                codes=(SQLState.INVALID_FOREIGN_KEY,),
                text='referenced table "(?P<name>[^"]+)"',
                statement=r"REFERENCES [^(]*\((?P<columns>[^)]+)\)",
            ),
            Sign(codes=(SQLState.INVALID_FOREIGN_KEY,), text='referenced table "(?P<name>[^"]+)"'),
        ),
        "a foreign key refers to columns that are unique together: name those, or make them so before",
        'op.execute("ALTER TABLE {name} ADD UNIQUE ({columns})")',
    ),
    Rule(
        'enum label "archived" already exists',
        (Sign(codes=(SQLState.DUPLICATE_OBJECT,), text='enum label "(?P<value>[^"]+)" already exists'),),
        "another revision, or a failed run, has added it: let it be added only where it is not there",
        "op.add_enum_value({py_type}, {py_value}{in_schema})",
    ),
    Rule(
        "cannot execute CREATE TABLE in a read-only transaction",
        (Sign(codes=(SQLState.READ_ONLY_SQL_TRANSACTION,)),),
        "the server is a replica: name the primary in the URL; or the role may only read: allow it",
        "BEGIN READ WRITE;\nALTER ROLE {user} SET default_transaction_read_only = off;\nCOMMIT;",
    ),
    Rule(
        "The MariaDB server is running with the --read-only option",
        (Sign(codes=("1290", "1792")),),
        "the server is a replica: name the primary in the URL; or allow it",
        "SET GLOBAL read_only = OFF",
    ),
    Rule(
        "A value is required for bind parameter 'x'",
        (
            Sign(
                codes=(NO_CODE,),
                raised="InvalidRequestError",
                text=r"A value is required for bind parameter '(?P<parameter>\w+)'",
            ),
        ),
        "in a text, a colon before a word stands for a parameter: write a backslash before it",
        r"""op.execute(r"... \:{parameter} ...")""",
    ),
    Rule(
        "Can't emit DROP CONSTRAINT for constraint; it has no name",
        (Sign(raised="CompileError", text="Can't emit DROP CONSTRAINT .*it has no name"),),
        "say which one, by the name that it has in the database",
        'op.drop_constraint("...", "{of_table}"{of_schema})',
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
        "a pooler gives one client's statements to another: let the migration have a connection of its own",
        "await Migrations(bind=engine).upgrade()",
    ),
    Rule(
        "canceling statement due to lock timeout; deadlock detected",
        (Sign(codes=(SQLState.LOCK_NOT_AVAILABLE, SQLState.DEADLOCK_DETECTED)),),
        "let the transaction in the way end, and run the same command again: look which one it is",
        "SELECT pid, application_name, query FROM pg_stat_activity WHERE xact_start IS NOT NULL",
    ),
    Rule(
        "Lock wait timeout exceeded; Deadlock found, of MySQL",
        (Sign(codes=("1205", "1213")),),
        "let the transaction in the way end, and run the same command again: look which one it is",
        "SHOW PROCESSLIST",
    ),
    Rule(
        "database is locked",
        (Sign(codes=(NO_CODE,), text="database is locked"),),
        "let the program that holds it end, and run the same command again: look which one it is",
        "fuser {file}",
    ),
    Rule(
        "No support for ALTER of constraints in SQLite dialect",
        (
            Sign(codes=(NO_DATABASE,), raised="NotImplementedError", text="No support for ALTER of constraints in SQLite"),
            Sign(codes=(NO_CODE,), text='near "(ALTER|CONSTRAINT)": syntax error'),
        ),
        "SQLite changes a table by copying it into a new one",
        "{batch}",
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
        "the server ended the connection and may have committed: look, then run the same command again",
        "alembic current",
    ),
)
