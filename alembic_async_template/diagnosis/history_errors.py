"""Files of revisions that Alembic cannot join into a history: what is wrong in which of them, read from their sources."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.script import ScriptDirectory

from .. import _compat
from ..errors import Failure, RevisionError, RevisionFailedError
from ..errors.block import Fix, series
from ..errors.failure import shorten_path
from .identifiers import find_duplicate

_LINKS = ("down_revision", "depends_on")


@dataclass(frozen=True, slots=True)
class _Source:
    """A file in a folder of revisions."""

    file: Path
    values: dict[str, object]
    """What is assigned to the names that Alembic reads."""
    lines: dict[str, int]
    """Where that is."""
    docstring: str

    @property
    def revision(self) -> object:
        return self.values.get("revision")

    def list_links(self, name: str) -> tuple[object, ...]:
        """The revisions that one of these names has."""
        value = self.values.get(name)
        return tuple(value) if isinstance(value, tuple | list | set) else () if value is None else (value,)

    def quote(self, name: str) -> str:
        """The line that assigns a name."""
        return f"{name} = {self.values.get(name)!r}"

    def locate(self, name: str, *others: _Source) -> Failure:
        """The place of that line, and below it those of other files."""
        more = [f"{shorten_path(other.file)}:{other.lines.get(name)}\n{other.quote(name)}" for other in others]
        return Failure(file=self.file, line=self.lines.get(name), operation="\n".join([self.quote(name), *more]))


def locate_gap(script: ScriptDirectory, missing: object) -> Failure | None:
    """The line that names a revision that no file has."""
    for source in _read_sources(script):
        for name in _LINKS:
            if missing in source.list_links(name):
                return source.locate(name)
    return None


def explain_unnamed(script: ScriptDirectory, name: str) -> RevisionFailedError | None:
    """The error for a file, of this name, without an identifier of its revision."""
    sources = list(_read_sources(script))
    source = next((source for source in sources if source.file.name == name and source.revision is None), None)
    if source is None:
        return None
    path, folder = (shlex.quote(os.path.relpath(place)) for place in (source.file, script.dir))
    return RevisionFailedError(
        Failure(file=source.file, line=1),
        f"{name} is in a folder of revisions, and sets no revision",
        Fix("if it is one, give it its identifier and the one before it", _write_identifiers(source, sources)),
        Fix("if it is none, move it out of that folder", f"mv {path} {folder}/"),
    )


def explain_cycle(script: ScriptDirectory, named: Sequence[str]) -> RevisionError | None:
    """The error for revisions that follow each other."""
    if (duplicate := find_duplicate(script)) is not None:  # the circle is its fault
        return duplicate
    involved = [source for source in _read_sources(script) if source.revision in named]
    if not involved:
        return None
    several = f"Each of the revisions {series(named, 5)} follows another one of them"
    return RevisionFailedError(
        involved[0].locate("down_revision", *involved[1:5]),
        several if len(named) > 1 else f"Revision {named[0]} follows itself",
        Fix(
            "name the revision that really comes before, in one of them; the first one of all follows none",
            "down_revision = None",
        ),
    )


def _write_identifiers(source: _Source, sources: list[_Source]) -> str:
    """What a file lacks: from its docstring, where that is Alembic's, or a new revision after the last one."""
    followed = {link for other in sources for link in other.list_links("down_revision")}
    heads = [other.revision for other in sources if other.revision is not None and other.revision not in followed]
    said = dict(re.findall(r"^(Revision ID|Revises): *(\S*)", source.docstring, re.MULTILINE))
    before = said["Revises"] or None if "Revises" in said else heads[0] if len(heads) == 1 else None
    return f'revision = "{said.get("Revision ID") or "5b3c"}"\ndown_revision = {repr(before).replace(chr(39), chr(34))}'


def _read_sources(script: ScriptDirectory) -> Iterator[_Source]:
    for folder in _compat.list_version_folders(script):
        for file in sorted(folder.rglob("*.py")):
            try:
                tree = ast.parse(file.read_bytes())
            except (OSError, SyntaxError, ValueError):
                continue
            yield _read(file, tree)


def _read(file: Path, tree: ast.Module) -> _Source:
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                try:
                    values[target.id] = ast.literal_eval(node.value)
                except ValueError:  # it is computed
                    values[target.id] = ast.unparse(node.value)
                lines[target.id] = node.lineno
    return _Source(file, values, lines, ast.get_docstring(tree) or "")
