"""Recognises a known error by its rule, and tells the fix with what is known of the case."""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from ..errors.block import Fix
from ..masking import HIDDEN
from ..postgresql import literal, quote_if_needed
from .driver_errors import describe, find_detail, find_number, find_own_sqlstate, list_causes
from .statement_facts import read_statement, write_labels

# The code of what a driver says without one, and of what comes from no database.
NO_CODE, NO_DATABASE = "~", "-"
# What the braces of a fix stand for where nothing better is known.
_EXAMPLES = {
    "name": "post",
    "type": "status",
    "column": "title",
    "value": "archived",
    "label": "ARCHIVED",
    "absent": "column title",
    "additions": "ALTER TABLE post ADD COLUMN title VARCHAR(9)",
    "mapping": "op.execute(\"UPDATE post SET title = 'ARCHIVED' WHERE title = 'archived'\")",
    "maker": "4f2a",
    "revision": "4f2a",
    "import": "import app.models",
    "awaited": "op.run_async(lambda connection: fill())",
    "near": "app.db",
    "module": "app",
    "member": "packages/core",
    "app_models": "app",
    "copy": "app.models_old",
    "variables": "DATABASE_URL",
    "variable": "DATABASE_URL",
    "files": "no .env file is read",
    "folder": "src",
    "root": "%(here)s/src",
    "path": "app/nowhere",
    "kind": "TABLE",
    "schema": "public",
    "user": "app",
    "privileges": "ALL",
    "access": "own it, or use it",
    "create": "createdb --host=localhost --port=5432 --username=app app",
    "psql": "psql --host=localhost --port=5432 --username=app app",
    "url": "postgresql+asyncpg://app@localhost/app",
    "scheme": "postgresql",
    "sslmode": "sslmode",
    "verify": "?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem",
    "package": "psycopg2-binary",
    "read": "DATABASE_URL",
    "partial": "app.models",
    "missing": "Post",
    "python": "3.14",
    "table": "post",
    "of_table": "post",
    "of_schema": "",
    "labels": '"draft", "live"',
    "type_labels": '"draft", "live"',
    "database": "app",
    "file": "app.db",
    "versions": "migrations/versions",
    "operation": 'op.execute("VACUUM")',
    "object": "'SELECT 1'",
    "first": "...",
    "extension": "citext",
    "target": "integer",
    "constraint": "note_post_id_fkey",
    "columns": "id",
    "length": "1",
    "short": "ix_post_title",
    "function": "nowhere",
    "parameter": "x",
    "left": "text",
    "resumed": "if_not_exists=True",
}
# Objects of a case: where one is not known, its place is left open, since another name would be another object.
_OPEN = dict.fromkeys(
    ("name", "type", "column", "value", "table", "of_table", "labels", "object", "constraint", "function"), "..."
)
# How much of a statement, and of a text, is compared.
_BEGINNING = 1000
_LONGEST = 2000


class Origin(Enum):
    """Where an exception comes from, as far as a rule needs it."""

    REVISION = auto()
    DOWNGRADE = auto()
    HISTORY = auto()
    """Alembic's reading of all revisions."""
    APPLICATION = auto()
    """The import of the application's own package."""
    SETTING = auto()
    """A module that a setting names."""
    MODULE = auto()
    """A module of the application that another one imports."""
    ENVIRONMENT = auto()
    """`os.environ`."""
    MISSING_VARIABLE = auto()
    UNKNOWN_VARIABLE = auto()
    INVALID_VARIABLE = auto()
    SYNC_ENGINE = auto()
    """An engine that is not an async one."""
    WORKSPACE_MEMBER = auto()
    """A member of uv's workspace."""
    NEWER_PYTHON = auto()
    """A project that asks for a newer Python than runs."""
    ENUM_COLUMN = auto()
    """A column of MySQL's own enum type."""
    ENUM_LABEL = auto()
    """A text that an enum type has in other letters."""
    ENUM_ROWS = auto()
    """A column of text that becomes an enum, and whose rows have other texts than the type."""
    MADE_IN_PART = auto()
    """A table that lacks columns of the one that the revision makes."""
    MADE_TWICE = auto()
    """What a revision of the same run has made."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What shows an error: every field that is given has to match."""

    codes: tuple[str, ...] = ()
    """SQLSTATEs and numbers of MySQL; `NO_CODE` for what a driver says without one, `NO_DATABASE` for all other errors."""
    raised: str = ""
    """The name of the exception's class."""
    text: str = ""
    """A pattern for what it says, ignoring case. Its named groups fill the braces of the fix, as those of `statement` do."""
    statement: str = ""
    """A pattern for the beginning of the SQL statement."""
    both: str = ""
    """A pattern for what it says, followed by ` | ` and the beginning of the SQL statement."""
    detail: str = ""
    """A pattern for what PostgreSQL adds about rows or dependents."""
    function: str = ""
    """The beginning of the name of the function that raised it."""
    origin: Origin | None = None


