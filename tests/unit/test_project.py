"""What `alembic init` finds in a project's sources: import root, models, engine or URL."""

from pathlib import Path

import pytest

from alembic_async_template.project.ini import setting_lines
from alembic_async_template.project.survey import survey_project
from support.project import write_files

MODEL = "from sqlmodel import SQLModel\nclass A(SQLModel, table=True): pass\n"
ASYNC = "from sqlalchemy.ext.asyncio import create_async_engine\n"
SETTINGS = "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    {}\n"


@pytest.mark.parametrize(
    ("files", "root", "models"),
    [
        ({}, ".", ()),
        ({"main.py": MODEL}, ".", ("*",)),
        ({"app/models.py": MODEL}, ".", ("app",)),
        ({"app/__init__.py": MODEL}, ".", ("app",)),
        ({"app/users/models.py": MODEL, "app/posts/models.py": MODEL}, ".", ("app",)),
        ({"src/app/models.py": MODEL}, "src", ("app",)),
        ({"src/app/models.py": MODEL, "src/app/main.py": "from app.models import A"}, "src", ("app",)),
        ({"src/__init__.py": "", "src/models.py": MODEL, "src/main.py": "from src.models import A"}, ".", ("src",)),
        ({"src/models.py": MODEL, "src/main.py": "from models import A"}, "src", ("*",)),
        ({"backend/app/models.py": MODEL, "backend/app/main.py": "from app import models"}, "backend", ("app",)),
        ({"users/models.py": MODEL, "posts/models.py": MODEL, "main.py": "import users, posts"}, ".", ("*",)),
        ({"shop/models.py": MODEL, "billing/models.py": MODEL}, ".", ("billing", "shop")),
        ({"app/logging.py": "import logging", "app/models.py": MODEL}, ".", ("app",)),
        ({"app/infra/sqlalchemy/models.py": MODEL, "app/x.py": "from sqlalchemy import String"}, ".", ("app",)),
        ({"app/auth/jwt.py": "import jwt", "app/models.py": MODEL}, ".", ("app",)),
    ],
)
def test_import_root_and_models(tmp_path: Path, files: dict[str, str], root: str, models: tuple[str, ...]) -> None:
    """The folder from which absolute imports work, and one value for app_models for each application."""
    project = survey_project(write_files(tmp_path, files))
    assert project.import_root == tmp_path / root
    assert project.models == models
    assert project.other_roots == ()


@pytest.mark.parametrize(
    ("directory", "files", "root", "models"),
    [
        ("acme", {"acme/__init__.py": "", "acme/models.py": MODEL, "acme/main.py": "from acme.models import A"}, "..", "acme"),
        ("acme", {"acme/__init__.py": "", "acme/models.py": MODEL, "acme/main.py": "from .models import A"}, "..", "acme"),
        ("acme", {"acme/models.py": MODEL, "acme/main.py": "from acme.models import A"}, "..", "acme"),
        ("acme", {"acme/models.py": MODEL, "acme/main.py": "from .models import A"}, "..", "acme"),
        ("acme", {"acme/models.py": MODEL, "acme/main.py": "from models import A"}, ".", "*"),
        ("acme", {"acme/__init__.py": "", "acme/models.py": MODEL, "acme/main.py": "from models import A"}, ".", "*"),
        (
            "src/acme/server",
            {"src/acme/__init__.py": "", "src/acme/server/__init__.py": "", "src/acme/core/models.py": MODEL},
            "../..",
            "acme",
        ),
        (
            "acme/server",
            {"acme/server/main.py": "from acme.core.models import A\nimport acme.server.main", "acme/core/models.py": MODEL},
            "../..",
            "acme",
        ),
        ("my-app", {"my-app/__init__.py": "", "my-app/app/__init__.py": "", "my-app/app/models.py": MODEL}, ".", "app"),
        (".", {"backend/app/__init__.py": "", "backend/app/models.py": MODEL}, "backend", "app"),
        (".", {"src/__init__.py": "", "src/models.py": MODEL, "src/main.py": "from models import A"}, "src", "*"),
        (
            ".",
            {"acme/__init__.py": "", "acme/models.py": MODEL, "scripts/a.py": "import b", "scripts/b.py": ""},
            ".",
            "acme",
        ),
        ("db", {"pyproject.toml": "", "db/README": "", "app/models.py": MODEL}, "..", "app"),
    ],
)
def test_the_import_root_is_above_the_packages(
    tmp_path: Path, directory: str, files: dict[str, str], root: str, models: str
) -> None:
    """Where the ini is inside of a package, the root is the first folder that is none, and nothing beside is looked at."""
    project = survey_project(
        write_files(tmp_path, files | {"other/models.py": MODEL} if directory == "acme" else files) / directory
    )
    assert (project.relative_path(project.import_root), project.models, project.other_roots) == (root, (models,), ())
    line = "prepend_sys_path = %(here)s" + ("" if root == "." else f"/{root}")
    assert line in setting_lines(project).splitlines()


