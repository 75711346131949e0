"""Answers whether tables and columns were renamed: by `-x` ahead, or by a question on the terminal."""

from __future__ import annotations

import logging
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain

from sqlalchemy.engine import Dialect

from ..autogenerate.rename_operations import TRANSACTIONAL
from ..autogenerate.renames import NAME, Difference, Rename, choose_together, drop_answered, find_candidates
from ..diagnosis.typed import type_again
from ..errors import RenameAnswerError
from .questions import ask

log = logging.getLogger("alembic_async_template")

_ANSWER = re.compile(rf"((?:{NAME})(?:\.(?:{NAME}))*):({NAME})")
# How many names each kind of answer has in front of the colon, with the schema and without.
_KINDS = {"rename": (2, 3), "rename_table": (1, 2)}
_NONE = "none"
# How alike two names are at least, of which one may be meant by the other.
_NEAR = 0.86
# Where the environment keeps the answers that fit nothing, of each of its comparisons.
UNFIT_ANSWERS = "alembic_async_template_unfit_answers"
# From how many questions on it is said how to be asked none.
_MANY = 5


def read_answers(arguments: Sequence[str]) -> tuple[dict[str, Rename], bool]:
    """The renames that `-x` names, each by its argument, and whether nothing else was renamed.

    :raises RenameAnswerError: an argument does not have the form of an answer.
    """
    renames: dict[str, Rename] = {}
    nothing_else = False
    for argument in arguments:
        kind, _, value = argument.partition("=")
        if kind in _KINDS and value.strip() == _NONE:
            nothing_else = True
        elif kind in _KINDS:
            renames[argument] = _parse(argument, kind, value)
        elif get_close_matches(kind, _KINDS, 1, _NEAR):
            raise RenameAnswerError.malformed(argument)  # it would be left out, and the column dropped
    return renames, nothing_else


def warn_of_unread_answers(arguments: Iterable[str], consequence: str) -> None:
    """Warn that a command reads no answers, where there are some."""
    if any(argument.partition("=")[0] in _KINDS for argument in arguments):
        log.warning("-x rename is for alembic revision --autogenerate; %s", consequence)


def _parse(argument: str, kind: str, value: str) -> Rename:
    match = _ANSWER.fullmatch(value.strip())
    names = [_unquote(name) for name in re.findall(NAME, match[1])] if match else []
    if match is None or len(names) not in _KINDS[kind]:
        raise RenameAnswerError.malformed(argument)
    table_depth = 1 if kind == "rename_table" else 2
    schema = names[0] if len(names) > table_depth else None
    table, column = (names[-1], None) if kind == "rename_table" else (names[-2], names[-1])
    return Rename(schema, table, column, _unquote(match[2]))


