"""`alembic adopt`: what is carried over, what is refused, and that nothing is written before both environments agree."""

from __future__ import annotations

import ast
import io
import json
import os
import re
from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from alembic_async_template.adoption.adopt import Adoption, Change
from alembic_async_template.adoption.agreement import Agreement, Verdict
from alembic_async_template.adoption.arguments import read_arguments
from alembic_async_template.adoption.env_file import EnvFile
from alembic_async_template.adoption.env_text import Call, is_logging, write_env
from alembic_async_template.adoption.machinery import find_machinery, find_obstacles
from alembic_async_template.adoption.settings_text import add_settings
from alembic_async_template.adoption.url_source import URLSource, find_url_source
from alembic_async_template.commands import plan_adoption
from alembic_async_template.commands.adopt_text import render_adoption
from alembic_async_template.project.ini import Form, Setting
from support.cases import MODELS as POST
from support.commands import ALEMBIC, keep_variables
from support.project import Project, write_revisions
from support.terminal import run_on_terminal

MODELS = f"{POST}    title: Mapped[str]\n"
OFFLINE = """

def run_migrations_offline():
    context.configure(url=config.get_main_option("sqlalchemy.url"), target_metadata=target_metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()

"""
TAIL = """

if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
"""
# An env.py as people write it: {top} at the module's level, {arguments} of context.configure, {engine} to connect to.
ENV = (
    """import asyncio
from logging.config import fileConfig

from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import async_engine_from_config, create_async_engine

from app.models import Base
{imports}
config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name)
target_metadata = Base.metadata
{top}"""
    + OFFLINE
    + """
def do_run_migrations(connection):
    {before}context.configure(connection=connection, target_metadata=target_metadata{arguments})
    with context.begin_transaction():
        {work}context.run_migrations()


async def run_async_migrations():
    connectable = {engine}
    async with connectable.connect() as connection:
        await connection.run_sync(do_run_migrations)
    await connectable.dispose()


def run_migrations_online():
    asyncio.run(run_async_migrations())
"""
    + TAIL
)
ENGINE = (
    'async_engine_from_config(config.get_section(config.config_ini_section, {}), prefix="sqlalchemy.", poolclass=pool.NullPool)'
)


def make_env(
    *, imports: str = "", top: str = "", arguments: str = "", engine: str = ENGINE, before: str = "", work: str = ""
) -> str:
    return ENV.format(imports=imports, top=top, arguments=arguments, engine=engine, before=before, work=work)


def parse(text: str) -> EnvFile:
    return EnvFile(text, ast.parse(text))


def convert(text: str) -> str:
    """The new `env.py`, with its MetaData kept."""
    env = parse(text)
    machinery = find_machinery(env)
    given = read_arguments(env, machinery)
    assert [*find_obstacles(env, machinery), *given.obstacles] == []
    removed = [*machinery.statements, *find_url_source(env, machinery).statements]
    return write_env(env, removed, Call(given.values, given.hoisted), [])


# What is carried over


def test_an_env_file_keeps_what_it_configures() -> None:
    """Arguments, the functions and imports that they need, comments and work of the module stay; the machinery goes."""
    text = make_env(
        imports="import os\nimport sys\nfrom fnmatch import fnmatch\n",
        top="""
sys.path.append(os.path.join(os.path.dirname(__file__), ".."))
PATTERNS = ["queue_*", "celery_*"]


# Tables of other programs.
def include_object(object_, name, type_, reflected, compare_to):
    return not (type_ == "table" and any(fnmatch(name, one) for one in PATTERNS))
""",
        arguments=', include_object=include_object, compare_type=True, version_table="app_version", render_as_batch=False',
    )
    assert (
        convert(text)
        == '''"""Alembic runs this file for every command that needs the database. Its settings are in alembic.ini or pyproject.toml."""

from app.models import Base
import os
import sys
from fnmatch import fnmatch
from alembic_async_template import run_environment

target_metadata = Base.metadata

sys.path.append(os.path.join(os.path.dirname(__file__), ".."))
PATTERNS = ["queue_*", "celery_*"]


# Tables of other programs.
def include_object(object_, name, type_, reflected, compare_to):
    return not (type_ == "table" and any(fnmatch(name, one) for one in PATTERNS))


run_environment(
    target_metadata=target_metadata,
    include_object=include_object,
    version_table="app_version",
    render_as_batch=False,
)
'''
    )


def test_an_argument_may_go_on_over_lines() -> None:
    """Without brackets of its own: it is within those of the call."""
    text = convert(
        make_env(top="STRICT = True", arguments=", compare_type=not\n        STRICT,  # not yet\n    version_table='v'")
    )
    assert "\n    compare_type=not\n        STRICT,\n    version_table='v',\n" in text
    assert "\nSTRICT = True\n" in text
    compile(text, "env.py", "exec")


def test_an_import_from_the_future_stays_first() -> None:
    """It changes how the rest is read."""
    text = convert("from __future__ import annotations\n" + make_env())
    assert text.split("\n")[2] == "from __future__ import annotations"
    compile(text, "env.py", "exec")


