"""Finds the line of a revision that a statement comes from, also through `op.run_async`, and whether its result is used there."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from .. import _compat
from ..diagnosis.quotes import is_inside

# What the enum operations read comes from here.
OWN_ENUMS = f"{__name__.partition('.')[0]}.enums"
# Between a revision and the cursor: the result of a call passes through them.
_LIBRARIES = {"alembic", "sqlalchemy", "sqlmodel", "asyncio", __name__.partition(".")[0]}
# What Alembic runs for an operation gives no result to the revision.
_OPERATIONS = ("alembic.ddl.", "alembic.operations.toimpl")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement comes from."""

    revision: str
    file: str
    line: int


class Places:
    """The places in the revisions of these folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder.resolve() for folder in folders]
        self._inside: dict[str, bool] = {}

    def find(self) -> Place | None:
        """Revision, file and line of what runs now; None for what Alembic does between revisions."""
        frame = next(filter(self._is_revision, _compat.list_frames()), None)
        return None if frame is None else Place(str(frame.f_globals["revision"]), frame.f_code.co_filename, frame.f_lineno)

    def uses_result(self) -> bool:
        """Whether what the revision goes on to do may depend on the result of the statement that runs now."""
        for frame in self._list_until_revision():
            name = str(frame.f_globals.get("__name__"))
            if name.startswith(_OPERATIONS):
                return False
            if name.partition(".")[0] not in _LIBRARIES and (is_used := _is_used(frame)) is not None:
                return is_used
        return False

    def passes(self, module: str) -> bool:
        """Whether the statement comes through this module, or a module of this package."""
        return any(f"{frame.f_globals.get('__name__')}.".startswith(f"{module}.") for frame in self._list_until_revision())

    def _list_until_revision(self) -> Iterator[FrameType]:
        """The frames from the innermost to that of the revision, which is the last one."""
        for frame in _compat.list_frames():
            yield frame
            if self._is_revision(frame):
                return

    def _is_revision(self, frame: FrameType) -> bool:
        file = frame.f_code.co_filename
        inside = self._inside.get(file)
        if inside is None:
            inside = self._inside[file] = is_inside(file, self._folders)
        return inside and frame.f_code.co_name != "<module>" and "revision" in frame.f_globals


def _is_used(frame: FrameType) -> bool | None:
    """Whether the result of the call that a frame waits for is used there; None if it is handed on to the caller.

    It is not where the call is a statement of its own.
    """
    position = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    try:
        tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except SyntaxError:  # the file was changed meanwhile
        return True
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.expr) and (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) == position:
                if isinstance(parent, ast.Await):
                    continue  # its own position is looked at as well
                return None if isinstance(parent, ast.Return | ast.Lambda) else not isinstance(parent, ast.Expr)
    return True
