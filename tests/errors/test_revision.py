"""Errors of what a revision does: how each is recognised, and the fix."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import make_url

from alembic_async_template import AlembicAsyncTemplateError, Migrations, errors
from support.cases import LINE, Case, broken, check_case, refuse, run
from support.project import Project, write_environment, write_revisions

CREATE_POST = 'op.create_table("post", sa.Column("id", sa.Integer(), primary_key=True))'
RESUMED_POST = f"{CREATE_POST[:-1]}, if_not_exists=True)"

REVISIONS = {
    "sqlmodel is not imported": broken(
        "NameError: name 'sqlmodel' is not defined",
        'op.create_table("post", sa.Column("title", sqlmodel.AutoString()))',
        "name 'sqlmodel' is not defined",
        "import it in the revision, as this package's script.py.mako does in new ones",
        "import sqlmodel",
    ),
    "a type of PostgreSQL is not imported": broken(
        "NameError: name 'JSONB' is not defined",
        'op.create_table("post", sa.Column("body", JSONB()))',
        "name 'JSONB' is not defined",
        "import what the revision uses",
        "from sqlalchemy.dialects.postgresql import JSONB",
    ),
    "another name is not imported": broken(
        "NameError: name 'app' is not defined",
        "app.models.work()",
        "name 'app' is not defined",
        "import what the revision uses",
        "import app.models",
    ),
    "a module that a revision imports": Case(
        "ModuleNotFoundError: No module named 'nowhere'",
        errors.RevisionFailedError,
        """\
