"""Checks what stands around the migrations: settings, other code of the project, git."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..enums.clash import OTHERS, list_package_imports
from ..errors.block import Fix
from ..project.files import walk_sources
from ..project.syntax import expression_name
from .finding import Problem
from .git import ask_git
from .revision_files import called_name, find_keyword, list_calls
from .subject import SourceFile, Subject, read_source

# What a source has in it that is looked at further.
_WORDS = ("create_all", "command.upgrade", "SQLModel")
_TESTS = re.compile(r"(^|/)(tests?|conftest\.py|test_[^/]*|scripts?|examples?)(/|$)")


def check_surroundings(subject: Subject) -> Iterator[Problem]:
    """Find code that does the work of revisions, and revisions that stay on this machine."""
    if subject.script_folder is not None and subject.env is not None:
        yield from _check_template(subject)
        yield from _check_application(subject, subject.env)
        yield from _check_enum_packages(subject, subject.env)
        yield from _check_git(subject, subject.script_folder)


def _check_template(subject: Subject) -> Iterator[Problem]:
    template = subject.template
    assert subject.env is not None
    uses = [file for file in (subject.env, *subject.revisions) if re.search(r"\bSQLModel\b|\bsqlmodel\.", file.text)]
    if template is not None and uses and not re.search(r"\bimport sqlmodel\b|from sqlmodel\b", template.text):
        fix = Fix("import it below sqlalchemy", "import sqlmodel")
        line = template.find_line(r"^import sqlalchemy")
        yield Problem("template-without-sqlmodel", "script.py.mako does not import sqlmodel", fix, template.path, line)


def _check_application(subject: Subject, env: SourceFile) -> Iterator[Problem]:
    """What the other sources of the project do."""
    classes: list[tuple[Path, ast.ClassDef]] = []
    for path in map(Path, walk_sources(subject.directory, [subject.script_folder] if subject.script_folder else [])):
        text = path.read_text("utf-8", errors="replace")
        if _TESTS.search(subject.relative_path(path)) or not any(word in text for word in _WORDS):
            continue
        source = read_source(path)
        classes += [(path, node) for node in source.tree.body if isinstance(node, ast.ClassDef)]
        yield from _check_calls(source, subject.relative_path(path), env)
    yield from _check_classes(classes, subject)


def _check_calls(source: SourceFile, name: str, env: SourceFile) -> Iterator[Problem]:
    """Calls of a module that do the work of revisions, or run them."""
    functions = [node for node in ast.walk(source.tree) if isinstance(node, ast.AsyncFunctionDef)]
    in_coroutines = {id(inner) for function in functions for inner in ast.walk(function)}
    for call in list_calls(source.tree):
        shown = expression_name(call.func) or ""
        names = [shown, *(expression_name(argument) or "" for argument in call.args)]
        if any(one.endswith("metadata.create_all") for one in names):
            fix = Fix(f"{_remove(call, source, name)}, and let the revisions make the tables", "alembic upgrade head")
            yield Problem("create-all", f"{name} calls create_all beside the migrations", fix, source.path, call.lineno)
        elif shown in {"command.upgrade", "alembic.command.upgrade"}:
            yield from _check_silence(name, env)
            if id(call) in in_coroutines and any(expression_name(one.func) == "asyncio.run" for one in list_calls(env.tree)):
                arguments = ", ".join([shown, *map(ast.unparse, call.args)])
                fix = Fix("call it in a thread", f"await asyncio.to_thread({arguments})")
                problem = f"{name} runs migrations in a coroutine, and env.py calls asyncio.run"
                yield Problem("running-loop", problem, fix, source.path, call.lineno)


def _remove(call: ast.Call, source: SourceFile, name: str) -> str:
    """What to do with the lines of a call, and those around it that would have nothing in them afterwards."""
    parents = {id(child): node for node in ast.walk(source.tree) for child in ast.iter_child_nodes(node)}
    node: ast.AST = call
    while not isinstance(node, ast.stmt):
        node = parents[id(node)]
    while _has_nothing_else(parent := parents[id(node)], parents.get(id(parent))):
        node = parent
    assert isinstance(node, ast.stmt)
    first, last = node.lineno, node.end_lineno or node.lineno
    lines = f"line {first}" if first == last else f"lines {first} {'and' if last == first + 1 else 'to'} {last}"
    is_all = not isinstance(parent, ast.Module) and any(
        block == [node] for block in (getattr(parent, field, None) for field in ("body", "orelse", "finalbody"))
    )
    return f"replace {lines} of {name} with pass" if is_all else f"remove {lines} of {name}"


def _has_nothing_else(block: ast.AST, around: ast.AST | None) -> bool:
    """Whether a block is left out with its only statement; `elif` stays, since what follows `if` may not be empty."""
    return (
        isinstance(block, ast.With | ast.AsyncWith | ast.If | ast.For | ast.AsyncFor)
        and len(block.body) == 1
        and not getattr(block, "orelse", ())
        and not (isinstance(around, ast.If) and block in around.orelse)
    )


def _check_silence(name: str, env: SourceFile) -> Iterator[Problem]:
    """An `env.py` that disables the loggers of the module which runs it."""
    calls = [call for call in list_calls(env.tree) if called_name(call) == "fileConfig"]
    silencing = next((call for call in calls if find_keyword(call, "disable_existing_loggers") is None), None)
    if silencing is not None:
        argument = ast.unparse(silencing.args[0]) if silencing.args else "config.config_file_name"
        fix = Fix("keep them", f"fileConfig({argument}, disable_existing_loggers=False)")
        problem = f"{name} runs migrations, and env.py disables its loggers"
        yield Problem("silenced-loggers", problem, fix, env.path, silencing.lineno)


def _check_classes(classes: Sequence[tuple[Path, ast.ClassDef]], subject: Subject) -> Iterator[Problem]:
    """Classes of SQLModel that have a primary key and are no table, nor the base of one."""
    bases = {ast.unparse(base).rpartition(".")[2] for _, node in classes for base in node.bases}
    for path, node in classes:
        is_model = any(ast.unparse(base).rpartition(".")[2] == "SQLModel" for base in node.bases)
        if is_model and not node.keywords and node.name not in bases and "primary_key=True" in ast.unparse(node):
            fix = Fix("make it one", f"class {node.name}(SQLModel, table=True):")
            problem = f"{node.name} of {subject.relative_path(path)} has a primary key and is no table"
            yield Problem("table-missing", problem, fix, path, node.lineno)


def _check_enum_packages(subject: Subject, env: SourceFile) -> Iterator[Problem]:
    """Another package for enum types beside this one; revisions may import it."""
    if not subject.uses_this_package:
        return
    folder = [subject.script_folder] if subject.script_folder else []
    files = [env.path, *map(Path, walk_sources(subject.directory, folder))]
    packages = sorted({name.partition(".")[0] for name in OTHERS})
    for path in files:
        data = path.read_bytes()
        for package in (one for one in packages if one.encode() in data):
            lines = [line for line, in_function in list_package_imports(read_source(path).tree, package) if not in_function]
            if lines:
                shown = subject.relative_path(path)
                fix = Fix(f"remove line {lines[0]} of {shown}; revisions may go on importing it")
                yield Problem("other-enum-package", f"{shown} imports {package}", fix, path, lines[0])


def _check_git(subject: Subject, folder: Path) -> Iterator[Problem]:
    revisions = [source.path for source in subject.revisions] or [folder / "versions" / "revision.py"]
    shown = ask_git(subject.directory, "check-ignore", "-v", "--", *(str(path.absolute()) for path in revisions))
    if not shown:
        return
    rule, _, path = shown.splitlines()[0].partition("\t")
    file, _, pattern = rule.split(":", 2)
    fix = Fix(
        f"remove {pattern} from {file}, or add the files all the same",
        f"git add --force {subject.relative_path(Path(path).parent)}",
    )
    yield Problem(
        "ignored-by-git", f"git ignores {subject.relative_path(Path(path))}: {file} has {pattern}", fix, Path(path), None
    )
