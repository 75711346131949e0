"""Puts this package around Alembic's own functions: its template, `init`, new revisions, an `env.py` that exits, and what a
command prints when it fails.

Every command comes through here, those of other environments too, so the rest is imported when it is needed.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _compat

if TYPE_CHECKING:
    from alembic.config import CommandLine, Config
    from alembic.script import ScriptDirectory

TEMPLATES = Path(__file__).parent.parent / "templates"
TEMPLATE = TEMPLATES / "async-fastapi"
# Only what it has of its own is in its folder.
PYPROJECT_TEMPLATE = TEMPLATES / "async-fastapi-pyproject"


# What Alembic warns of a revision that no file has.
_GAP = re.compile(r"Revision \S+ referenced from .* is not present$")


class _Folders:
    """Several folders as one: what stands in the first hides what has the same name in another."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self.name = folders[0].name

    def __truediv__(self, name: str) -> Any:
        return _join_template(
            next((folder / name for folder in self._folders if (folder / name).exists()), self._folders[0] / name)
        )

    def iterdir(self) -> Iterator[Any]:
        found = {path.name: path for folder in self._folders[::-1] for path in folder.iterdir() if _is_listed(path)}
        return map(_join_template, sorted(found.values(), key=lambda path: (path.parent != self._folders[0], path.name)))

    def exists(self) -> bool:
        return True

    def resolve(self) -> Path:
        return self._folders[0].resolve()


def _is_listed(path: Path) -> bool:
    """Whether something is a template, or a file of one."""
    return path.is_file() or (path / "README").is_file()


def _join_template(path: Path) -> Any:
    """A template, with what it shares with another one."""
    return _Folders(path, TEMPLATE) if path.resolve() == PYPROJECT_TEMPLATE.resolve() else path


def find_templates(config: Config) -> Any:
    """The templates that `alembic init` and `alembic list_templates` see."""
    return _Folders(Path(config.get_template_directory()), TEMPLATES)


def init(stock: Callable[..., Any], config: Config, directory: str, template: str = "generic", package: bool = False) -> Any:
    """`alembic.command.init`, which surveys the project first when it is asked for a template of this package."""
    folder = _compat.find_template(config, template)
    near = None if folder.exists() else _find_near_template(template)
    if near and _compat.find_template(config, near).exists():  # a program may have a folder of its own
        from ..errors import TemplateNotFoundError

        raise TemplateNotFoundError(template, near, directory)
    if folder.resolve() not in {TEMPLATE.resolve(), PYPROJECT_TEMPLATE.resolve()}:
        return stock(config, directory, template=template, package=package)
    from .init import initialise

    in_toml = folder.resolve() == PYPROJECT_TEMPLATE.resolve()
    return initialise(stock, config, directory, in_toml=in_toml, template=template, package=package)


def _find_near_template(template: str) -> str | None:
    """The template of this package that a misspelt name stands for."""

    def simplify(name: str) -> str:
        return "".join(filter(str.isalpha, name.lower()))

    names = {simplify(path.name): path.name for path in sorted(TEMPLATES.iterdir())}
    near = get_close_matches(simplify(template), names, 1, 0.85)
    return names[near[0]] if near else TEMPLATE.name if "fastapi" in simplify(template) else None


def generate_revision(stock: Callable[..., Any], script: ScriptDirectory, revid: str, *arguments: Any, **options: Any) -> Any:
    """`ScriptDirectory.generate_revision`, which refuses one that is there, has no template, or could not import SQLModel."""
    from ..run.command import uses_this_package

    if uses_this_package(script):
        from ..diagnosis.identifiers import refuse_taken

        refuse_taken(script, revid)
        _require_template(script)
    if find_spec("sqlmodel") is None:
        from ..autogenerate.render_types import require_sqlmodel

        require_sqlmodel(script)
    from .write_hook import write_calmly

    return write_calmly(stock, script, revid, *arguments, **options)


def run_env(stock: Callable[..., Any], script: ScriptDirectory) -> None:
    """`ScriptDirectory.run_env`, which explains an `env.py` that exits before it has run the command.

    Nothing is written yet of a revision for several databases, all of which are compared then.
    """
    _require_environment(script)
    try:
        stock(script)
    except SystemExit as error:
        from ..run.command import uses_this_package

        # Neither Ctrl-C, which has been told, nor the end of an `env.py` that has done its work.
        if isinstance(error.__cause__, KeyboardInterrupt) or _compat.is_configured() or not uses_this_package(script):
            raise
        from ..diagnosis.explain import explain_exit
        from ..errors.failure import Progress

        raise explain_exit(error, script, Progress()) from error
    if "alembic_async_template.run.rename_answers" in sys.modules:  # something was compared
        from ..run.rename_answers import UNFIT_ANSWERS, refuse_unfit

        refuse_unfit(_compat.environment_options().get(UNFIT_ANSWERS, ()))