No module named 'nowhere'
  where  migrations/versions/one.py:1
         import nowhere
  state  nothing was changed
  fix    if a part of the project has it, name the folder:
         prepend_sys_path = %(here)s/src
  or     if it is another package, install it:
         pip install nowhere""",
        files={"migrations/versions/one.py": "import nowhere\nrevision = 'one'\ndown_revision = None\n"},
    ),
    "MissingGreenlet": broken(
        "MissingGreenlet",
        "pass",
        "greenlet_spawn has not been called; can't call await_() here. Was IO attempted in an unexpected place?",
        "a revision is synchronous, without async engines and threads: use the connection of the migration",
        'op.get_bind().execute(sa.text("SELECT 1"))',
        operation="thread.submit(op.get_bind().exec_driver_sql, 'SELECT 1').result()",
        line=LINE + 1,
        environment={"PYTHONWARNINGS": "ignore"},
        two="thread = __import__('concurrent.futures').futures.ThreadPoolExecutor()\n"
        "    thread.submit(op.get_bind().exec_driver_sql, 'SELECT 1').result()",
    ),
    "asyncio.run in a revision": broken(
        "cannot be called from a running event loop",
        "import asyncio\n    asyncio.run(asyncio.sleep(0))",
        "asyncio.run() cannot be called from a running event loop",
        "the event loop runs already: let the revision wait in it for the coroutine",
        "op.run_async(lambda connection: asyncio.sleep(0))",
        ("do without it, with the connection of the migration", 'op.get_bind().execute(sa.text("SELECT 1"))'),
        operation="asyncio.run(asyncio.sleep(0))",
        line=LINE + 1,
    ),
    "ObjectNotExecutableError": broken(
        "ObjectNotExecutableError",
        'op.get_bind().execute("SELECT 1")',
        "Not an executable object: 'SELECT 1'",
        "a connection executes statements of SQLAlchemy: make the text one",
        "sa.text('SELECT 1')",
    ),
    "a statement that runs outside of transactions": broken(
        "cannot run inside a transaction block",
        'op.execute("CREATE INDEX CONCURRENTLY ix ON post (id)")',
        "CREATE INDEX CONCURRENTLY cannot run inside a transaction block",
        "leave the transaction for it, first in the revision, since what was done before is committed",
        'with op.get_context().autocommit_block(): op.execute("CREATE INDEX CONCURRENTLY ix ON post (id)")',
        set_up="CREATE TABLE post (id int)",
        sqlite_problem=None,
    ),
    "another statement that runs outside of transactions": broken(
        "cannot run inside a transaction block",
        'op.execute("VACUUM")',
        "VACUUM cannot run inside a transaction block",
        "leave the transaction for it, first in the revision, since what was done before is committed",
        'with op.get_context().autocommit_block(): op.execute("VACUUM")',
        sqlite_problem=None,
    ),
    "an error that was caught": broken(
        "current transaction is aborted",
        'try:\n        op.execute("SELECT 1 FROM nowhere")\n    except Exception:\n        op.execute("SELECT 1")',
        "current transaction is aborted, commands ignored until end of transaction block",
        "the revision caught the error of an earlier statement: put that one into a savepoint",
        'with op.get_bind().begin_nested(): op.execute("...")',
        operation='op.execute("SELECT 1")',
        line=LINE + 3,
        sqlite_problem=None,
    ),
    "a table that does not exist": broken(
        'relation "post" does not exist|no such table',
        "pass",
        'relation "post" does not exist',
        "correct its name; or the revision that creates it comes later or has not run here: compare",
        "alembic history --indicate-current",
        two='op.execute("INSERT INTO post VALUES (1)")',
        sqlite_problem="no such table: post",
    ),
    "a column that does not exist": broken(
        'column "title" does not exist|no such column',
        'op.execute("SELECT title FROM post")',
        'column "title" does not exist',
        "correct its name, and quote texts with ', not \"; or a later revision adds it: compare",
        "alembic history --indicate-current",
        set_up="CREATE TABLE post (id int)",
        sqlite_problem="no such column: title",
    ),
    "a table that exists": broken(
        "post.* already exists",
        CREATE_POST,
        'relation "post" already exists',
        "create_all or a failed run has made it; if all that this revision makes is there, count it as done",
        "alembic stamp one",
        ("if a part is missing, let the revision skip what is there, and run it to its end", RESUMED_POST),
        set_up="CREATE TABLE post (id int)",
        sqlite_problem="table post already exists",
    ),
    "a column that exists": broken(
        'column "id" of relation "post" already exists',
        'op.add_column("post", sa.Column("id", sa.Integer()))',
        'column "id" of relation "post" already exists',
        "a failed run or create_all has added it: let the revision skip what is there, and run it to its end",
        'op.add_column("post", sa.Column("id", sa.Integer()), if_not_exists=True)',
        ("if all that this revision makes is there, count it as done", "alembic stamp one"),
        set_up="CREATE TABLE post (id int)",
        sqlite_problem=None,
    ),
    "a column that exists in SQLite": broken(
        "duplicate column name",
        'op.add_column("post", sa.Column("id", sa.Integer()))',
        "duplicate column name: id",
        "create_all or a failed run has added it; if all that this revision makes is there, count it as done",
        "alembic stamp one",
        set_up="CREATE TABLE post (id int)",
        sqlite_problem="duplicate column name: id",
        postgresql=False,
    ),
    "a type that exists": broken(
        'type "status" already exists',
        'op.create_table("post", sa.Column("status", sa.Enum("a", name="status")))',
        'type "status" already exists',
        "if no column uses it, since a downgrade left it: drop it first, and at the end of downgrade() too",
        'if op.get_context().dialect.name == "postgresql": op.execute("DROP TYPE IF EXISTS status")',
        (
            "if one uses it, let this column refer to it, with postgresql from sqlalchemy.dialects",
            'postgresql.ENUM("a", name="status", create_type=False)',
        ),
        set_up="CREATE TYPE status AS ENUM ('a')",
        sqlite_problem=None,
    ),
    "a type that does not exist": broken(
        'type "status" does not exist',
        'op.execute("CREATE TABLE post (status status)")',
        'type "status" does not exist',
        "create it first, with its own values",
        'op.create_enum("status", ["draft", "live"])',
        ("if it belongs to an extension, create that", 'op.execute("CREATE EXTENSION ...")'),
        sqlite_problem=None,
    ),
    "a type that a column would need": broken(
        'type "status" does not exist',
        'op.add_column("post", sa.Column("status", sa.Enum("it\'s", "a", name="status")))',
        'type "status" does not exist',
        "create it first, with its own values",
        'op.create_enum("status", ["it\'s", "a"])',
        ("if it belongs to an extension, create that", 'op.execute("CREATE EXTENSION ...")'),
        set_up="CREATE TABLE post (id int)",
        sqlite_problem=None,
    ),
    "an array of a type that does not exist": broken(
        r'type "status\[\]" does not exist',
        'op.execute("CREATE TABLE post (status status[])")',
        'type "status[]" does not exist',
        "create it first, with its own values",
        'op.create_enum("status", ["draft", "live"])',
        ("if it belongs to an extension, create that", 'op.execute("CREATE EXTENSION ...")'),
        sqlite_problem=None,
    ),
    "a new enum value": broken(
        "unsafe use of new value",
        "op.execute(\"ALTER TYPE status ADD VALUE 'b'\")\n    op.execute(\"INSERT INTO post VALUES ('b')\")",
        'unsafe use of new value "b" of enum type status',
        "a transaction cannot use a value that it added: keep the addition, and use it in the next revision",
        'alembic revision -m "use b"',
        ("let this package add it, first in the revision", 'op.add_enum_value("status", "b")'),
        operation="op.execute(\"INSERT INTO post VALUES ('b')\")",
        line=LINE + 1,
        set_up="CREATE TYPE status AS ENUM ('a'); CREATE TABLE post (status status)",
        sqlite_problem=None,
    ),
    "a value that the type does not have": broken(
        "invalid input value for enum status",
        "op.execute(\"INSERT INTO post VALUES ('b')\")",
        'invalid input value for enum status: "b"',
        "the type has no such value: add it before it is used",
        'op.add_enum_value("status", "b")',
        ("to remove a value from the type and from the rows", 'op.remove_enum_value("status", "b", replace_with=...)'),
        set_up="CREATE TYPE status AS ENUM ('a'); CREATE TABLE post (status status)",
        sqlite_problem=None,
    ),
    "a value that cannot be dropped": broken(
        "dropping an enum value is not implemented|syntax error",
        "op.execute(\"ALTER TYPE status DROP VALUE 'a'\")",
        "dropping an enum value is not implemented",
        "PostgreSQL removes no value: let this package rebuild the type",
        'op.remove_enum_value("status", "a")',
        set_up="CREATE TYPE status AS ENUM ('a')",
        sqlite_problem=None,
    ),
    "a value in use": Case(
        'invalid input value for enum status: "a"',
        errors.EnumValueInUseError,
        """\
