"""Runs `env.py` in a process of its own, and brings back what it shows of the database and the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..autogenerate.differences import describe_differences, flatten_differences
from ..errors.block import Fix
from ..run.process import answer_request, describe_config, make_config, run_apart

if TYPE_CHECKING:
    from alembic.config import Config


# The differences of enum types that are told by their values.
_VALUES = frozenset({"add_enum_value", "remove_enum_value", "rename_enum_value", "replace_enum_values"})


@dataclass(frozen=True, slots=True)
class Failed:
    """What a run was ended by, in one line, and how to solve it where that is known."""

    problem: str
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """What a run of `env.py` has shown."""

    status: Mapping[str, Any] | None = None
    """What `alembic status --json` prints."""
    error: Failed | None = None
    """Why the database could not be read."""
    unimported: tuple[str, ...] = ()
    """The modules with tables that a hand-written `env.py` does not import."""
    untargeted: tuple[str, ...] = ()
    """The MetaData objects with tables that it does not give, as `module:attribute`."""
    lacks_target: bool = False
    """Whether it gives none."""
    differences: tuple[str, ...] = ()
    """How models and database differ."""
    models_error: Failed | None = None
    """Why they could not be compared."""
    existing_tables: Failed | None = None
    """Why there can be no first revision: the database has the tables already."""
    unversioned: Failed | None = None
    """What `alembic check` says of tables that no revision counts for."""
    leftover_tables: tuple[str, ...] = ()
    """The tables that the models do not have."""
    version_tables: tuple[Sequence[str], ...] = ()
    """Other tables that say which revisions have run: schema and name."""
    row_counts: Mapping[str, int] = field(default_factory=dict)
    """About how many rows each table has, below 0 where that is not known."""
    enum_types: tuple[str, ...] = ()
    """The names of the enum types that the database has."""
    enum_differences: tuple[Sequence[Any], ...] = ()
    """Enum types with other values in the models: name, values there, values in the database."""


def send_probe(config: Config) -> Probe:
    """Run `env.py` of a configuration in a new process."""
    found = run_apart(__name__, describe_config(config))
    if isinstance(found, str):
        return Probe(error=Failed(found))
    names = ("error", "models_error", "existing_tables", "unversioned")
    failures = {name: _read_failed(found[name]) for name in names if found[name]}
    lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
    return Probe(**{**found, **failures, **lists})


def _read_failed(described: Mapping[str, Any]) -> Failed:
    return Failed(described["problem"], tuple(Fix(*parts) for parts in described["fixes"]))


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """In the new process: run `env.py`, and tell what it shows."""
    from ..run.status import read_status
    from .database_probe import look_at_database

    config = make_config(request)
    found: dict[str, Any] = {"status": None, "differences": []}
    found |= dict.fromkeys(("error", "models_error", "existing_tables", "unversioned"))
    try:
        status = read_status(config)
    except Exception as error:
        found["error"] = describe_error(error)
        return found
    found["status"] = status.to_json()
    with suppress(Exception):  # the models may not be importable, which the comparison tells
        found |= look_at_database(config)
    if status.models is None:  # env.py is written by hand
        from .models_probe import look_at_models

        with suppress(Exception):  # what the sources do not show is not told
            found |= look_at_models(config)
        if found.get("lacks_target") or found.get("unimported") or found.get("untargeted"):
            return found
    if status.history.is_at_head and status.history.heads:
        compared, found["models_error"], _ = _compare(config)
        differences = list(flatten_differences(compared))
        told = _VALUES if found.get("enum_differences") else frozenset()
        found["leftover_tables"] = [one[1].key for one in differences if one[0] == "remove_table"]
        found["differences"] = describe_differences(one for one in differences if one[0] not in {"remove_table", *told})
    elif not (status.history.heads or status.history.current):
        found |= _try_first_revision(config)
    elif status.server.tables and not status.history.current:
        _, _, found["unversioned"] = _compare(config)
    return found


def _try_first_revision(config: Config) -> dict[str, Any]:
    """Why the first `alembic revision --autogenerate` would fail; it is not written, and makes no version table."""
    from alembic.autogenerate import RevisionContext
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    from ..errors import ExistingTablesError

    script = ScriptDirectory.from_config(config)
    arguments = {"message": None, "autogenerate": True, "sql": False, "head": "head", "splice": False}
    arguments |= dict.fromkeys(("branch_label", "version_path", "rev_id", "depends_on"))
    revision = RevisionContext(config, script, arguments)

    def look(current: Any, context: Any) -> list[Any]:
        revision.run_autogenerate(current, context)
        return []

    options = {"template_args": revision.template_args, "revision_context": revision}
    try:
        with EnvironmentContext(config, script, fn=look, dont_mutate=True, **options):
            script.run_env()
    except ExistingTablesError as error:
        return {"existing_tables": describe_error(error)}
    except Exception as error:
        return {"models_error": describe_error(error)}
    return {}


def _compare(config: Config) -> tuple[Sequence[Any], dict[str, Any] | None, dict[str, Any] | None]:
    """How models and database differ, why they could not be compared, and what is said of tables without a revision."""
    from alembic import command
    from alembic.util import AutogenerateDiffsDetected

    from ..errors import UnversionedTablesError

    try:
        command.check(config)
    except AutogenerateDiffsDetected as error:
        return error.diffs, None, None
    except UnversionedTablesError as error:
        return [], None, describe_error(error)
    except Exception as error:
        return [], describe_error(error), None
    return [], None, None


def describe_error(error: BaseException) -> dict[str, Any]:
    """An error in one line, and how to solve it where that is known."""
    from alembic.util import CommandError

    from ..errors import AlembicAsyncTemplateError
    from ..masking import mask_message

    if isinstance(error, AlembicAsyncTemplateError):
        fixes = (*(error.failure.repairs if error.failure else ()), *error.fixes)
        return {"problem": error.headline, "fixes": [(fix.advice, fix.example, fix.label) for fix in fixes]}
    problem = str(error) if isinstance(error, CommandError) else mask_message(f"{type(error).__name__}: {error}")
    return {"problem": problem, "fixes": []}


if __name__ == "__main__":
    answer_request(answer)