def _unquote(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


@dataclass(frozen=True, slots=True)
class Unfit:
    """An answer of `-x` that fits nothing of one comparison: what goes there, what comes, and the commands that would fit."""

    goes: Sequence[str]
    comes: Sequence[str]
    commands: Sequence[str]


def refuse_unfit(compared: Sequence[Mapping[str, Unfit]]) -> None:
    """Make sure that each answer fits one of several comparisons.

    :param compared: the answers that do not fit, by their arguments, of each.
    :raises RenameAnswerError: an answer fits none.
    """
    for argument in compared[0] if compared else ():
        found = [unfit[argument] for unfit in compared if argument in unfit]
        if len(found) == len(compared):
            parts = [[getattr(one, name) for one in found] for name in ("goes", "comes", "commands")]
            goes, comes, commands = (list(dict.fromkeys(chain.from_iterable(lists))) for lists in parts)
            raise RenameAnswerError.unfit(argument, (goes, comes), commands, type_again(without=argument))


class RenameAnswers:
    """What is known of the renames of one comparison, and what was asked.

    :param arguments: those of `-x`.
    :param end_transaction: called before a question: whoever answers it takes their time. None where no one can be asked.
    :param is_partial: whether other databases are compared too, which the answers of `-x` may be about.
    """

    def __init__(
        self, arguments: Sequence[str], dialect: Dialect, end_transaction: Callable[[], None] | None, *, is_partial: bool
    ) -> None:
        given, self._nothing_else = read_answers(arguments)
        default = dialect.default_schema_name
        self._given = {
            argument: Rename(None if one.schema == default else one.schema, one.table, one.column, one.new_name)
            for argument, one in given.items()
        }
        self._dialect = dialect
        self._end_transaction = end_transaction
        self._is_partial = is_partial
        self._refused: set[Rename] = set()
        self.open: list[Rename] = []
        """The renames that may be, and that no one has answered."""
        self.unfit: dict[str, Unfit] = {}
        """The answers that fit nothing, by their arguments; where other databases are compared too, they may fit there."""

    def choose(self, difference: Difference, accepted: Sequence[Rename]) -> Sequence[Rename]:
        """The renames that were answered with yes; none if nothing is left to ask.

        :param accepted: those of the rounds before.
        :raises RenameAnswerError: an answer of `-x` fits nothing.
        """
        ahead = self._take_given(difference, accepted)
        if ahead:
            if self._dialect.name not in TRANSACTIONAL:
                raise RenameAnswerError.unsupported(ahead[0].argument.removeprefix("-x "), self._dialect.name)
            return ahead
        candidates = [] if self._nothing_else else find_candidates(difference, self._dialect)
        candidates = [one for one in drop_answered(candidates, accepted) if one not in self._refused]
        if self._end_transaction is None or not candidates:
            self.open = candidates
            self.unfit = dict(self._list_unfit(difference))
            if not self._is_partial:
                refuse_unfit([self.unfit])
            return ()
        self._end_transaction()
        return self._ask_about(candidates)

    def _take_given(self, difference: Difference, accepted: Sequence[Rename]) -> list[Rename]:
        """The answers of `-x` that fit now. A column may be named with the old or the new name of its table."""
        tables = {one.old[:2]: one.new_name for one in accepted if one.column is None}
        taken: list[Rename] = []
        for argument, given in list(self._given.items()):
            table = tables.get((given.schema, given.table), given.table) if given.column else given.table
            rename = Rename(given.schema, table, given.column, given.new_name)
            if difference.fits(rename) and rename in drop_answered([rename], taken):
                taken.append(rename)
                del self._given[argument]
        return taken

    def _list_unfit(self, difference: Difference) -> Iterator[tuple[str, Unfit]]:
        for argument in self._given:
            possible = {one.argument.removeprefix("-x "): one for one in difference.list_possible()}
            near = get_close_matches(argument, possible, 3, 0) if len(possible) > 3 else possible
            others = find_candidates(difference, self._dialect)
            commands = [
                type_again([shlex.split(one.argument)[1] for one in choose_together([possible[text], *others])], argument)
                for text in near
            ]
            yield argument, Unfit(*_list_names(difference), commands)

    def _ask_about(self, candidates: Sequence[Rename]) -> list[Rename]:
        """Ask about tables first, and stop there if one was renamed: then its columns can be candidates too."""
        accepted: list[Rename] = []
        remaining = list(candidates)
        if len(candidates) > _MANY:
            print(f"{len(candidates)} questions at most; -x rename=none answers all of them with no.", file=sys.stderr)
        with _interruptible():
            while remaining and not (accepted and accepted[0].column is None and remaining[0].column is not None):
                candidate = remaining.pop(0)
                answer = ask(candidate.question)
                if answer is None:
                    self._end_transaction, self.open = None, [candidate, *remaining]
                    return accepted
                if answer:
                    accepted.append(candidate)
                    remaining = drop_answered(remaining, accepted)
                else:
                    self._refused.add(candidate)
        return accepted


def _list_names(difference: Difference) -> tuple[list[str], list[str]]:
    """What goes and what comes, for a message."""
    names = []
    for tables, columns in (
        (difference.removed_tables, difference.removed_columns),
        (difference.added_tables, difference.added_columns),
    ):
        shown = [".".join(filter(None, key)) for key in tables]
        shown += [".".join([*filter(None, key), column.name]) for key, found in columns.items() for column in found]
        names.append(shown)
    return names[0], names[1]


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the command at once: asyncio's own handler cancels a task, which does not run while a line is read."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)  # None is one that was not set from Python
