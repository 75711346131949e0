"""Which engine or URL `alembic init` chooses where a project has several: the one that the application's data goes through."""

from pathlib import Path

import pytest

from alembic_async_template.project.ini import setting_lines
from alembic_async_template.project.survey import Project, survey_project
from support.project import write_files

IMPORTS = """\
import os
from functools import lru_cache
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
"""
ENGINES = IMPORTS + "a = create_async_engine('x://a')\nb = create_async_engine('x://b')\n"
VARIABLES = "FIRST = os.environ['FIRST']\nSECOND = os.environ['SECOND']\n"
SETTINGS = "from pydantic import BaseModel\nfrom pydantic_settings import BaseSettings\n"
SIBLINGS = (
    SETTINGS + "class Config(BaseSettings):\n    DATABASE_URL: str\n"
    "class LocalConfig(Config): pass\nclass ProductionConfig(Config): pass\n"
)
MODELS = "from sqlmodel import SQLModel\nclass A(SQLModel, table=True): pass\n"
USERS = "from app.models import A\n"


def survey(directory: Path, **modules: str) -> Project:
    """A project with these modules in its package `app`, next to one with a model."""
    files = {f"app/{name.replace('__', '/')}.py": text for name, text in modules.items()}
    return survey_project(write_files(directory, {"app/models.py": MODELS, "app/main.py": "from app.models import A", **files}))


@pytest.mark.parametrize(
    "use",
    [
        "S = sessionmaker(bind=b)",
        "S = async_sessionmaker(b, expire_on_commit=False)",
        "S = scoped_session(sessionmaker(b))",
        "S = async_sessionmaker()\ndef start():\n    S.configure(bind=b)",
        "def f():\n    with Session(b) as session:\n        yield session",
        "async def f():\n    async with AsyncSession(b.execution_options(x=1)) as session:\n        yield session",
        "def make(engine):\n    return async_sessionmaker(engine)\nS = make(b)",
        "class Opener:\n    def __init__(self, engine):\n        self.make = async_sessionmaker(engine)\nS = Opener(engine=b)",
        "def f():\n    engine = b\n    return async_sessionmaker(engine)",
    ],
)
def test_the_engine_of_the_sessions_is_chosen(tmp_path: Path, use: str) -> None:
    """Every way to bind a session counts, also in another module; sessions of tests and scripts do not."""
    assert survey(tmp_path, db=ENGINES + use).engines == ("app.db:b",)
    elsewhere = IMPORTS + "from app.db import b\n" + use
    assert survey(tmp_path, db=ENGINES, sessions=elsewhere).engines == ("app.db:b",)
    (tmp_path / "app/sessions.py").unlink()
    assert survey(tmp_path, db=ENGINES, scripts__sessions=elsewhere).engines == ("app.db:a", "app.db:b")


@pytest.mark.parametrize(
    "no_use",
    [
        "Base.metadata.create_all(bind=b)",
        "def f(b):\n    return Session(b)",
        "def f():\n    b = other()\n    return Session(b)",
        "def test_it():\n    return Session(b)",
        "from elsewhere import Session\nS = Session(b)",
    ],
)
def test_what_is_no_session_of_an_engine_decides_nothing(tmp_path: Path, no_use: str) -> None:
    """A parameter or a variable of the same name is another thing."""
    assert survey(tmp_path, db=ENGINES + no_use).engines == ("app.db:a", "app.db:b")


def test_a_sync_engine_with_sessions_goes_before_an_async_one_without(tmp_path: Path) -> None:
    """The async one is for something else; where both have sessions, it is the application's."""
    text = IMPORTS + "a = create_async_engine('x://a')\nb = create_engine('x://b')\nS = sessionmaker(b)\n"
    assert survey(tmp_path, db=text).engines == ("app.db:b",)
    assert survey(tmp_path, db=text + "T = async_sessionmaker(a)").engines == ("app.db:a",)