def test_a_function_inside_of_another_is_moved_out() -> None:
    """What an argument needs and the function had for itself becomes the module's."""
    before = """skipped = {"legacy"}

    def include_name(name, type_, parent_names):
        return name not in skipped

    """
    text = convert(make_env(before=before, arguments=", include_name=include_name"))
    assert 'skipped = {"legacy"}\n' in text
    assert "\ndef include_name(name, type_, parent_names):\n    return name not in skipped\n" in text
    assert text.endswith("run_environment(target_metadata=target_metadata, include_name=include_name)\n")
    compile(text, "env.py", "exec")


@pytest.mark.parametrize(
    ("imports", "top", "engine", "expected"),
    [
        ("", "", ENGINE, URLSource()),
        ("import os", "", 'create_async_engine(os.environ["APP_DB"])', URLSource("database_url_env", "APP_DB")),
        ("import os", 'url = os.getenv("APP_DB")', "create_async_engine(url)", URLSource("database_url_env", "APP_DB")),
        (
            "import os",
            "",
            'create_async_engine(os.environ.get("APP_DB", "sqlite+aiosqlite:///x.db"))',
            URLSource("database_url_env", "APP_DB", default="sqlite+aiosqlite:///x.db"),
        ),
        (
            "from app.config import settings",
            "\n\ndef get_url():\n    return str(settings.db.url)\n",
            'create_async_engine(get_url().replace("postgresql:", "postgresql+asyncpg:"))',
            URLSource("app_engine", "app.config:settings.db.url"),
        ),
        (
            "from app.config import get_settings",
            "settings = get_settings()",
            "create_async_engine(settings.url.get_secret_value())",
            URLSource("app_engine", "app.config:get_settings().url"),
        ),
        ("import app.config", "", "create_async_engine(app.config.URL)", URLSource("app_engine", "app.config:URL")),
        ("from app.db import engine", "", "engine", URLSource("app_engine", "app.db:engine")),
        ("from app.db import make_engine", "", "make_engine()", URLSource("app_engine", "app.db:make_engine()")),
        (
            "import os",
            "\n\ndef find():\n    found = os.environ.get('APP_DB')\n    if not found:\n        raise RuntimeError\n    return found\n",
            "create_async_engine(find())",
            URLSource("database_url_env", "APP_DB"),
        ),
        (
            "import os",
            "\n\ndef find():\n    found = os.environ.get('APP_DB')\n    if not found:\n        found = os.environ['OTHER']\n    return found\n",
            "create_async_engine(find())",
            URLSource(expression="find()"),
        ),
        (
            "import os",
            'url = config.attributes.get("url") or os.environ["APP_DB"]',
            "create_async_engine(url)",
            URLSource(expression='config.attributes.get("url") or os.environ["APP_DB"]'),
        ),
        (
            "from app.config import HOST",
            "",
            'create_async_engine(f"postgresql+asyncpg://{HOST}/app")',
            URLSource(expression='f"postgresql+asyncpg://{HOST}/app"'),
        ),
    ],
)
def test_the_url_becomes_a_setting(imports: str, top: str, engine: str, expected: URLSource) -> None:
    """However env.py comes to the URL: an engine, a variable, an attribute of the application, a function of its own."""
    env = parse(make_env(imports=imports, top=top, engine=engine))
    assert find_url_source(env, find_machinery(env)) == expected


@pytest.mark.parametrize(
    ("parts", "line", "why"),
    [
        ({"work": 'context.execute("SET ROLE app")\n        '}, 'context.execute("SET ROLE app")', "execute() is called"),
        ({"before": "prepare(connection)\n    "}, "prepare(connection)", "prepare() is called"),
        (
            {"engine": "create_async_engine(URL, connect_args={'ssl': True})"},
            "connectable = create_async_engine(URL, connect_args={'ssl': True})",
            "its engine is given connect_args; app_engine may name an engine of the application that has it",
        ),
        (
            {
                "engine": "pool\n\n    async def work(connection):\n        await connection.execute(1)\n        await connection.run_sync(do_run_migrations)\n"
            },
            "await connection.execute(1)",
            "execute() is called",
        ),
        ({"arguments": ", **options"}, None, "its arguments are put together elsewhere"),
        (
            {"arguments": ", include_object=dict(connection)"},
            None,
            "it uses connection, which is not there outside of the function",
        ),
        ({"arguments": ", version_table=unknown"}, None, "where unknown comes from is not seen"),
    ],
)
def test_what_cannot_be_carried_over_is_told_with_its_line(parts: dict[str, str], line: str | None, why: str) -> None:
    """The line, what stands there, and why."""
    text = make_env(**parts)
    env = parse(text)
    machinery = find_machinery(env)
    obstacles = [*find_obstacles(env, machinery), *read_arguments(env, machinery).obstacles]
    assert len(obstacles) == 1
    assert obstacles[0].why.startswith(why)
    assert text.splitlines()[obstacles[0].line - 1].strip() == obstacles[0].source
    assert line in {None, obstacles[0].source}


