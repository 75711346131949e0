"""Errors of importing the application.

The first rule that matches wins: special ones stand before general ones.
"""

from __future__ import annotations

from ..match import Origin, Rule, Sign

APPLICATION_RULES = (
    Rule(
        "No module named 'app'",
        (Sign(raised="ModuleNotFoundError", origin=Origin.APPLICATION),),
        "name the folder from which the application is imported",
        "prepend_sys_path = {root}",
    ),
    Rule(
        "No module named 'app.bd'",
        (Sign(raised="ModuleNotFoundError", origin=Origin.SETTING),),
        "there is no such module: correct the setting in alembic.ini",
        "{near}",
    ),
    Rule(
        "No module named 'app.nowhere'",
        (Sign(raised="ModuleNotFoundError", origin=Origin.MODULE),),
        "a module of the application imports it, and it is not there: correct the import, or add the file",
        "{path}.py",
    ),
    Rule(
        "No module named 'psycopg2', of create_engine",
        (Sign(raised="ModuleNotFoundError", function="import_dbapi", origin=Origin.SYNC_ENGINE),),
        "the URL of a sync engine names this driver, which is not installed: install it",
        "pip install {package}",
    ),
    Rule(
        "No module named 'psycopg2', of create_async_engine",
        (Sign(raised="ModuleNotFoundError", function="import_dbapi"),),
        "the URL of an async engine names a driver that is not installed, or none: give it one that is",
        "{url}",
    ),
    Rule(
        "Can't load plugin: sqlalchemy.dialects:postgres",
        (Sign(text=r"Can't load plugin: sqlalchemy\.dialects"),),
        "SQLAlchemy has no such database: in the URL of an engine it is written so",
        "{url}",
    ),
    Rule(
        "SyntaxError, in a project that asks for a newer Python",
        (Sign(origin=Origin.NEWER_PYTHON),),
        "requires-python in pyproject.toml asks for Python {python}: run Alembic with that",
        "python{python} -m venv .venv",
    ),
    Rule(
        "No module named 'core', a member of uv's workspace",
        (Sign(raised="ModuleNotFoundError", origin=Origin.WORKSPACE_MEMBER),),
        "a member of the workspace has it, and is not installed here: install all members",
        "uv sync --all-packages",
        ("install this one, into the environment that is there", "uv pip install -e {member}"),
    ),
    Rule(
        "No module named 'something'",
        (Sign(raised="ModuleNotFoundError", text="No module named '(?P<module>[^'.]*)"),),
        "the application imports it, and it is not installed here",
        "pip install {module}",
    ),
    Rule(
        "cannot import name ... from partially initialized module",
        (
            Sign(text=r"cannot import name '(?P<missing>\w+)' from partially initialized module '(?P<partial>[\w.]+)'"),
            Sign(text="partially initialized module|circular import"),
        ),
        "two modules import each other: import one inside the function that needs it, or part them",
        "from {partial} import {missing}",
    ),
    Rule(
        "ValidationError: 1 validation error for Settings",
        (Sign(raised="ValidationError", origin=Origin.MISSING_VARIABLE),),
        "set {variables} in the environment ({files})",
        "export {variable}={example}",
    ),
    Rule(
        "ValidationError: Extra inputs are not permitted",
        (Sign(raised="ValidationError", origin=Origin.UNKNOWN_VARIABLE),),
        "leave {variables} out ({files}), or let the settings ignore what they do not know",
        'model_config = SettingsConfigDict(extra="ignore")',
    ),
    Rule(
        "ValidationError: Input should be a valid integer",
        (Sign(raised="ValidationError", origin=Origin.INVALID_VARIABLE),),
        "correct {variables} in the environment ({files})",
        "export {variable}={example}",
    ),
    Rule(
        "KeyError: 'DATABASE_URL' from os.environ",
        (Sign(raised="KeyError", text=r"'(?P<variable>\w+)'", function="__getitem__", origin=Origin.ENVIRONMENT),),
        "set {variable} in the environment",
        "export {variable}={example}",
    ),
    Rule(
        "ArgumentError: Expected string or URL object, got None",
        (Sign(text="Expected string or URL object, got None"),),
        "the URL that the application gives to its engine is not set",
        "export {read}={url}",
    ),
    Rule(
        "ArgumentError: Could not parse SQLAlchemy URL",
        (Sign(text="Could not parse SQLAlchemy URL|Could not parse rfc1738 URL"),),
        "the URL that the application gives to its engine is empty, or is not one",
        "export {read}={url}",
    ),
    Rule(
        "The asyncio extension requires an async driver to be used",
        (Sign(text="requires an async driver"),),
        "give create_async_engine a URL with one",
        "{url}",
    ),
    Rule(
        "MissingGreenlet: greenlet_spawn has not been called",
        (Sign(raised="MissingGreenlet"),),
        "the import connects with an async driver: make a create_async_engine, and connect in a coroutine",
        "async with engine.connect() as connection: ...",
    ),
    Rule(
        "Table 'post' is already defined for this MetaData instance",
        (Sign(text="Table '(?P<name>[^']*)' is already defined for this MetaData instance"),),
        "it is declared twice, or imported as app.models and as models: import it by one name everywhere",
        "from app.models import Post",
        ("if {copy} is a copy that nothing imports, leave it out", "app_models = {app_models}, ~{copy}"),
    ),
)