@pytest.mark.parametrize(
    ("engines", "chosen"),
    [
        ("pool = create_async_engine(URL, x=1)\nengine = create_async_engine(URL)", "engine"),
        ("pool = create_async_engine(URL, x=1)\nasync_engine = create_async_engine(str(URL))", "async_engine"),
        ("engine = create_engine(URL)\nasync_engine = create_async_engine(URL)", "async_engine"),
        ("_engine = create_async_engine(URL)\npublic = create_async_engine(URL)", "public"),
        ("one = create_async_engine(URL)\nengine = create_async_engine(OTHER)", None),
        ("one = create_async_engine(FIRST)\nengine = create_async_engine(SECOND)", None),
        ("one = create_async_engine(f'{URL}_a')\nengine = create_async_engine(f'{URL}_b')", None),
    ],
)
def test_of_engines_with_one_url_the_plain_name_is_chosen(tmp_path: Path, engines: str, chosen: str | None) -> None:
    """They are one database; different expressions are two."""
    found = survey(tmp_path, db=f"{IMPORTS}URL = 'x://a'\nOTHER = 'x://b'\n{VARIABLES}{engines}").engines
    assert found == (f"app.db:{chosen}",) if chosen else len(found) == 2


@pytest.mark.parametrize(
    ("engines", "chosen", "others"),
    [
        (
            "async_engine = create_async_engine(URL)\nasync_local_session_engine = create_async_engine(URL, x=1)\n"
            "S = async_sessionmaker(async_local_session_engine)",
            "async_engine",
            "async_local_session_engine",
        ),
        (
            "DIRECT = URL.replace('6432', '5432')\nlocal_engine = create_async_engine(DIRECT)\n"
            "async_engine = create_async_engine(URL)\nS = async_sessionmaker(async_engine)\nT = async_sessionmaker(local_engine)",
            "async_engine",
            "local_engine",
        ),
        (
            "def make(url, **options):\n    return create_async_engine(url, **options)\n"
            "pooled = make(URL, pool_size=3)\nengine = make(URL)",
            "engine",
            "pooled",
        ),
        (
            "engine = create_async_engine(FIRST)\nother = create_async_engine(SECOND)\nS = async_sessionmaker(engine)",
            "engine",
            "other",
        ),
        ("engine = create_engine(URL)\nasync_engine = create_async_engine(URL)", "async_engine", "engine"),
    ],
)
def test_the_other_engines_of_the_module_are_named(tmp_path: Path, engines: str, chosen: str, others: str) -> None:
    """One is taken, the one that the plain name says; the ini names those that are there too."""
    project = survey(tmp_path, db=f"{IMPORTS}URL = os.environ['DATABASE_URL']\n{VARIABLES}{engines}")
    assert project.engines == (f"app.db:{chosen}",)
    assert project.other_engines == (f"app.db:{others}",)
    assert f"# Other engines there: app.db:{others}.\napp_engine = app.db:{chosen}\n" in setting_lines(project)


@pytest.mark.parametrize(
    "engines",
    [
        "engine = create_async_engine(URL)\nother = create_async_engine(make(URL))",
        "one = create_async_engine(URL)\nother = create_async_engine(URL.replace('a', 'b'))",
        "engine = create_async_engine(URL.replace('a', 'b'))\nother = create_async_engine(URL.replace('b', 'c'))",
    ],
)
def test_engines_that_may_be_of_two_databases_are_both_listed(tmp_path: Path, engines: str) -> None:
    """Without a plain name that has the URL itself, nothing says which of them is the application's."""
    project = survey(tmp_path, db=f"{IMPORTS}URL = os.environ['DATABASE_URL']\n{engines}")
    assert len(project.engines) == 2
    assert project.other_engines == ()


@pytest.mark.parametrize(
    "tool",
    [
        "import argparse\nparser = argparse.ArgumentParser()\n",
        "import typer\napp = typer.Typer()\n",
        "from click import command\n",
        "if __name__ == '__main__':\n    run()\n",
        "if '__main__' == __name__:\n    run()\n",
    ],
)
def test_what_a_command_line_tool_has_is_the_last_choice(tmp_path: Path, tool: str) -> None:
    """The application's engine or URL goes before the tool's, even if only the tool has sessions; alone, the tool's is taken."""
    loader = f"{IMPORTS}{tool}engine = create_async_engine('x://b')\nS = async_sessionmaker(engine)\n{USERS}"
    assert survey(tmp_path / "alone", loader=loader).engines == ("app.loader:engine",)
    db = IMPORTS + "database = create_async_engine('x://a')"
    assert survey(tmp_path / "engine", db=db, loader=loader).engines == ("app.db:database",)
    config = SETTINGS + "class Settings(BaseSettings):\n    database_url: str\nsettings = Settings()"
    assert survey(tmp_path / "url", config=config, loader=loader).engines == ("app.config:settings.database_url",)


