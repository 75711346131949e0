"""Checks what keeps the revisions from being read and put in order."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors.block import Fix, series
from .finding import Problem, Severity
from .git import is_committed
from .revision_files import Revision, read_revision
from .subject import SourceFile, Subject

_IDENTIFIER = re.compile(r"""^revision\b[^=\n]*=\s*["']([^"'\n]+)["']""", re.MULTILINE)
# How long an identifier of Alembic is.
_LENGTH = 12


def check_history(subject: Subject) -> Iterator[Problem]:
    """Find what keeps the revisions from being read and put in order."""
    unparsable = [source for source in subject.revisions if source.problem]
    for source in unparsable:
        problem = f"{subject.relative_path(source.path)} cannot be parsed: {source.problem}"
        yield Problem("unparsable-revision", problem, Fix("correct the line"), source.path, source.problem_line)
    revisions = [found for source in subject.revisions if (found := read_revision(source))]
    problems = [*_find_duplicates(revisions), *_find_gaps(revisions, unparsable)]
    yield from problems
    if not (problems or unparsable):  # otherwise it is not known which revision follows which
        yield from _find_heads(revisions)


def _find_heads(revisions: Sequence[Revision]) -> Iterator[Problem]:
    heads = list_heads(revisions)
    if len(heads) > 1:
        severity = Severity.NOTE if any(revision.has_label for revision in revisions) else None
        fix = Fix("join them", f'alembic merge -m "merge" {" ".join(heads)}')
        yield Problem("several-heads", f"There are {len(heads)} heads: {series(heads)}", fix, severity=severity)


def list_heads(revisions: Sequence[Revision]) -> list[str]:
    """The revisions that no other one follows."""
    return sorted({revision.name for revision in revisions} - {name for revision in revisions for name in revision.down})


def _find_gaps(revisions: Sequence[Revision], unparsable: Sequence[SourceFile]) -> Iterator[Problem]:
    """Revisions that follow one which no file has, be it one that cannot be parsed."""
    names = {revision.name for revision in revisions}
    names |= {name for source in unparsable for name in _IDENTIFIER.findall(source.text)}
    hidden = [source.path.name for source in unparsable if not _IDENTIFIER.search(source.text)]
    for revision in revisions:
        for missing in [name for name in revision.down if name not in names]:
            if any(missing in file for file in hidden):
                continue
            problem = f"Revision {revision.name} follows {missing}, which no file has"
            fix = Fix("restore its file from version control", f"git log --all --oneline -- {shlex.quote(f'*{missing}*')}")
            yield Problem("missing-revision", problem, fix, revision.source.path, revision.source.find_line(r"^down_revision\b"))


def _find_duplicates(revisions: Sequence[Revision]) -> Iterator[Problem]:
    """Files with the identifier of another one: copies, most often begun as a new revision."""
    files: dict[str, list[Revision]] = defaultdict(list)
    for revision in revisions:
        files[revision.name].append(revision)
    for name, sharing in files.items():
        original, *copies = sorted(sharing, key=_rank)
        for copy in copies:
            problem = f"Revision {name} is in {original.source.path.name} and in {copy.source.path.name}"
            fix = _separate(original, copy, [revision for revision in revisions if revision is not copy])
            yield Problem("duplicate-revision", problem, fix, copy.source.path, copy.source.find_line(r"^revision\b"))


def _rank(revision: Revision) -> tuple[bool, bool, float, str]:
    """The original before its copies: git knows it, its name has the identifier, it is older."""
    path = revision.source.path
    return not is_committed(path), revision.name not in path.name, path.stat().st_mtime, path.name


def _separate(original: Revision, copy: Revision, others: Sequence[Revision]) -> Fix:
    """How a copy becomes a revision of its own; one that says the same is removed."""
    file = os.path.relpath(copy.source.path)
    if copy.source.text == original.source.text:
        return Fix("remove the copy, which says the same", f"rm {shlex.quote(file)}")
    fresh = hashlib.sha256(f"{copy.source.path.name}\n{copy.source.text}".encode()).hexdigest()[:_LENGTH]
    lines = [_rewrite(copy.source, "revision", fresh)]
    heads = list_heads(others)
    if copy.down == original.down and len(heads) == 1:
        lines.append(_rewrite(copy.source, "down_revision", heads[0]))
    what = "an identifier of its own" if len(lines) == 1 else "an identifier of its own, and let it follow the last revision"
    return Fix(f"give {Path(file).name} {what}", "\n".join(lines))


def _rewrite(source: SourceFile, name: str, value: str) -> str:
    """The line that sets a variable of a revision, with another value."""
    for node in source.tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == name and isinstance(node, ast.AnnAssign) and node.value is not None:
            return f'{name}: {ast.unparse(node.annotation)} = "{value}"'
    return f'{name} = "{value}"'