def test_online_and_offline_have_to_agree() -> None:
    """Two values of one argument are an obstacle; the same one, written in another way, is not."""
    text = make_env(arguments=', version_table="one"').replace("literal_binds=True", "literal_binds=True, version_table='one'")
    assert 'version_table="one"' in convert(text) or "version_table='one'" in convert(text)
    env = parse(text.replace("version_table='one'", "version_table='two'"))
    obstacles = read_arguments(env, find_machinery(env)).obstacles
    assert [obstacle.why for obstacle in obstacles] == ["version_table is \"one\" here and 'two' elsewhere"]


@pytest.mark.sqlite
def test_a_url_that_no_setting_can_say_stays_in_env(project: Project, sqlite_url: str) -> None:
    """The expression moves to the module, in front of the call."""
    project.alembic("init", "-t", "async", "migrations")
    path = sqlite_url.removeprefix("sqlite:///")
    engine = 'create_async_engine(f"sqlite+aiosqlite:///{FOLDER}/{NAME}")'
    folder, _, name = path.rpartition("/")
    env = make_env(imports="from app.config import FOLDER, NAME", engine=engine)
    config = f"FOLDER, NAME = {folder!r}, {name!r}\n"
    project.write({"app/__init__.py": "", "app/models.py": MODELS, "app/config.py": config, "migrations/env.py": env})
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    project.alembic("adopt", "--yes")
    text = (project.directory / "migrations/env.py").read_text()
    assert 'context.config.set_main_option("sqlalchemy.url", (f"sqlite+aiosqlite:///{FOLDER}/{NAME}").replace("%", "%%"))' in text
    upgraded = project.alembic("upgrade", "head")
    assert f"Database sqlite+aiosqlite:///{path}, from sqlalchemy.url as env.py sets it\n" in upgraded.stderr
    assert Path(path).exists()
    project.alembic("check")
    warned = project.alembic("check", env={"DATABASE_URL": f"{sqlite_url}.other"}, check=False).stderr
    assert "sqlalchemy.url as env.py sets it names another database (sqlite" in warned


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_settings_are_added_and_everything_else_stays(newline: str) -> None:
    """Comments, other sections and the ends of lines; a setting of the same name is replaced with what continues it."""
    text = "# top\n[one]\na = 1\n\n[alembic]\n# where\nscript_location = x\nprepend_sys_path =\n    a\n    b\nc = d\n\n[two]\nprepend_sys_path = z\n"
    settings = [Setting("prepend_sys_path", ("%(here)s/src",)), Setting("app_models", ("app", "~app.old"))]
    result = add_settings(text.replace("\n", newline), "[alembic]", settings, Form.INI)
    parser = RawConfigParser()
    parser.read_string(result)
    assert dict(parser["alembic"]) == {
        "prepend_sys_path": "%(here)s/src",
        "app_models": "app, ~app.old",
        "script_location": "x",
        "c": "d",
    }
    assert dict(parser["two"]) == {"prepend_sys_path": "z"}
    assert result.startswith(f"# top{newline}[one]{newline}a = 1{newline}{newline}[alembic]{newline}# Import root")
    assert result.count("\r") == (result.count("\n") if newline == "\r\n" else 0)


# Statements of a module, as an env.py may have them in any order.
BLOCKS = [
    *make_env(arguments=", include_object=lambda *arguments: kept(*arguments)").split("\n\n\n"),
    '"""Docstring."""',
    "# A comment alone.",
    "import os; import sys",
    "from app.models import (\n    Base,  # the first\n    Other,\n)",
    "a = b = context.config",
    "kept: dict[str, str]",
    'text = """\n# no comment\n"""',
    "@decorated\n# between\ndef include_object(*arguments):\n    return True",
    "class Ünïcode:\n    '''%s: {curly}'''",
    "if True:\n    import app.models\nelse:\n    del config",
    "for name in []:\n    print(name)",
    "with open(__file__) as file:\n    source = file.read()",
    "try:\n    config.set_main_option('sqlalchemy.url', os.environ['X'])\nexcept KeyError:\n    pass",
    "config.set_main_option('sqlalchemy.url', url := 'sqlite://')",
    "(first, *others), target_metadata.naming_convention = [[1]], {}",
    "context.configure(**{}, target_metadata=[one for one in ()], url=(lambda: URL)())",
    "async def online():\n    async with engine.begin() as connection: await connection.run_sync(lambda c: context.run_migrations())",
    "def get_url(depth=0):\n    return get_url(depth + 1) if depth else get_url()",
]
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@settings(max_examples=300, deadline=None)
@given(blocks=st.lists(st.sampled_from(BLOCKS), max_size=12), newlines=st.integers(1, 4))
def test_whatever_is_written_can_be_parsed(blocks: list[str], newlines: int) -> None:
    """Every name that is followed comes to an end, and what does something at the module's level stays."""
    env = parse(("\n" * newlines).join(blocks))
    machinery = find_machinery(env)
    found = read_arguments(env, machinery)
    list(find_obstacles(env, machinery))
    url = find_url_source(env, machinery)
    removed = [*machinery.statements, *url.statements]
    written = write_env(env, removed, Call(found.values, found.hoisted), ["app.models"])
    kept = [ast.unparse(statement) for statement in ast.parse(written).body]
    assert kept.count("from alembic_async_template import run_environment") == 1
    for statement in env.tree.body:
        if statement not in removed and not isinstance(statement, DEFINITIONS) and not is_logging(env, statement):
            assert ast.unparse(statement) in kept, written