@pytest.mark.parametrize(
    "application",
    [
        "import uvicorn\nif __name__ == '__main__':\n    uvicorn.run('app.main:app')\n",
        "import argparse\nfrom fastapi import FastAPI\n",
        "if __name__ == 'app.server':\n    run()\n",
    ],
)
def test_an_application_that_starts_itself_is_no_tool(tmp_path: Path, application: str) -> None:
    """A web application may read arguments and start its own server: its engine is as good as any."""
    server = f"{IMPORTS}{application}engine = create_async_engine('x://b')\nS = async_sessionmaker(engine)\n"
    db = IMPORTS + "stray = create_async_engine('x://a')"
    assert survey(tmp_path, db=db, server=server).engines == ("app.server:engine",)


def test_a_tool_that_the_application_imports_is_a_part_of_it(tmp_path: Path) -> None:
    """A module that can be run for a try (`python -m app.db`) is the application's where another one imports it."""
    db = (
        f"{IMPORTS}engine = create_async_engine('x://b')\nS = async_sessionmaker(engine)\nif __name__ == '__main__':\n    run()\n"
    )
    stray = IMPORTS + "stray = create_async_engine('x://a')"
    assert survey(tmp_path, db=db, stray=stray, main="from app.db import S").engines == ("app.db:engine",)


def test_of_two_engines_with_sessions_that_of_the_models_is_chosen(tmp_path: Path) -> None:
    """The modules that import models import its sessions, however they are called; where both are, nothing is chosen."""
    db = ENGINES + "Sa = async_sessionmaker(a)\nSb = async_sessionmaker(b)\ndef open_b():\n    return Sb()\n"
    metrics = "from app.db import Sa\n"
    assert survey(tmp_path, db=db, users=USERS + "from app.db import open_b", metrics=metrics).engines == ("app.db:b",)
    project = survey(tmp_path, metrics=metrics + USERS)
    assert project.engines == ("app.db:a", "app.db:b")
    lines = setting_lines(project).splitlines()
    assert lines[lines.index("# app_engine = app.db:a") - 1] == (
        "# app/db.py, line 6; sessions are bound to it in app.db; used by app.metrics:"
    )
    assert lines[lines.index("# app_engine = app.db:b") - 1] == (
        "# app/db.py, line 7; sessions are bound to it in app.db; used by app.users:"
    )


@pytest.mark.parametrize(
    "modules",
    [
        {"db": "admin_engine = create_async_engine('x://a')"},
        {"db": "engine = create_async_engine(os.environ['ADMIN_DATABASE_URL'])"},
        {"db": "URL = os.environ['SUPERUSER_DB_URL']\nengine = create_async_engine(URL)"},
        {
            "db": "from app.config import settings\nengine = create_async_engine(settings.read_replica_url)",
            "config": "settings = 1",
        },
        {"db": "reporting = create_async_engine('x://a')"},
        {"db": "analytics_engine = create_async_engine('x://a')"},
        {"scripts__load": "engine = create_async_engine('x://a')"},
        {"cli": "engine = create_async_engine('x://a')"},
        {"seed_data": "engine = create_async_engine('x://a')"},
        {"preview__db": "DATABASE_URL = os.environ['DATABASE_URL']"},
        {"config": "ADMIN_DATABASE_URL = os.environ['X']\nPREVIEW_DATABASE_URL = os.environ['Y']"},
        {"config": "DB_URL = 'DATABASE_URL'\nDATABASE_URL_ENV = 'DATABASE_URL'"},
        {"config": "class Settings:\n    DB_URL = 'DATABASE_URL'\nsettings = Settings()"},
        {
            "config": SETTINGS
            + "class Api(BaseModel):\n    url: str\nclass Settings(BaseSettings):\n    api: Api\nsettings = Settings()"
        },
        {"config": SETTINGS + "class ApiSettings(BaseSettings):\n    url: str\napi_settings = ApiSettings()"},
        {"config": SETTINGS + "class Settings(BaseSettings):\n    admin_database_url: str\nsettings = Settings()"},
        {"config": SETTINGS + "class AdminSettings(BaseSettings):\n    database_url: str\n"},
    ],
)
def test_what_serves_another_purpose_is_never_chosen(tmp_path: Path, modules: dict[str, str]) -> None:
    """An engine for another purpose is not chosen even if it is the only one."""
    assert survey(tmp_path, **{name: IMPORTS + text for name, text in modules.items()}).engines == ()