Value "a" cannot be removed from enum public.status: 1 row of public.post.status holds it
  where  revision one, migrations/versions/one.py:13
         op.remove_enum_value("status", "a")
  state  rolled back; applied before it in this run: none
  fix    say which value takes its place, such as:
         op.remove_enum_value('status', 'a', replace_with='b')""",
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
        "give the existing rows a value, and the model the same default",
        'sa.Column("title", ..., nullable=False, server_default=...)',
        (
            "if it is the new name of another column: rename that, in place of its removal and of this line",
            'op.alter_column("post", "...", new_column_name="title")',
        ),
        set_up="CREATE TABLE post (id int); INSERT INTO post VALUES (1)",
        sqlite_problem="Cannot add a NOT NULL column with default value NULL",
    ),
    "rows that break a constraint": broken(
        "could not create unique index|UNIQUE constraint failed",
        'op.create_index("ix", "post", ["id"], unique=True)',
        'could not create unique index "ix" (Key (id)=(1) is duplicated)',
        "rows break the constraint: correct them in the revision first",
        'op.execute("UPDATE post SET ...")',
        set_up="CREATE TABLE post (id int); INSERT INTO post VALUES (1); INSERT INTO post VALUES (1)",
        sqlite_problem="UNIQUE constraint failed: post.id",
    ),
    "a type that cannot be cast": broken(
        "cannot be cast automatically",
        'op.alter_column("post", "title", type_=sa.Integer())',
        'column "title" cannot be cast automatically to type integer',
        "say how its values become those of the new type, as an argument of op.alter_column",
        "postgresql_using='title::text::integer'",
        set_up="CREATE TABLE post (title text)",
        sqlite_problem=None,
    ),
    "a schema of another role": broken(
        "permission denied for schema public",
        CREATE_POST,
        "permission denied for schema public",
        "let the role that migrates create there",
        "GRANT USAGE, CREATE ON SCHEMA public TO {user}",
        set_up="CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); GRANT ALL ON alembic_version TO PUBLIC",
        role="guest LOGIN",
        sqlite_problem=None,
    ),
    "a table of another role": broken(
        "must be owner of table post",
        'op.drop_table("post")',
        "must be owner of table post",
        "let the role that migrates own it",
        "ALTER TABLE post OWNER TO {user}",
        set_up="CREATE TABLE post (id int); GRANT CREATE ON SCHEMA public TO PUBLIC",
        role="guest LOGIN",
        sqlite_problem=None,
    ),
    "statement_timeout": broken(
        "canceling statement due to statement timeout",
        'op.execute("SELECT pg_sleep(9)")',
        "canceling statement due to statement timeout",
        "let statements take longer in alembic.ini",
        "statement_timeout = 10min",
        set_up="ALTER DATABASE {database} SET statement_timeout = '300ms'",
        ini={"statement_timeout": "300ms"},
        sqlite_problem=None,
    ),
    "ALTER on SQLite": broken(
        "No support for ALTER of constraints in SQLite dialect",
        'op.create_unique_constraint("uq", "post", ["id"])',
        "",
        "SQLite changes a table by copying it into a new one",
        'with op.batch_alter_table("post") as batch: batch.create_unique_constraint("uq", ["id"])',
        set_up="CREATE TABLE post (id int)",
        sqlite_problem="No support for ALTER of constraints in SQLite dialect. Please refer to the batch mode feature which allows for "
        "SQLite migrations using a copy-and-move strategy",
        postgresql=False,
    ),
    "an expression of another type": broken(
        'column "status" is of type status but expression is of type text',
        "op.execute(\"UPDATE post SET status = 'a'::text\")",
        'column "status" is of type status but expression is of type text',
        "give the expression the type of the column",
        "CAST(... AS status)",
        set_up="CREATE TYPE status AS ENUM ('a'); CREATE TABLE post (status status)",
        sqlite_problem=None,
    ),
    "a function that is not there": broken(
        "function nowhere\\(\\) does not exist",
        'op.execute("SELECT nowhere()")',
        "function nowhere() does not exist",
        "its name is misspelt, its arguments have other types, or an extension has it: see what there is",
        "psql --host={host} --port={port} --username={user} {database} -c '\\df nowhere'",
        sqlite_problem=None,
    ),
    "an operator class that is not there": broken(
        'operator class "gin_trgm_ops" does not exist',
        'op.execute("CREATE INDEX i ON post USING gin (title gin_trgm_ops)")',
        'operator class "gin_trgm_ops" does not exist for access method "gin"',
        "it belongs to an extension: create that before",
        'op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")',
        set_up="CREATE TABLE post (title text)",
        sqlite_problem=None,
    ),
    "a column that a view shows": broken(
        "cannot alter type of a column used by a view or rule",
        'op.alter_column("post", "id", type_=sa.BigInteger())',
        'cannot alter type of a column used by a view or rule (rule _RETURN on view v depends on column "id")',
        "drop that first, and create it again afterwards",
        'op.execute("DROP VIEW v")',
        set_up="CREATE TABLE post (id int); CREATE VIEW v AS SELECT id FROM post",
        sqlite_problem=None,
    ),
    "a foreign key to what is not unique": broken(
        "there is no unique constraint matching given keys",
        'op.create_foreign_key("fk", "post", "post", ["id"], ["id"])',
        'there is no unique constraint matching given keys for referenced table "post"',
        "a foreign key refers to columns that are unique together: name those, or make them so before",
        'op.execute("ALTER TABLE post ADD UNIQUE (id)")',
        set_up="CREATE TABLE post (id int)",
        sqlite_problem=None,
    ),
    "an enum value that is there": broken(
        'enum label "b" already exists',
        "op.execute(\"ALTER TYPE status ADD VALUE 'b'\")",
        'enum label "b" already exists',
        "another revision, or a failed run, has added it: let it be added only where it is not there",
        'op.add_enum_value("status", "b")',
        set_up="CREATE TYPE status AS ENUM ('a', 'b')",
        sqlite_problem=None,
    ),
    "a database that may only be read": Case(
        "cannot execute CREATE TABLE in a read-only transaction",
        errors.RevisionFailedError,
        """\