# The command


@pytest.fixture
def stock(project: Project, database_url: str) -> Project:
    """A project with the async template's files, a table, a revision, and the URL in the ini."""
    project.alembic("init", "-t", "async", "migrations")
    project.write({"app/__init__.py": "", "app/models.py": MODELS, "migrations/env.py": make_env()})
    driver = "sqlite+aiosqlite" if database_url.startswith("sqlite") else "postgresql+asyncpg"
    project.set(**{"sqlalchemy.url": re.sub(r"^\w+", driver, database_url).replace("%", "%%")})
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    project.alembic("upgrade", "head")
    return project


def read_report(project: Project, *options: str, returncode: int = 0) -> dict[str, Any]:
    result = project.alembic("adopt", "--json", *options, check=False)
    assert result.returncode == returncode, str(result)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def read_files(project: Project) -> dict[str, bytes]:
    files = [*project.directory.glob("*.ini"), *project.directory.glob("*.toml"), *project.directory.glob("migrations/*.*")]
    return {path.name: path.read_bytes() for path in files}


def test_nothing_is_written_without_an_answer(stock: Project) -> None:
    """Neither by --dry-run nor where no one can be asked nor for a no; a yes on a terminal writes, and a second run has nothing to do."""
    before = read_files(stock)
    assert "+run_environment()" in stock.alembic("adopt", "--dry-run").stdout
    refused = stock.alembic("adopt", check=False)
    assert (refused.returncode, refused.stderr) == (1, "Nothing was written; --yes writes without a question\n")
    for answer in ("n\n", "\n", "\x04"):
        returncode, shown = run_on_terminal(
            [ALEMBIC, "adopt"], stock.directory, keep_variables(**stock.environment), [("[y/N]", answer)]
        )
        assert returncode == 1, shown
    assert read_files(stock) == before
    returncode, shown = run_on_terminal(
        [ALEMBIC, "adopt"], stock.directory, keep_variables(**stock.environment), [("[y/N]", "y\n")]
    )
    assert returncode == 0, shown
    assert "migrations/env.py was written; the old one is kept as env.py.before" in shown
    after = read_files(stock)
    assert after["env.py.before"] == before["env.py"]
    assert after["script.py.mako"] == before["script.py.mako"]
    assert stock.alembic("adopt", "--yes").stdout == "migrations/env.py is one of this package already\n"
    assert read_files(stock) == after
    stock.alembic("check")
    stock.alembic("downgrade", "base")
    stock.alembic("upgrade", "head")


def test_the_commands_give_what_they_gave(stock: Project) -> None:
    """It says so of each; what only this package compares is listed apart, and what the old one had wrong too."""
    report = read_report(stock, "--dry-run")
    assert [(one["command"], one["verdict"]) for one in report["commands"]] == [
        ("database", "same"),
        ("tables", "same"),
        ("current", "same"),
        ("check", "same"),
        ("upgrade head --sql", "same"),
    ]
    models = MODELS.replace("    title: Mapped[str]\n", '    title: Mapped[str] = mapped_column(server_default="new")\n')
    stock.write({"app/models.py": models})
    check = read_report(stock, "--dry-run")["commands"][3]
    assert (check["command"], check["verdict"]) == ("check", "more")
    assert len(check["details"]) == 1
    assert check["details"][0].startswith("+"), check
    difference = check["details"][0].removeprefix("+")
    said = f"\nalembic check: the new env.py also compares server defaults, and tells of:\n  {difference}\n"
    assert said in stock.alembic("adopt", "--dry-run").stdout


def test_what_would_do_something_else_is_not_written(stock: Project) -> None:
    """An env.py whose URL depends on what no setting says: the databases differ, so all files stay as they are."""
    text = (stock.directory / "migrations/env.py").read_text()
    stock.write(
        {
            "app/config.py": "import sys\nURL = 'sqlite+aiosqlite:///right.db' if 'migrations_marker' in sys.modules else 'sqlite+aiosqlite:///wrong.db'\n",
            "migrations/env.py": text.replace(
                "target_metadata = Base.metadata\n",
                "import sys\nsys.modules['migrations_marker'] = sys\nfrom app.config import URL\n"
                "config.set_main_option('sqlalchemy.url', URL)\ntarget_metadata = Base.metadata\ndel sys.modules['migrations_marker']\n",
            ),
        }
    )
    before = read_files(stock)
    result = stock.alembic("adopt", "--yes", check=False)
    assert result.returncode == 1, str(result)
    assert "FAILED: The new migrations/env.py would not do the same, so nothing was written" in result.stdout
    assert "database: not as before:\n" in result.stdout
    assert read_files(stock) == before


