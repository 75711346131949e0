"""What a statement is said to lock does not depend on what its transaction has already; transactions, savepoints, drivers."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import psycopg
import pytest

from support.lock_cases import SCHEMA
from support.tracing import shorten_locks, trace_revisions

DRIVERS = pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
KINDS = {
    "add column": "ALTER TABLE post ADD COLUMN {name} integer",
    "comment": "COMMENT ON COLUMN post.n IS 'of author'",
    "check": "ALTER TABLE post ADD CONSTRAINT {name} CHECK (n > 0) NOT VALID",
    "key": "ALTER TABLE post ADD CONSTRAINT {name} FOREIGN KEY (old) REFERENCES author (id) NOT VALID",
    "validate": "ALTER TABLE post VALIDATE CONSTRAINT post_author",
    "create index": "CREATE INDEX {name} ON post (old)",
    "drop index": "DROP INDEX IF EXISTS post_spare",
    "reindex": "REINDEX INDEX post_n",
    "trigger": "CREATE TRIGGER {name} BEFORE UPDATE ON post FOR EACH ROW EXECUTE FUNCTION touch()",
    "statistics": "CREATE STATISTICS {name} ON id, n FROM post",
    "options": "ALTER TABLE post SET (fillfactor = 70)",
    "update": "UPDATE post SET old = 1",
    "insert": "INSERT INTO note SELECT id, n FROM post",
    "create table": "CREATE TABLE {name} (post_id integer REFERENCES post (id))",
    "create view": "CREATE VIEW {name} AS SELECT id FROM post",
    "policy": "CREATE POLICY {name} ON post USING (n > 0)",
    "lock": "LOCK TABLE post IN SHARE MODE",
}


@pytest.fixture
def schema_url(postgresql_url: str) -> str:
    with psycopg.connect(postgresql_url) as connection:
        connection.execute(SCHEMA)
        connection.execute("CREATE INDEX post_spare ON post (at)")
    return postgresql_url


def in_savepoint(*statements: str) -> str:
    lines = [f"    op.execute({sql!r})" for sql in statements]
    return "\n".join(["with op.get_bind().begin_nested() as savepoint:", *lines, "    savepoint.rollback()"])


@DRIVERS
def test_a_lock_that_the_transaction_has_is_seen_again(driver: str, schema_url: str, tmp_path: Path) -> None:
    """Two statements in one transaction take what each of them takes alone; and the transaction has both."""
    bodies = {f"alone{number}": in_savepoint(sql.format(name="x")) for number, sql in enumerate(KINDS.values())}
    pairs = list(permutations(KINDS, 2))
    for number, (first, second) in enumerate(pairs):
        bodies[f"pair{number}"] = in_savepoint(KINDS[first].format(name="x1"), KINDS[second].format(name="x2"))
    found = trace_revisions(tmp_path, schema_url, bodies, driver)

    def read(revision: str, place: int) -> str:
        statements = [one for one in found[revision] if not one.sql.startswith("ROLLBACK")]
        return shorten_locks(statements[place]) if place < len(statements) else ""

    alone = {kind: read(f"alone{number}", 0) for number, kind in enumerate(KINDS)}
    seen = {pair: (read(f"pair{number}", 0), read(f"pair{number}", 1)) for number, pair in enumerate(pairs)}
    expected = {(first, second): (alone[first], alone[second]) for first, second in pairs}
    assert {pair: (seen[pair], expected[pair]) for pair in pairs if seen[pair] != expected[pair]} == {}


@DRIVERS
def test_statements_outside_of_transactions(driver: str, schema_url: str, tmp_path: Path) -> None:
    """Each is traced as it is: those that cannot run in a transaction, and those that could."""
    statements = {
        "CREATE INDEX CONCURRENTLY x ON post (old)": ("post SUE", ["public.post"]),
        "/* no lock */ DROP INDEX CONCURRENTLY post_spare": ("post SUE", []),
        "REINDEX INDEX CONCURRENTLY post_n": ("post SUE", ["public.post"]),
        "REINDEX (CONCURRENTLY) TABLE note": ("note SUE", ["public.note"]),
        "ALTER TABLE post VALIDATE CONSTRAINT post_author": ("author RS, post SUE", ["public.author", "public.post"]),
        "ALTER TYPE status ADD VALUE 'old'": ("", []),
        "VACUUM FULL note": ("note AE", ["public.note"]),
        "COMMENT ON TABLE note IS 'built concurrently'": ("note SUE", []),
        "REFRESH MATERIALIZED VIEW CONCURRENTLY number": ("number E, post AS", ["public.number", "public.post"]),
        "ALTER TABLE log DETACH PARTITION log_2025 CONCURRENTLY": ("log SUE, log_2025 AE", []),
    }
    body = "\n".join(["with op.get_context().autocommit_block():", *(f"    op.execute({sql!r})" for sql in statements)])
    found = trace_revisions(tmp_path, schema_url, {"one": body}, driver)["one"]
    assert {one.sql: (shorten_locks(one), sorted(one.scans)) for one in found} == statements
    assert len({one.transaction for one in found}) == len(statements)


@DRIVERS
def test_a_revision_that_goes_on_after_an_error(driver: str, schema_url: str, tmp_path: Path) -> None:
    """The statement after the error has its own locks; nothing of what was rolled back is said of it."""
    body = """
op.execute("COMMENT ON TABLE author IS 'a'")
try:
    with op.get_bind().begin_nested():
        op.execute("ALTER TABLE post ALTER COLUMN old TYPE bigint")
        op.execute("ALTER TABLE post ADD COLUMN id integer")
except sa.exc.DBAPIError:
    pass
op.execute("ALTER TABLE post ADD COLUMN x integer")
with op.get_bind().begin_nested():
    op.execute("ALTER TABLE post ADD CONSTRAINT y CHECK (n > 0)")
"""
    found = [one for one in trace_revisions(tmp_path, schema_url, {"one": body}, driver)["one"] if one.locks]
    assert [(one.sql.partition(" /")[0], shorten_locks(one), sorted(one.scans), bool(one.rewrites)) for one in found] == [
        ("COMMENT ON TABLE author IS 'a'", "author SUE", [], False),
        ("ALTER TABLE post ALTER COLUMN old TYPE bigint", "post AE", ["public.post"], True),
        ("ALTER TABLE post ADD COLUMN x integer", "post AE", [], False),
        ("ALTER TABLE post ADD CONSTRAINT y CHECK (n > 0)", "post AE", ["public.post"], False),
    ]
    assert len({one.transaction for one in found}) == 1


@DRIVERS
def test_a_commit_in_a_revision(driver: str, schema_url: str, tmp_path: Path) -> None:
    """What comes after it is in another transaction, and is traced."""
    statements = ["ALTER TABLE post ADD COLUMN x integer", "COMMIT", "CREATE INDEX y ON post (n)", "DROP TABLE note"]
    body = "\n".join(f"op.execute({sql!r})" for sql in statements)
    found = trace_revisions(tmp_path, schema_url, {"one": body}, driver)["one"]
    assert [(one.sql, shorten_locks(one)) for one in found] == [
        (statements[0], "post AE"),
        ("COMMIT", ""),
        (statements[2], "post S"),
        (statements[3], "note AE"),
    ]
    assert found[0].transaction < found[2].transaction