@pytest.mark.parametrize(
    "pyproject",
    [
        '[tool.setuptools.package-dir]\n"" = "lib/python"',
        '[tool.setuptools.package-dir]\nacme = "lib/python/acme"',
        '[tool.setuptools]\npackage-dir = {"acme.api" = "lib/python/acme/api"}',
        '[tool.setuptools.packages.find]\nwhere = ["lib/python"]',
        '[tool.uv.build-backend]\nmodule-root = "lib/python"',
        '[tool.poetry]\npackages = [{include = "acme", from = "lib/python"}]',
        '[tool.hatch.build.targets.wheel]\npackages = ["lib/python/acme"]',
        '[tool.hatch.build.targets.wheel]\nsources = ["lib/python"]',
        '[tool.hatch.build.targets.wheel.sources]\n"lib/python" = ""',
        '[tool.pdm.build]\npackage-dir = "lib/python"',
    ],
)
def test_the_import_root_that_pyproject_declares(tmp_path: Path, pyproject: str) -> None:
    """It decides where no import does, also for an ini that is somewhere else; imports that say otherwise go before it."""
    files = {"pyproject.toml": pyproject, "lib/python/acme/models.py": MODEL, "tools/show.py": "", "ops/README": ""}
    write_files(tmp_path, files)
    assert survey_project(tmp_path).import_root == tmp_path / "lib/python"
    elsewhere = survey_project(tmp_path / "ops")
    assert elsewhere.relative_path(elsewhere.import_root) == "../lib/python"
    assert elsewhere.models == ("acme",)
    write_files(tmp_path, {"lib/python/acme/main.py": "from lib.python.acme.models import A"})
    assert survey_project(tmp_path).import_root == tmp_path


@pytest.mark.parametrize(
    "pyproject", ["[tool", "tool = 1", "[tool.poetry]\npackages = 1", '[tool.hatch.build]\npackages = "nowhere"']
)
def test_a_pyproject_that_declares_nothing_is_no_obstacle(tmp_path: Path, pyproject: str) -> None:
    """What is broken or is not there is for its own tools to report."""
    assert survey_project(write_files(tmp_path, {"pyproject.toml": pyproject, "app/models.py": MODEL})).models == ("app",)


def test_the_members_of_a_workspace_declare_their_own_roots(tmp_path: Path) -> None:
    """A member's folder need not be a name that Python can import; the one with the tables is the root."""
    member = '[build-system]\nbuild-backend = "uv_build"\nrequires = ["uv_build"]'
    files = {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/old"]',
        "packages/my-core/pyproject.toml": member,
        "packages/my-core/src/my_core/models.py": MODEL,
        "packages/my-api/pyproject.toml": member,
        "packages/my-api/src/my_api/main.py": "from my_core.models import A\nimport my_api.routes",
        "packages/my-api/src/my_api/routes.py": "",
        "packages/old/pyproject.toml": member,
        "packages/old/src/models.py": "",
    }
    project = survey_project(write_files(tmp_path, files))
    assert (project.import_root, project.other_roots) == (tmp_path / "packages/my-core/src", ())
    assert project.models == ("my_core",)


