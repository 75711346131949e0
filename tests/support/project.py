"""A project in a folder of its own, and Alembic's real command line run in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.commands import ALEMBIC, keep_variables, run_alembic


@dataclass(frozen=True, slots=True)
class Result:
    """What a command wrote and returned."""

    command: tuple[str, ...]
    directory: Path
    returncode: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Both streams, for assertions about what is or is not said at all."""
        return self.stdout + self.stderr

    @property
    def block(self) -> str:
        """What stands after `FAILED: ` on standard error: the message of an error of this package."""
        return self.stderr.partition("FAILED: ")[2].removesuffix("\n")

    def __str__(self) -> str:
        return (
            f"{' '.join(self.command)} in {self.directory} returned {self.returncode}\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}\n---"
        )


def write_files(directory: Path, files: Mapping[str, str]) -> Path:
    """Write files, each by its path inside the directory, and return that; files that exist are replaced."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


# The smallest `env.py`.
ENV = "from alembic_async_template import run_environment\n\nrun_environment()\n"

_REVISION = """
import time

import sqlalchemy as sa
from alembic_async_template import op
from sqlalchemy.dialects import postgresql

revision = {revision!r}
down_revision = {previous!r}


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
"""


def write_revisions(directory: Path, **bodies: str | tuple[str, str]) -> None:
    """Write a history into a project: each revision by its name, with the body of its upgrade, or of both."""
    previous = None
    for revision, body in bodies.items():
        upgrade, downgrade = (body, "pass") if isinstance(body, str) else body
        text = _REVISION.format(revision=revision, previous=previous, upgrade=upgrade, downgrade=downgrade)
        write_files(directory, {f"migrations/versions/{revision}.py": text})
        previous = revision


def write_environment(directory: Path, url: str, **revisions: str | tuple[str, str]) -> None:
    """Write the smallest project, with a history."""
    write_revisions(directory, **revisions)
    ini = f"[alembic]\nscript_location = %(here)s/migrations\ndatabase_wait = off\nsqlalchemy.url = {url}\n"
    write_files(directory, {"migrations/env.py": ENV, "alembic.ini": ini})


def replace_settings(path: Path, header: str, **settings: str) -> None:
    """Set settings in a section, in place of those that are there."""
    text = path.read_text()
    for name, value in settings.items():
        text = re.sub(rf"^{name} = .*\n", "", text, flags=re.MULTILINE)
        text = text.replace(f"{header}\n", f"{header}\n{name} = {value}\n", 1)
    path.write_text(text)


@dataclass(slots=True)
class Project:
    """A folder with an application, the environment variables of its commands, and the commands."""

    directory: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PYTHONWARNINGS": "error"})
    migrations: str = "migrations"

    def copy(self, source: Path) -> None:
        """Lay a folder over the project: new files are copied, and files that exist are appended to."""
        for path in sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            target = self.directory / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target.write_text(target.read_text() + path.read_text())
            else:
                shutil.copyfile(path, target)

    def write(self, files: Mapping[str, str]) -> None:
        """Write files, each by its path inside the project; files that exist are replaced."""
        write_files(self.directory, files)

    def alembic(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, check: bool = True
    ) -> Result:
        """Run `alembic` with these arguments.

        :param cwd: where it is started, by default the project's folder.
        :param env: environment variables in addition to the project's.
        :param check: whether a command that fails makes the test fail.
        """
        directory = cwd or self.directory
        environment = keep_variables(**self.environment | dict(env or {}))
        result = Result(("alembic", *arguments), directory, *run_alembic(arguments, directory, environment))
        assert not check or result.returncode == 0, str(result)
        return result

    def start(self, url: str, *arguments: str, program: str | Path = ALEMBIC) -> subprocess.Popen[str]:
        """Start `alembic upgrade head`, or another command, and go on; both streams of it are `stdout`."""
        return subprocess.Popen(
            [program, *(arguments or ["upgrade", "head"])],
            cwd=self.directory,
            env=keep_variables(**self.environment | {"DATABASE_URL": url, "PYTHONUNBUFFERED": "1"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def set(self, **settings: str) -> None:
        """Set settings in the ini."""
        replace_settings(self.directory / "alembic.ini", "[alembic]", **settings)

    def revisions(self) -> list[Path]:
        """The revision files, in the order in which they were written."""
        return sorted((self.directory / self.migrations / "versions").glob("*.py"), key=lambda path: path.stat().st_mtime_ns)