cannot execute CREATE TABLE in a read-only transaction
  state  nothing was changed
  fix    the server is a replica: name the primary in the URL; or the role may only read: allow it:
         BEGIN READ WRITE;
         ALTER ROLE {user} SET default_transaction_read_only = off;
         COMMIT;""",
        sqlite_problem=None,
        revisions={"one": "pass"},
        set_up="ALTER DATABASE {database} SET default_transaction_read_only = on",
    ),
    "a colon in a text": broken(
        "A value is required for bind parameter 'x'",
        "op.execute(\"UPDATE post SET id = ':x'\")",
        "A value is required for bind parameter 'x'",
        "in a text, a colon before a word stands for a parameter: write a backslash before it",
        'op.execute(r"... \\:x ...")',
        set_up="CREATE TABLE post (id int)",
    ),
    "a constraint without its name": broken(
        "it has no name",
        'op.drop_constraint(None, "post")',
        "Can't emit DROP CONSTRAINT for constraint Constraint(); it has no name",
        "say which one, by the name that it has in the database",
        'op.drop_constraint("...", "post")',
        set_up="CREATE TABLE post (id int)",
        sqlite_problem=None,
    ),
    "an identifier that is too long": Case(
        r"value too long for type character varying\(32\)",
        errors.RevisionFailedError,
        """\