def test_a_script_that_the_application_imports_is_a_part_of_it(tmp_path: Path) -> None:
    """A script that the application imports, or a package that has the models, is part of it, whatever its name."""
    db = IMPORTS + "engine = create_async_engine('x://a')"
    assert survey(tmp_path, tools__db=db, main="from app.tools.db import engine").engines == ("app.tools.db:engine",)
    cli = {"cli/db.py": db, "cli/models.py": MODELS}
    assert survey_project(write_files(tmp_path / "other", cli)).engines == ("cli.db:engine",)


@pytest.mark.parametrize(
    "instance",
    [
        "settings: Config = make()",
        "settings = Config()",
        "class Make:\n    def __call__(self):\n        return LocalConfig() if x else ProductionConfig()\nsettings = Make()()",
        "class Factory:\n    def __call__(self) -> Config: ...\nsettings = Factory()()",
        "settings = ProductionConfig() if x else LocalConfig()",
        "if x:\n    settings = ProductionConfig()\nelse:\n    settings = LocalConfig()",
        "kinds = {'l': LocalConfig, 'p': ProductionConfig}\nsettings = kinds[x]()",
        "kinds = {'l': LocalConfig, 'p': ProductionConfig}\nsettings = kinds.get(x, LocalConfig)()",
        "kinds = {'l': LocalConfig(), 'p': ProductionConfig()}\nsettings = kinds[x]",
        "def make():\n    kinds = {'l': LocalConfig(), 'p': ProductionConfig()}\n    return kinds[x]\nsettings = make()",
        "def make() -> Config: ...\nsettings = make()",
        "class Own(Config):\n    @classmethod\n    def load(cls):\n        return cls()\nsettings = Own.load()",
    ],
)
def test_the_instance_goes_before_the_classes_that_it_may_have(tmp_path: Path, instance: str) -> None:
    """Which class it is depends on the machine; without an instance, the classes are listed."""
    assert survey(tmp_path, config=SIBLINGS + instance).engines == ("app.config:settings.DATABASE_URL",)
    classes = survey(tmp_path, config=SIBLINGS).engines
    assert classes == tuple(f"app.config:{name}().DATABASE_URL" for name in ("Config", "LocalConfig", "ProductionConfig"))


@pytest.mark.parametrize(
    ("classes", "path"),
    [
        (
            "class Db(BaseModel):\n    connection_url: str\nclass Settings(BaseSettings):\n    database: Db",
            "database.connection_url",
        ),
        ("class Pg(BaseModel):\n    url: str\nclass Settings(BaseSettings):\n    POSTGRES: Pg = Pg()", "POSTGRES.url"),
        (
            "class DbSettings(BaseModel):\n    dsn: str\nclass Settings(BaseSettings):\n    main: DbSettings | None = None",
            "main.dsn",
        ),
        (
            "class Db:\n    def get_url(self): ...\nclass Settings:\n    def __init__(self):\n        self.db = Db()",
            "db.get_url()",
        ),
        ("class Infra(BaseModel):\n    db_url: str\nclass Settings(BaseSettings):\n    infra: Infra", "infra.db_url"),
        ("class PostgresSettings(BaseSettings):\n    url: str\nSettings = PostgresSettings", "url"),
        (
            "class Api(BaseModel):\n    url: str\nclass Db(BaseModel):\n    url: str\nclass Settings(BaseSettings):\n"
            "    service: Api\n    sql: Db",
            "sql.url",
        ),
        ("class Settings:\n    def __init__(self):\n        self.database_url = os.environ['X']", "database_url"),
    ],
)
def test_a_url_in_a_section_of_the_settings(tmp_path: Path, classes: str, path: str) -> None:
    """A field or class named after the database has the URL; the URL of a service does not count."""
    text = f"import os\n{SETTINGS}{classes}\nsettings = Settings()"
    assert survey(tmp_path, config=text).engines == (f"app.config:settings.{path}",)


