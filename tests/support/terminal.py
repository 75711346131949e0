"""Runs a command on a terminal of its own, and types the answers to what it asks."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Makes the terminal the one that controls the process, so that Ctrl-C reaches it.
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def run_on_terminal(
    command: Sequence[str | Path],
    directory: Path,
    environment: Mapping[str, str],
    answers: Sequence[tuple[str, str | Callable[[], str]]] = (),
    *,
    timeout: float = 60,
) -> tuple[int, str]:
    """Run a command whose three streams are a terminal: how it ended, and all that was shown, with plain line ends.

    :param answers: for each question the text to wait for, and what is typed then; `\\x03` is Ctrl-C and `\\x04` the end of input.
        A function is called for it, to look at what is going on while the command waits.
    """
    terminal, stream = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *command],
        cwd=directory,
        env=environment,
        stdin=stream,
        stdout=stream,
        stderr=stream,
        start_new_session=True,
    )
    os.close(stream)
    shown, seen, waiting, end = b"", 0, list(answers), time.monotonic() + timeout
    try:
        while True:
            if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"after {timeout:g} s: {shown.decode(errors='replace')}")
            try:
                chunk = os.read(terminal, 65536)
            except OSError:  # how Linux says that no process has the terminal any more
                chunk = b""
            if not chunk:
                break
            shown += chunk
            if waiting and (found := shown.find(waiting[0][0].encode(), seen)) >= 0:
                seen = found + len(waiting[0][0].encode())
                answer = waiting.pop(0)[1]
                os.write(terminal, (answer if isinstance(answer, str) else answer()).encode())
        returncode = process.wait(timeout)
    finally:
        os.close(terminal)
        if process.poll() is None:
            process.kill()
            process.wait()
    text = shown.decode().replace("\r\n", "\n")
    assert not waiting, f"never asked: {waiting[0][0]!r}\n{text}"
    return returncode, text
