"""Writes the statements that make one aspect of a thing as the revisions make it, where that loses nothing.

Each function takes a `Change`; None is for what no statement brings back, or only one that drops more than it restores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..enums.sql import add_value
from ..postgresql import literal
from .making import (
    list_policy_clauses,
    make,
    make_concurrently,
    set_next_value,
    write_identity,
    write_type,
    write_view,
)
from .thing import Thing
from .type_changes import convert


@dataclass(frozen=True, slots=True)
class Change:
    """A thing as it is, and as it is expected."""

    live: Thing
    expected: Thing
    make_whole: Callable[[Thing], list[str] | None]
    """Writes the statements for a thing with all its parts."""

    @property
    def table(self) -> str:
        """The table that the thing is a part of."""
        assert self.expected.parent is not None
        return self.expected.parent.name

    def alter_column(self, *actions: str) -> list[str]:
        """One statement with several changes of a column."""
        label = self.expected.label
        return [f"ALTER TABLE {self.table} {', '.join(f'ALTER COLUMN {label} {action}' for action in actions)}"]


Restore = Callable[[Change], list[str] | None]


def impossible(_: Change) -> None:
    """What only a new thing has, into which the rows would have to be moved."""


def alter(write: Callable[[Thing], str]) -> Restore:
    """ALTER TABLE with one action."""
    return lambda change: [f"ALTER TABLE {change.expected.name} {write(change.expected)}"]


def comment(change: Change) -> list[str]:
    """Comments are named by kind: https://www.postgresql.org/docs/current/sql-comment.html"""
    thing = change.expected
    kind, name = thing.kind.upper(), thing.name
    match thing.key.family:
        case "column":
            kind = "COLUMN"
        case "constraint":
            of_domain = "DOMAIN " if thing.parent is not None and thing.parent.family == "type" else ""
            kind, name = "CONSTRAINT", f"{thing.label} ON {of_domain}{change.table}"
        case "trigger" | "rule" | "policy":
            name = f"{thing.label} ON {change.table}"
        case "type":
            kind = "DOMAIN" if thing.kind == "domain" else "TYPE"
        case "statistics":
            kind = "STATISTICS"
    text = thing["comment"]
    return [f"COMMENT ON {kind} {name} IS {'NULL' if text is None else literal(text)}"]


def attach(change: Change) -> list[str] | None:
    """Make a table a partition, or take it out."""
    live, table = change.live, change.expected
    if live["partition_key"] != table["partition_key"]:
        return None
    detach = [f"ALTER TABLE {live['partition_of']} DETACH PARTITION {table.name}"] if live["bound"] else []
    if not table["bound"]:
        return detach
    return [*detach, f"ALTER TABLE {table['partition_of']} ATTACH PARTITION {table.name} {table['bound']}"]


def inherit(change: Change) -> list[str]:
    before, after = change.live["ancestors"] or (), change.expected["ancestors"] or ()
    leave = [f"ALTER TABLE {change.expected.name} NO INHERIT {table}" for table in before if table not in after]
    return [*leave, *(f"ALTER TABLE {change.expected.name} INHERIT {table}" for table in after if table not in before)]


def change_type(change: Change) -> list[str] | None:
    """A default goes meanwhile, since it is of the old type."""
    live, column = change.live, change.expected
    casts = convert(live["type"], column["type"])
    if casts is None or live["is_held"] or column.inherits:
        return None
    using = f" USING {column.label}{casts}" if casts else ""
    type_ = f"TYPE {write_type(column)}{using}"
    if live["default"] is None or live["generated"]:
        return change.alter_column(type_)
    default = [] if column["default"] is None else [f"SET DEFAULT {column['default']}"]
    return change.alter_column("DROP DEFAULT", type_, *default)


def change_nullable(change: Change) -> list[str]:
    live, column = change.live, change.expected
    if not column["not_null"]:
        return change.alter_column("DROP NOT NULL")
    if live["not_null"] and live["unvalidated"]:
        return [f"ALTER TABLE {change.table} VALIDATE CONSTRAINT {live['unvalidated']}"]
    return change.alter_column("SET NOT NULL")


def change_default(change: Change) -> list[str] | None:
    """A column cannot have a default and count."""
    live, column = change.live, change.expected
    if live["generated"] or column["generated"]:
        return None
    if column["default"] is None:
        return change.alter_column("DROP DEFAULT")
    drop = ["DROP IDENTITY"] if live["identity"] else []
    return change.alter_column(*drop, f"SET DEFAULT {column['default']}")