@pytest.mark.parametrize(
    "use",
    [
        "from app.config import settings\ndef start():\n    engine = create_async_engine(str(settings.db_url))",
        "def start(config):\n    return create_async_engine(config.db_url, echo=True)",
        "from app.config import settings as s\ndef start():\n    url = s.db_url\n    engine = create_engine(url=url)",
        "from app import config\nasync def start():\n    return create_async_engine(config.settings.db_url.unicode_string())",
    ],
)
def test_the_url_that_an_engine_is_made_from_is_chosen(tmp_path: Path, use: str) -> None:
    """The engine is out of reach, and of two URLs this is the application's."""
    config = SETTINGS + "class Settings(BaseSettings):\n    db_url: str\n    jobs_db_url: str\nsettings = Settings()"
    assert survey(tmp_path, config=config).engines == ("app.config:settings.db_url", "app.config:settings.jobs_db_url")
    assert survey(tmp_path, start=IMPORTS + use).engines == ("app.config:settings.db_url",)


def test_a_url_that_only_a_script_reads_is_not_the_applications(tmp_path: Path) -> None:
    """The owner of a database may not be the application."""
    config = SETTINGS + "class Settings(BaseSettings):\n    db_url: str\n    owner_db_url: str\nsettings = Settings()"
    script = "from app.config import settings\nprint(settings.owner_db_url)"
    assert survey(tmp_path, config=config, scripts__grant=script).engines == ("app.config:settings.db_url",)
    assert len(survey(tmp_path, main=script).engines) == 1


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("@lru_cache(maxsize=1)\ndef get_engine() -> AsyncEngine:\n    return create_async_engine('x')", "get_engine()"),
        ("def get_engine() -> AsyncEngine:\n    return build()", "get_engine()"),
        (
            "_e = None\ndef get_engine():\n    global _e\n"
            "    if _e is None:\n        _e = create_async_engine('x')\n    return _e",
            "get_engine()",
        ),
        (
            "class D:\n    def __init__(self, url):\n        self._e = None\n    def get_engine(self):\n"
            "        if self._e is None:\n            self._e = create_async_engine('x')\n        return self._e\nd = D('x')",
            "d.get_engine()",
        ),
        (
            "class D:\n    _e = None\n    @classmethod\n    def get_engine(cls):\n        if cls._e is None:\n"
            "            cls._e = create_async_engine('x')\n        return cls._e",
            "D.get_engine()",
        ),
        (
            "class D:\n    @staticmethod\n    def _make():\n        return create_async_engine('x')\n"
            "    @classmethod\n    def engine(cls):\n        return cls._make()",
            "D.engine()",
        ),
        (
            "class D:\n    def __init__(self, url):\n        self.engine = create_async_engine(url)\n@lru_cache\n"
            "def get_database() -> D:\n    return D('x')",
            "get_database().engine",
        ),
        (
            "class D:\n    def __init__(self, url):\n        self.engine = create_async_engine(url)\n"
            "    @classmethod\n    def instance(cls) -> 'D':\n        return cls('x')",
            "D.instance().engine",
        ),
        (
            "class D:\n    def __init__(self):\n        self.engine = create_async_engine('x')\n"
            "        self.sessions = async_sessionmaker(self.engine)",
            "D().engine",
        ),
        (
            "class B:\n    def __init__(self, url):\n        self.engine = create_async_engine(url)\n"
            "class D(B): pass\nd = D('x')",
            "d.engine",
        ),
        (
            "other = create_async_engine('y')\nclass D:\n    _e = None\n    def get_engine(self):\n"
            "        self._e = self._e or create_async_engine('x')\n        if not self._e:\n"
            "            self._e = create_async_engine('x')\n        return self._e\n"
            "    def session(self):\n        return async_sessionmaker(self._e)\nd = D()",
            "d.get_engine()",
        ),
        (
            "from dependency_injector import containers, providers\nclass C(containers.DeclarativeContainer):\n"
            "    engine = providers.Singleton(create_async_engine, 'x')",
            "C.engine()",
        ),
        (
            "from dependency_injector import containers, providers\nclass C(containers.DeclarativeContainer):\n"
            "    config = providers.Configuration()\n    engine = providers.Singleton(create_async_engine, config.url)\n"
            "container = C()\ncontainer.config.from_dict({})",
            "container.engine()",
        ),
        (
            "from dependency_injector import containers, providers\nclass D:\n    def __init__(self, url):\n"
            "        self.engine = create_async_engine(url)\nclass C(containers.DeclarativeContainer):\n"
            "    database = providers.Singleton(D, 'x')",
            "C.database().engine",
        ),
    ],
)
def test_an_engine_that_is_made_at_run_time(tmp_path: Path, text: str, reference: str) -> None:
    """Functions, methods, classes and containers that make it without an argument are called."""
    config = SETTINGS + "class Settings(BaseSettings):\n    database_url: str\nsettings = Settings()"
    assert survey(tmp_path, db=IMPORTS + text, config=config).engines == (f"app.db:{reference}",)


