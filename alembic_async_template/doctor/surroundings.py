"""Checks what stands around the migrations: settings, other code of the project, git."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..errors.block import Fix
from ..project.files import walk_sources
from ..project.syntax import expression_name, last_name
from .finding import Problem
from .revision_files import find_keyword, list_calls
from .subject import Subject, read_source

# How long git may take, in seconds.
_PATIENCE = 5
_TESTS = re.compile(r"(^|/)(tests?|conftest\.py|test_[^/]*|scripts?|examples?)(/|$)")


def check_surroundings(subject: Subject) -> Iterator[Problem]:
    """Find code that does the work of revisions, and revisions that stay on this machine."""
    if subject.script_folder is not None and subject.env is not None:
        yield from _check_template(subject)
        yield from _check_application(subject)
        yield from _check_git(subject, subject.script_folder)


def _check_template(subject: Subject) -> Iterator[Problem]:
    template = subject.template
    assert subject.env is not None
    uses = [file for file in (subject.env, *subject.revisions) if re.search(r"\bSQLModel\b|\bsqlmodel\.", file.text)]
    if template is not None and uses and not re.search(r"\bimport sqlmodel\b|from sqlmodel\b", template.text):
        fix = Fix("import it below sqlalchemy", "import sqlmodel")
        line = template.find_line(r"^import sqlalchemy")
        yield Problem("template-without-sqlmodel", "script.py.mako does not import sqlmodel", fix, template.path, line)


def _check_application(subject: Subject) -> Iterator[Problem]:
    """What the other sources of the project do."""
    assert subject.env is not None
    silencing = [
        call
        for call in list_calls(subject.env.tree)
        if last_name(call.func) == "fileConfig" and find_keyword(call, "disable_existing_loggers") is None
    ]
    for path in map(Path, walk_sources(subject.directory, [subject.script_folder] if subject.script_folder else [])):
        name = subject.relative_path(path)
        text = path.read_text("utf-8", errors="replace")
        if _TESTS.search(name) or not ("create_all" in text or ("alembic" in text and silencing)):
            continue
        for call in list_calls(read_source(path).tree):
            shown = expression_name(call.func) or ""
            texts = [shown, *(expression_name(argument) or "" for argument in call.args)]
            if any(text.endswith("metadata.create_all") for text in texts):
                fix = Fix(f"remove line {call.lineno} of {name}, and let the revisions make the tables", "alembic upgrade head")
                yield Problem("create-all", f"{name} calls create_all beside the migrations", fix, path, call.lineno)
            elif silencing and shown in {"command.upgrade", "alembic.command.upgrade"}:
                argument = ast.unparse(silencing[0].args[0]) if silencing[0].args else "config.config_file_name"
                fix = Fix("keep them", f"fileConfig({argument}, disable_existing_loggers=False)")
                problem = f"{name} runs migrations, and env.py disables its loggers"
                yield Problem("silenced-loggers", problem, fix, subject.env.path, silencing[0].lineno)


def _check_git(subject: Subject, folder: Path) -> Iterator[Problem]:
    revisions = [source.path for source in subject.revisions] or [folder / "versions" / "revision.py"]
    command = ["git", "check-ignore", "-v", "--no-index", "--", *map(str, (path.absolute() for path in revisions))]
    try:
        shown = subprocess.run(
            command, cwd=subject.directory, capture_output=True, text=True, timeout=_PATIENCE, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return  # nothing is ignored, or there is no repository
    rule, _, path = shown.splitlines()[0].partition("\t")
    file, _, pattern = rule.split(":", 2)
    fix = Fix(
        f"remove {pattern} from {file}, or add the files all the same",
        f"git add --force {subject.relative_path(Path(path).parent)}",
    )
    yield Problem(
        "ignored-by-git", f"git ignores {subject.relative_path(Path(path))}: {file} has {pattern}", fix, Path(path), None
    )
