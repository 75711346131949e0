"""Words the report of `alembic plan`: for a person, and for the review of a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from ..errors.block import count
from ..plan.planning import Plan, PlannedRevision, PlannedStatement
from ..run.terminal import paint

_LONGEST = 110
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def render_plan(plan: Plan, stream: TextIO) -> str:
    """Each pending revision with its statements: what one blocks, for how long, what it breaks, and what does not block."""
    lines = [f"{_describe_place(plan)}: {count(plan.revisions, 'pending revision')}"]
    for revision in plan.revisions:
        lines += ["", revision.name]
        if not revision.statements:
            lines.append("  no statement was traced" if plan.error else "  nothing that concerns a table that is there")
        for statement in revision.statements:
            sign = paint("✗", "red", stream) if statement.is_refused else paint("✓", "green", stream)
            lines.append(f"  {sign} line {statement.line:<4} {_shorten(statement.sql)}")
            lines += [f"{'':14}{line}" for line in _describe(statement)]
    lines += ["", *(f"note: {note}" for note in plan.notes), *([f"FAILED: {plan.error}"] if plan.error else []), sum_up(plan)]
    return "\n".join(lines)


def render_github(plan: Plan) -> str:
    """The same as Markdown, for a comment on a pull request."""
    lines = [f"### {sum_up(plan)}", ""]
    for revision in plan.revisions:
        message = f": {revision.message}" if revision.message else ""
        lines += [
            f"**`{revision.revision}`{message}** ({revision.file})",
            "",
            "| line | statement | what it does |",
            "|---|---|---|",
        ]
        for statement in revision.statements:
            sign = "❌ " if statement.is_refused else ""
            what = (
                "<br>".join(_escape(line) for line in _describe(statement, with_advice=False))
                or "nothing to a table that is there"
            )
            lines.append(f"| {statement.line} | `{_escape(_shorten(statement.sql)).replace('`', '')}` | {sign}{what} |")
        for statement in revision.statements:
            if statement.advice:
                lines += ["", f"Line {statement.line}, without blocking:", "```python", statement.advice, "```"]
        lines.append("")
    lines += [f"- {note}" for note in plan.notes]
    if plan.error:
        lines += ["```", f"FAILED: {plan.error}", "```"]
    return "\n".join(lines)


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _describe_place(plan: Plan) -> str:
    server = f", PostgreSQL {plan.server_version}" if plan.server_version else ""
    return f"{plan.database or 'No database'}{server}, at {', '.join(plan.start) or 'base'}"


def _describe(statement: PlannedStatement, *, with_advice: bool = True) -> Iterator[str]:
    work = _describe_work(statement)
    if statement.blocks:
        end = f"; until its transaction ends, {_describe_seconds(statement.until_end)}" if statement.until_end else ""
        yield f"blocks {statement.blocks} of {', '.join(_name(statement, table) for table in statement.blocked)}{end}"
        if statement.meant:
            yield f"that is meant: {statement.meant}"
    elif statement.locks and not work:
        yield "for an instant: " + ", ".join(f"{lock.mode} on {lock.table}" for lock in statement.locks)
    if work:
        yield work
    yield from (f"breaks: {line}" for line in statement.breaks)
    if with_advice and statement.advice:
        yield "instead:"
        yield from (f"    {line}" for line in statement.advice.splitlines())


def _describe_work(statement: PlannedStatement) -> str:
    tables = {one.table for one in statement.tables}
    rewritten = [_name(statement, name) for name in statement.rewrites if name in tables]
    read = [_name(statement, name) for name in statement.scans if name in tables and name not in statement.rewrites]
    parts = [f"rewrites {', '.join(rewritten)}"] if rewritten else []
    parts += [f"reads all of {', '.join(read)}"] if read else []
    seconds = f", {_describe_seconds(statement.seconds)}" if statement.seconds and parts else ""
    return " and ".join(parts) + seconds


def _name(statement: PlannedStatement, name: str) -> str:
    facts = next((one for one in statement.tables if one.table == name), None)
    if facts is None or facts.rows is None or facts.bytes is None:
        return name
    rates = [f"{rate:,.0f} {what}" for what, rate in (("reads", facts.reads), ("writes", facts.writes)) if rate and rate >= 1]
    used = f", {' and '.join(rates)} a second" if rates else ""
    return f"{name} ({facts.rows:,} rows, {_describe_bytes(facts.bytes)}{used})"


def _describe_bytes(size: float) -> str:
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {_UNITS[unit]}" if size < 1000 else f"{size:.0f} {_UNITS[unit]}"


def _describe_seconds(seconds: tuple[float, float]) -> str:
    low, high = (_describe_time(one) for one in seconds)
    return f"about {low}" if low == high else f"{low} to {high}"


def _describe_time(seconds: float) -> str:
    if seconds < 0.1:
        return "0.1 s"
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _shorten(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _list_statements(revisions: tuple[PlannedRevision, ...]) -> list[PlannedStatement]:
    return [statement for revision in revisions for statement in revision.statements]


def sum_up(plan: Plan) -> str:
    """The whole report in one sentence."""
    statements = _list_statements(plan.revisions)
    if plan.error:
        return "A revision fails"
    if not plan.revisions:
        return "Nothing is pending"
    if not plan.blocking:
        return f"Nothing blocks a table while one of more than {plan.blocking_rows:,} rows is worked on"
    verb = "blocks" if plan.blocking == 1 else "block"
    worked = f"while one of more than {plan.blocking_rows:,} rows is worked on"
    return f"{plan.blocking} of {count(statements, 'statement')} {verb} a table {worked}"
