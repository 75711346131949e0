"""Commands that are killed, and connections that break, at random points: the same command finishes the work afterwards."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack

import psycopg
import pytest

from chaos.attack import BOUND, Undisturbed, finish, let_servers_end, read_schema, start, use_driver
from chaos.proxy import start_proxy
from support.servers import create_postgresql_database

pytestmark = pytest.mark.postgresql


def test_killed_commands(undisturbed: Undisturbed, database: str, round_number: int) -> None:
    """Killed again and again (kill -9), anywhere: the last one finishes, and the result is that of an undisturbed run."""
    chance = random.Random(round_number)
    for number in range(2):
        process = start(undisturbed.project, use_driver(database, round_number + number))
        assert process.stderr is not None
        next(line for line in process.stderr if "Database " in line)  # it has started
        time.sleep(chance.uniform(0, undisturbed.seconds))
        process.kill()
        process.communicate()
    let_servers_end(database)
    returncode, *output = finish(start(undisturbed.project, use_driver(database, round_number)))
    assert returncode == 0, output
    assert read_schema(database) == undisturbed.schema


def test_broken_connections(undisturbed: Undisturbed, embedded_postgresql: str, round_number: int) -> None:
    """Reset, or silent, for newcomers too or not: each command ends in time, and says so; the next one finishes."""
    chance = random.Random(round_number)
    with ExitStack() as stack:
        attacked = []
        for number, action in enumerate(("reset", "silence", "hold")):
            database = stack.enter_context(create_postgresql_database(embedded_postgresql))
            proxy = stack.enter_context(start_proxy(database))
            url = use_driver(proxy.url, round_number + number)
            point = chance.randrange(1, undisturbed.chunks // 2)  # which is all that psycopg sends
            proxy.after(point, action)
            attacked.append((action, point, database, proxy, url, start(undisturbed.project, url)))
        for action, point, database, proxy, url, process in attacked:
            returncode, *output = finish(process)
            # What breaks when all is done is not missed.
            assert returncode == 255 or read_schema(database) == undisturbed.schema, (action, point, output)
            assert "Traceback" not in "".join(output), (action, point, output)
            proxy.act("forward")
            let_servers_end(database)
            returncode, *output = finish(start(undisturbed.project, url))
            assert returncode == 0, (action, point, output)
            assert read_schema(database) == undisturbed.schema


def test_ten_commands_of_which_one_is_killed(undisturbed: Undisturbed, database: str, round_number: int) -> None:
    """It is the one that migrates. The others do the rest, one after the other."""
    chance = random.Random(round_number)
    processes = [start(undisturbed.project, use_driver(database, number)) for number in range(10)]
    holder = b"""
        SELECT substring(application_name FROM '^alembic, pid ([0-9]+)')::int FROM pg_stat_activity
        WHERE datname = current_database() AND application_name ~ '^alembic, pid '
    """
    with psycopg.connect(database, autocommit=True) as connection:
        while not (found := connection.execute(holder).fetchone()):
            time.sleep(0.01)
    time.sleep(chance.uniform(0, undisturbed.seconds / 4))
    killed = next(process for process in processes if process.pid == found[0])
    killed.kill()
    for process in processes:
        stdout, stderr = process.communicate(timeout=2 * BOUND)
        assert process is killed or process.returncode == 0, stdout + stderr
    assert read_schema(database) == undisturbed.schema