value too long for type character varying(32)
  where  revision a_very_long_identifier_of_a_revision
  state  rolled back; applied before it in this run: none
  fix    the identifier of a revision has 32 characters at most, and the name of its file any number:
         revision = "4f2a\"""",
        sqlite_problem=None,
        revisions={"a_very_long_identifier_of_a_revision": "pass"},
    ),
    "a revision that is not there": Case(
        "Can't locate revision identified by 'nowhere'",
        errors.RevisionNotFoundError,
        """\
There is no revision nowhere among the files
  where  their head is one; the database is at none
  fix    see which there are:
         alembic history""",
        revisions={"one": "pass"},
        command=("upgrade", "nowhere"),
    ),
    "a database at a revision that is not there": Case(
        "Can't locate revision identified by 'newer'",
        errors.DatabaseNotAtHeadError,
        """\
The database is at revision newer; this application, whose head is one, has no revision newer
  fix    deploy the newer code that has migrated it, or let its files take back what these do not know:
         alembic downgrade one
  or     get the file back, if it was deleted or is on another branch:
         git log --diff-filter=D --summary
  or     if nothing of it is left in the database, name the newest revision of these files that has run there:
         alembic stamp --purge one""",
        revisions={"one": "pass"},
        set_up="CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('newer')",
    ),
    "several heads": Case(
        "Multiple head revisions are present",
        errors.SeveralHeadsError,
        """\
The revisions have 2 heads, one, two: probably written in parallel; their order is undefined
  fix    join them:
         alembic merge -m "merge" heads
  or     go to all of them:
         alembic upgrade heads""",
        files={
            "migrations/versions/one.py": "revision = 'one'\ndown_revision = None\n",
            "migrations/versions/two.py": "revision = 'two'\ndown_revision = None\n",
        },
    ),
    "a database that is not up to date": Case(
        "Target database is not up to date",
        errors.DatabaseNotAtHeadError,
        """\
The database is at no revision, and this application needs one
  fix    migrate it:
         alembic upgrade head""",
        revisions={"one": "pass"},
        command=("check",),
    ),
}