@pytest.mark.postgresql
def test_the_report_shows_names_as_they_are(project: Project, embedded_url: str) -> None:
    """The name of a PostgreSQL database is no path, and that of a variable no password."""
    project.alembic("init", "-t", "async", "migrations")
    server, _, name = re.sub(r"^\w+", "postgresql+asyncpg", embedded_url).rpartition("/")
    top = (
        "import os\nimport sys\nDB_PASS = os.environ['DB_PASS']\nsys.modules['mark'] = sys\nfrom app.config import URL\n"
        "config.set_main_option('sqlalchemy.url', URL.replace('%', '%%'))\ndel sys.modules['mark']\n"
    )
    config = f"import sys\nURL = '{server}/' + ('{name}' if 'mark' in sys.modules else 'postgres')\n"
    project.write({"app/__init__.py": "", "app/models.py": MODELS, "app/config.py": config})
    project.write({"migrations/env.py": make_env(top=top)})
    project.environment["DB_PASS"] = "x"
    result = project.alembic("adopt", "--dry-run", check=False)
    place = f"postgresql://postgres:***@{make_url(embedded_url).host}:{make_url(embedded_url).port}"
    assert f"\ndatabase: not as before:\n  -{place}/{name}\n  +{place}/postgres\n" in result.stdout, str(result)
    assert "\n DB_PASS = os.environ['DB_PASS']\n" in result.stdout


def test_what_cannot_be_carried_over_leaves_the_project_alone(stock: Project) -> None:
    """Lines and reasons, and the way by hand."""
    env = stock.directory / "migrations/env.py"
    env.write_text(make_env(work='context.execute("SET ROLE app")\n        '))
    before = read_files(stock)
    result = stock.alembic("adopt", "--yes", check=False)
    line = env.read_text().splitlines().index('        context.execute("SET ROLE app")') + 1
    assert result.returncode == 1
    assert result.stdout.startswith(
        "migrations/env.py cannot be carried over, and is as it was\n"
        f'  where  migrations/env.py:{line}  context.execute("SET ROLE app"): execute() is called, which is not a part of'
    ), str(result)
    assert read_files(stock) == before


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("from flask import current_app\n", "Flask-Migrate"),
        ("from advanced_alchemy.base import metadata_registry\n", "advanced-alchemy"),
    ],
)
@pytest.mark.sqlite
def test_an_env_file_that_needs_its_application_is_left(project: Project, text: str, owner: str) -> None:
    """Those of Flask-Migrate and advanced-alchemy run within their own commands."""
    project.alembic("init", "-t", "async", "migrations")
    project.write({"migrations/env.py": text + make_env()})
    assert read_report(project, "--yes", returncode=1)["obstacles"] == [
        {"line": 0, "source": "", "why": f"it is {owner}'s, which runs it within an application"}
    ]


@pytest.mark.sqlite
def test_several_databases_in_one_env_file_are_left(project: Project) -> None:
    """Alembic's multidb template runs its revisions once for each database, with functions of their own."""
    project.alembic("init", "-t", "multidb", "migrations")
    why = {one["why"] for one in read_report(project, "--yes", returncode=1)["obstacles"]}
    assert "it runs for several databases or more than once" in why


@pytest.mark.sqlite
def test_no_environment_is_told(project: Project) -> None:
    """With what makes one, and no word of lines that are to be moved; in an empty folder, and without the file."""
    result = project.alembic("adopt", check=False)
    assert result.returncode == 1
    assert result.stdout.startswith("There is no alembic.ini")
    assert result.stdout.endswith("\n  fix    make one:\n         alembic init -t async-fastapi migrations\n"), str(result)
    project.alembic("init", "-t", "async", "migrations")
    (project.directory / "migrations/env.py").unlink()
    result = project.alembic("adopt", check=False)
    assert result.returncode == 1
    assert result.stdout.startswith("migrations has no env.py\n  fix    "), str(result)
    assert "lines" not in result.stdout
    report = read_report(project, returncode=1)
    assert [one["why"] for one in report["obstacles"]] == ["migrations has no env.py"]
    assert len(report["fixes"]) == 1


@pytest.mark.sqlite
def test_settings_in_pyproject_are_extended(project: Project, sqlite_url: str) -> None:
    """The table of pyproject.toml gets them, with its comments kept."""
    (project.directory / "pyproject.toml").write_text("[project]\nname = 'shop'  # ours\nversion = '1'\n")
    project.alembic("init", "-t", "pyproject_async", "migrations")
    project.environment["APP_DB"] = sqlite_url
    env = make_env(
        imports="import os", engine='create_async_engine(os.environ["APP_DB"].replace("sqlite:", "sqlite+aiosqlite:"))'
    )
    project.write({"app/__init__.py": "", "app/models.py": MODELS, "migrations/env.py": env})
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    text = (project.directory / "pyproject.toml").read_text()
    project.alembic("adopt", "--yes")
    added = (
        "# Models: every module in them that defines tables is imported, those added later too. * is every module.\n"
        'app_models = ["app"]\n\n'
        "# Environment variable with the database URL, used where app_engine names none.\n"
        'database_url_env = "APP_DB"\n\n'
    )
    assert (project.directory / "pyproject.toml").read_text() == text.replace("[tool.alembic]\n\n", f"[tool.alembic]\n{added}\n")
    project.alembic("upgrade", "head")
    project.alembic("check")


