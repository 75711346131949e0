"""The command that was typed, for messages that show it again with a change."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import _compat
from ..masking import mask_message

if TYPE_CHECKING:
    from alembic.config import Config

# The options before a command that take a value.
_GLOBAL = frozenset({"-c", "--config", "-n", "--name", "-x"})
# What `-x` has for one comparison of this package, which only `alembic revision` makes.
_ANSWERS = frozenset({"baseline", "rename", "rename_table"})
# A number of steps from a revision, or from where the database is, as Alembic reads it.
RELATIVE = re.compile(r"(?:(?P<branch>.+?)@)?(?P<symbol>\w+)?(?P<steps>[+-]\d+)")


@dataclass(frozen=True, slots=True)
class TypedCommand:
    """A command, and what was typed after its name; for a call in code, what would have been."""

    name: str | None
    """None for a program's own work."""
    words: tuple[str, ...] = ()
    target: str = ""
    """The revision to go to, or the range of revisions."""
    renames: tuple[str, ...] = ()
    """The arguments of `-x` that say what was renamed."""

    @property
    def is_offline(self) -> bool:
        """Whether SQL is to be written."""
        return "--sql" in self.words

    def write(self, *others: str, target: str | None = None, without: Sequence[str] = ()) -> str:
        """The line to type.

        :param others: what stands there in addition.
        :param target: the revision in place of the one that was typed.
        :param without: options that are left out.
        """
        words = [word for word in self.words if word not in without]
        if target is not None:
            last = max((number for number, word in enumerate(words) if word == self.target), default=len(words))
            words[last : last + 1] = [target]
        return f"alembic {self.name} {mask_message(shlex.join([*words, *others]))}".rstrip()

    def replace(self, pattern: str, replacement: str) -> str:
        """The line to type, with something else in its revisions."""
        words = []
        for before, word in zip(("", *self.words), self.words, strict=False):
            option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
            is_revision = before not in {"-m", "--message"} and not value.startswith("-") and option != "--message"
            words.append(option + equals + (re.sub(pattern, replacement, value) if is_revision else value))
        return f"alembic {self.name} {mask_message(shlex.join(words))}".rstrip()

    def replace_option(self, option: str, value: str) -> str:
        """The line to type, with this option, in place of one that was typed."""
        words = list(self.words)
        for number, word in reversed([*enumerate(words)]):
            if word == option or word.startswith(f"{option}="):
                del words[number : number + (2 if word == option else 1)]
        return f"alembic {self.name} {mask_message(shlex.join([*words, option, value]))}"


def read_typed(config: Config, name: str | None) -> TypedCommand:
    """What was typed for the command that runs.

    :param name: the command that runs.
    """
    options = config.cmd_opts
    if name is None or not hasattr(options, "cmd"):
        return _read_call(name)
    targets = getattr(options, "revisions", None) or [getattr(options, "revision", None) or ""]
    starts = [number for number, word in enumerate(sys.argv) if word == name and sys.argv[number - 1] not in _GLOBAL]
    # A program of its own may hand over the words of a command line.
    words = sys.argv[starts[0] + 1 :] if starts else [*filter(None, targets)]
    renames = tuple(
        argument for argument in getattr(options, "x", None) or () if argument.startswith(("rename=", "rename_table="))
    )
    return TypedCommand(name, tuple(words), targets[-1], renames)


def read_running() -> TypedCommand:
    """What was typed for the command whose `env.py` runs, if one does."""
    environment = _compat.current_environment()
    return TypedCommand(None) if environment is None else read_typed(environment.config, _compat.running_command())


def complete(example: str, config: Config, *, without: Sequence[str] = ()) -> str:
    """A line to type, with the options before the command that was typed: they name the ini, its section and more.

    What the line says itself is not repeated.

    :param without: arguments of `-x` that are left out.
    """
    if not example.startswith("alembic "):
        return example
    options = config.cmd_opts
    section = getattr(options, "name", None) or "alembic"
    given = shlex.split(example)
    left_out = {*without, *(_ANSWERS if "-x" in given or "revision" not in given else ())}
    arguments = [argument for argument in getattr(options, "x", None) or () if argument.partition("=")[0] not in left_out]
    arguments = [argument for argument in arguments if argument not in given]
    typed = {
        "-c": () if "-c" in given else getattr(options, "config", None) or (),
        "-n": () if "-n" in given or section == "alembic" else [section],
        "-x": map(mask_message, arguments),
    }
    words = [word for option, values in typed.items() for value in values for word in (option, value)]
    return " ".join(["alembic", *filter(None, [shlex.join(words)]), example.removeprefix("alembic ")])


def type_again(answers: Sequence[str] = (), without: str = "") -> str:
    """The `alembic revision` that was typed, with more arguments of `-x`, which stand before the subcommand, and without one.

    In a program that runs Alembic, the shortest one that does the same.
    """
    words = sys.argv[1:] if "revision" in sys.argv else ["revision", "--autogenerate"]
    kept: list[str] = []
    for word in words:
        if without and word == without and kept[-1:] == ["-x"]:
            kept.pop()
        elif not (without and word == f"-x{without}"):
            kept.append(word)
    more = [word for answer in answers for word in ("-x", answer)]
    return mask_message(shlex.join(["alembic", *more, *kept]))


def _read_call(name: str | None) -> TypedCommand:
    """A call of `alembic.command`."""
    if name == "revision":
        autogenerate = ("--autogenerate",) if _compat.revision_arguments().get("autogenerate") else ()
        return TypedCommand(name, (*autogenerate, "-m", "message"))
    options = _compat.environment_options()
    target = options.get("destination_rev") or ""
    target = target if isinstance(target, str) else " ".join(target)
    return TypedCommand(name, (*filter(None, [target]), *(["--sql"] if options.get("as_sql") else [])), target)