@pytest.mark.parametrize(
    "text",
    [
        "async def get_engine() -> AsyncEngine:\n    return create_async_engine('x')",
        "def get_engine(url) -> AsyncEngine:\n    return create_async_engine(url)",
        "from fastapi import Depends\ndef get_engine(s=Depends(f)) -> AsyncEngine:\n    return create_async_engine(s.url)",
        "from dishka import provide\nclass P:\n    @provide()\n    def engine(self):\n        return create_async_engine('x')",
        "_e = None\ndef start():\n    global _e\n    _e = create_async_engine('x')\ndef get() -> AsyncEngine:\n    return _e",
        "variable = 1\ndef start():\n    create_async_engine('x')\ndef get_engine() -> AsyncEngine:\n    return variable.get()",
        "class D:\n    e = None\n    @classmethod\n    def start(cls, url):\n        cls.e = create_async_engine(url)\n"
        "    @classmethod\n    def get(cls) -> Engine:\n        return cls.e\ndef engine() -> AsyncEngine:\n    return D.get()",
        "class D:\n    def __init__(self, url):\n        self.engine = create_async_engine(url)",
        "class Exporter:\n    def __init__(self):\n        self.engine = create_async_engine('x')",
        "class D:\n    def start(self):\n        self.engine = create_async_engine('x')\nd = D()",
        "from dependency_injector import containers, providers\nclass C(containers.DeclarativeContainer):\n"
        "    config = providers.Configuration()\n    engine = providers.Singleton(create_async_engine, config.url)",
        "def one():\n    return two()\ndef two():\n    return one()\ndef start():\n    e = create_async_engine(x)\nd = d.e()",
        "S = async_sessionmaker(create_async_engine('x'))",
    ],
)
def test_where_no_engine_can_be_reached_the_settings_are_chosen(tmp_path: Path, text: str) -> None:
    """It takes an argument, is a coroutine, or is there only after the application has started."""
    config = SETTINGS + "class Settings(BaseSettings):\n    database_url: str\nsettings = Settings()"
    assert survey(tmp_path, db=IMPORTS + text, config=config).engines == ("app.config:settings.database_url",)


def test_a_function_or_constant_with_the_url(tmp_path: Path) -> None:
    """A function or a constant with the URL is chosen if nothing better is there."""
    assert survey(tmp_path, db="def get_database_url():\n    return make()").engines == ("app.db:get_database_url()",)
    assert survey(tmp_path, db="DATABASE_URL = make()").engines == ("app.db:DATABASE_URL",)


