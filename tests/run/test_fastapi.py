"""FastAPI applications under uvicorn, as the how-to has them: real workers that start at once."""

from __future__ import annotations

import json
import signal
import socket
import sys
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest

from support.project import Project

UVICORN = Path(sys.executable).with_name("uvicorn")

MODELS = """
from sqlmodel import Field, SQLModel


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
"""
MAIN = """
import logging
import os
from contextlib import asynccontextmanager
from pathlib import Path

from alembic_async_template import Migrations
from app.models import Post
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import select

logging.basicConfig(level=logging.INFO)
engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:"))
migrations = Migrations(Path(__file__).parent.parent / "alembic.ini", bind=engine)


@asynccontextmanager
async def lifespan(app):
    await migrations.START()
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/posts")
async def posts():
    async with engine.connect() as connection:
        return len((await connection.execute(select(Post))).all())
"""


@pytest.fixture
def application(project: Project, postgresql_url: str) -> Project:
    """An application with a revision that takes a second."""
    project.write({"app/__init__.py": "", "app/models.py": MODELS, "app/main.py": MAIN.replace("START", "upgrade")})
    project.environment["DATABASE_URL"] = postgresql_url
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "posts")
    revision = project.revisions()[0]
    text = revision.read_text().replace('"""Upgrade the schema."""', '__import__("time").sleep(1)')
    revision.write_text(text)
    return project


def test_four_workers_migrate_at_their_start(application: Project, postgresql_url: str) -> None:
    """One of them does, all of them serve, and the loggers of all of them are heard."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    arguments = ["app.main:app", "--workers", "4", "--port", str(port)]
    server = application.start(postgresql_url, *arguments, program=UVICORN)
    output = ""
    try:
        assert server.stdout is not None
        for line in server.stdout:
            output += line
            if output.count("Application startup complete") == 4:
                break
        assert output.count("Running upgrade") == 1, output
        for _ in range(8):
            with urlopen(f"http://127.0.0.1:{port}/posts") as response:
                assert json.load(response) == 0
    finally:
        server.send_signal(signal.SIGTERM)
        output += server.communicate()[0]
    # Loggers that Alembic's own template would have disabled.
    assert output.count("Application startup complete") == 4, output
    assert '"GET /posts HTTP/1.1" 200' in output


def test_an_application_refuses_to_start(application: Project, postgresql_url: str) -> None:
    """The application refuses to start, and says what to run."""
    application.write({"app/main.py": MAIN.replace("START", "ensure_head")})
    server = application.start(postgresql_url, "app.main:app", "--port", "0", program=UVICORN)
    output, _ = server.communicate(timeout=60)
    assert server.returncode != 0
    assert "DatabaseNotAtHeadError: The database is at no revision, and this application needs " in output
    assert "\n  fix    migrate it:\n         alembic upgrade head\n" in output
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,)
