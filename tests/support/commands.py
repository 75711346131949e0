"""Alembic's command line in a process of its own, forked where the script calls `main()`: its imports take the most time."""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

# The script that a user types, of the environment that runs the tests.
ALEMBIC = Path(sys.executable).with_name("alembic.exe" if os.name == "nt" else "alembic")

# What a command keeps of the environment of the tests: nothing that names a database or changes what is imported.
_KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "USERPROFILE")


def keep_variables(**others: str) -> dict[str, str]:
    """The environment variables of a command: some of those of the tests, and others."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | others


def heed_interrupts() -> None:
    """Let a process that is about to begin take Ctrl-C, which it ignores if the tests run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_alembic(arguments: tuple[str, ...], directory: Path, environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run `alembic`: how it ended, and what it wrote to stdout and to stderr."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [f"{folder}/stdout", f"{folder}/stderr"]
        if environment.get("PYTHONWARNINGS") == "error" and "PYTHONPATH" not in environment and hasattr(os, "fork"):
            process = _start()
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps([arguments, str(directory), dict(environment), streams]).encode() + b"\n")
            process.stdin.flush()
            returncode = int(process.stdout.readline())
        else:  # these are for the start of the interpreter
            with open(streams[0], "wb") as stdout, open(streams[1], "wb") as stderr:
                command = [str(ALEMBIC), *arguments]
                returncode = subprocess.run(command, cwd=directory, env=environment, stdout=stdout, stderr=stderr).returncode
        return returncode, Path(streams[0]).read_text(), Path(streams[1]).read_text()


@functools.cache
def _start() -> subprocess.Popen[bytes]:
    """Start the process that has imported Alembic; it ends with this one."""
    process = subprocess.Popen(
        [sys.executable, __file__], env=keep_variables(PYTHONWARNINGS="error"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(process.communicate)
    return process


def _serve() -> None:
    """Fork for each command that is asked for; the child runs it, returns and ends as the script does."""
    while request := sys.stdin.buffer.readline():
        child = os.fork()
        if not child:
            arguments, directory, environment, streams = json.loads(request)
            for number, path in enumerate((os.devnull, *streams)):
                stream = os.open(path, os.O_RDWR | os.O_CREAT)
                os.dup2(stream, number)
                os.close(stream)
            os.chdir(directory)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv[1:] = arguments
            main()
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    sys.path[0], sys.argv[0] = str(ALEMBIC.parent), str(ALEMBIC)
    # What nearly every command imports of others, once for all of them.
    import alembic.command  # noqa: F401
    import asyncpg  # noqa: F401
    import psycopg  # noqa: F401
    import sqlalchemy.ext.asyncio  # noqa: F401
    import sqlmodel  # noqa: F401
    from alembic.config import main

    gc.freeze()  # the collector of a child need not touch, and so copy, what is there
    _serve()