def change_identity(change: Change) -> list[str] | None:
    live, column = change.live, change.expected
    if column["identity"] is None:
        return change.alter_column("DROP IDENTITY IF EXISTS")
    if live["identity"] is not None:
        return change.alter_column(f"SET GENERATED {column['identity']}")
    if live["generated"] or column.inherits:
        return None
    drop = ["DROP DEFAULT"] if live["default"] is not None else []
    sequence = f"pg_catalog.pg_get_serial_sequence({literal(change.table)}, {literal(column.plain)})"
    return [
        *change.alter_column(*drop, f"ADD {write_identity(column)}"),
        set_next_value(sequence, change.table, column.label),
    ]


def change_identity_clauses(change: Change) -> list[str] | None:
    return change.alter_column(" ".join(f"SET {clause}" for clause in _list_changed(change) if not clause.startswith("AS ")))


def change_expression(change: Change) -> list[str] | None:
    """Since PostgreSQL 17, which has a statement for it: https://www.postgresql.org/docs/current/sql-altertable.html"""
    live, column = change.live, change.expected
    if column["generated"] is None and live["generated"] == "STORED":
        return change.alter_column("DROP EXPRESSION")
    if live["generated"] != column["generated"] or not column["has_set_expression"]:
        return None
    return change.alter_column(f"SET EXPRESSION AS ({column['expression']})")


def replace_constraint(change: Change) -> list[str] | None:
    live, constraint = change.live, change.expected
    if live["is_used"]:
        return None
    add = make(constraint, ())
    if add is None or constraint.inherits:
        return None
    drop = f"DROP CONSTRAINT {constraint.label}"
    if constraint.parent is not None and constraint.parent.family == "type":
        return [f"ALTER DOMAIN {change.table} {drop}", *add]
    return [f"ALTER TABLE {change.table} {drop}, ADD {add[0].removeprefix(f'ALTER TABLE {change.table} ADD ')}"]


def validate(change: Change) -> list[str] | None:
    """A constraint that is checked already stays so."""
    constraint = change.expected
    if not constraint["valid"]:
        return None
    owner = "DOMAIN" if constraint.parent is not None and constraint.parent.family == "type" else "TABLE"
    return [f"ALTER {owner} {change.table} VALIDATE CONSTRAINT {constraint.label}"]


def replace_index(change: Change) -> list[str] | None:
    index = change.expected
    if change.live["is_used"] or index.inherits or change.live.inherits:
        return None
    concurrently = "" if index["is_partitioned"] or change.live["is_partitioned"] else "CONCURRENTLY "
    return [f"DROP INDEX {concurrently}{index.name}", make_concurrently(index)]


def rebuild_index(change: Change) -> list[str] | None:
    """What CREATE INDEX CONCURRENTLY left behind; that of a partitioned table waits for its partitions."""
    index = change.expected
    return None if index["is_partitioned"] or not index["valid"] else [f"REINDEX INDEX CONCURRENTLY {index.name}"]


def replace(change: Change) -> list[str] | None:
    """Drop what holds no data, and create it again."""
    thing = change.expected
    on_table = f"{thing.label} ON {change.table}" if thing.key.family in ("trigger", "policy") else thing.name
    kind = "STATISTICS" if thing.key.family == "statistics" else thing.kind.upper()
    return [f"DROP {kind} {on_table}", *(change.make_whole(thing) or ())]


def replace_rule(change: Change) -> list[str]:
    return [change.expected["definition"].replace("CREATE RULE", "CREATE OR REPLACE RULE", 1)]


def replace_policy(change: Change) -> list[str] | None:
    """A condition can be changed in place, and not be taken away."""
    live, policy = change.live, change.expected
    stays = live["command"] == policy["command"]
    if not stays or any(live[name] and not policy[name] for name in ("using", "check")):
        return replace(change)
    clauses = " ".join([f"TO {policy['roles']}", *list_policy_clauses(policy)])
    return [f"ALTER POLICY {policy.label} ON {change.table} {clauses}"]


def replace_view(change: Change) -> list[str] | None:
    """A view can get columns at its end, and keeps its privileges; other changes need a new one, which has none."""
    live, view = change.live, change.expected
    if view.kind == "view" and view["view_columns"][: len(live["view_columns"])] == live["view_columns"]:
        return [write_view(view, "CREATE OR REPLACE")]
    if live["is_used"] or live["has_grants"]:
        return None
    return [f"DROP {view.kind.upper()} {view.name}", *(change.make_whole(view) or ())]


