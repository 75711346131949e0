"""Each known error of a revision: how it is provoked, and how the example of its fix is typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

POSTGRESQL, SQLITE, MYSQL = "postgresql", "sqlite", "mysql"
EVERYWHERE = (POSTGRESQL, SQLITE, MYSQL)


class Typed(Enum):
    """Where the example of a fix is typed."""

    BEFORE = auto()
    """In the revision, in front of what failed."""
    INSTEAD = auto()
    """In the revision, in place of `Hint.part`, by default all of it."""
    ON_TOP = auto()
    """In the revision, as its first line."""
    AS_ADMIN = auto()
    """As SQL, by who owns the database."""
    IN_INI = auto()
    IN_SHELL = auto()
    """As a command; what it prints has `Hint.shows` in it."""


@dataclass(frozen=True, slots=True)
class Hint:
    """A known error, and its hint."""

    error: str
    """The rule's own title."""
    body: str
    """What the revision `one` does."""
    typed: Typed
    dialects: Sequence[str] = (POSTGRESQL,)
    part: str = ""
    """What the example replaces in the body."""
    filled: Mapping[str, str] = field(default_factory=dict)
    """What a person has to put in place of dots."""
    next: str = ""
    """The beginning of the next error, another and truer; empty where the revision runs."""
    stays: bool = False
    """Whether the hint is there to look, and solves nothing by itself."""
    shows: str = ""
    other: bool = False
    """Whether the second way out is typed."""
    set_up: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    hides: str = ""
    """A module that is not installed."""
    role: str = ""
    """Options of a role that migrates."""
    ini: str = ""
    command: Sequence[str] = ("upgrade", "head")
    later: Mapping[str, str] = field(default_factory=dict)
    """Revisions after the first one."""


TABLE = "CREATE TABLE post (id int)"
ROW = f"{TABLE}; INSERT INTO post VALUES (1)"
ROWS = f"{ROW}; INSERT INTO post VALUES (1)"
TEXT = "CREATE TABLE post (title varchar(20)); INSERT INTO post VALUES ('long')"
ENUM = "CREATE TYPE role AS ENUM ('a', 'b'); CREATE TABLE post (role role)"
OTHER_ENUM = "CREATE SCHEMA billing; CREATE TYPE billing.\"Role\" AS ENUM ('a', 'b'); CREATE TABLE post (role billing.\"Role\")"
CREATE_TITLED = "op.create_table('post', sa.Column('id', sa.Integer()), sa.Column('title', sa.String(9)))"

