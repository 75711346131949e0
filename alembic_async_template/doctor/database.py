"""Checks the database against the files and the models, by what the probe has seen of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..enums.calls import write_call
from ..errors.block import Fix, count, quote_all, series
from .finding import Problem
from .probe import Failed, Probe
from .subject import SourceFile, Subject

# How many differences of models and database a finding shows.
_MOST = 5


def check_database(subject: Subject) -> Iterator[Problem]:
    """Find what the database has not in common with the files and the models."""
    probe = subject.probe
    if probe is None:
        return
    if probe.error is not None:
        yield _explain(probe.error, "database-unreadable", "alembic status")
        return
    status = probe.status
    if status is None:
        return
    if status["unknown"]:
        fix = Fix("get the files of the newer code", "git pull")
        yield Problem("ahead-of-files", f"The database is at {series(status['unknown'])}, which no file here has", fix)
    elif not status["current"] and probe.version_tables:
        yield _explain_other_version_table(subject, *probe.version_tables[0])
    elif not status["current"] and status["tables"] and status["pending"]:
        stamp = Fix(
            "if they are as the newest revision makes them, mark the database as migrated",
            f"alembic stamp {' '.join(status['heads'])}",
        )
        fix, *others = probe.unversioned.fixes if probe.unversioned else [stamp]
        yield Problem(
            "not-stamped",
            "The database has tables, and no version table says which revisions made them",
            fix,
            other_fixes=tuple(others),
        )
    elif not status["current"] and status["tables"] and not status["heads"]:
        yield from _explain_first_revision(subject, probe, status["tables"])
    elif status["pending"]:
        head = "heads" if len(status["heads"]) > 1 else "head"
        yield Problem(
            "behind-head", f"{count(status['pending'], 'revision')} pending", Fix("apply them", f"alembic upgrade {head}")
        )
    if subject.env is not None:
        yield from _check_models(subject, probe, subject.env)
    for name in status["invalid_indexes"]:
        fix = Fix("drop it, and build it again", f"DROP INDEX CONCURRENTLY {name};")
        yield Problem("invalid-index", f"The index {name} is not valid", fix)
    for name in status["unused_enums"]:
        yield Problem("unused-enum", f"Nothing uses the enum type {name}", Fix("drop it", f"DROP TYPE {name};"))
    if probe.models_error:
        yield _explain(probe.models_error, "models-not-compared", "alembic check")
    if probe.differences:
        fix = Fix("write a revision", 'alembic revision --autogenerate -m "describe the change"')
        more = f" and {len(probe.differences) - _MOST} more" if len(probe.differences) > _MOST else ""
        shown = "; ".join(probe.differences[:_MOST])
        yield Problem("models-differ", f"Models and database differ: {shown}{more}", fix)
    if probe.leftover_tables:
        drop = Fix("if they are to go, write the revision that drops them", 'alembic revision --autogenerate -m "drop tables"')
        keep = Fix("if they are another program's, leave them alone with include_object, or name their modules in app_models")
        problem = f"The models have no table {series(probe.leftover_tables, _MOST)}"
        yield Problem("tables-left-over", problem, drop, other_fixes=(keep,))
    is_comparable = status["at_head"] and status["heads"]  # otherwise a revision may change the types
    for name, declared, there in probe.enum_differences if is_comparable else ():
        yield _explain_enum(name, declared, there, ours=subject.uses_this_package)


def _explain_enum(name: str, declared: Sequence[str], there: Sequence[str], *, ours: bool) -> Problem:
    """An enum type with other values than the models have."""
    schema, _, bare = name.rpartition(".")
    within = schema if schema != "public" else ""
    lines = [write_call("add_enum_value", bare, value, schema=within or None) for value in declared if value not in there]
    lines += [write_call("remove_enum_value", bare, value, schema=within or None) for value in there if value not in declared]
    fix = Fix("write a revision with", "\n".join(lines))
    if ours:
        fix = Fix("write a revision", 'alembic revision --autogenerate -m "change enums"')
    problem = f"Enum {name} has {quote_all(there)} in the database, and {quote_all(declared)} in the models"
    return Problem("enum-values-differ", problem, fix)


def _explain_other_version_table(subject: Subject, schema: str, table: str) -> Problem:
    """The table that an earlier environment has used."""
    arguments = [f'version_table="{table}"'] if table != "alembic_version" else []
    arguments += [f'version_table_schema="{schema}"'] if schema != "public" else []
    function = "run_environment" if subject.uses_this_package else "context.configure"
    fix = Fix(f"give these arguments to {function} in env.py", ", ".join(arguments))
    problem = f"The database is at no revision, and {schema}.{table} is a version table that env.py does not name"
    return Problem("version-table-elsewhere", problem, fix, subject.env.path if subject.env else None)


def _check_models(subject: Subject, probe: Probe, env: SourceFile) -> Iterator[Problem]:
    """What a hand-written `env.py` gives autogenerate."""
    line = env.find_line(r"^target_metadata\b")
    file = subject.relative_path(env.path)
    if probe.unimported:
        fix = Fix("import them above target_metadata", "\n".join(f"import {name}" for name in probe.unimported))
        yield Problem("models-not-imported", f"{file} does not import {series(probe.unimported)}", fix, env.path, line)
    elif probe.untargeted or probe.lacks_target:
        origins = [origin.partition(":") for origin in probe.untargeted]
        imports = [f"from {module} import {name.partition('.')[0]}" for module, _, name in origins]
        names = [name if "metadata" in name.lower() else f"{name}.metadata" for _, _, name in origins]
        value = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        example = "\n".join([*imports, f"target_metadata = {value}"]) if names else ""
        if not names:
            return  # there are no models, so there is nothing to compare
        what = "no target_metadata" if probe.lacks_target else "a target_metadata without the tables of"
        problem = f"{file} gives {what}" + ("" if probe.lacks_target else f" {series([*probe.untargeted])}")
        yield Problem("wrong-metadata", problem, Fix("name the one that the models use", example), env.path, line)


def _explain(failed: Failed, code: str, command: str) -> Problem:
    fix, *others = failed.fixes or [Fix("see all of it", command)]
    return Problem(code, failed.problem.splitlines()[0], fix, other_fixes=tuple(others))


def _explain_first_revision(subject: Subject, probe: Probe, tables: int) -> Iterator[Problem]:
    """The tables that a first revision would leave out."""
    if probe.existing_tables is not None:
        yield _explain(probe.existing_tables, "not-stamped", "alembic check")
    elif not subject.uses_this_package:
        problem = f"There is no revision yet, but the database already has {tables} table{'' if tables == 1 else 's'}"
        write = Fix(
            "write the first revision while the URL leads to an empty database", 'alembic revision --autogenerate -m "baseline"'
        )
        mark = Fix("mark this database as migrated", "alembic stamp head", label="then")
        yield Problem("not-stamped", problem, write, other_fixes=(mark,))
