"""Each known error of an application that is imported: how it is provoked, and how the example of its fix is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from support.cases import MODELS

SETTINGS = """import enum

from pydantic_settings import BaseSettings, SettingsConfigDict


class Kind(enum.Enum):
    A = "a"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env")
    {field}


Settings()
"""
DB = "import os\n\nfrom sqlalchemy.ext.asyncio import create_async_engine\n\nengine = create_async_engine({url})\n"
SYNC_DB = "import os\n\nfrom sqlalchemy import create_engine\n\nengine = create_engine({url})\n"


@dataclass(frozen=True, slots=True)
class ApplicationHint:
    """A known error, and its hint."""

    error: str
    """The rule's own title."""
    files: Mapping[str, str]
    """Of the application, beside `app/models.py`."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """The files as a person leaves them who has typed the example, `{example}`; none if it is a variable or a setting."""
    ini: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    next: str = ""
    """What the next error has in it, another and truer; empty where the command works."""
    other: bool = False
    """Whether the second way out is typed."""
    moved: bool = False
    """Whether the application is in another folder than `init` found it in."""


IMPORTING = {"app/models.py": f"import app.db\n{MODELS}"}
CIRCULAR = {"app/models.py": f"from app.service import work\n{MODELS}"}
TWICE = "\n\nclass Again(Base):\n    __tablename__ = 'post'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
APPLICATION_HINTS = [
    ApplicationHint(
        "No module named 'app'",
        {"lib/app/db.py": "import os\n\nurl = os.environ['DATABASE_URL']\n"},
        ini={"app_engine": "app.db:url"},
        moved=True,
    ),
    ApplicationHint(
        "No module named 'app.bd'",
        {"app/db.py": DB.format(url='"sqlite+aiosqlite:///app.db"')},
        {"alembic.ini": "app_engine = {example}:engine"},
        ini={"app_engine": "app.bd:engine"},
    ),
    ApplicationHint("No module named 'app.nowhere'", {"app/models.py": f"import app.nowhere\n{MODELS}"}, {"{example}": ""}),
    ApplicationHint(
        "No module named 'psycopg2', of create_async_engine",
        {**IMPORTING, "app/db.py": DB.format(url="'postgresql+aiopg2://app@localhost/app'").replace("aiopg2", "psycopg2")},
        {"app/db.py": DB.format(url="'{example}'")},
    ),
    ApplicationHint(
        "Can't load plugin: sqlalchemy.dialects:postgres",
        {**IMPORTING, "app/db.py": DB.format(url="'postgres://app@localhost/app'")},
        {"app/db.py": DB.format(url="'{example}'")},
    ),
    ApplicationHint(
        "Can't load plugin: sqlalchemy.dialects:postgres",
        {**IMPORTING, "app/db.py": SYNC_DB.format(url="'postgres://app@localhost/app'")},
        {"app/db.py": SYNC_DB.format(url="'{example}'")},
    ),
    ApplicationHint(
        "cannot import name ... from partially initialized module",
        {**CIRCULAR, "app/service.py": "from app.models import Post\n\n\ndef work():\n    return Post\n"},
        {"app/service.py": "def work():\n    {example}\n    return Post\n"},
    ),
    ApplicationHint(
        "ValidationError: 1 validation error for Settings",
        {**IMPORTING, "app/db.py": SETTINGS.format(field="app_dsn: str") + DB.format(url="Settings().app_dsn")},
    ),
    ApplicationHint(
        "ValidationError: 1 validation error for Settings", {**IMPORTING, "app/db.py": SETTINGS.format(field="port: int")}
    ),
    ApplicationHint(
        "ValidationError: 1 validation error for Settings", {**IMPORTING, "app/db.py": SETTINGS.format(field="secret_key: str")}
    ),
    ApplicationHint(
        "ValidationError: Extra inputs are not permitted",
        {**IMPORTING, "app/db.py": SETTINGS.format(field="name: str = ''"), ".env": "OTHER=1\n"},
        {"app/db.py": SETTINGS.format(field="name: str = ''\n    {example}")},
    ),
    ApplicationHint(
        "ValidationError: Input should be a valid integer",
        {**IMPORTING, "app/db.py": SETTINGS.format(field="port: int")},
        environment={"PORT": "high"},
    ),
    ApplicationHint(
        "ValidationError: Input should be a valid integer",
        {**IMPORTING, "app/db.py": SETTINGS.format(field="debug: bool")},
        environment={"DEBUG": "some"},
    ),
    ApplicationHint(
        "ValidationError: Input should be a valid integer",
        {**IMPORTING, "app/db.py": SETTINGS.format(field="kind: Kind")},
        environment={"KIND": "b"},
    ),
    ApplicationHint(
        "KeyError: 'DATABASE_URL' from os.environ", {**IMPORTING, "app/db.py": DB.format(url="os.environ['APP_DSN']")}
    ),
    ApplicationHint(
        "KeyError: 'DATABASE_URL' from os.environ", {**IMPORTING, "app/db.py": SYNC_DB.format(url="os.environ['APP_URL']")}
    ),
    ApplicationHint(  # read in one module, used in another
        "KeyError: 'DATABASE_URL' from os.environ",
        {
            **IMPORTING,
            "app/config.py": "import os\n\nURL = os.environ['APP_URL']\n",
            "app/db.py": f"from app.config import URL\n{DB.format(url='URL')}",
        },
    ),
    ApplicationHint(
        "ArgumentError: Expected string or URL object, got None",
        {**IMPORTING, "app/db.py": DB.format(url="os.getenv('APP_URL')")},
    ),
    ApplicationHint(
        "ArgumentError: Expected string or URL object, got None",
        {**IMPORTING, "app/db.py": SYNC_DB.format(url="os.environ.get('APP_DSN')")},
    ),
    ApplicationHint(
        "ArgumentError: Could not parse SQLAlchemy URL",
        {**IMPORTING, "app/db.py": DB.format(url="os.environ['APP_URL']")},
        environment={"APP_URL": ""},
    ),
    ApplicationHint(
        "The asyncio extension requires an async driver to be used",
        {**IMPORTING, "app/db.py": DB.format(url="'sqlite:///app.db'")},
        {"app/db.py": DB.format(url="'{example}'")},
    ),
    ApplicationHint(
        "MissingGreenlet: greenlet_spawn has not been called",
        {**IMPORTING, "app/db.py": f"{SYNC_DB.format(url=repr('sqlite+aiosqlite:///app.db'))}engine.connect()\n"},
        {"app/db.py": f"{DB.format(url=repr('sqlite+aiosqlite:///app.db'))}\n\nasync def look():\n    {{example}}\n"},
    ),
    ApplicationHint(
        "Table 'post' is already defined for this MetaData instance",
        {"app/models.py": MODELS, "app/other.py": f"from app.models import Base, Mapped, mapped_column\n{TWICE}"},
        {"app/other.py": "{example}\n"},
    ),
    ApplicationHint(
        "Table 'post' is already defined for this MetaData instance",
        {"app/models.py": MODELS, "app/other.py": f"from app.models import Base, Mapped, mapped_column\n{TWICE}"},
        other=True,
    ),
]
UNTYPED_APPLICATION = {
    "No module named 'psycopg2', of create_engine": "installs a package; its name is tested in test_hints",
    "No module named 'something'": "installs a package",
    "No module named 'core', a member of uv's workspace": "installs a package; test_application.py types it",
    "SyntaxError, in a project that asks for a newer Python": "needs another Python; tests/errors/test_configuration.py",
}
"""Errors whose hint is not in the table, with the reason."""