BODIES = [
    Hint("NameError: name 'sqlmodel' is not defined", "sqlmodel.AutoString()", Typed.ON_TOP, (SQLITE,)),
    Hint("NameError: name 'app' is not defined", "app.work()", Typed.ON_TOP, (SQLITE,), files={"app.py": "work = int"}),
    Hint("NameError: name 'app' is not defined", "text('SELECT 1')", Typed.ON_TOP, (SQLITE,)),
    Hint(
        "KeyError: 'd01' in the revisions", "pass", Typed.IN_SHELL, (SQLITE,), later={"two": "gone"}, stays=True, shows="one.py"
    ),
    Hint(
        "ModuleNotFoundError: No module named 'sqlmodel'",
        "import sqlmodel",
        Typed.INSTEAD,
        (SQLITE,),
        hides="sqlmodel",
        other=True,
    ),
    Hint(
        "ModuleNotFoundError: No module named 'app'",
        "import shop.work",
        Typed.IN_INI,
        (SQLITE,),
        files={"lib/shop/__init__.py": "", "lib/shop/work.py": ""},
    ),
    Hint(
        "MissingGreenlet: greenlet_spawn has not been called",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "    ThreadPoolExecutor().submit(op.get_bind().exec_driver_sql, 'SELECT 1').result()",
        Typed.INSTEAD,
        (SQLITE, POSTGRESQL),
    ),
    Hint(
        "asyncio.run() cannot be called from a running event loop",
        "import asyncio\n    async def fill(n): return n\n    two = asyncio.run(fill(2)) + asyncio.run(fill(0))",
        Typed.INSTEAD,
        (SQLITE, POSTGRESQL),
        part="two = asyncio.run(fill(2)) + asyncio.run(fill(0))",
        next="asyncio.run() cannot be called from a running event loop",
    ),
    *(
        Hint(
            "asyncio.run() cannot be called from a running event loop",
            f"import asyncio\n    async def create(c, name): await c.execute(sa.text(f'CREATE TABLE {{name}} (id int)'))\n    {part}",
            Typed.INSTEAD,
            (SQLITE, POSTGRESQL),
            part=part,
            other=other,
        )
        for part, other in {
            "asyncio.run(create(op.get_bind(), name='post'))": False,
            "x = asyncio.get_event_loop().run_until_complete(create(op.get_bind(), 'post'))": False,
            "asyncio.Runner().run(create(op.get_bind(), 'post'))": False,
            "asyncio.run(create(op.get_bind(), 'note'))": True,
        }.items()
    ),
    Hint(
        "ObjectNotExecutableError: Not an executable object",
        'op.get_bind().execute("SELECT 1")',
        Typed.INSTEAD,
        EVERYWHERE,
        part='"SELECT 1"',
    ),
    Hint(
        "VACUUM cannot run inside a transaction block; CREATE INDEX CONCURRENTLY, CREATE DATABASE and the like",
        'op.execute("VACUUM")',
        Typed.INSTEAD,
    ),
    Hint(
        "VACUUM cannot run inside a transaction block; CREATE INDEX CONCURRENTLY, CREATE DATABASE and the like",
        'op.create_index("ix", "post", ["id"], postgresql_concurrently=True)',
        Typed.INSTEAD,
        set_up=TABLE,
    ),
    Hint(
        "cannot insert multiple commands into a prepared statement",
        'op.execute("CREATE TABLE a (id int); CREATE TABLE b (id int)")',
        Typed.INSTEAD,
        (POSTGRESQL, SQLITE),
    ),
    Hint(
        "current transaction is aborted, commands ignored until end of transaction block",
        'try:\n        op.execute("SELECT nowhere")\n    except Exception:\n        pass\n    op.execute("SELECT 1")',
        Typed.INSTEAD,
        part='op.execute("SELECT nowhere")',
        filled={"...": "SELECT nowhere"},
    ),
    Hint(
        'relation "post" does not exist; no such table: post',
        'op.execute("DELETE FROM post")',
        Typed.IN_SHELL,
        EVERYWHERE,
        stays=True,
        shows="one (head)",
    ),
    Hint(
        'relation "post" already exists, in a downgrade',
        "pass",
        Typed.IN_SHELL,
        EVERYWHERE,
        set_up=TABLE,
        command=("downgrade", "base"),
        stays=True,
        shows="one (head) (current)",
    ),
    *(
        Hint(
            'relation "post" already exists; duplicate column name: title, made by the same run',
            body,
            Typed.IN_SHELL,
            (POSTGRESQL, SQLITE),  # MySQL keeps the first one, so that the second run says something else
            stays=True,
            shows="one.py",
        )
        for body in (
            f"{CREATE_TITLED}\n    {CREATE_TITLED}",
            f"{CREATE_TITLED}\n    op.add_column('post', sa.Column('title', sa.String(9)))",
        )
    ),
    Hint(
        'relation "ix" already exists, of CREATE INDEX CONCURRENTLY',
        "with op.get_context().autocommit_block(): op.create_index('ix', 'post', ['id'], schema='Shop', postgresql_concurrently=True)",
        Typed.AS_ADMIN,
        set_up='CREATE SCHEMA "Shop"; CREATE TABLE "Shop".post (id int); CREATE INDEX ix ON "Shop".post (id)',
    ),
    Hint(
        'relation "post" already exists, and lacks a column that the revision makes',
        "op.create_table('post', sa.Column('id', sa.Integer()), sa.Column('a b', sa.Numeric(9, 2)), "
        "sa.Column('title', sa.String(9), server_default='x,(y'), sa.UniqueConstraint('id'), schema=None)",
        Typed.AS_ADMIN,
        (POSTGRESQL,),
        set_up=TABLE,
        next='relation "post" already exists',
    ),
    Hint(
        'relation "post" already exists, and lacks a column that the revision makes',
        "op.create_table('post', sa.Column('id', sa.Integer()), sa.Column('a b', sa.Numeric(9, 2)), "
        "sa.Column('title', sa.String(9), server_default='x,(y'), sa.UniqueConstraint('id'), schema='billing')",
        Typed.AS_ADMIN,
        (POSTGRESQL,),
        set_up="CREATE SCHEMA billing; CREATE TABLE billing.post (id int)",
        next='relation "post" already exists',
    ),
    Hint(
        'relation "post" already exists, and lacks a column that the revision makes',
        "op.create_table('post', sa.Column('id', sa.Integer()), sa.Column('a b', sa.Numeric(9, 2)), "
        "sa.Column('title', sa.String(9), server_default='x,(y'), sa.UniqueConstraint('id'), schema=None)",
        Typed.AS_ADMIN,
        (SQLITE,),
        set_up=TABLE,
        next="table post already exists",
    ),
    Hint(
        'relation "post" already exists, and lacks a column that the revision makes',
        "op.create_table('post', sa.Column('id', sa.Integer()), sa.Column('a b', sa.Numeric(9, 2)), "
        "sa.Column('title', sa.String(9), server_default='x,(y'), sa.UniqueConstraint('id'), schema=None)",
        Typed.AS_ADMIN,
        (MYSQL,),
        set_up=TABLE,
        next="Table 'post' already exists",
    ),
    Hint(
        'relation "post" already exists; table post already exists',
        'op.create_table("post", sa.Column("id", sa.Integer()))',
        Typed.IN_SHELL,
        EVERYWHERE,
        set_up=TABLE,
    ),
    Hint(
        'column "title" does not exist; no such column: title',
        'op.execute("SELECT title FROM post")',
        Typed.IN_SHELL,
        EVERYWHERE,
        set_up=TABLE,
        stays=True,
        shows="one (head)",
    ),
    Hint(
        "operator does not exist: text = integer",
        "op.execute('SELECT 1 FROM post WHERE id::text = 5')",
        Typed.INSTEAD,
        part="5",
        filled={"...": "5"},
        set_up=TABLE,
    ),
    Hint(
        'relation "post" already exists; table post already exists',
        'op.create_table("post", sa.Column("id", sa.Integer()))',
        Typed.INSTEAD,
        EVERYWHERE,
        set_up=TABLE,
        other=True,
    ),
    *(
        Hint(
            'column "title" of relation "post" already exists',
            body,
            Typed.INSTEAD,
            set_up=TABLE,
        )
        for body in (
            'op.add_column("post", sa.Column("id", sa.Integer()))',
            'op.execute("ALTER TABLE post ADD COLUMN id int")',
            'op.execute("ALTER TABLE post ADD id int")',
        )
    ),
    Hint(
        'column "title" of relation "post" already exists',
        'op.add_column("post", sa.Column("id", sa.Integer()))',
        Typed.IN_SHELL,
        set_up=TABLE,
        other=True,
    ),
    Hint(
        "duplicate column name: title, of SQLite and MySQL",
        'op.add_column("post", sa.Column("id", sa.Integer()))',
        Typed.IN_SHELL,
        (SQLITE, MYSQL),
        set_up=TABLE,
    ),
    Hint(
        'type "status" already exists',
        'op.create_table("post", sa.Column("role", sa.Enum("a", name="role")))',
        Typed.BEFORE,
        set_up="CREATE TYPE role AS ENUM ('a')",
    ),
    Hint(
        'type "status" already exists',
        'op.create_table("post", sa.Column("role", sa.Enum("a", name="role", schema="billing")))',
        Typed.BEFORE,
        set_up="CREATE SCHEMA billing; CREATE TYPE billing.role AS ENUM ('a')",
    ),
    Hint(  # dropping it would be refused
        'type "status" already exists',
        'op.create_table("note", sa.Column("role", sa.Enum("a", "b", name="role")))',
        Typed.BEFORE,
        set_up=ENUM,
        next="cannot drop type role because other objects depend on it",
    ),
    Hint(
        'type "status" already exists',
        'op.create_table("note", sa.Column("role", sa.Enum("a", "b", name="role")))',
        Typed.INSTEAD,
        part='sa.Enum("a", "b", name="role")',
        set_up=ENUM,
        other=True,
    ),
    Hint(
        'type "citext" does not exist; hstore, ltree and the like',
        'op.execute("ALTER TABLE post ADD a citext")',
        Typed.BEFORE,
        set_up=TABLE,
    ),
    Hint(
        'type "vector" does not exist; halfvec, sparsevec',
        'op.execute("ALTER TABLE post ADD a vector(3)")',
        Typed.BEFORE,
        set_up=TABLE,
        next='extension "vector" is not available',
    ),
    Hint(
        'type "geometry" does not exist; geography',
        'op.execute("ALTER TABLE post ADD a geometry")',
        Typed.BEFORE,
        set_up=TABLE,
        next='extension "postgis" is not available',
    ),
    Hint('type "status" does not exist', 'op.execute("ALTER TABLE post ADD a role[]")', Typed.BEFORE, set_up=TABLE),
    Hint(
        'type "status" does not exist',
        'op.execute("ALTER TABLE post ADD a billing.\\"Role\\"")',
        Typed.BEFORE,
        set_up=f"{TABLE}; CREATE SCHEMA billing",
    ),
    Hint(
        'type "status" does not exist',
        'op.execute("ALTER TABLE post ADD a role[]")',
        Typed.BEFORE,
        set_up=TABLE,
        other=True,
        filled={"...": "nowhere"},
        next='extension "nowhere" is not available',
    ),
    Hint(
        'unsafe use of new value "archived" of enum type status',
        "op.execute(\"ALTER TYPE role ADD VALUE 'c'\")\n    op.execute(\"INSERT INTO post VALUES ('c')\")",
        Typed.INSTEAD,
        part="op.execute(\"ALTER TYPE role ADD VALUE 'c'\")",
        set_up=ENUM,
        other=True,
    ),
    Hint(
        'unsafe use of new value "archived" of enum type status',
        "op.execute('ALTER TYPE billing.\"Role\" ADD VALUE \\'c\\'')\n    op.execute(\"INSERT INTO post VALUES ('c')\")",
        Typed.INSTEAD,
        part="op.execute('ALTER TYPE billing.\"Role\" ADD VALUE \\'c\\'')",
        set_up=OTHER_ENUM,
        other=True,
    ),
    Hint(
        'invalid input value for enum status: "ab", where an array becomes one value',
        "op.execute(\"ALTER TABLE post ALTER COLUMN role TYPE role USING array_to_string(role, '')::role\")",
        Typed.BEFORE,
        set_up="CREATE TYPE role AS ENUM ('a', 'b'); CREATE TABLE post (role role[]); INSERT INTO post VALUES ('{a,b}')",
        filled={"...": "'a'::role"},
    ),
    Hint(
        'invalid input value for enum status: "archived", where a column of text becomes an enum',
        "op.create_enum('role', ['IN_PRINT', 'A'])\n    op.execute('ALTER TABLE post ALTER COLUMN \"Role\" TYPE role "
        'USING "Role"::role\')',
        Typed.BEFORE,
        set_up="CREATE TABLE post (\"Role\" varchar(9)); INSERT INTO post VALUES ('in-print'), ('A'), ('a'), (NULL)",
    ),
    Hint(
        'invalid input value for enum status: "archived", where a column of text becomes an enum',
        "op.execute(\"CREATE TYPE billing.role AS ENUM ('a:b')\")\n"
        "    op.alter_column('post', 'role', type_=postgresql.ENUM(name='role', schema='billing'), schema='billing', "
        "postgresql_using='role::billing.role')",
        Typed.BEFORE,
        set_up="CREATE SCHEMA billing; CREATE TABLE billing.post (role text); INSERT INTO billing.post VALUES ('A:B')",
    ),
    Hint(
        'invalid input value for enum status: "archived", where a column of text becomes an enum',
        'op.execute("ALTER TABLE post ALTER COLUMN role TYPE role USING role::role")',
        Typed.BEFORE,
        set_up="CREATE TYPE role AS ENUM ('a', 'b'); CREATE TABLE post (role text); INSERT INTO post VALUES ('B'), ('other'), ('A')",
        filled={"...": "'a'"},
    ),
    Hint(
        'invalid input value for enum status: "archived", where the type has "ARCHIVED"',
        "op.execute(\"INSERT INTO post VALUES ('-B-')\")",  # of another length: Python keeps the byte code otherwise
        Typed.INSTEAD,
        part="'-B-'",
        set_up=ENUM,
    ),
    Hint(  # the type is rolled back with the revision
        'invalid input value for enum status: "archived", where the type has "ARCHIVED"',
        "op.create_enum('role', ['IN_PRINT'])\n    op.create_table('post', sa.Column('role', postgresql.ENUM('IN_PRINT', "
        "name='role', create_type=False), server_default='in - print'))",
        Typed.INSTEAD,
        part="'in - print'",
    ),
    Hint(
        'invalid input value for enum status: "archived", where the type has "ARCHIVED"',
        "op.execute(\"CREATE TYPE role AS ENUM ('A')\")\n    op.execute(\"SELECT 'a'::role\")",
        Typed.BEFORE,
        other=True,
        next="Enum role does not exist",
    ),
    Hint(
        'invalid input value for enum status: "archived"',
        "op.execute(\"INSERT INTO post VALUES ('c')\")",
        Typed.BEFORE,
        set_up=ENUM,
    ),
    Hint(
        'invalid input value for enum status: "archived"',
        "op.execute(\"INSERT INTO post VALUES ('c')\")",
        Typed.BEFORE,
        set_up=OTHER_ENUM,
    ),
    Hint(
        'invalid input value for enum status: "archived"',
        'op.execute("ALTER TYPE role RENAME TO old")\n    op.execute("CREATE TYPE role AS ENUM (\'b\')")\n'
        '    op.execute("ALTER TABLE post ALTER COLUMN role TYPE role USING role::text::role")',
        Typed.INSTEAD,
        set_up=f"{ENUM}; INSERT INTO post VALUES ('a')",
        other=True,
        filled={"...": "'b'"},
    ),
    Hint(
        "ALTER TYPE status DROP VALUE: dropping an enum value is not implemented",
        "op.execute(\"ALTER TYPE role DROP VALUE 'a'\")",
        Typed.INSTEAD,
        set_up=ENUM,
    ),
    Hint(
        "ALTER TYPE status DROP VALUE: dropping an enum value is not implemented",
        "op.execute('ALTER TYPE billing.\"Role\" DROP VALUE \\'a\\'')",
        Typed.INSTEAD,
        set_up=OTHER_ENUM,
    ),
    Hint(
        "ALTER TYPE status DROP VALUE: dropping an enum value is not implemented",
        "op.execute(\"ALTER TYPE role DROP VALUE 'a'\")",
        Typed.INSTEAD,
        set_up=f"{ENUM}; INSERT INTO post VALUES ('a')",
        next='Value "a" cannot be removed from enum public.role: 1 row of public.post.role holds it',
    ),
    Hint(
        "Data truncated for column 'status', of an ENUM of MySQL or MariaDB",
        "op.execute(\"INSERT INTO post VALUES ('c')\")",
        Typed.BEFORE,
        (MYSQL,),
        set_up="CREATE TABLE post (role enum('a', 'it''s'))",
    ),
    Hint(
        "Data truncated for column 'status', of an ENUM of MySQL or MariaDB",
        "op.bulk_insert(sa.table('post', sa.column('role')), [{'role': 'c'}])",
        Typed.BEFORE,
        (MYSQL,),
        set_up="CREATE TABLE post (role enum('a', 'it''s'))",
    ),
    Hint(
        'column "title" of relation "post" contains null values, of ALTER COLUMN',
        "with op.batch_alter_table('post') as batch: batch.alter_column('id', existing_type=sa.Integer(), nullable=False)",
        Typed.BEFORE,
        EVERYWHERE,
        set_up=f"{TABLE}; INSERT INTO post VALUES (NULL)",
        filled={"...": "0"},
    ),
    Hint(
        'column "title" of relation "post" contains null values, of ALTER COLUMN',
        "op.alter_column('Post', 'Id', nullable=False, schema='billing')",
        Typed.BEFORE,
        set_up='CREATE SCHEMA billing; CREATE TABLE billing."Post" ("Id" int); INSERT INTO billing."Post" VALUES (NULL)',
        filled={"...": "0"},
    ),
    Hint(
        'column "title" of relation "post" contains null values; Cannot add a NOT NULL column with default value NULL',
        "op.add_column('post', sa.Column(\"kind\", sa.String(9), nullable=False))",
        Typed.INSTEAD,
        (POSTGRESQL, SQLITE),
        part='sa.Column("kind", sa.String(9), nullable=False)',
        set_up=ROW,
        filled={", ...,": ", sa.String(9),", "=...": '="a"'},
    ),
    Hint(
        'column "title" of relation "post" contains null values; Cannot add a NOT NULL column with default value NULL',
        "with op.batch_alter_table('post') as batch:\n        batch.add_column(sa.Column(\"kind\", sa.String(9), nullable=False))\n"
        "        batch.alter_column('id', type_=sa.BigInteger())",
        Typed.INSTEAD,
        (POSTGRESQL, SQLITE),
        part='sa.Column("kind", sa.String(9), nullable=False)',
        set_up=ROW,
        filled={", ...,": ", sa.String(9),", "=...": '="a"'},
    ),
    Hint(
        'check constraint "online_not_null_title" of relation "post" is violated by some row, of NOT NULL in op.online()',
        "with op.online():\n        op.alter_column('Post', 'Id', nullable=False, schema='billing')",
        Typed.BEFORE,
        set_up='CREATE SCHEMA billing; CREATE TABLE billing."Post" ("Id" int); INSERT INTO billing."Post" VALUES (NULL)',
        filled={"...": "0"},
    ),
    Hint(
        "could not create unique index; is violated by some row, in op.online()",
        "with op.online():\n        op.create_index('ix', 'post', ['id'], unique=True)",
        Typed.BEFORE,
        set_up=ROWS,
        filled={"UPDATE post SET ...": "DELETE FROM post"},
    ),
    Hint(
        "could not create unique index; is violated by some row, in op.online()",
        "with op.online():\n        op.create_check_constraint('ck', 'post', 'id > 5')",
        Typed.BEFORE,
        set_up=ROWS,
        filled={"SET ...": "SET id = id + 5"},
    ),
    Hint(
        "could not create unique index; violates foreign key constraint; violates not-null constraint; CHECK constraint failed",
        "op.create_index('ix', 'post', ['id'], unique=True)",
        Typed.BEFORE,
        EVERYWHERE,
        set_up=ROWS,
        filled={"UPDATE post SET ...": "DELETE FROM post"},
    ),
    Hint(
        'default for column "status" cannot be cast automatically to type status',
        "op.alter_column('post', 'kind', type_=sa.Integer(), postgresql_using='1')",
        Typed.BEFORE,
        set_up="CREATE TABLE post (kind text DEFAULT 'a')",
    ),
    Hint(
        'column "title" cannot be cast automatically to type integer',
        "op.alter_column('Post', 'Id', type_=sa.Integer())",
        Typed.INSTEAD,
        part="type_=sa.Integer()",
        filled={"postgresql_using": "type_=sa.Integer(), postgresql_using"},
        set_up='CREATE TABLE "Post" ("Id" text)',
    ),
    Hint("permission denied for schema public", "op.execute('CREATE TABLE post (id int)')", Typed.AS_ADMIN, role="guest LOGIN"),
    Hint(
        "must be owner of table post",
        "op.drop_table('Post')",
        Typed.AS_ADMIN,
        role="guest LOGIN",
        set_up='CREATE TABLE "Post" (id int)',
    ),
    Hint(
        "must be owner of table post",
        "op.execute('ALTER TYPE role RENAME TO other')",
        Typed.AS_ADMIN,
        role="guest LOGIN",
        set_up="CREATE TYPE role AS ENUM ('a')",
    ),
    Hint(
        "permission denied for sequence post_id_seq",
        "op.execute(\"SELECT nextval('s')\")",
        Typed.AS_ADMIN,
        role="guest LOGIN",
        set_up="CREATE SEQUENCE s",
    ),
    Hint(
        "permission denied for table post",
        "op.execute('UPDATE billing.post SET id = 1')",
        Typed.AS_ADMIN,
        role="guest LOGIN",
        set_up="CREATE SCHEMA billing; GRANT USAGE ON SCHEMA billing TO PUBLIC; CREATE TABLE billing.post (id int)",
    ),
    Hint("permission denied for database app", "op.execute('CREATE SCHEMA billing')", Typed.AS_ADMIN, role="guest LOGIN"),
    Hint(
        'permission denied to create extension "vector"',
        "op.execute('CREATE EXTENSION IF NOT EXISTS \"file_fdw\"')",
        Typed.AS_ADMIN,
        role="guest LOGIN",
    ),
    Hint(
        "permission denied, of anything else",
        "op.execute(\"SELECT pg_read_file('PG_VERSION')\")",
        Typed.AS_ADMIN,
        role="guest LOGIN",
        filled={"...": "EXECUTE ON FUNCTION pg_read_file(text)"},
    ),
    Hint(
        'syntax error at or near "UPDAT"', "op.execute('UPDAT post')", Typed.IN_SHELL, EVERYWHERE, stays=True, shows="UPDAT post"
    ),
    Hint(
        "no schema has been selected to create in",
        "op.execute('CREATE TABLE post (id int)')",
        Typed.AS_ADMIN,
        role="guest LOGIN",
        set_up="GRANT ALL ON SCHEMA public TO PUBLIC; ALTER DATABASE {database} SET search_path = nowhere",
    ),
    Hint(
        'column "id" is in a primary key',
        "op.alter_column('post', 'id', nullable=True)",
        Typed.BEFORE,
        set_up="CREATE TABLE post (id int PRIMARY KEY)",
    ),
    Hint(
        "IdentifierError: Identifier 'ix_...' exceeds maximum length of 63 characters",
        f"op.create_index('{'ix_' * 22}', 'post', ['id'])",
        Typed.INSTEAD,
        (POSTGRESQL, MYSQL),
        part=f"'{'ix_' * 22}'",
        set_up=TABLE,
    ),
    Hint('schema "billing" does not exist', "op.execute('CREATE TABLE \"Shop\".post (id int)')", Typed.BEFORE),
    Hint(
        'constraint "uq" of relation "post" does not exist; trigger "t" for table "post" does not exist',
        "op.drop_constraint('uq', 'post')",
        Typed.IN_SHELL,
        set_up="CREATE TABLE post (id int CONSTRAINT other UNIQUE)",
        stays=True,
        shows='"other" UNIQUE CONSTRAINT',
    ),
    Hint(
        'index "ix" does not exist',
        "op.drop_index('ix')",
        Typed.IN_SHELL,
        set_up=f"{TABLE}; CREATE INDEX other ON post (id)",
        stays=True,
        shows="other",
    ),
    Hint(
        "Can't DROP INDEX `ix`; check that it exists, of MySQL",
        "op.drop_index('ix', 'post')",
        Typed.AS_ADMIN,
        (MYSQL,),
        set_up=f"{TABLE}; CREATE INDEX other ON post (id)",
        stays=True,
        shows="KEY `other` (`id`)",
    ),
    Hint(
        "no such index; No such constraint, of SQLite",
        "op.drop_index('ix')",
        Typed.AS_ADMIN,
        (SQLITE,),
        set_up=f"{TABLE}; CREATE INDEX other ON post (id)",
        stays=True,
        shows="CREATE INDEX other ON post (id)",
    ),
    Hint(
        "no such index; No such constraint, of SQLite",
        "with op.batch_alter_table('post') as batch: batch.drop_constraint('uq')",
        Typed.AS_ADMIN,
        (SQLITE,),
        set_up="CREATE TABLE post (id int, CONSTRAINT other UNIQUE (id))",
        stays=True,
        shows="CONSTRAINT other",
    ),
    Hint(
        "cannot drop table post because other objects depend on it: a constraint of another table",
        "op.drop_table('post')",
        Typed.BEFORE,
        set_up='CREATE TABLE post (id int PRIMARY KEY); CREATE TABLE "Note" (id int CONSTRAINT "fk Note" REFERENCES post)',
    ),
    Hint(
        "cannot drop table post because other objects depend on it: a view",
        "op.drop_table('post')",
        Typed.BEFORE,
        set_up=f"{TABLE}; CREATE SCHEMA s; CREATE VIEW s.v AS SELECT * FROM post",
    ),
    Hint(
        "cannot drop table post because other objects depend on it: a view",
        "op.alter_column('post', 'id', type_=sa.BigInteger())",
        Typed.BEFORE,
        set_up=f"{TABLE}; CREATE MATERIALIZED VIEW v AS SELECT id FROM post",
    ),
    Hint(
        "cannot drop type status because other objects depend on it: a column",
        "op.execute('DROP TYPE role')",
        Typed.BEFORE,
        set_up=ENUM,
    ),
    Hint(
        "cannot drop ... because other objects depend on it; cannot alter type of a column used by a trigger",
        "op.execute('DROP FUNCTION f')",
        Typed.BEFORE,
        set_up="CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TABLE post (id int DEFAULT f())",
        filled={"DROP ...": "ALTER TABLE post ALTER COLUMN id DROP DEFAULT"},
    ),
    Hint(
        "value too long for type character varying(1), of ALTER COLUMN",
        "op.alter_column('post', 'title', type_=sa.String(2))",
        Typed.BEFORE,
        set_up=TEXT,
    ),
    Hint(
        "value too long for type character varying(1); Data too long for column 'title'",
        "op.execute(\"INSERT INTO post VALUES ('longer than that')\")",
        Typed.BEFORE,
        (POSTGRESQL, MYSQL),
        set_up="CREATE TABLE post (title varchar(5))",
        filled={"...": '"title"'},
    ),
    Hint(
        'invalid input syntax for type integer: "a"; Data truncated for column',
        "op.alter_column('post', 'title', type_=sa.Integer(), postgresql_using='title::integer')",
        Typed.BEFORE,
        (POSTGRESQL, MYSQL),
        set_up=TEXT,
        filled={"SET ...": "SET title = 1"},
    ),
    Hint(  # a value goes
        'invalid input syntax for type integer: "a"; Data truncated for column',
        'op.alter_column("post", "role", existing_type=sa.Enum("a", "b"), type_=sa.Enum("b"))',
        Typed.BEFORE,
        (MYSQL,),
        set_up="CREATE TABLE post (role enum('a', 'b')); INSERT INTO post VALUES ('a')",
        filled={"SET ...": "SET role = 'b'"},
    ),
    Hint(
        'extension "vector" is not available',
        "op.execute('CREATE EXTENSION nowhere')",
        Typed.AS_ADMIN,
        stays=True,
        shows="plpgsql",
    ),
    Hint(
        'column "status" is of type status but expression is of type text',
        "op.execute('UPDATE post SET role = \\'a\\'::text')",
        Typed.INSTEAD,
        part="\\'a\\'::text",
        set_up=OTHER_ENUM,
        filled={"...": "\\'a\\'"},
    ),
    Hint(
        'column "status" is of type status but expression is of type text',
        "op.execute(\"UPDATE post SET role = 'a'::text\")",
        Typed.INSTEAD,
        part="'a'::text",
        set_up=ENUM,
        filled={"...": "'a'"},
    ),
    Hint("function gen_salt(text) does not exist", "op.execute(\"SELECT gen_salt('bf')\")", Typed.BEFORE),
    Hint("function uuid_generate_v4() does not exist", 'op.execute("SELECT uuid_generate_v4()")', Typed.BEFORE),
    Hint(
        "function nowhere() does not exist",
        'op.execute("SELECT f()")',
        Typed.IN_SHELL,
        set_up="CREATE FUNCTION f(number int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        stays=True,
        shows="number integer",
    ),
    Hint(
        'operator class "gin_trgm_ops" does not exist for access method "gin"',
        'op.execute("CREATE INDEX i ON post USING gin (title gin_trgm_ops)")',
        Typed.BEFORE,
        set_up=TEXT,
    ),
    Hint(
        'operator class "vector_cosine_ops" does not exist for access method "hnsw"',
        'op.execute("CREATE INDEX i ON post USING gin (title nowhere_ops)")',
        Typed.IN_SHELL,
        set_up=TEXT,
        stays=True,
        shows="jsonb_ops",
    ),
    Hint(
        'there is no unique constraint matching given keys for referenced table "post"',
        "op.create_foreign_key('fk', 'post', 'post', ['a', 'b'], ['a', 'b'], source_schema='Shop', referent_schema='Shop')",
        Typed.BEFORE,
        set_up='CREATE SCHEMA "Shop"; CREATE TABLE "Shop".post (a int, b int)',
    ),
    Hint(
        'enum label "archived" already exists',
        "op.execute('ALTER TYPE billing.\"Role\" ADD VALUE \\'a\\'')",
        Typed.INSTEAD,
        set_up=OTHER_ENUM,
    ),
    Hint(
        "cannot execute CREATE TABLE in a read-only transaction",
        "pass",
        Typed.AS_ADMIN,
        role="guest LOGIN",
        set_up="GRANT ALL ON SCHEMA public TO PUBLIC; ALTER DATABASE {database} SET default_transaction_read_only = on",
    ),
    Hint(
        "A value is required for bind parameter 'x'",
        "op.execute(\"UPDATE post SET title = 'a :x'\")",
        Typed.INSTEAD,
        EVERYWHERE,
        set_up=TEXT,
        filled={"... ": "UPDATE post SET title = 'a ", " ...": "'"},
    ),
    Hint(
        "Can't emit DROP CONSTRAINT for constraint; it has no name",
        'op.drop_constraint(None, "post", type_="unique")',
        Typed.INSTEAD,
        (POSTGRESQL,),
        set_up="CREATE TABLE post (id int UNIQUE)",
        filled={'"..."': '"post_id_key"'},
    ),
    Hint(
        "canceling statement due to statement timeout",
        'op.execute("SELECT pg_sleep(0.5)")',
        Typed.IN_INI,
        ini="statement_timeout = 300ms",
    ),
    Hint(
        "No support for ALTER of constraints in SQLite dialect",
        'op.create_unique_constraint("uq", "post", ["id"])',
        Typed.INSTEAD,
        (SQLITE,),
        set_up=TABLE,
    ),
    Hint(
        "No support for ALTER of constraints in SQLite dialect",
        'op.create_foreign_key("fk", "note", "post", ["id"], ["id"])',
        Typed.INSTEAD,
        (SQLITE,),
        set_up=f"{TABLE}; CREATE TABLE note (id int)",
    ),
    Hint(
        "No support for ALTER of constraints in SQLite dialect",
        'op.alter_column("post", "id", nullable=False)',
        Typed.INSTEAD,
        (SQLITE,),
        set_up=TABLE,
    ),
    Hint(
        "No support for ALTER of constraints in SQLite dialect",
        'op.execute("ALTER TABLE post ALTER COLUMN id SET NOT NULL")',
        Typed.INSTEAD,
        (SQLITE,),
        set_up=TABLE,
        filled={"...": "'id', nullable=False"},
    ),
    Hint(
        "terminating connection due to administrator command; connection was closed in the middle of operation",
        "op.execute('SELECT pg_terminate_backend(pg_backend_pid())')",
        Typed.IN_SHELL,
        stays=True,
    ),
]
UNTYPED = {
    "AssertionError in autocommit_block": "code, typed in test_hints",
    "value too long for type character varying(32), of alembic_version": "the identifier is in the file's own lines, typed in test_hints",
    "NoReferencedTableError: could not find table 'users'": "models, typed in test_hints",
    "canceling statement due to lock timeout; deadlock detected": "a second transaction, typed in test_hints",
    "Lock wait timeout exceeded; Deadlock found, of MySQL": "a second transaction, typed in test_hints",
    "database is locked": "a second process, typed in test_hints",
    'prepared statement "__asyncpg_stmt_1__" already exists': "needs a pooler, tests/errors/test_connection.py",
    "CREATE command denied to user; Access denied for user to database, of MySQL": "a role of MySQL, typed in test_hints",
    "The MariaDB server is running with the --read-only option": "would stop every other test on the server",
    "attempt to write a readonly database": "root may write everywhere, and tests often run as root",
}
"""Errors whose hint is not in the table, with the reason."""