@pytest.mark.sqlite
def test_every_section_of_one_environment_gets_the_settings(project: Project, tmp_path: Path) -> None:
    """Two databases with one env.py, as `alembic -n staging` has them."""
    project.alembic("init", "-t", "async", "migrations")
    project.write({"app/__init__.py": "", "app/models.py": MODELS, "migrations/env.py": make_env()})
    project.set(**{"sqlalchemy.url": f"sqlite+aiosqlite:///{tmp_path}/one.db"})
    ini = project.directory / "alembic.ini"
    section = f"\n[staging]\nscript_location = %(here)s/migrations\nprepend_sys_path = .\npath_separator = os\nsqlalchemy.url = sqlite+aiosqlite:///{tmp_path}/two.db\n"
    ini.write_text(ini.read_text().replace("\n[post_write_hooks]", f"{section}\n[post_write_hooks]"))
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    project.alembic("-n", "staging", "upgrade", "head")
    project.alembic("adopt", "--yes")
    parser = RawConfigParser()
    parser.read(ini)
    assert parser["alembic"]["app_models"] == parser["staging"]["app_models"] == "app"
    project.alembic("-n", "staging", "check")
    project.alembic("upgrade", "head")
    assert {path.name for path in tmp_path.glob("*.db")} == {"one.db", "two.db"}


def test_an_untouched_stock_environment_is_adopted(project: Project, database_url: str) -> None:
    """Its placeholder and its `target_metadata = None` are what this package has better."""
    project.environment["DATABASE_URL"] = database_url
    project.alembic("init", "-t", "generic", "migrations")
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    report = read_report(project, "--yes")
    assert [one["verdict"] for one in report["commands"]] == ["mended"] * 5
    assert (project.directory / "migrations/env.py").read_text() == (
        '"""Alembic runs this file for every command that needs the database. Its settings are in alembic.ini or pyproject.toml."""'
        "\n\nfrom alembic_async_template import run_environment\n\nrun_environment()\n"
    )
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    project.alembic("upgrade", "head")
    project.alembic("check")


def test_another_database_down_is_no_agreement(stock: Project) -> None:
    """Where nothing can be compared, the report says so of each command that needs the database, and the SQL is still compared."""
    stock.set(**{"sqlalchemy.url": "postgresql+asyncpg://app@127.0.0.1:1/app", "database_wait": "10min"})
    commands = {one["command"]: one for one in read_report(stock, "--dry-run")["commands"]}
    assert commands["current"]["verdict"] == commands["check"]["verdict"] == "unknown"
    assert any("127.0.0.1" in line for line in commands["current"]["details"])
    shown = stock.alembic("adopt", "--dry-run").stdout
    assert "\ndatabase: not compared:\n" in shown
    assert "\nalembic current: not compared, for the same reason\n" in shown
    assert shown.endswith(
        "\n\nWARNING: Neither env.py comes to an end here, so not compared: "
        "database, tables of the models, alembic current, alembic check\n"
    )


@pytest.mark.sqlite
def test_what_cannot_be_compared_at_all_is_not_written(project: Project, sqlite_url: str) -> None:
    """The variable with the URL is not set, as in another terminal: the reason, and what to do; then it is written."""
    project.alembic("init", "-t", "async", "migrations")
    env = make_env(imports="import os", top="config.set_main_option('sqlalchemy.url', os.environ['APP_DB'])\n")
    project.write({"app/__init__.py": "", "app/models.py": MODELS, "migrations/env.py": env})
    before = read_files(project)
    result = project.alembic("adopt", "--yes", check=False)
    assert (result.returncode, read_files(project)) == (1, before)
    lines = result.stdout.splitlines()
    assert lines[:2] == [
        "FAILED: Nothing could be compared, so nothing was written",
        "  where  before: KeyError: 'APP_DB'",
    ], str(result)
    assert lines[-4:] == [
        "  fix    let the commands run first: start the database, set the variables that env.py reads:",
        "         alembic current",
        "  then   type it again:",
        "         alembic adopt",
    ], str(result)
    project.environment["APP_DB"] = re.sub(r"^\w+", "sqlite+aiosqlite", sqlite_url)
    project.alembic("current")
    project.alembic("adopt", "--yes")
    assert read_files(project) != before