@pytest.mark.postgresql
@pytest.mark.parametrize("name", [name for name, case in REVISIONS.items() if case.postgresql])
def test_an_error_tells_the_fix_on_postgresql(
    name: str, templates: Path, tmp_path: Path, embedded_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole block, without a traceback; with Alembic's own template, the error that it is for."""
    check_case(REVISIONS[name], templates, tmp_path, make_url(embedded_url), monkeypatch)


@pytest.mark.sqlite
@pytest.mark.parametrize("name", [name for name, case in REVISIONS.items() if case.sqlite_problem is not None])
def test_an_error_tells_the_fix_on_sqlite(
    name: str, templates: Path, tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole block, for what can happen there."""
    check_case(REVISIONS[name], templates, tmp_path, make_url(sqlite_url), monkeypatch)


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


def test_a_coroutine_function_is_refused(tmp_path: Path, sqlite_url: str) -> None:
    """Alembic would call it, wait for nothing and count the revision as done; before any revision runs, and in a script too."""
    write_environment(tmp_path, sqlite_url, one="pass", two="op.create_table('t')")
    path = tmp_path / "migrations/versions/two.py"
    path.write_text(path.read_text().replace("def upgrade", "async def upgrade"))
    migrations = Migrations(tmp_path / "alembic.ini")
    with pytest.raises(errors.RevisionFailedError) as refused:
        asyncio.run(migrations.upgrade())
    assert str(refused.value) == (
        "Alembic does not wait for a coroutine, so none of it would run, and the revision would count as done"
        f"\n  where  revision two, {path}:{LINE - 1}\n         async def upgrade()"
        "\n  state  rolled back; applied before it in this run: none"
        "\n  fix    leave async out, and use op and op.get_bind() without await:\n         def upgrade()"
    )
    assert asyncio.run(migrations.current()) == ()
    with pytest.raises(errors.RevisionFailedError, match="nothing was run\n"):
        command.upgrade(Config(tmp_path / "alembic.ini", output_buffer=io.StringIO()), "head", sql=True)
    path.write_text(path.read_text().replace("async def upgrade", "def upgrade").replace("def downgrade", "async def downgrade"))
    path.write_text(path.read_text().replace("op.create_table('t')", "pass"))
    asyncio.run(migrations.upgrade())
    with pytest.raises(errors.RevisionFailedError, match=r"downgrade of revision two, .*\n         async def downgrade\(\)\n"):
        asyncio.run(migrations.downgrade("base"))
    assert asyncio.run(migrations.current()) == ("two",)


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
            "op.execute(\"CREATE TYPE billing.kind AS ENUM ('b')\")",
            'postgresql.ENUM("b", name="kind", schema="billing", create_type=False)',
        ),
        ('op.drop_constraint("uq", "invoice", schema="billing")', "-c '\\d billing.invoice'"),
        ("op.execute('CREATE INDEX CONCURRENTLY ix ON billing.invoice (id)')", "leave the transaction for it"),
    ],
)
def test_objects_of_other_schemas(tmp_path: Path, embedded_url: str, body: str, advice: str) -> None:
    """The example to type names the schema."""
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE SCHEMA billing; CREATE TYPE billing.kind AS ENUM ('a')")
        connection.execute("CREATE TABLE billing.invoice (id int, kind billing.kind)")
    assert advice in str(refuse(tmp_path, embedded_url, one=body))


@pytest.mark.parametrize("first", ["op.create_table('post', sa.Column('title', sa.Text()))", None])
def test_what_an_earlier_revision_of_the_run_has_made_is_not_stamped(
    tmp_path: Path, database_url: str, first: str | None
) -> None:
    """Counted as done, the revision that makes it twice would leave out the rest of its work."""
    add = "op.add_column('post', sa.Column('title', sa.Text()))"
    table = "op.create_table('post', sa.Column('id', sa.Integer()))"
    error = refuse(tmp_path, database_url, one=first or table, two="pass" if first else add, three=add)
    named = "one" if first else "two"
    assert error.fix == f"revision {named} has made it before in the same run: remove one of the two"
    assert error.example == f"alembic show {named}"


@pytest.mark.mysql
@pytest.mark.parametrize(
    ("body", "fix"),
    [
        ("op.execute('SELECT 1 FROM nowhere')", "correct its name; or the revision that creates it"),
        ("op.execute('SELECT nowhere')", "correct its name, and quote texts with '"),
        (
            "op.execute('CREATE TABLE one (id int)')\n    op.execute('CREATE TABLE one (id int)')",
            "revision one has made it before in the same run",
        ),
        ("op.execute('SELECTED')", "correct the statement of the revision"),
    ],
)
def test_errors_of_mysql_are_known(tmp_path: Path, mysql_url: str, body: str, fix: str) -> None:
    """Errors are recognised by their numbers; MySQL rolls back no statement of DDL, and no message claims it."""
    error = refuse(tmp_path, mysql_url, one=body)
    assert fix in str(error)
    made = ": CREATE TABLE one (id int)" if "CREATE" in body else ""
    assert error.state == f"what it had committed before stays{made}; applied before it in this run: none"


@pytest.mark.parametrize(
    "raised",
    [
        "RuntimeError('the import loop is already running')",
        "__import__('alembic').util.CommandError('Multiple heads are present')",
        "type('Broken', (LookupError,), {'__str__': lambda self: 1 / 0})()",
    ],
)
def test_what_a_revision_raises_itself_is_its_own(tmp_path: Path, sqlite_url: str, raised: str) -> None:
    """The exception is passed on, whatever its text is, and if it has none."""
    write_environment(tmp_path, sqlite_url, one=f"raise {raised}")
    with pytest.raises((RuntimeError, CommandError, LookupError)) as failed:
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())
    assert not isinstance(failed.value, AlembicAsyncTemplateError)


def test_what_a_revision_raises_itself_is_not_explained(tmp_path: Path, sqlite_url: str) -> None:
    """Alembic's own class of errors gets the place; what is raised because of another error says more than that one."""
    error = "__import__('alembic').util.CommandError('Run the other tool first')"
    write_environment(tmp_path, sqlite_url, one=f"raise {error}")
    place = f"\n  where  revision one, {tmp_path}/migrations/versions/one.py:{LINE}\n         raise {error}"
    with pytest.raises(CommandError) as told:
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())
    assert str(told.value) == f"Run the other tool first{place}\n  state  rolled back; applied before it in this run: none"
    write_revisions(
        tmp_path, one="try:\n        nowhere\n    except NameError as error:\n        raise ValueError('no') from error"
    )
    with pytest.raises(ValueError, match="no") as raised:
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())
    assert raised.value.__notes__[0].startswith(
        f"  where  revision one, {tmp_path}/migrations/versions/one.py:16\n         raise "
    )


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


