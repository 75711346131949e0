"""What the attacks on a command have in common: how many rounds of each there are, and a command that is soon impatient."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import keep_variables
from project import Project

# The bounds of `alembic_async_template.environment.silence`, shorter: a minute is long for a test.
_IMPATIENT = """
from alembic_async_template.environment import silence
silence.SILENCE, silence.ANSWER = 3.0, 1.0
from alembic_async_template.environment import blockers, engine
blockers._INTERVAL, blockers._PAUSE, engine._ATTEMPT = 0.3, 1.0, 2
import faulthandler, gc, signal, traceback
from greenlet import greenlet

def show_stacks(*_):
    faulthandler.dump_traceback()
    for found in gc.get_objects():
        if isinstance(found, greenlet) and found.gr_frame:
            traceback.print_stack(found.gr_frame)

signal.signal(signal.SIGUSR1, show_stacks)
from alembic.config import main
main(prog="alembic")
"""

# No command may take longer, whatever happens to it.
BOUND = 60

Start = Callable[..., subprocess.Popen[str]]


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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that the long form of these tests is run with."""
    parser.addoption("--rounds", type=int, default=2, help="how often each attack of tests/chaos is tried, by default 2 times")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let each round be a test, with a number of its own that its random points come from."""
    if "round_number" in metafunc.fixturenames:
        metafunc.parametrize("round_number", range(metafunc.config.getoption("--rounds", 2)))


@pytest.fixture
def start(project: Project, tmp_path: Path) -> Start:
    """Starts `alembic upgrade head`, or another command, that waits three seconds for a silent server."""
    program = tmp_path / "impatient.py"
    program.write_text(_IMPATIENT)

    def start(url: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, program, *(arguments or ["upgrade", "head"])],
            cwd=project.directory,
            env=keep_variables(DATABASE_URL=url, PYTHONUNBUFFERED="1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
