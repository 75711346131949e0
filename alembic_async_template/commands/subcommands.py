"""The subcommands that this package adds to `alembic`: they print a report, and exit with what it means.

Every command line registers them, so what they need is imported when they run.
"""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from alembic.config import CommandLine, Config

_FOUND = 1
_UNREADABLE = 2


def register(command_line: CommandLine) -> None:
    """Add the subcommands, apart from those whose names are taken."""
    choices = command_line.subparsers.choices
    for command, options in _COMMANDS.items():
        if command.__name__ not in choices:
            command_line.register_command(command)
            for option, description in options.items():
                how: dict[str, Any] = (
                    {"action": "store_true", "help": description} if isinstance(description, str) else description
                )
                choices[command.__name__].add_argument(option, **how)


def status(config: Config, json: bool = False) -> None:
    """Show which database this is, where it stands, and what is pending."""
    try:
        from ..run.status import read_status

        report = read_status(config)
    except Exception as error:
        _fail(error, "status", config, as_json=json)
    if json:
        _print(json_format.dumps(report.to_json(), indent=2))
    else:
        from .status_text import render_status

        _print(render_status(report, sys.stdout))
    if not report.history.is_at_head:
        sys.exit(_FOUND)


def doctor(config: Config, json: bool = False, no_database: bool = False) -> None:
    """Find what is wrong with this project before it happens, and say what to type."""
    try:
        from ..doctor.examine import examine

        findings = examine(config, use_database=not no_database)
    except Exception as error:
        _fail(error, "doctor", config, as_json=json)
    if json:
        _print(json_format.dumps({"findings": [finding.to_json() for finding in findings]}, indent=2))
    else:
        from .doctor_text import render_findings

        _print(render_findings(findings, sys.stdout))
    if any(finding.severity != "note" for finding in findings):
        sys.exit(_FOUND)


def adopt(config: Config, dry_run: bool = False, yes: bool = False, json: bool = False) -> None:
    """Turn an env.py that is written by hand into one of this package, which does the same."""
    try:
        from ..adoption.adopt import plan_adoption

        adoption = plan_adoption(config)
    except Exception as error:
        _fail(error, "adopt", config, as_json=json)
    if json:
        _print(json_format.dumps(adoption.to_json(), indent=2))
    else:
        from .adopt_text import render_adoption

        _print(render_adoption(adoption, sys.stdout))
    if adoption.is_adopted:
        return
    if not adoption.is_possible:
        sys.exit(_FOUND)
    if dry_run:
        return
    if not yes and (json or not _is_wanted()):
        print("Nothing was written; --yes writes without a question", file=sys.stderr)
        sys.exit(_FOUND)
    kept = adoption.write()
    print(f"{adoption.env} was written; the old one is kept as {kept.name}", file=sys.stderr)


def plan(
    config: Config,
    revision: str | None = None,
    json: bool = False,
    format: str | None = None,
    schema: str | None = None,
    stats: str | None = None,
    write_stats: str | None = None,
    keep_shadow: bool = False,
    sql: bool = False,
) -> None:
    """Tell what the pending revisions lock, rewrite and scan on the live tables, before they run."""
    try:
        from pathlib import Path

        from ..plan.planning import make_plan

        files = {"schema": schema, "stats": stats, "write_stats": write_stats}
        paths = {name: Path(file) for name, file in files.items() if file is not None}
        found = make_plan(config, revision, **paths, keep_shadow=keep_shadow, sql=sql)
    except Exception as error:
        _fail(error, "plan", config, as_json=json)
    if json:
        _print(json_format.dumps(found.to_json(), indent=2))
    elif found.script is not None:
        from .plan_text import sum_up

        _print(found.script)
        print(sum_up(found), file=sys.stderr)
    else:
        from .plan_text import render_github, render_plan

        report = render_github(found) if format == "github" else render_plan(found, sys.stdout)
        if sql:  # which has failed: what is printed is no script
            print(report, file=sys.stderr)
        else:
            _print(report)
    if found.error:
        sys.exit(_UNREADABLE)
    if found.blocking:
        sys.exit(_FOUND)


def drift(config: Config, json: bool = False, keep_shadow: bool = False) -> None:
    """Tell how the live database differs from what its own revisions make."""
    try:
        from ..drift.find_drift import find_drift

        found = find_drift(config, keep_shadow=keep_shadow)
    except Exception as error:
        _fail(error, "drift", config, as_json=json)
    if json:
        _print(json_format.dumps(found.to_json(), indent=2))
    else:
        from .drift_text import render_drift

        _print(render_drift(found, sys.stdout))
    if found.differences:
        sys.exit(_FOUND)


def _is_wanted() -> bool:
    from ..run.questions import ask, is_terminal

    return is_terminal() and bool(ask("Write these files?"))


def _print(report: str) -> None:
    """Print a report; where its reader, as in `alembic doctor | head`, has ended, end quietly."""
    try:
        print(report, flush=True)
    except BrokenPipeError:
        from .failures import end_quietly

        end_quietly()


_JSON: dict[str, Any] = {"--json": "Print the report as JSON."}
_KEEP: dict[str, Any] = {"--keep-shadow": "Keep what the history makes on the server, so that the next run begins there."}
_COMMANDS: dict[Callable[..., None], dict[str, Any]] = {
    status: _JSON,
    doctor: _JSON | {"--no-database": "Look at the files only."},
    adopt: _JSON | {"--dry-run": "Show the differences and write nothing.", "--yes": "Write without a question."},
    plan: {
        "revision": {"nargs": "?", "help": "Where the upgrade leads, by default to the heads; a:b without the live database."},
        **_JSON,
        "--format": {"choices": ["github"], "help": "Print the report as Markdown, for a pull request."},
        "--schema": {"metavar": "FILE", "help": "Begin with a schema-only dump in place of the history."},
        "--stats": {"metavar": "FILE", "help": "Take what is known of the live database from a file."},
        "--write-stats": {"metavar": "FILE", "help": "Write what is known of the live database into a file."},
        **_KEEP,
    },
    drift: _JSON | _KEEP,
}


def _fail(error: Exception, command: str, config: Config, *, as_json: bool) -> NoReturn:
    """Say why nothing can be reported, and exit."""
    if getattr(config.cmd_opts, "raiseerr", False):
        raise error
    from .failures import describe_failure, print_failure

    block = describe_failure(error, config) or _describe_other(error, command)
    print_failure(block)
    if as_json:
        print(json_format.dumps({"version": 1, "error": block}, indent=2))
    sys.exit(_UNREADABLE)


def _describe_other(error: Exception, command: str) -> str:
    """The block of an error of Alembic, or of a hand-written `env.py`."""
    from alembic.util import CommandError

    from ..errors.block import Fix, list_fixes, render_block
    from ..masking import mask_message

    if isinstance(error, CommandError):
        return str(error)
    see = Fix("all of the error", f"alembic --raiseerr {command}", label="see")
    return render_block(mask_message(f"{type(error).__name__}: {error}"), list_fixes([see]))
