"""Runs commands with files that are not written yet, in a process of its own, and brings back what they give."""

from __future__ import annotations

import io
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..run.process import answer_request, describe_config, make_config, run_apart

if TYPE_CHECKING:
    from alembic.config import Config

# The commands whose results are compared, and what they show.
SUBJECTS = ("database", "tables", "current", "check", "upgrade head --sql")
# What connects, or tries to; it may be another one afterwards.
DRIVER = "driver"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command gave: lines, or the error that ended it."""

    lines: tuple[str, ...] = ()
    error: str = ""


def try_environment(config: Config, env: str | None = None, settings: str | None = None) -> dict[str, Answer]:
    """What the environment of a configuration gives.

    :param env: a text in place of that of `env.py`.
    :param settings: a text in place of that of the file with the settings.
    """
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, "env.py")
        if env is not None:
            draft.write_text(env, "utf-8")
        request = {"env": None if env is None else str(draft), "settings": settings}
        found = run_apart(__name__, describe_config(config) | request)
    if isinstance(found, str):
        return {subject: Answer(error=found) for subject in (*SUBJECTS, DRIVER)}
    return {subject: Answer(tuple(one["lines"]), one["error"]) for subject, one in found.items()}


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """In the new process: run the commands."""
    config = make_config(request)
    if request["settings"] is not None:
        _read_instead(config, request["settings"])
    config.set_main_option("database_wait", "off")  # no one is told what is waited for
    if request["env"] is not None:
        _run_instead(Path(request["env"]))
    drivers = _note_drivers()
    shown: dict[str, list[str]] = {}
    failed = _try(lambda: shown.update(_look(config)) or [])
    found = {subject: {"lines": shown.get(subject, []), "error": failed["error"]} for subject in SUBJECTS[:3]}
    found |= {"check": _try(lambda: _check(config)), SUBJECTS[4]: _try(lambda: _write_sql(config))}
    return found | {DRIVER: {"lines": drivers[:1], "error": ""}}


def _note_drivers() -> list[str]:
    """The drivers that engines of this process connect with from now on, as a URL names them."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    drivers: list[str] = []

    def note(dialect: Any, *_: object) -> None:
        drivers.append(dialect.driver.removesuffix("_async"))

    event.listen(Engine, "do_connect", note)
    return drivers


def _try(work: Callable[[], Sequence[str]]) -> dict[str, Any]:
    from ..doctor.probe import describe_error

    try:
        return {"lines": list(work()), "error": ""}
    except (Exception, SystemExit) as error:
        return {"lines": [], "error": describe_error(error)["problem"] or type(error).__name__}


def _read_instead(config: Config, text: str) -> None:
    """Let a configuration have the settings of a text, `%(here)s` being the folder of its file."""
    if config.toml_file_name and "script_location" in config.toml_alembic_config:
        vars(config)["toml_alembic_config"] = tomllib.loads(text)["tool"]["alembic"]
        return
    parser = ConfigParser(config.file_config.defaults())
    parser.read_string(text)
    vars(config)["file_config"] = parser


def _run_instead(draft: Path) -> None:
    """Let every command run a file as `env.py`, which thinks to be where that is."""
    from alembic.script import ScriptDirectory

    def run_env(self: ScriptDirectory) -> None:
        path = Path(self.dir, "env.py")
        exec(compile(draft.read_text("utf-8"), path, "exec"), {"__name__": "env_py", "__file__": str(path.absolute())})

    ScriptDirectory.run_env = run_env  # type: ignore[method-assign]
    ScriptDirectory.env_py_location = property(lambda _script: str(draft))  # type: ignore[method-assign,assignment]


def _look(config: Config) -> dict[str, list[str]]:
    """The database, the tables of the models, and the revision that the database is at."""
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    from ..application.url import absolute_sqlite

    found: dict[str, list[str]] = {}

    def look(current: Sequence[str], context: Any) -> list[Any]:
        url = context.connection.engine.url
        place = absolute_sqlite(url, Path.cwd()) if url.get_backend_name() == "sqlite" else url
        place = place.set(drivername=url.get_backend_name(), password=None, query={})
        given = context.opts.get("target_metadata")
        targets = given if isinstance(given, list | tuple) else [given]
        tables = {str(name) for target in targets if target is not None for name in target.tables}
        found.update(database=[str(place)], tables=sorted(tables), current=sorted(current))
        return []

    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, script, fn=look, dont_mutate=True, reads_models=True):
        script.run_env()
    return found


def _check(config: Config) -> list[str]:
    from alembic import command
    from alembic.util import AutogenerateDiffsDetected

    from ..autogenerate.differences import describe_differences

    try:
        command.check(config)
    except AutogenerateDiffsDetected as error:
        return describe_differences(error.diffs)
    return []


def _write_sql(config: Config) -> list[str]:
    """The statements of all revisions; where transactions begin and end is each environment's own."""
    from alembic import command

    config.output_buffer = io.StringIO()
    command.upgrade(config, "heads", sql=True)
    lines = (line.rstrip() for line in config.output_buffer.getvalue().splitlines())
    return [line for line in lines if line and line not in {"BEGIN;", "COMMIT;"} and not line.startswith("--")]


if __name__ == "__main__":
    answer_request(answer)