@pytest.mark.parametrize(
    ("modules", "variable"),
    [
        ({"db": "def f():\n    return os.environ['APP_DB_URL'], os.getenv('ADMIN_DATABASE_URL')"}, "APP_DB_URL"),
        ({"db": "def f():\n    return os.environ['APP_DB_URL']", "scripts__x": "os.environ['OWNER_DB_URL']"}, "APP_DB_URL"),
        ({"db": "NAME = 'APP_DB_URL'\ndef f():\n    return os.environ[NAME]"}, "APP_DB_URL"),
        ({"cli": "def f():\n    return os.environ['APP_DB_URL']"}, None),
        ({"db": "def f():\n    return os.environ['PREVIEW_DATABASE_URL']"}, None),
        ({"db": "def f():\n    return os.environ['ONE_DB_URL'], os.environ['TWO_DB_URL']"}, None),
    ],
)
def test_the_variable_of_the_application(tmp_path: Path, modules: dict[str, str], variable: str | None) -> None:
    """The environment variable is chosen if the application reads exactly one."""
    assert survey(tmp_path, **{name: f"import os\n{text}" for name, text in modules.items()}).url_variable == variable


def test_settings_that_many_modules_keep_are_those_of_the_function_they_call(tmp_path: Path) -> None:
    """`settings = get_settings()` at the top of each module is one object; where one module has it, that is the plain name."""
    config = (
        SETTINGS + "class Settings(BaseSettings):\n    DATABASE_URL: str\ndef get_settings() -> Settings: return Settings()\n"
    )
    kept = "from app.config import get_settings\nsettings = get_settings()\n"
    assert survey(tmp_path, config=config, users=kept).engines == ("app.users:settings.DATABASE_URL",)
    found = survey(tmp_path, config=config, users=kept, posts=kept, comments=kept)
    assert found.engines == ("app.config:get_settings().DATABASE_URL",)
    # The names that the modules have for it count, as the variable's does.
    other = "class Other(BaseSettings):\n    CACHE_DATABASE_URL: str\nother = Other()\n"
    used = kept + IMPORTS + "engine = None\ndef start():\n    global engine\n    engine = create_engine(settings.DATABASE_URL)\n"
    found = survey(tmp_path, config=config + other, users=kept, posts=kept, comments=used)
    assert found.engines == ("app.config:get_settings().DATABASE_URL",)


def test_settings_that_lead_to_each_other_come_to_an_end(tmp_path: Path) -> None:
    """Objects that know their owners are looked into once; a URL below them is found."""
    config = (
        "class Config:\n    def __init__(self):\n        self.owner = Owner()\n        self.database = Database()\n"
        "class Owner:\n    def __init__(self):\n        self.config = Config()\n"
        "class Database:\n    url: str\nconfig = Config()\n"
    )
    assert survey(tmp_path, config=config).engines == ("app.config:config.database.url",)


@pytest.mark.parametrize(
    ("class_", "constructed"),
    [
        ("class DatabaseConfig(NamedTuple):\n    url: str\n    encoding: str = 'utf8'\n", False),
        ("class DatabaseConfig(NamedTuple):\n    url: str = os.environ['X']\n", True),
        ("class DatabaseConfig(BaseModel):\n    url: str\n", False),
        ("class DatabaseConfig(BaseModel):\n    url: str = Field(..., alias='x')\n", False),
        ("class DatabaseConfig(BaseModel):\n    url: str = Field(default_factory=str)\n", True),
        ("@dataclass\nclass DatabaseConfig:\n    url: str\n", False),
        ("class DatabaseConfig:\n    def __init__(self, path):\n        self.url = path\n", False),
        ("class DatabaseConfig(BaseSettings):\n    url: str\n", True),
    ],
)
def test_settings_that_need_arguments_are_not_called(tmp_path: Path, class_: str, constructed: bool) -> None:
    """Only what can be called as it is written is proposed."""
    imports = (
        "import os\nfrom dataclasses import dataclass\nfrom typing import NamedTuple\nfrom pydantic import Field\n" + SETTINGS
    )
    found = survey(tmp_path, config=imports + class_).engines
    assert found == (("app.config:DatabaseConfig().url",) if constructed else ())


def test_an_engine_that_classes_inherit_is_proposed_once(tmp_path: Path) -> None:
    """It is that of the class that makes it, whether those below it add something or not."""
    text = f"{IMPORTS}class Base:\n    engine = create_async_engine()\nclass Plain(Base): pass\nclass More(Plain):\n    x = 1\n"
    assert survey(tmp_path, db=text).engines == ("app.db:Base.engine",)
