"""Commands that wait: transactions in their way, and what they print meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

POST = 'op.create_table("post", sa.Column("id", sa.Integer(), primary_key=True))'
ADD_COLUMN = """op.execute("CREATE TABLE IF NOT EXISTS note (id int)")
    op.add_column("post", sa.Column("x", sa.Integer()))"""

Write = Callable[..., None]


@contextmanager
def open_transaction(url: str, *statements: str) -> Iterator[psycopg.Connection]:
    """Another transaction has read the table and has not ended."""
    with psycopg.connect(url, application_name="report") as connection:
        for statement in statements:
            connection.execute(statement.encode())
        yield connection


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if words in line:
            return read
    raise AssertionError(f"{words!r} is not in:\n{read}")


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate()
    return process.returncode, output


def columns(url: str) -> set[str]:
    with psycopg.connect(url, prepare_threshold=None) as connection:
        query = "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
        return {row[0] for row in connection.execute(query)} - {"alembic_version.version_num"}
