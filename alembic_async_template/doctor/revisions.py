"""Checks what the pending revisions do; what is applied is over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from ..diagnosis.statement_facts import write_labels
from ..errors.block import Fix
from ..postgresql import literal
from ..project.syntax import expression_name
from .drivers import find_url
from .finding import Problem, Severity
from .revision_files import (
    Revision,
    called_name,
    does_nothing,
    find_keyword,
    list_autocommit_blocks,
    list_calls,
    list_statements,
    read_revision,
)
from .several_statements import check_several
from .subject import Subject

_TYPE = r'(?P<type>(?:(?:"(?:[^"]|"")+"|[\w$]+)\.)?(?:"(?:[^"]|"")+"|[\w$]+))'
_LABEL = r"'((?:[^']|'')*)'"
_ADD_VALUE = re.compile(
    rf"\bALTER\s+TYPE\s+{_TYPE}\s+ADD\s+VALUE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_LABEL}(?:\s+(?P<place>BEFORE|AFTER)\s+{_LABEL})?",
    re.IGNORECASE,
)
_CREATE_TYPE = re.compile(rf"\bCREATE\s+TYPE\s+{_TYPE}\s+AS\s+ENUM\b", re.IGNORECASE)
_MAKES_TYPE = re.compile(rf"\b(?:CREATE\s+(?:TYPE|DOMAIN)|RENAME\s+TO)\s+{_TYPE}", re.IGNORECASE)
_CHANGE = re.compile(r"""\s*(UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?([\w."]+)""", re.IGNORECASE)
# From how many rows on a table is a large one.
_MANY_ROWS = 100_000
_ENUMS = {"Enum", "ENUM", "AutoEnum"}


def check_pending(subject: Subject) -> Iterator[Problem]:
    """Find what fails, or loses something, when the pending revisions run; all of them where the database is not known."""
    revisions = [*filter(None, map(read_revision, subject.revisions))]
    if _is_for_postgresql(subject):
        yield from _find_uncreated_enums(revisions, subject)
    for revision in revisions:
        if revision.name not in subject.applied:
            for check in _CHECKS:
                yield from check(revision, subject)


def _check_enums(revision: Revision, subject: Subject) -> Iterator[Problem]:
    path = revision.source.path
    inside = {id(node) for block in list_autocommit_blocks(revision.upgrade) for node in ast.walk(block)}
    for call, statement in list_statements(revision.upgrade):
        if id(call) not in inside and (found := _ADD_VALUE.search(statement)):
            schema, name = _split_name(found["type"])
            value = found[2].replace("''", "'")
            place = {found["place"].lower(): found[4].replace("''", "'")} if found["place"] else {}
            example = _write_call("add_enum_value", write_labels([name, value]), **place, schema=schema)
            fix = Fix("let it add the value outside of the transaction", example)
            code, problem = (
                "add-value-in-transaction",
                f"Revision {revision.name} adds the value {value!r} to {name} in its transaction",
            )
            if line := _find_use(revision, value, call):
                code, problem = "value-used-at-once", f"{problem}, and uses it in line {line}"
            yield Problem(code, problem, fix, path, call.lineno)
    if _is_for_postgresql(subject):
        yield from check_leftover_enums(revision)


def check_leftover_enums(revision: Revision) -> Iterator[Problem]:
    """Find the enum types that a revision creates and leaves when it is taken back."""
    if does_nothing(revision.downgrade):
        return
    kept = ast.unparse(revision.downgrade) if revision.downgrade else ""
    for schema, name, labels, line in _list_created_enums(revision):
        if not re.search(
            rf"\b{re.escape(name)}\b.*\.drop\(|drop_enum\(.{re.escape(name)}\b|DROP TYPE [^;]*\b{re.escape(name)}\b", kept
        ):
            example = _write_call("drop_enum", f"{write_labels([name])}, [{write_labels([*labels])}]", schema=schema)
            fix = Fix("drop it at the end of downgrade()", example)
            problem = f"Revision {revision.name} creates the type {name} and never drops it"
            yield Problem("enum-not-dropped", problem, fix, revision.source.path, line)


def _find_use(revision: Revision, value: str, addition: ast.Call) -> int | None:
    """The line, after the call that adds it, in which an upgrade has a value: in a statement, or as a default."""
    own = {id(node) for node in ast.walk(addition)}
    texts = [node for node in ast.walk(revision.upgrade) if isinstance(node, ast.Constant)] if revision.upgrade else []
    written = {value, literal(value)}
    lines = [
        node.lineno
        for node in texts
        if id(node) not in own
        and node.lineno >= addition.lineno
        and isinstance(node.value, str)
        and (node.value in written or literal(value) in node.value)
    ]
    return min(lines, default=None)


def _split_name(written: str) -> tuple[str, str]:
    """The schema, empty where it is not named, and the name of a type as SQL writes them."""
    parts = re.findall(r'"((?:[^"]|"")+)"|([\w$]+)', written)
    schema, name = ["", *(quoted.replace('""', '"') or plain.lower() for quoted, plain in parts)][-2:]
    return schema, name


def _write_call(operation: str, arguments: str, **options: str) -> str:
    """A line that calls an operation; an option that is empty is left out."""
    named = [f"{name}={write_labels([value])}" for name, value in options.items() if value]
    return f"op.{operation}({', '.join([arguments, *named])})"


def _is_for_postgresql(subject: Subject) -> bool:
    """Whether the database has enum types, as far as it is known."""
    if subject.server:
        return subject.server == "PostgreSQL"
    found = find_url(subject)
    return found is None or found.url.drivername.startswith("postgres")


def _find_uncreated_enums(revisions: Sequence[Revision], subject: Subject) -> Iterator[Problem]:
    """The enum types that a column of a table that exists is to have, and that no revision creates."""
    made = {name.lower() for name in subject.probe.enum_types} if subject.probe else set()
    for revision in revisions:
        made |= {name.lower() for _, name, _, _ in _list_created_enums(revision)}
        made |= {name.lower() for name in _list_named_enums(revision)}
    for revision in revisions:
        for call in list_calls(revision.upgrade) if revision.name not in subject.applied else ():
            if called_name(call) not in {"add_column", "alter_column"}:
                continue
            existing = find_keyword(call, "existing_type")
            ignored = {id(node) for node in ast.walk(existing)} if existing else set()
            for schema, name, labels, _ in _list_enums(node for node in list_calls(call) if id(node) not in ignored):
                if labels and name.lower() not in made:
                    made.add(name.lower())
                    arguments = f"{write_labels([name])}, [{write_labels([*labels])}]"
                    fix = Fix("create it in front of that", _write_call("create_enum", arguments, schema=schema))
                    drop = Fix(
                        "drop it at the end of downgrade()", _write_call("drop_enum", arguments, schema=schema), label="then"
                    )
                    problem = f"Revision {revision.name} uses the enum type {name}, which no revision creates"
                    yield Problem("enum-not-created", problem, fix, revision.source.path, call.lineno, other_fixes=(drop,))


def _list_named_enums(revision: Revision) -> Iterator[str]:
    """The types that operations of a revision, its SQL, or the method `create` of a type may make, beside its tables."""
    calls = list_calls(revision.source.tree)
    for call in calls:
        if called_name(call) in {"create_enum", "rename_enum"}:
            yield from (str(node.value) for node in call.args if isinstance(node, ast.Constant))
    for _, statement in list_statements(revision.source.tree):
        yield from (_split_name(found["type"])[1] for found in _MAKES_TYPE.finditer(statement))
    if any(called_name(call) in {"create", "create_all"} for call in calls):
        yield from (name for _, name, _, _ in _list_enums(calls))


def _list_created_enums(revision: Revision) -> Iterator[tuple[str, str, Sequence[str], int]]:
    """The enum types that an upgrade creates, by a table or by SQL: schema, name, labels and line."""
    for call in list_calls(revision.upgrade):
        if called_name(call) == "create_table":
            yield from _list_enums(node for node in list_calls(call) if _is_not_false(find_keyword(node, "create_type")))
    for call, statement in list_statements(revision.upgrade):
        if found := _CREATE_TYPE.search(statement):
            labels = [label.replace("''", "'") for label in re.findall(_LABEL, _read_list(statement[found.end() :]))]
            yield *_split_name(found["type"]), labels, call.lineno


def _list_enums(calls: Iterable[ast.Call]) -> Iterator[tuple[str, str, Sequence[str], int]]:
    """The enum types with a name among calls: schema, name, labels and line."""
    for node in calls:
        name, schema = find_keyword(node, "name"), find_keyword(node, "schema")
        labels = [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
        if called_name(node) in _ENUMS and _is_not_false(find_keyword(node, "native_enum")) and isinstance(name, ast.Constant):
            within = str(schema.value or "") if isinstance(schema, ast.Constant) else ""
            yield within, str(name.value), labels, node.lineno


def _read_list(statement: str) -> str:
    """A statement up to the bracket that ends its list of labels."""
    found = re.match(rf"(?:[^')]|{_LABEL})*", statement)
    return found[0] if found else ""


def _is_not_false(node: ast.expr | None) -> bool:
    return not (isinstance(node, ast.Constant) and node.value is False)


def _check_autocommit(revision: Revision, _subject: Subject) -> Iterator[Problem]:
    for block in list_autocommit_blocks(revision.upgrade):
        before = [call for call in list_calls(revision.upgrade) if call.lineno < block.lineno and _is_operation(call)]
        if before:
            fix = Fix("move the block to a revision of its own", f'alembic revision -m "after {revision.name}"')
            problem = f"Revision {revision.name} has {ast.unparse(before[0].func)} before its autocommit_block"
            yield Problem("autocommit-after-work", problem, fix, revision.source.path, block.lineno)


def _is_operation(call: ast.Call) -> bool:
    name = expression_name(call.func) or ""
    return name.startswith("op.") and name not in {"op.get_context", "op.get_bind", "op.f", "op.add_enum_value"}


def _check_downgrade(revision: Revision, _subject: Subject) -> Iterator[Problem]:
    if does_nothing(revision.upgrade) or not does_nothing(revision.downgrade):
        return
    changes = [call for call in list_calls(revision.upgrade) if _is_operation(call) and called_name(call) != "execute"]
    severity = Severity.WARNING if changes else None
    fix = Fix("write what takes it back, or refuse", f'raise NotImplementedError("{revision.name} cannot be taken back")')
    line = revision.downgrade.lineno if revision.downgrade else None
    problem = f"Revision {revision.name} changes something, and its downgrade does nothing"
    yield Problem("empty-downgrade", problem, fix, revision.source.path, line, severity)


def _check_columns(revision: Revision, _subject: Subject) -> Iterator[Problem]:
    created = {_first_text(call) for call in list_calls(revision.upgrade) if called_name(call) == "create_table"}
    for call in list_calls(revision.upgrade):
        column = next((node for node in call.args if isinstance(node, ast.Call) and called_name(node) == "Column"), None)
        if called_name(call) != "add_column" or column is None or _first_text(call) in created:
            continue
        nullable, name = find_keyword(column, "nullable"), _first_text(column)
        if isinstance(nullable, ast.Constant) and nullable.value is False and not _has_default(column):
            example = ast.unparse(column)[:-1] + ', server_default=sa.text("..."))'
            fix = Fix("give the rows that exist a value", example)
            problem = f"Revision {revision.name} adds the column {name} NOT NULL without a default"
            yield Problem("not-null-without-default", problem, fix, revision.source.path, call.lineno)


def _check_data(revision: Revision, subject: Subject) -> Iterator[Problem]:
    created = {_first_text(call) for call in list_calls(revision.upgrade) if called_name(call) in {"create_table", "add_column"}}
    for call, statement in list_statements(revision.upgrade):
        found = _CHANGE.match(statement)
        if found and found[2].rpartition(".")[2].strip('"') not in created:
            rows = subject.probe.row_counts.get(found[2].replace('"', ""), -1) if subject.probe else -1
            if 0 <= rows <= _MANY_ROWS:
                continue
            problem = f"Revision {revision.name} changes rows of {found[2]} in one {found[1].upper()}"
            fix = Fix("if the table is large, change them in batches, apart from the revision")
            severity = None
            if rows > _MANY_ROWS:
                severity, problem = Severity.WARNING, f"{problem}, and it has about {rows:,}"
                fix = Fix("change them in batches, apart from the revision")
            yield Problem("unbatched-change", problem, fix, revision.source.path, call.lineno, severity)


def _has_default(column: ast.Call) -> bool:
    makes_values = any(called_name(node) in {"Identity", "Computed"} for node in list_calls(column))
    return makes_values or find_keyword(column, "server_default") is not None


def _first_text(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    return str(first.value) if isinstance(first, ast.Constant) else None


def _check_imports(revision: Revision, subject: Subject) -> Iterator[Problem]:
    source = revision.source
    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module or ""): node.lineno
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    uses = [node for node in ast.walk(source.tree) if isinstance(node, ast.Name) and node.id == "sqlmodel"]
    if uses and not any(name.partition(".")[0] == "sqlmodel" for name in imported):
        problem = f"Revision {revision.name} uses sqlmodel and does not import it"
        yield Problem("sqlmodel-not-imported", problem, Fix("import it", "import sqlmodel"), source.path, uses[0].lineno)
    for name, line in imported.items():
        top = name.partition(".")[0]
        if top == "alembic":  # which the folder of the revisions may be called too
            continue
        if top and any((root / top).is_dir() or (root / f"{top}.py").is_file() for root in subject.import_roots):
            fix = Fix("say in the revision what it needs of the table", 'post = sa.table("post", sa.column("title", sa.Text))')
            yield Problem("models-in-revision", f"Revision {revision.name} imports {name}", fix, source.path, line)
            return


_CHECKS = (_check_enums, _check_autocommit, _check_downgrade, _check_columns, _check_imports, _check_data, check_several)
