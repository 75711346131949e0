"""What a change of an enum type costs, against the fastest that can be written by hand: python tests/benchmark.py [rows]

Both run on the same server in turns, on tables of the same rows with three enum columns: a removal by this package, and one
ALTER TABLE by hand, with the rest of the work (the new type, its name) around it. Prints the ratio of the medians.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from enums import operations
from servers import create_postgresql_database, start_embedded_postgresql, watch_embedded_postgresql
from sqlalchemy import create_engine

SET_UP = """
    CREATE TYPE mood AS ENUM ('a', 'b', 'c');
    CREATE TABLE t (id bigint PRIMARY KEY, x mood, y mood DEFAULT 'b', z mood NOT NULL, note text);
    INSERT INTO t SELECT n, (ARRAY['a', 'b', 'c'])[1 + n % 3]::mood, 'b', 'c', repeat('x', 40) FROM generate_series(1, {}) n;
    CREATE INDEX ON t (x);
    CHECKPOINT;
"""
BY_HAND = """
    BEGIN;
    ALTER TABLE t ALTER y DROP DEFAULT;
    ALTER TYPE mood RENAME TO old_mood;
    CREATE TYPE mood AS ENUM ('b', 'c');
    ALTER TABLE t
        ALTER x TYPE mood USING (CASE x::text WHEN 'a' THEN 'b' ELSE x::text END)::mood,
        ALTER y TYPE mood USING (CASE y::text WHEN 'a' THEN 'b' ELSE y::text END)::mood,
        ALTER z TYPE mood USING (CASE z::text WHEN 'a' THEN 'b' ELSE z::text END)::mood;
    ALTER TABLE t ALTER y SET DEFAULT 'b';
    DROP TYPE old_mood;
    COMMIT;
"""


def change_by_hand(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BY_HAND)


def change_by_operation(url: str) -> None:
    with create_engine(url.replace("postgresql:", "postgresql+psycopg:")).connect() as connection:
        op = operations(connection)
        with op.get_context().begin_transaction():
            op.remove_enum_value("mood", "a", replace_with="b")


def main(rows: int) -> None:
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    watcher = watch_embedded_postgresql(directory)
    try:
        server = start_embedded_postgresql(directory)
        seconds: dict[str, list[float]] = {"by hand": [], "by operation": []}
        for _ in range(5):
            for name, change in (("by hand", change_by_hand), ("by operation", change_by_operation)):
                with create_postgresql_database(server) as url:
                    with psycopg.connect(url, autocommit=True) as connection:
                        connection.execute(SET_UP.format(rows).encode())
                    start = time.perf_counter()
                    change(url)
                    seconds[name].append(time.perf_counter() - start)
    finally:
        watcher.communicate()
        shutil.rmtree(directory, ignore_errors=True)
    for name, measured in seconds.items():
        print(f"{name}: median {statistics.median(measured):.2f} s of {', '.join(f'{value:.2f}' for value in measured)}")
    medians = [statistics.median(measured) for measured in seconds.values()]
    print(f"ratio {medians[1] / medians[0]:.3f} at {rows} rows")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)
