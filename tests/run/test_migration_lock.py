"""The migration lock as the server sees it; what it is for is in test_concurrency.py."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy.engine import Connection

from alembic_async_template.errors import MigrationLockedError
from alembic_async_template.run.migration_lock import hold_migration_lock
from support.enums import OnConnection

HOLDERS = """
    SELECT state, backend_xmin, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def test_the_holder_has_no_snapshot_and_a_waiter_no_transaction(on_connection: OnConnection, postgresql_url: str) -> None:
    """CREATE INDEX CONCURRENTLY waits for both; the connection that migrates stays as it was."""

    def hold(connection: Connection) -> None:
        with hold_migration_lock(connection, "alembic_version", 1), psycopg.connect(postgresql_url, autocommit=True) as other:
            assert not connection.in_transaction()
            ((state, snapshot, name),) = other.execute(HOLDERS).fetchall()
            assert (state, snapshot) == ("idle in transaction", None)
            assert name.startswith("alembic, pid ")
            # Another version table is another lock.
            with hold_migration_lock(connection, "other.alembic_version", 1):
                assert len(other.execute(HOLDERS).fetchall()) == 2
            with pytest.raises(MigrationLockedError) as raised, hold_migration_lock(connection, "alembic_version", 0):
                pass
            assert raised.value.holder is not None
            assert name in raised.value.holder
            others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            assert other.execute(others).fetchone() == (1,)
        assert not connection.in_transaction()

    on_connection(hold)
    with psycopg.connect(postgresql_url) as other:
        assert other.execute(HOLDERS).fetchall() == []


def test_a_body_that_fails_gives_the_lock_back(on_connection: OnConnection) -> None:
    """The next one gets it at once."""

    def fail(connection: Connection) -> None:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), hold_migration_lock(connection, "alembic_version", 0):
                raise ZeroDivisionError

    on_connection(fail)