def main(stock: Callable[..., Any], command_line: CommandLine, *arguments: Any, **options: Any) -> None:
    """`CommandLine.main`, which knows this package's subcommands; a subclass may have its own and stays as it is."""
    from alembic.config import CommandLine as Stock

    if type(command_line) is Stock:
        from .subcommands import register

        register(command_line)
    stock(command_line, *arguments, **options)


def run_cmd(stock: Callable[..., Any], command_line: CommandLine, config: Config, options: Namespace) -> None:
    """`CommandLine.run_cmd`, which prints errors of this package unfolded, on standard error, and with `-q` too."""
    from alembic.util import CommandError

    if options.cmd[0].__name__ == "revision" and options.x and not options.autogenerate:
        _warn_of_unread_answers(config, options.x)
    held: list[Callable[[], None]] = []
    try:
        with _holding_warnings(held):
            stock(command_line, config, Namespace(**{**vars(options), "raiseerr": True}))
    except Exception as error:
        if options.raiseerr:
            for show in held:
                show()
            raise
        from .failures import describe_failure, end_quietly, is_reader_gone, print_failure

        if is_reader_gone(error, config):
            end_quietly()
        block = describe_failure(error, config)
        for show in held if block is None else ():
            show()
        if block is not None:
            print_failure(block)
            sys.exit(-1)  # as Alembic does
        if not isinstance(error, CommandError):
            raise
        failed = error

        def fail(_config: Config) -> None:
            raise failed

        stock(command_line, config, Namespace(raiseerr=False, cmd=(fail, [], [])))  # Alembic prints its own errors


def _warn_of_unread_answers(config: Config, arguments: list[str]) -> None:
    """Warn that a revision whose text is not generated takes no renames, in an environment of this package."""
    from alembic.script import ScriptDirectory

    from ..run.command import uses_this_package
    from ..run.logs import configure_logging
    from ..run.rename_answers import warn_of_unread_answers

    with suppress(Exception):  # the command itself says what is wrong with the settings
        if uses_this_package(ScriptDirectory.from_config(config)):
            configure_logging(config)
            warn_of_unread_answers(arguments, "without that option the revision is empty")


@contextmanager
def _holding_warnings(held: list[Callable[[], None]]) -> Iterator[None]:
    """Keep back what Alembic warns of right before the error that it is about: the message of that says more."""
    show = warnings.showwarning

    def hold(message: Warning | str, *arguments: Any, **options: Any) -> None:
        if _GAP.match(str(message)):
            held.append(lambda: show(message, *arguments, **options))
        else:
            show(message, *arguments, **options)

    warnings.showwarning = hold
    try:
        yield
    finally:
        if warnings.showwarning is hold:
            warnings.showwarning = show


def _require_template(script: ScriptDirectory) -> None:
    """Explain a `script.py.mako` that is not there, in an environment of this package."""
    path = Path(script.dir, "script.py.mako")
    if path.exists():
        return
    from ..diagnosis.identifiers import refuse_duplicates
    from ..errors import EnvironmentNotFoundError
    from ..errors.block import Fix

    refuse_duplicates(script)  # what is wrong with the history comes first,
    script.get_heads()  # and is raised here
    template, place = (shlex.quote(os.path.relpath(file)) for file in (TEMPLATE / path.name, path))
    has_sqlmodel = find_spec("sqlmodel") is not None
    command = f"cp {template} {place}" if has_sqlmodel else f"grep -v '^import sqlmodel' {template} > {place}"
    fix = Fix("get the file back, or copy that of the template", command)
    raise EnvironmentNotFoundError(path, "new revisions are made from it", fix)


def _require_environment(script: ScriptDirectory) -> None:
    """Explain an `env.py` that is not there, where the settings are this package's."""
    path = Path(script.dir, "env.py")
    if path.exists():
        return
    from ..application.settings import describe_place, list_own_settings
    from ..errors import EnvironmentNotFoundError

    config = _compat.current_environment().config
    if list_own_settings(config):
        name = Path(config.config_file_name or "the configuration").name
        raise EnvironmentNotFoundError(path, f"script_location in {describe_place(config.config_ini_section, name)}")
