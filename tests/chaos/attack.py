"""A command that is attacked: how it is started, how long it may take, and the history that it has to finish in the end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from support.commands import keep_variables
from support.project import Project

# No command may take longer, whatever happens to it.
BOUND = 60

# Of each kind one revision, in the form that can be run again whatever of it a dead process has left.
HISTORY = {
    "one": """op.create_enum("mood", ["sad", "glad", "odd"])
    op.execute("CREATE TABLE post (id serial PRIMARY KEY, mood mood DEFAULT 'sad')")
    op.execute("INSERT INTO post (mood) SELECT 'odd' FROM generate_series(1, 2000)")""",
    "two": 'op.add_enum_value("mood", "bored", after="sad")',
    "three": """op.execute("UPDATE post SET mood = 'bored' WHERE id % 2 = 0")
    op.add_column("post", sa.Column("title", sa.String(), server_default="none"))""",
    "four": """with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_title")
        op.execute("CREATE INDEX CONCURRENTLY ix_title ON post (title)")""",
    "five": 'op.remove_enum_value("mood", "odd", replace_with="glad")',
    "six": """op.create_table("note", sa.Column("post_id", sa.Integer, sa.ForeignKey("post.id"), index=True))
    op.execute("INSERT INTO note SELECT id FROM post")""",
    "seven": 'op.rename_enum_value("mood", "glad", "happy")\n    op.create_check_constraint("ck", "post", "title <> \'\'")',
    "eight": 'op.reorder_enum_values("mood", ["happy", "sad", "bored"])',
}
# All that the history makes, and whether it can be used.
_SCHEMA = b"""
    SELECT 'revision', version_num FROM alembic_version
    UNION ALL SELECT 'relation', relname || relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'column', attrelid::regclass || attname || format_type(atttypid, atttypmod)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'type', typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
    UNION ALL SELECT 'values', string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum
    UNION ALL SELECT 'constraint', conname || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', indexrelid::regclass::text || indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'default', pg_get_expr(adbin, adrelid) FROM pg_attrdef
    UNION ALL SELECT 'rows', mood::text || count(*) FROM post GROUP BY mood
    UNION ALL SELECT 'notes', count(*)::text FROM note
    ORDER BY 1, 2
"""

Schema = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A project with the history, and how its upgrade goes without a disturbance."""

    project: Project
    schema: Schema
    seconds: float
    chunks: int
    """How many pieces of data it sends."""


def read_schema(url: str) -> Schema:
    """What the history has made."""
    with psycopg.connect(url) as connection:
        return connection.execute(_SCHEMA).fetchall()


def use_driver(url: str, number: int) -> str:
    """The same database through the one driver or the other."""
    return url.replace("postgresql:", f"postgresql+{('asyncpg', 'psycopg')[number % 2]}:")


def start(project: Project, url: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `alembic upgrade head`, or another command, that waits three seconds for a silent server."""
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("impatient.py"), *(arguments or ["upgrade", "head"])],
        cwd=project.directory,
        env=keep_variables(DATABASE_URL=url, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a command to end: its status, and what it has written. One that hangs shows where."""
    try:
        stdout, stderr = process.communicate(timeout=BOUND)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGUSR1)
        time.sleep(2)
        process.kill()
        raise AssertionError("".join(process.communicate())) from None
    return process.returncode, " ".join(stdout.split()), stderr


def let_servers_end(url: str) -> None:
    """Wait for what dead clients have left to run."""
    query = b"""
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    """
    end = time.monotonic() + BOUND
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query).fetchone() != (0,):
            assert time.monotonic() < end
            time.sleep(0.05)