def test_a_package_in_an_environment_of_the_project_is_not_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing it says nothing about a module of the same name."""
    files = {
        ".venv/lib/site-packages/tokenlib/__init__.py": "",
        "app/auth/tokenlib.py": "",
        "app/models.py": MODEL,
        "app/main.py": "import tokenlib",
    }
    monkeypatch.syspath_prepend(str(write_files(tmp_path, files) / ".venv/lib/site-packages"))
    assert survey_project(tmp_path).import_root == tmp_path


def test_a_namespace_package_may_be_installed_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports of a name that both have show the project's root."""
    files = {
        "environment/lib/site-packages/acme_parts/util/__init__.py": "",
        "project/src/acme_parts/data/models.py": MODEL,
        "project/src/acme_parts/data/main.py": "from acme_parts.data.models import A\nimport acme_parts.util",
        "project/scripts/release.py": "",
    }
    write_files(tmp_path, files)
    for folder in ("environment/lib/site-packages", "project/src"):
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    project = survey_project(tmp_path / "project")
    assert (project.import_root, project.models) == (tmp_path / "project/src", ("acme_parts",))


def test_two_services_are_two_import_roots(tmp_path: Path) -> None:
    """Nothing is chosen where two folders are applications of their own."""
    files = {
        f"services/{name}/app/{module}.py": text
        for name in ("a", "b")
        for module, text in {"models": MODEL, "main": "from app.models import A"}.items()
    }
    project = survey_project(write_files(tmp_path, files))
    assert project.import_root == tmp_path / "services/a"
    assert project.other_roots == (tmp_path / "services/b",)
    lines = setting_lines(project).splitlines()
    assert "# prepend_sys_path = %(here)s/services/b" in lines
    assert "app_models =" in lines


@pytest.mark.parametrize(
    ("text", "engines"),
    [
        (ASYNC + "engine = create_async_engine('x')", ("app.db:engine",)),
        (ASYNC + "engine: object = create_async_engine('x')", ("app.db:engine",)),
        ("import sqlalchemy.ext.asyncio as sa\nengine = sa.create_async_engine('x')", ("app.db:engine",)),
        ("from sqlalchemy import create_engine\nengine = create_engine('x')", ("app.db:engine",)),
        ("from sqlmodel import create_engine\nengine = create_engine('x')", ("app.db:engine",)),
        (
            ASYNC + "from sqlalchemy import create_engine\nsync = create_engine('x')\nengine = create_async_engine('x')",
            ("app.db:engine",),
        ),
        (
            "from sqlmodel import create_engine\nfrom sqlalchemy.ext.asyncio import AsyncEngine\n"
            "engine = AsyncEngine(create_engine('x'))",
            ("app.db:engine",),
        ),
        (ASYNC + "def get_engine():\n    return create_async_engine('x')", ("app.db:get_engine()",)),
        (ASYNC + "def get_engine(echo=False):\n    e = create_async_engine('x')\n    return e", ("app.db:get_engine()",)),
        (ASYNC + "def get_engine(url):\n    return create_async_engine(url)", ()),
        (ASYNC + "def make(url):\n    return create_async_engine(url)\nengine = make('x')", ("app.db:engine",)),
        (ASYNC + "class Database:\n    engine = create_async_engine('x')", ("app.db:Database.engine",)),
        (
            ASYNC
            + "class Manager:\n    def __init__(self, url):\n        self._engine = create_async_engine(url)\nm = Manager('x')",
            ("app.db:m._engine",),
        ),
        (
            ASYNC + "class Manager:\n    def __init__(self, url):\n        self._engine = create_async_engine(url)\n"
            "    @property\n    def engine(self):\n        return self._engine\nm = Manager('x')",
            ("app.db:m.engine",),
        ),
        (ASYNC + "write = create_async_engine('x')\nother = create_async_engine('y')", ("app.db:write", "app.db:other")),
        (ASYNC + "engine = create_async_engine('x')\ntest_engine = create_async_engine('y')", ("app.db:engine",)),
        (SETTINGS.format("database_url: str") + "settings = Settings()", ("app.db:settings.database_url",)),
        (
            SETTINGS.format("DATABASE_URL: str") + "def get_settings():\n    return Settings()",
            ("app.db:get_settings().DATABASE_URL",),
        ),
        (SETTINGS.format("db_dsn: str") + "def conf() -> Settings:\n    ...", ("app.db:conf().db_dsn",)),
        (SETTINGS.format("database_url: str"), ("app.db:Settings().database_url",)),
        (
            SETTINGS.format("database_url: str\n    async_database_url: str\n    redis_url: str\n    test_database_url: str")
            + "settings = Settings()",
            ("app.db:settings.async_database_url",),
        ),
        (
            SETTINGS.format("host: str\n    @property\n    def SQLALCHEMY_DATABASE_URI(self) -> str: ...")
            + "settings = Settings()",
            ("app.db:settings.SQLALCHEMY_DATABASE_URI",),
        ),
        (
            "from pydantic import BaseModel\nclass Db(BaseModel):\n    url: str\n"
            + SETTINGS.format("db: Db")
            + "settings = Settings()",
            ("app.db:settings.db.url",),
        ),
        ("class Config:\n    SQLALCHEMY_DATABASE_URL = 'x://'\nconfig = Config()", ("app.db:config.SQLALCHEMY_DATABASE_URL",)),
        ("import os\nDATABASE_URL = os.environ['DATABASE_URL']", ("app.db:DATABASE_URL",)),
        ("DATABASE_URL = None", ()),
        (
            ASYNC + "from sqlalchemy import create_engine\nwarehouse = create_engine('x')\n"
            "def create_app():\n    engine = create_async_engine('y')",
            (),
        ),
        (ASYNC + "async def get():\n    return create_async_engine('x')", ()),
        (ASYNC + "if __name__ == '__main__':\n    engine = create_async_engine('x')", ()),
    ],
)
def test_engines_and_urls(tmp_path: Path, text: str, engines: tuple[str, ...]) -> None:
    """The best kind that there is: async engine, sync engine, settings, constant; all of that kind."""
    assert survey_project(write_files(tmp_path, {"app/db.py": text})).engines == engines


