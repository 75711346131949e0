"""Broken projects, one for each code of the doctor, with what it says and what its fix is applied to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import alembic_async_template
from support.project import ENV

INI = "[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = {url}\n"
REVISION = '''"""{name}"""

import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = {down!r}


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''
SYNC_ENV = """
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
ASYNC_ENV = """
import asyncio

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine


def migrate(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(context.config.get_main_option("sqlalchemy.url"))
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(main())
"""
MODELS = """from sqlmodel import Field, SQLModel


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
"""
CREATE = 'op.create_table("post", sa.Column("id", sa.Integer(), primary_key=True))'
DROP = 'op.drop_table("post")'
HEADERS = "[loggers]\nkeys = root\n[handlers]\nkeys = console\n[formatters]\nkeys = generic\n"


def revision(upgrade: str, downgrade: str = DROP, name: str = "one", down: str | None = None) -> str:
    return REVISION.format(name=name, down=down, upgrade=upgrade, downgrade=downgrade)


@dataclass(frozen=True, slots=True)
class Broken:
    """A project in which one thing is wrong."""

    code: str
    severity: str
    file: str | None
    line: int | None
    files: dict[str, str] = field(default_factory=dict)
    url: str = "{sqlite}"
    before: tuple[str, ...] = ()
    """What is typed before the doctor looks."""
    folder: str = "."
    options: tuple[str, ...] = ("--no-database",)
    fix: str | None = None
    """What is typed in place of the example, where that is not a command: Python that gets `project`, `finding`, `example`."""