@pytest.mark.sqlite
def test_models_of_another_database_stay_out(project: Project, sqlite_url: str) -> None:
    """Where the sources have tables that the old env.py does not give, its MetaData is kept."""
    project.alembic("init", "-t", "async", "migrations")
    other = MODELS.replace("Post", "Metric").replace('"post"', '"metric"')
    project.write({"app/__init__.py": "", "app/models.py": MODELS, "app/metrics.py": other, "migrations/env.py": make_env()})
    project.set(**{"sqlalchemy.url": re.sub(r"^\w+", "sqlite+aiosqlite", sqlite_url)})
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    project.alembic("upgrade", "head")
    read_report(project, "--yes")
    text = (project.directory / "migrations/env.py").read_text()
    assert "from app.models import Base\n" in text
    assert text.endswith("\nrun_environment(target_metadata=target_metadata)\n")
    project.alembic("check")


@pytest.mark.sqlite
def test_a_convention_set_in_env_is_an_argument(project: Project, sqlite_url: str) -> None:
    """It names what the revisions leave unnamed, without the models."""
    project.alembic("init", "-t", "async", "migrations")
    top = 'NAMES = {"pk": "pk_%(table_name)s"}\ntarget_metadata.naming_convention = NAMES\n'
    project.write({"app/__init__.py": "", "app/models.py": MODELS, "migrations/env.py": make_env(top=top)})
    project.set(**{"sqlalchemy.url": re.sub(r"^\w+", "sqlite+aiosqlite", sqlite_url)})
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    project.alembic("adopt", "--yes")
    text = (project.directory / "migrations/env.py").read_text()
    assert text.endswith("\nrun_environment(naming_convention=NAMES)\n"), text
    project.alembic("upgrade", "head")
    project.alembic("check")


def test_the_import_of_another_enum_package_goes(project: Project, postgresql_url: str) -> None:
    """That of alembic-postgresql-enum switches its comparison on; its revisions keep working."""
    project.alembic("init", "-t", "async", "migrations")
    models = MODELS.replace("import DeclarativeBase", "import DeclarativeBase").replace(
        "    title: Mapped[str]\n", "    status: Mapped[Status]\n"
    )
    models = "import enum\n\n\nclass Status(enum.Enum):\n    draft = 1\n    live = 2\n\n" + models
    project.write({"app/__init__.py": "", "app/models.py": models})
    project.write({"migrations/env.py": make_env(imports="import alembic_postgresql_enum")})
    project.set(**{"sqlalchemy.url": re.sub(r"^\w+", "postgresql+asyncpg", postgresql_url).replace("%", "%%")})
    project.environment.pop("PYTHONWARNINGS")
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    project.alembic("upgrade", "head")
    project.write({"app/models.py": models.replace("    live = 2\n", "    live = 2\n    gone = 3\n")})
    project.alembic("revision", "--autogenerate", "-m", "one more")
    assert "sync_enum_values" in project.revisions()[-1].read_text()
    project.alembic("upgrade", "head")
    read_report(project, "--yes")
    assert "alembic_postgresql_enum" not in (project.directory / "migrations/env.py").read_text()
    project.alembic("check")
    project.alembic("downgrade", "base")
    project.alembic("upgrade", "head")
    project.alembic("check")