class Known(NamedTuple):
    """A known error, told for one case."""

    problem: str
    """What was said."""
    fixes: tuple[Fix, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A known error: how it reads, what shows it, and what to do. The first rule that matches wins."""

    error: str
    """Its original text, for the reference."""
    signs: tuple[Sign, ...]
    """Any of these shows it."""
    fix: str
    example: str
    """What to type."""
    other: tuple[str, str] | None = None
    """A second way out, with its example."""

    def explain(self, problem: str, facts: Mapping[str, str | None]) -> Known:
        """The error, with what is known in the braces of its fixes."""
        known = _EXAMPLES | {name: value for name, value in facts.items() if value}
        is_url = re.search("UR[IL]|DSN", known["variable"])
        known.setdefault("example", known["url"] if is_url else "value")
        known.setdefault("install", f"pip install {known['module']}")
        known |= {f"py_{name}": write_labels([known[name]]) for name in ("type", "value")}
        known.setdefault("batch", f'with op.batch_alter_table("{known["of_table"]}") as batch: batch.alter_column(...)')
        known |= {"sql_column": known["column"], "sql_label": literal(known["label"])}
        names = ("name", "schema", "user", "database", "constraint", "sql_column")
        known |= {name: quote_if_needed(known[name]) for name in names if known[name] != "..."}
        if within := known.get("within"):
            known["name"] = f"{quote_if_needed(within)}.{known['name']}"
        known["in_schema"] = f', schema="{within}"' if within else ""
        sql_type = ".".join(quote_if_needed(part) for part in (within, known["type"]) if part)
        known["drop_type"] = _quote_sql(f'op.execute("DROP TYPE IF EXISTS {sql_type}")')
        ways = filter(None, [(self.fix, self.example), self.other])
        return Known(problem, tuple(Fix(fix.format_map(known), _quote_sql(example.format_map(known))) for fix, example in ways))


def _quote_sql(example: str) -> str:
    """A call with SQL in it that has quoted names: in quotes that end later."""
    sql = re.fullmatch(r'(with [\w.()]+: |)op\.execute\("(.*)"\)', example)
    if sql is None or '"' not in sql[2]:
        return example
    return f'{sql[1]}op.execute("""{sql[2]}{" " if sql[2].endswith(chr(34)) else ""}""")'


@dataclass(frozen=True, slots=True)
class _Signature:
    """One exception, as signs are compared with it."""

    cause: BaseException
    code: str
    text: str
    statement: str
    detail: str
    function: str
    origins: Collection[Origin]

    def match(self, sign: Sign) -> dict[str, str] | None:
        """What the groups of a sign's patterns stand for, None if it does not match."""
        if (
            (sign.codes and self.code not in sign.codes)
            or (sign.raised and type(self.cause).__name__ != sign.raised)
            or not self.function.startswith(sign.function)
            or (sign.origin is not None and sign.origin not in self.origins)
        ):
            return None
        patterns = (
            (sign.text, self.text),
            (sign.statement, self.statement),
            (sign.both, f"{self.text} | {self.statement}"),
            (sign.detail, self.detail),
        )
        matches = [re.search(pattern, text, re.IGNORECASE) for pattern, text in patterns]
        if None in matches:
            return None
        return {name: value for match in matches if match for name, value in match.groupdict().items() if value}


def find_fix(
    rules: Iterable[Rule],
    error: BaseException,
    facts: Mapping[str, str | None] | None = None,
    origins: Collection[Origin] = (),
) -> Known | None:
    """What was said, and what to do about it; None for an error that no rule knows.

    :param facts: what the braces of a fix stand for.
    :param origins: where the error comes from.
    """
    signatures = list(_list_signatures(error, origins))
    for rule in rules:
        for signature in signatures:
            found = next((found for sign in rule.signs if (found := signature.match(sign)) is not None), None)
            if found is not None:
                if "kind" in found:
                    found["kind"] = found["kind"].upper()
                found = {name: text for name, text in (read_statement(signature.statement) | found).items() if HIDDEN not in text}
                found |= _find_schema(found, str(getattr(error, "statement", None) or ""))
                return rule.explain(_describe_problem(signature.cause), {**_OPEN, **(facts or {}), **found})
    return None


def _describe_problem(cause: BaseException) -> str:
    said = describe(cause)
    problem = said if " " in said else f"{type(cause).__name__}{f': {said}' if said else ''}"
    detail = find_detail(cause)
    return f"{problem} ({detail})" if detail else problem


def _find_schema(found: Mapping[str, str], statement: str) -> dict[str, str]:
    """The schema of an object that an error names, from how the error or the statement writes the name."""
    kind = next((kind for kind in ("name", "type") if kind in found), None)
    if kind is None:
        return {}
    within, _, name = found[kind].replace('"', "").rpartition(".") if kind == "type" else ("", "", found[kind])
    in_statement = re.search(rf'(\w+|"[^"]+")\."?{re.escape(name)}(?!\w)', statement)
    in_statement = in_statement or re.match(r'CREATE .*?INDEX .*?\bON (?:ONLY )?(\w+|"[^"]+")\.', statement)  # where its table is
    within = within or (in_statement[1].strip('"') if in_statement else "")
    return {kind: name, "within": within} if within else {kind: name}


def _list_signatures(error: BaseException, origins: Collection[Origin]) -> Iterator[_Signature]:
    # The driver's own exception is under SQLAlchemy's. What a program has raised in place of another error says more than that.
    is_sqlalchemys = getattr(error, "orig", None) is not None
    statement = " ".join(str(getattr(error, "statement", None) or "").split())[:_BEGINNING]
    for cause in list_causes(error) if is_sqlalchemys else [error]:
        code = find_number(cause) or find_own_sqlstate(cause) or (NO_CODE if is_sqlalchemys else NO_DATABASE)
        frames = traceback.extract_tb(cause.__traceback__)
        said = re.sub(r"^<class '[^']*'>: ", "", str(cause)[:_LONGEST])
        text = " ".join(re.split(r"\n(?:DETAIL|HINT|NOTE|LINE \d+):", said)[0].split())
        detail = (find_detail(cause) or "") if is_sqlalchemys else ""
        yield _Signature(cause, str(code), text, statement, detail, frames[-1].name if frames else "", origins)