MAKO = (Path(alembic_async_template.__file__).parent / "templates/async-fastapi/script.py.mako").read_text()
OURS = {
    "migrations/script.py.mako": MAKO,
    "alembic.ini": INI,
    "migrations/env.py": ENV,
    "migrations/versions/one.py": revision(CREATE),
}
DECLARATIVE = """from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Post(Base):
    __tablename__ = "post"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


def _split_env() -> tuple[str, str]:
    """A synchronous `env.py`, parted where `target_metadata` is defined."""
    text = SYNC_ENV.replace(
        "configure(connection=connection)", "configure(connection=connection, target_metadata=target_metadata)"
    )
    before, middle, after = text.partition("\nengine")
    return before, f"{middle[1:]}{after}"


SYNC = {**OURS, "migrations/env.py": SYNC_ENV}
ASYNC = {**OURS, "migrations/env.py": ASYNC_ENV}
GIT = ("git init -q .", "git config user.email a@b.c", "git config user.name a", "git add -A", "git commit -qm first")

EMPTY = {
    "migrations/script.py.mako": MAKO,
    "alembic.ini": INI + "prepend_sys_path = .\npath_separator = os\n",
    "app/__init__.py": "",
}

CASES = [
    Broken("no-environment", "error", None, None, {}),
    Broken("other-directory", "error", None, None, {**OURS, "app/models.py": ""}, folder="app", fix="skip"),
    Broken("unreadable-settings", "error", "alembic.ini", 2, {**OURS, "alembic.ini": "[alembic]\nscript_location\n"}, fix="line"),
    Broken("no-script-location", "error", "alembic.ini", None, {**OURS, "alembic.ini": "[alembic]\nsqlalchemy.url = {url}\n"}),
    Broken(
        "wrong-table",
        "error",
        "pyproject.toml",
        1,
        {**OURS, "alembic.ini": "", "pyproject.toml": '[alembic]\nscript_location = "%(here)s/migrations"\n'},
        fix="line",
    ),
    Broken("no-script-folder", "error", "alembic.ini", 2, {"alembic.ini": INI}),
    Broken("unknown-interpolation", "error", "alembic.ini", 2, {**OURS, "alembic.ini": INI.replace("%(here)s", "%(her)s")}),
    Broken("percent-in-ini", "error", "alembic.ini", 4, {**SYNC, "alembic.ini": INI + "x = 100%\n"}),
    Broken(
        "logging-sections",
        "error",
        "alembic.ini",
        None,
        {**SYNC, "migrations/env.py": f"from logging.config import fileConfig\nfileConfig('alembic.ini')\n{SYNC_ENV}"},
        fix="append",
    ),
    Broken("unparsable-environment", "error", "migrations/env.py", 1, {**OURS, "migrations/env.py": "def\n" + ENV}, fix="remove"),
    Broken(
        "unparsable-revision",
        "error",
        "migrations/versions/one.py",
        1,
        {**OURS, "migrations/versions/one.py": "def\n" + revision(CREATE)},
        fix="remove",
    ),
    Broken("sync-environment", "error", "alembic.ini", 3, SYNC, url="postgresql+asyncpg://app@localhost/app"),
    Broken("async-environment", "error", "alembic.ini", 3, ASYNC, url="postgresql+psycopg2://app@localhost/app"),
    Broken("placeholder-url", "error", "alembic.ini", 3, ASYNC, url="driver://user:pass@localhost/dbname"),
    Broken("missing-driver", "error", "alembic.ini", 3, SYNC, url="postgresql+pg8000://app@localhost/app", fix="skip"),
    Broken(
        "unawaited-call",
        "error",
        "migrations/env.py",
        17,
        {**OURS, "migrations/env.py": ASYNC_ENV.replace("await connection.run_sync", "connection.run_sync")},
        url="postgresql+asyncpg://app@localhost/app",
        fix="line",
    ),
    Broken(
        "pooled-statements", "warning", "alembic.ini", 3, ASYNC, url="postgresql+asyncpg://app@localhost:6432/app", fix="skip"
    ),
    Broken("libpq-words", "error", "alembic.ini", 3, ASYNC, url="postgresql+asyncpg://app@localhost/app?sslmode=require"),
    Broken("old-postgres-url", "error", "alembic.ini", 3, SYNC, url="postgres://app@localhost/app"),
    Broken("password-in-ini", "warning", "alembic.ini", 3, OURS, url="postgresql://scott:tiger@localhost/test", fix="remove"),
    Broken(
        "password-in-history",
        "warning",
        "alembic.ini",
        None,
        OURS,
        url="postgresql://scott:tiger@localhost/test",
        before=(*GIT, "sed -i 3d alembic.ini", "git commit -qam second"),
        fix="skip",
    ),
    Broken(
        "password-in-revision",
        "warning",
        "migrations/versions/one.py",
        11,
        {
            **OURS,
            "migrations/versions/one.py": revision("op.execute(\"CREATE ROLE a PASSWORD 'tiger'\")", "op.execute('DROP ROLE a')"),
        },
        fix="skip",
    ),
    Broken(
        "url-printed",
        "warning",
        "migrations/env.py",
        2,
        {**OURS, "migrations/env.py": "db_url = 'postgresql://localhost'\nprint(f'database: {db_url}')\n" + ENV},
        fix="remove",
    ),
    Broken(
        "several-heads",
        "warning",
        None,
        None,
        {
            **OURS,
            **{f"migrations/versions/{name}.py": revision("op.drop_table('x')", "op.f('x')", name, "one") for name in ("a", "b")},
        },
    ),
    Broken(
        "duplicate-revision",
        "error",
        "migrations/versions/two.py",
        6,
        {**OURS, "migrations/versions/two.py": revision(CREATE)},
    ),
    Broken(
        "missing-revision",
        "error",
        "migrations/versions/one.py",
        7,
        {**OURS, "migrations/versions/one.py": revision(CREATE, down="zero")},
        fix="skip",
    ),
    Broken(
        "add-value-in-transaction",
        "warning",
        "migrations/versions/one.py",
        11,
        {
            **OURS,
            "migrations/versions/one.py": revision(
                "op.execute(\"ALTER TYPE shop.status ADD VALUE 'it''s' BEFORE 'b'\")",
                "op.remove_enum_value('status', \"it's\", schema='shop')",
            ),
        },
        fix="line",
    ),
    Broken(
        "value-used-at-once",
        "error",
        "migrations/versions/one.py",
        11,
        {
            **OURS,
            "migrations/versions/one.py": revision(
                "op.execute(\"ALTER TYPE status ADD VALUE 'new'\")\n    op.alter_column('post', 'status', server_default='new')",
                "op.remove_enum_value('status', 'new')",
            ),
        },
        fix="line",
    ),
    Broken(
        "autocommit-after-work",
        "warning",
        "migrations/versions/one.py",
        12,
        {
            **OURS,
            "migrations/versions/one.py": revision(
                f"{CREATE}\n    with op.get_context().autocommit_block():\n        op.execute('CREATE INDEX CONCURRENTLY ix ON post (id)')"
            ),
        },
        fix="skip",
    ),
    Broken(
        "enum-not-dropped",
        "warning",
        "migrations/versions/one.py",
        11,
        {
            **OURS,
            "migrations/versions/one.py": revision('op.create_table("post", sa.Column("s", sa.Enum("a", "b", name="status")))'),
        },
        url="postgresql+asyncpg://app@localhost/app",
        fix="append",
    ),
    Broken(
        "enum-not-created",
        "error",
        "migrations/versions/two.py",
        11,
        {
            **OURS,
            "migrations/versions/two.py": revision(
                'op.add_column("post", sa.Column("role", sa.Enum("admin", "it\'s", name="role")))',
                'op.drop_column("post", "role")',
                "two",
                "one",
            ),
        },
        url="postgresql+asyncpg://app@localhost/app",
        fix="before",
    ),
    Broken(
        "several-statements",
        "error",
        "migrations/versions/one.py",
        11,
        {
            **OURS,
            "migrations/versions/one.py": revision(
                "op.execute(\"CREATE TABLE post (id int); COMMENT ON TABLE post IS 'a; b'\")", "op.execute('DROP TABLE post;')"
            ),
        },
        url="postgresql+asyncpg://app@localhost/app",
        fix="line",
    ),
    Broken(
        "empty-downgrade",
        "warning",
        "migrations/versions/one.py",
        14,
        {**OURS, "migrations/versions/one.py": revision(CREATE, "pass")},
        fix="next line",
    ),
    Broken(
        "not-null-without-default",
        "warning",
        "migrations/versions/one.py",
        11,
        {
            **OURS,
            "migrations/versions/one.py": revision(
                'op.add_column("post", sa.Column("n", sa.Integer(), nullable=False))', 'op.drop_column("post", "n")'
            ),
        },
        fix="column",
    ),
    Broken(
        "sqlmodel-not-imported",
        "error",
        "migrations/versions/one.py",
        11,
        {**OURS, "migrations/versions/one.py": revision('op.create_table("post", sa.Column("t", sqlmodel.AutoString()))')},
        fix="first line",
    ),
    Broken(
        "template-without-sqlmodel",
        "warning",
        "migrations/script.py.mako",
        2,
        {
            **SYNC,
            "migrations/env.py": "from sqlmodel import SQLModel\n" + SYNC_ENV,
            "migrations/script.py.mako": "from alembic import op\nimport sqlalchemy as sa\n",
        },
        fix="next line",
    ),
    Broken(
        "unbatched-change",
        "note",
        "migrations/versions/one.py",
        11,
        {
            **OURS,
            "migrations/versions/one.py": revision("op.execute('UPDATE post SET n = 1')", "op.execute('UPDATE post SET n = 0')"),
        },
        fix="skip",
    ),
    Broken(
        "models-in-revision",
        "note",
        "migrations/versions/one.py",
        11,
        {**OURS, "app/models.py": "", "migrations/versions/one.py": revision(f"from app import models\n    {CREATE}")},
        fix="line",
    ),
    Broken(
        "create-all",
        "warning",
        "app/main.py",
        2,
        {**OURS, "app/main.py": "def start(connection):\n    SQLModel.metadata.create_all(connection)\n    return 1\n"},
        fix="remove",
    ),
    Broken("unknown-setting", "error", "alembic.ini", 4, {**OURS, "alembic.ini": INI + "app_model = app\n"}),
    Broken(
        "running-loop",
        "note",
        "app/main.py",
        5,
        {
            **ASYNC,
            "app/main.py": "from alembic import command\n\n\nasync def start(config):\n    command.upgrade(config, 'head')\n",
        },
        url="sqlite+aiosqlite:///app.db",
        fix="line",
    ),
    Broken(
        "table-missing",
        "warning",
        "app/models.py",
        4,
        {**OURS, "app/models.py": MODELS.replace(", table=True", "")},
        fix="line",
    ),
    Broken(
        "silenced-loggers",
        "warning",
        "migrations/env.py",
        2,
        {
            **SYNC,
            "alembic.ini": INI + HEADERS,
            "app/main.py": "from alembic import command\n\n\ndef start(config):\n    command.upgrade(config, 'head')\n",
            "migrations/env.py": f"from logging.config import fileConfig\nfileConfig('alembic.ini')\n{SYNC_ENV}",
        },
        fix="line",
    ),
    Broken(
        "other-enum-package",
        "warning",
        "migrations/env.py",
        1,
        {**OURS, "migrations/env.py": "import alembic_postgresql_enum\n" + ENV},
        fix="remove",
    ),
    Broken(
        "ignored-by-git",
        "error",
        "migrations/versions/one.py",
        None,
        {**OURS, ".gitignore": "versions/\n"},
        before=("git init -q .",),
        fix="skip",
    ),
    Broken("database-unreadable", "error", None, None, OURS, url="sqlite:////nowhere/at/all.db", options=(), fix="skip"),
    Broken("behind-head", "warning", None, None, OURS, options=()),
    Broken(
        "ahead-of-files",
        "error",
        None,
        None,
        OURS,
        options=(),
        before=("alembic upgrade head", "rm migrations/versions/one.py"),
        fix="skip",
    ),
    Broken(
        "not-stamped",
        "warning",
        None,
        None,
        OURS,
        options=(),
        before=(
            "alembic upgrade head",
            "python -c \"import sqlite3; sqlite3.connect('{file}').execute('DROP TABLE alembic_version')\"",
        ),
    ),
    Broken(
        "models-not-imported",
        "error",
        "migrations/env.py",
        5,
        {
            **EMPTY,
            "app/models.py": MODELS,
            "migrations/env.py": "from sqlmodel import SQLModel\ntarget_metadata = SQLModel.metadata\n".join(_split_env()),
        },
        options=(),
        fix="before",
    ),
    Broken(
        "wrong-metadata",
        "error",
        "migrations/env.py",
        6,
        {
            **EMPTY,
            "app/models.py": DECLARATIVE,
            "migrations/env.py": "import sqlmodel\nimport app.models\ntarget_metadata = sqlmodel.SQLModel.metadata\n".join(
                _split_env()
            ),
        },
        options=(),
        fix="before",
    ),
    Broken("models-not-compared", "error", None, None, OURS, options=(), before=("alembic upgrade head",), fix="skip"),
    Broken(
        "models-differ",
        "warning",
        None,
        None,
        {**OURS, "app/__init__.py": "", "app/models.py": MODELS},
        options=(),
        before=("alembic upgrade head",),
        fix="revision",
    ),
]