def set_options(change: Change) -> list[str]:
    view = change.expected
    before, after = set(change.live["options"] or ()), set(view["options"] or ())
    alter_view = f"ALTER {view.kind.upper()} {view.name}"
    gone = {option.partition("=")[0] for option in before} - {option.partition("=")[0] for option in after}
    reset = [f"{alter_view} RESET ({', '.join(sorted(gone))})"] if gone else []
    return [*reset, *([f"{alter_view} SET ({', '.join(sorted(after - before))})"] if after - before else [])]


def replace_routine(change: Change) -> list[str] | None:
    """Another result, other names of parameters or fewer defaults need a new one, which has no privileges."""
    live, routine = change.live, change.expected
    write = make(routine, ())
    if write is None:
        return None
    fits = live["signature"] == routine["signature"] and live["defaults"] <= routine["defaults"]
    if fits and live.kind == routine.kind:
        return [write[0].replace("CREATE AGGREGATE", "CREATE OR REPLACE AGGREGATE", 1)]
    if live["is_used"] or live["has_grants"]:
        return None
    return [f"DROP ROUTINE {routine.name}", *(change.make_whole(routine) or ())]


def enable(change: Change) -> list[str]:
    thing = change.expected
    word = {
        "enabled": "ENABLE",
        "disabled": "DISABLE",
        "enabled on replicas": "ENABLE REPLICA",
        "always enabled": "ENABLE ALWAYS",
    }[thing["enabled"]]
    return [f"ALTER TABLE {change.table} {word} {thing.kind.upper()} {thing.label}"]


def add_labels(change: Change) -> list[str] | None:
    """Labels can be added anywhere; removing or moving them rewrites the tables."""
    live, labels = change.live["labels"], change.expected["labels"]
    if [label for label in labels if label in live] != list(live):
        return None
    present = set(live)
    statements = []
    for number, label in enumerate(labels):
        if label in present:
            continue
        following = next((one for one in labels[number:] if one in present), None)
        previous = labels[number - 1] if number else None
        before = following if previous is None else None
        statements.append(add_value(change.expected.name, label, before=before, after=previous))
        present.add(label)
    return statements


def change_domain_nullable(change: Change) -> list[str]:
    return [f"ALTER DOMAIN {change.expected.name} {'SET' if change.expected['not_null'] else 'DROP'} NOT NULL"]


def change_domain_default(change: Change) -> list[str]:
    default = change.expected["default"]
    action = "DROP DEFAULT" if default is None else f"SET DEFAULT {default}"
    return [f"ALTER DOMAIN {change.expected.name} {action}"]


def change_attributes(change: Change) -> list[str] | None:
    """Attributes are added, and change their type while no table uses it."""
    before, after = _attributes(change.live), _attributes(change.expected)
    if before.keys() - after.keys():
        return None
    changed = [name for name in after if name in before and after[name] != before[name]]
    if changed and change.live["is_used"]:
        return None
    actions = [f"ALTER ATTRIBUTE {name} TYPE {after[name]}" for name in changed]
    actions += [f"ADD ATTRIBUTE {name} {type_}" for name, type_ in after.items() if name not in before]
    return [f"ALTER TYPE {change.expected.name} {', '.join(actions)}"]


def change_clauses(change: Change) -> list[str]:
    return [f"ALTER SEQUENCE {change.expected.name} {' '.join(_list_changed(change))}"]


def own_sequence(change: Change) -> list[str]:
    return [f"ALTER SEQUENCE {change.expected.name} OWNED BY {change.expected['owned_by']}"]


def update_extension(change: Change) -> list[str] | None:
    """Scripts that go to an older version are rare."""
    live, version = change.live["version"], change.expected["version"]
    if list(_split_version(live)) > list(_split_version(version)):
        return None
    return [f"ALTER EXTENSION {change.expected.name} UPDATE TO {literal(version)}"]


def move_extension(change: Change) -> list[str]:
    return [f"ALTER EXTENSION {change.expected.name} SET SCHEMA {change.expected['in_schema']}"]


def _list_changed(change: Change) -> list[str]:
    return [clause for clause in change.expected["clauses"] if clause not in change.live["clauses"]]


def _attributes(thing: Thing) -> dict[str, str]:
    return dict(zip(thing["attributes"] or (), thing["attribute_types"] or (), strict=True))


def _split_version(version: str) -> Iterator[tuple[bool, int, str]]:
    for part in version.split("."):
        yield part.isdecimal(), int(part) if part.isdecimal() else 0, part