def test_the_variable_that_the_application_reads_is_found(tmp_path: Path) -> None:
    """Another name than DATABASE_URL is written where there is one only."""
    files = {"app/db.py": "import os\ndef url():\n    return os.getenv('POSTGRES_URL')"}
    assert survey_project(write_files(tmp_path, files)).url_variable == "POSTGRES_URL"
    write_files(tmp_path, {"app/x.py": "from os import environ\ndef url():\n    return environ['OTHER_DATABASE_URL']"})
    assert survey_project(tmp_path).url_variable is None


def test_settings_with_parts_only_say_which_line_to_write(tmp_path: Path) -> None:
    """Host, user and password make no URL; the ini asks for a property."""
    fields = "db_host: str\n    db_port: int\n    db_user: str\n    db_password: str\n    db_name: str\n    debug: bool"
    project = survey_project(write_files(tmp_path, {"app/config.py": SETTINGS.format(fields) + "settings = Settings()"}))
    assert project.engines == ()
    assert project.url_parts == ("app.config:settings", ("db_host", "db_port", "db_user", "db_password", "db_name"))
    assert "# app_engine = app.config:settings.database_url" in setting_lines(project).splitlines()


def test_several_candidates_are_listed_and_none_is_chosen(tmp_path: Path) -> None:
    """The lines are there to be uncommented."""
    text = ASYNC + "a = create_async_engine('x')\nb = create_async_engine('y')"
    lines = setting_lines(survey_project(write_files(tmp_path, {"app/db.py": text}))).splitlines()
    assert "# app_engine = app.db:a" in lines
    assert "# app_engine = app.db:b" in lines
    assert not any(line.startswith("app_engine") for line in lines)


def test_a_shared_package_of_a_workspace_is_an_import_root(tmp_path: Path) -> None:
    """Tables outside of the best root are not forgotten: the folders are listed to choose from."""
    files = {
        "packages/core/src/core/models.py": MODEL,
        "packages/api/src/api/main.py": "from core.models import A",
        "packages/worker/src/worker/models.py": MODEL,
        "packages/worker/src/worker/main.py": "import core.models\nfrom worker.models import A\nfrom worker import models",
    }
    project = survey_project(write_files(tmp_path, files))
    assert {project.import_root, *project.other_roots} == {
        tmp_path / "packages/worker/src",
        tmp_path / "packages/core/src",
    }