@pytest.mark.sqlite
def test_a_failure_in_the_middle_leaves_the_files(stock: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are written first; when env.py cannot be, they are put back and no copy is left."""
    monkeypatch.chdir(stock.directory)
    before = read_files(stock)
    adoption = plan_adoption(Config("alembic.ini"))
    assert adoption.is_possible
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if Path(target).name == "env.py" and b"run_environment" in Path(source).read_bytes():
            raise OSError("no space left")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        adoption.write()
    for path in stock.directory.glob("migrations/.*"):
        path.unlink()
    assert read_files(stock) == before


SYNC_ENV = (
    """from alembic import context
from sqlalchemy import engine_from_config, pool

from app.config import DATABASE_URL
from app.models import Base

config = context.config
config.set_main_option("sqlalchemy.url", DATABASE_URL.replace("+asyncpg", "+psycopg").replace("%", "%%"))
target_metadata = Base.metadata
"""
    + OFFLINE
    + """
def run_migrations_online():
    engine = engine_from_config(config.get_section(config.config_ini_section, {}), prefix="sqlalchemy.", poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)
        with context.begin_transaction():
            context.run_migrations()
"""
    + TAIL
)


@pytest.fixture
def synchronous(project: Project, embedded_url: str) -> Project:
    """A project whose application uses asyncpg, and its env.py psycopg; its first revision sends several statements at once."""
    project.alembic("init", "-t", "generic", "migrations")
    project.environment["APP_DB"] = re.sub(r"^\w+", "postgresql+asyncpg", embedded_url)
    project.write(
        {
            "app/__init__.py": "",
            "app/models.py": MODELS,
            "app/config.py": 'import os\n\nDATABASE_URL = os.environ["APP_DB"]\n',
            "migrations/env.py": SYNC_ENV,
        }
    )
    create = "CREATE TABLE post (id serial PRIMARY KEY, title text NOT NULL); COMMENT ON TABLE post IS 'a; b'"
    write_revisions(project.directory, one=(f'op.execute("{create}")', 'op.execute("""DROP TABLE post; -- gone\n    """)'))
    project.alembic("upgrade", "head")
    return project


@pytest.mark.postgresql
def test_another_driver_is_said_with_what_it_does_not_take(synchronous: Project) -> None:
    """The URL of the application names asyncpg; calls with several statements, in applied revisions too, are named first."""
    result = synchronous.alembic("adopt", "--dry-run")
    assert "\ndatabase: as before\n" in result.stdout
    assert "\ndriver: psycopg, and asyncpg from now on\n" in result.stdout
    assert (
        "Note: asyncpg takes one statement at a time, and these calls send several. Split them, or let the URL of the migrations "
        "begin with postgresql+psycopg://, which takes several at once:\n  migrations/versions/one.py:13\n"
    ) in f"{result.stdout}\n"
    report = read_report(synchronous, "--yes")
    assert report["drivers"] == ["psycopg", "asyncpg"]
    found = synchronous.alembic("doctor", "--json", check=False).stdout
    assert [one["code"] for one in json.loads(found)["findings"]] == ["models-differ"], found


@pytest.mark.postgresql
def test_enum_types_that_stay_are_named(synchronous: Project) -> None:
    """The line that drops one, in place of a failure at the next upgrade; it is typed, and both ways work."""
    create = 'op.create_table("note", sa.Column("status", sa.Enum("a", "b", name="status")))'
    one = synchronous.directory / "migrations/versions/one.py"
    split = one.read_text().replace("NULL); COMMENT ON TABLE post IS 'a; b'", "NULL)")
    write_revisions(synchronous.directory, one="pass", two=(create, 'op.drop_table("note")'))
    one.write_text(split)
    synchronous.alembic("upgrade", "head")
    shown = synchronous.alembic("adopt", "--yes").stdout
    line = "  migrations/versions/two.py:13  "
    assert "alembic upgrade head fails after it, as before. Drop them at the end of each downgrade():\n" + line in shown
    two = synchronous.directory / "migrations/versions/two.py"
    two.write_text(f"{two.read_text().rstrip()}\n    {shown.partition(line)[2].splitlines()[0]}\n")
    synchronous.alembic("downgrade", "base")
    synchronous.alembic("upgrade", "head")


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("statement", "schema"),
    [
        ('text("CREATE SCHEMA IF NOT EXISTS meta")', '"meta"'),
        ("text(f'CREATE SCHEMA IF NOT EXISTS \"{SCHEMA}\";')", "SCHEMA"),
        ('CreateSchema("meta", if_not_exists=True)', "SCHEMA"),
    ],
)
def test_the_schema_of_the_version_table_is_created_anyway(
    project: Project, embedded_url: str, statement: str, schema: str
) -> None:
    """What creates it goes, with its commit, and is said; another statement is not carried over."""
    project.alembic("init", "-t", "async", "migrations")
    before = f"connection.execute({statement})\n    connection.commit()\n    "
    imports = "from sqlalchemy import text\nfrom sqlalchemy.schema import CreateSchema"
    env = make_env(imports=imports, top='SCHEMA = "meta"\n', before=before, arguments=f", version_table_schema={schema}")
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    if "{" not in statement:
        project.write({"migrations/env.py": env.replace(f"version_table_schema={schema}", 'version_table_schema="another"')})
        assert len(read_report(project, returncode=1)["obstacles"]) == 1
    project.write({"migrations/env.py": env})
    project.set(**{"sqlalchemy.url": re.sub(r"^\w+", "postgresql+asyncpg", embedded_url).replace("%", "%%")})
    line = env.splitlines().index(f"    connection.execute({statement})") + 1
    report = read_report(project, "--yes")
    assert report["notes"][0] == f"Line {line} is left out: run_environment creates this schema itself"
    text = (project.directory / "migrations/env.py").read_text()
    assert text.endswith(f"run_environment(version_table_schema={schema})\n"), text
    assert "CREATE" not in text
    assert "CreateSchema" not in text
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    project.alembic("upgrade", "head")
    project.alembic("check")


def test_each_side_of_a_comparison_is_said() -> None:
    """What only the new env.py tells of, by what it compares, and what only the old one did."""
    details = (
        "-Column post.title is of type A in the models, and B in the database",
        "+Column post.title has the default 'a' in the models, and no default in the database",
        '+Enum status has no value "live" in the database',
    )
    adoption = Adoption("env.py", changes=(Change(Path("env.py"), "env.py", "a", "b"),))
    adoption = replace(adoption, agreements=(Agreement("check", Verdict.MORE, details),))
    assert render_adoption(adoption, io.StringIO()).endswith(
        "\n\nalembic check: the new env.py also compares server defaults and enum types, and tells of:\n"
        f"  {details[1][1:]}\n  {details[2][1:]}\n"
        f"alembic check: only the old env.py tells of:\n  {details[0][1:]}"
    )