def test_an_unknown_error_keeps_its_traceback(templates: Path, tmp_path: Path, sqlite_url: str) -> None:
    """The last lines tell the place; a revision's own AssertionError is not taken for an autocommit block's."""
    case = Case("", revisions={"one": "pass", "two": "assert sa is None"})
    output = run(Project(tmp_path / "ours"), case, templates / "async-fastapi", make_url(sqlite_url)).stderr
    assert "Traceback" in output
    assert output.endswith(
        f"AssertionError\n  where  revision two, migrations/versions/two.py:{LINE}\n         assert sa is None\n"
        "  state  rolled back; applied before it in this run: one\n"
    )


def test_a_revision_whose_source_is_gone(tmp_path: Path, sqlite_url: str) -> None:
    """The line is known, and nothing is quoted that is not there."""
    write_environment(tmp_path, sqlite_url, one="__import__('pathlib').Path(__file__).write_text('changed (')\n    nowhere")
    with pytest.raises(
        errors.RevisionFailedError, match=rf"^name 'nowhere' .*\n  where  revision one, \S+/one.py:{LINE + 1}\n  state"
    ):
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())


def test_a_script_says_where_it_failed(templates: Path, tmp_path: Path, sqlite_url: str) -> None:
    """A script says where it failed, without a database."""
    case = Case("", revisions={"one": "pass", "two": "sqlmodel.AutoString()"}, command=("upgrade", "head", "--sql"))
    result = run(Project(tmp_path / "ours"), case, templates / "async-fastapi", make_url(sqlite_url))
    assert "Traceback" not in result.output
    assert f"\n  where  revision two, migrations/versions/two.py:{LINE}\n         sqlmodel.AutoString()\n" in result.stderr
