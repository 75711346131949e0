"""Writes the rebuild of an enum type for a script, with checks that stop it where the type is used otherwise by then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import Connection

from ..postgresql import dollar_quote, literal
from .catalog import DUMP_SETTINGS
from .dependent_queries import USERS
from .dependents import Usage, read_usage
from .model import Change
from .rebuild_plan import (
    count_rows,
    find_change_blockers,
    find_defaults,
    lock_tables,
    lock_type,
    plan_change,
    refresh_views,
    reveal_rows,
)

_USERS = text(USERS)
# Under which names the earlier settings are kept until the rebuild is done.
_KEPT = "alembic_async_template"


@dataclass(frozen=True, slots=True)
class RebuildScript:
    """The rebuild of an enum type as a script has it, and what it was written from."""

    use: tuple[str, ...]
    """How the type is used: the statements of a rebuild that would change nothing."""
    blockers: tuple[str, ...]
    """What keeps it from being rebuilt."""
    statements: tuple[str, ...]


def write_rebuild(connection: Connection, change: Change) -> RebuildScript:
    """Read what uses a type, and write its change; the search path has to be empty, as `DUMP_SETTINGS` has it."""
    enum = change.enum
    usage = read_usage(connection, enum)
    users = connection.scalars(_USERS, {"enum": enum.oid}).all()
    same = Change(enum, enum.labels, {})
    use = [
        *lock_tables(usage),
        *reveal_rows(usage),
        *plan_change(usage, same, "old"),
        *refresh_views(usage),
    ]
    blockers = [f"{blocker.name} {blocker.reason}" for blocker in find_change_blockers(usage, change)]
    blockers += [f"the default of {column} is a value that goes" for column in find_defaults(usage, change.unmapped)]
    plan = plan_change(usage, change, f"old_enum_{enum.oid}")
    statements = [
        _empty_search_path(),
        *(one.text for one in [*lock_type(change), *lock_tables(usage)]),
        _check_users(enum.quoted_name, users),
        *(one.text for one in reveal_rows(usage)),
        *_check_rows(usage, change),
        *(one.text for one in plan),
        _restore_settings(),
        *(one.text for one in refresh_views(usage)),
    ]
    return RebuildScript(tuple(one.text for one in use), tuple(dict.fromkeys(blockers)), tuple(statements))


def _empty_search_path() -> str:
    """Set what every definition was read with, and keep what was set before."""
    wanted = ", ".join(f"['{name}', {literal(value)}]" for name, value in DUMP_SETTINGS.items())
    kept = f"'{_KEPT}.' || setting[1], pg_catalog.current_setting(setting[1])"
    return _do_for_each(wanted, [kept, "setting[1], setting[2]"])


def _restore_settings() -> str:
    names = ", ".join(f"['{name}']" for name in DUMP_SETTINGS)
    return _do_for_each(names, [f"setting[1], pg_catalog.current_setting('{_KEPT}.' || setting[1])"])


def _do_for_each(settings: str, changes: Sequence[str]) -> str:
    return _run(
        [
            "DECLARE",
            "    setting text[];",
            "BEGIN",
            f"    FOREACH setting SLICE 1 IN ARRAY ARRAY[{settings}] LOOP",
            *(f"        PERFORM pg_catalog.set_config({change}, true);" for change in changes),
            "    END LOOP;",
            "END",
        ]
    )


def _check_users(type_name: str, users: Sequence[str]) -> str:
    """Stop unless the same objects use the type as when this was written; those that differ are named."""
    query = USERS.replace(":enum", f"pg_catalog.to_regtype({literal(type_name)})").strip()
    expected = ",\n        ".join(map(literal, users))
    body = [
        "DECLARE",
        f"    expected text[] := ARRAY[\n        {expected}\n    ]::text[];",
        "    actual text[];",
        "    changed text;",
        "BEGIN",
        f"    actual := ARRAY({query});",
        "    SELECT string_agg(DISTINCT regexp_replace(line, ': [0-9a-f]+$', ''), ', ') INTO changed",
        "    FROM unnest(actual || expected) AS line WHERE line <> ALL (actual) OR line <> ALL (expected);",
        "    IF changed IS NOT NULL THEN",
        f"        RAISE EXCEPTION 'What uses enum % has changed since this script was written: %', {literal(type_name)}, changed",
        "            USING HINT = 'Write the script again, from the database as it is now: alembic plan --sql';",
        "    END IF;",
        "END",
    ]
    return _run(body)


def _check_rows(usage: Usage, change: Change) -> Iterator[str]:
    """Stop where rows hold a value that goes and has no replacement."""
    for relation, columns, query in count_rows(usage, change.unmapped) if change.unmapped else ():
        names = [column.quoted_name for column in columns]
        problem = f"Rows of {relation} ({', '.join(names)}) hold a value of {change.enum.quoted_name} that goes: "
        yield _do(
            [
                f"IF EXISTS (SELECT FROM ({query}) AS counted ({', '.join(f'n{number}' for number in range(len(names)))})",
                f"           WHERE {' + '.join(f'n{number}' for number in range(len(names)))} > 0) THEN",
                f"    RAISE EXCEPTION USING MESSAGE = {literal(problem + ', '.join(change.unmapped))},",
                "        HINT = 'Give them another value first, or name one in replace_with';",
                "END IF;",
            ]
        )


def _do(lines: Sequence[str]) -> str:
    return _run(["BEGIN", *(f"    {line}" for line in lines), "END"])


def _run(body: Sequence[str]) -> str:
    return "DO " + dollar_quote("\n".join(body))
