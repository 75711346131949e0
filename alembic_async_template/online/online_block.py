"""The block `with op.online()`: takes its operations down, and runs each as a sequence of steps when the block ends.

Nothing has run when an operation is refused, and each operation knows which come after it. For the block the methods of the one
`Operations` object are replaced through which `op` works; other threads have others.
"""

from __future__ import annotations

import ast
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, NoReturn

from alembic.operations import MigrateOperation, Operations, ops
from alembic.runtime.migration import MigrationContext

from .. import _compat
from ..enums.catalog import has_done_work
from ..errors import OnlineRefusedError, UncommittedWorkError
from ..postgresql import qualified
from .online_op import OnlineOp
from .refusals import refuse_unsafe
from .sequences import list_steps
from .steps import get_connection, run_step
from .work import Work, name_operation

log = logging.getLogger("alembic_async_template.online")

_HERE = __name__.rpartition(".")[0].rpartition(".")[0]
# The option of the migration context that says that a block is open.
_OPEN = "alembic_async_template.online_block"
_BATCH = "call the operations in the block themselves: op.add_column instead of batch_op.add_column"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a revision an operation is called: what fails later is to be found there."""

    file: str
    function: str
    position: tuple[int, int, int, int]
    known: dict[str, Any]

    def run(self, work: Callable[[], None]) -> None:
        """Call a function as if the revision called it there."""
        line, end_line, column, end_column = self.position
        call = ast.Expression(ast.Call(ast.Name("work", ast.Load()), [], []))
        for node in (call.body, call.body.func):  # type: ignore[attr-defined]
            node.lineno, node.end_lineno, node.col_offset, node.end_col_offset = line, end_line, column, end_column
        code: CodeType = compile(call, self.file, "eval").replace(co_name=self.function)
        eval(code, {**self.known, "work": work})


@dataclass(frozen=True, slots=True)
class _Planned:
    operation: MigrateOperation
    place: _Place
    is_checked: bool
    """Whether it is known to be safe: otherwise that is asked when what it needs is there."""


def open_block(operations: Operations) -> AbstractContextManager[None]:
    """What `with op.online()` enters; a block in a block is the same one."""
    context = operations.get_context()
    is_plain = context.dialect.name != "postgresql" or (not context.as_sql and _compat.in_callers_transaction(context))
    if context.opts.get(_OPEN) or is_plain:
        return nullcontext()
    return _take_down(operations)


@contextmanager
def _take_down(operations: Operations) -> Iterator[None]:
    planned: list[_Planned] = []
    caller = _find_caller()
    if not operations.get_context().as_sql:
        # Before anything is tried: what is tried is taken back, but counts as work.
        _protect_work(operations.get_context())
    replaced: dict[str, Callable[..., Any]] = {
        "invoke": _make_invoke(operations, planned, caller),
        "batch_alter_table": _refuse_batch,
    }
    options, earlier = operations.get_context().opts, dict(vars(operations))
    vars(operations).update(replaced)
    options[_OPEN] = True
    try:
        yield
    finally:
        options[_OPEN] = False
        vars(operations).clear()
        vars(operations).update(earlier)
    _run(operations, planned)


def _make_invoke(operations: Operations, planned: list[_Planned], caller: FrameType) -> Callable[[MigrateOperation], Any]:
    def invoke(operation: MigrateOperation) -> Any:
        if isinstance(operation, OnlineOp):
            return nullcontext()
        planned.append(_Planned(operation, _find_place(caller), refuse_unsafe(Work(operations), operation)))
        return operation.to_table(operations.get_context()) if isinstance(operation, ops.CreateTableOp) else None

    return invoke


def _refuse_batch(*_arguments: Any, **_options: Any) -> NoReturn:
    raise OnlineRefusedError("op.batch_alter_table", "it may copy the whole table", _BATCH)


def _run(operations: Operations, planned: list[_Planned]) -> None:
    context = operations.get_context()
    if not planned:
        return
    if context.as_sql:
        _write(operations, planned)
        return
    for number, one in enumerate(planned):
        work = Work(operations, [later.operation for later in planned[number + 1 :]])

        def run(one: _Planned = one, work: Work = work) -> None:
            if not one.is_checked:
                refuse_unsafe(work, one.operation)
            if not [step for step in list_steps(one.operation, work) if run_step(context, step)]:
                log.info("%s was done before", name_operation(one.operation))

        one.place.run(run)


def _write(operations: Operations, planned: list[_Planned]) -> None:
    """Write the steps of a script, which looks nothing up and retries nothing."""
    with operations.get_context().autocommit_block():
        for one in planned:
            for step in list_steps(one.operation, Work(operations)):
                one.place.run(step.run)


def _protect_work(context: MigrationContext) -> None:
    """Refuse to commit half a revision, or say that more than the block is committed; as an added enum value does."""
    connection = get_connection(context)
    worked, made_version_table = has_done_work(connection, qualified(context.version_table, context.version_table_schema))
    if not worked:
        return
    if _compat.has_transaction_per_migration(context) and not made_version_table:
        raise UncommittedWorkError("", "", in_block=True)
    log.warning(
        "op.online() commits what this run has done before: should it fail later, that stays. "
        "With transaction_per_migration=True in env.py, each revision has a transaction of its own"
    )


def _find_caller() -> FrameType:
    """The function that has the block."""
    frame = inspect.currentframe()
    while frame is not None:
        room = str(frame.f_globals.get("__name__")).partition(".")[0]
        if room not in {_HERE, "alembic", "contextlib"}:
            return frame
        frame = frame.f_back
    raise RuntimeError("op.online() is called by nothing")


def _find_place(caller: FrameType) -> _Place:
    line, end_line, column, end_column = list(caller.f_code.co_positions())[caller.f_lasti // 2]
    first = line or caller.f_lineno
    position = (first, end_line or first, column or 0, end_column or 0)
    return _Place(caller.f_code.co_filename, caller.f_code.co_name, position, caller.f_globals)
