"""Puts this package's template among Alembic's own, and this package before `init` and before new revisions.

Every command comes through here, those of other environments too, so the rest is imported when it is needed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .. import _compat

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

TEMPLATES = Path(__file__).parent.parent / "templates"
TEMPLATE = TEMPLATES / "async-fastapi"


class _TemplateFolders:
    """Alembic's folder of templates and this package's, as one folder."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def __truediv__(self, name: str) -> Path:
        return next((folder / name for folder in self._folders if (folder / name).exists()), self._folders[0] / name)

    def iterdir(self) -> Iterator[Path]:
        for folder in self._folders:
            yield from sorted(path for path in folder.iterdir() if (path / "README").is_file())


def add_template(config_module: ModuleType) -> None:
    """Let `Config` find this package's template next to Alembic's own."""
    _compat.replace_template_path(
        config_module.Config, lambda config: _TemplateFolders(Path(config.get_template_directory()), TEMPLATES)
    )


def wrap_commands(command_module: ModuleType) -> None:
    """Let `alembic.command.init`, and whatever writes a revision, look at the project before; and see an `env.py` that exits."""
    from alembic.script import ScriptDirectory

    command_module.init = _wrap_init(command_module.init)  # type: ignore[attr-defined]
    ScriptDirectory.generate_revision = _wrap_generation(ScriptDirectory.generate_revision)  # type: ignore[method-assign]
    ScriptDirectory.run_env = _wrap_environment(ScriptDirectory.run_env)  # type: ignore[method-assign]


def _wrap_init(stock: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(stock)
    def init(config: Config, directory: str, template: str = "generic", package: bool = False) -> Any:
        if _compat.find_template(config, template).resolve() != TEMPLATE.resolve():
            return stock(config, directory, template=template, package=package)
        from .init import initialise

        return initialise(stock, config, directory, template=template, package=package)

    return init


def _wrap_generation(stock: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(stock)
    def generate_revision(script: ScriptDirectory, *arguments: Any, **named: Any) -> Any:
        if find_spec("sqlmodel") is None:
            from ..autogenerate.render_types import require_sqlmodel

            require_sqlmodel(script)
        return stock(script, *arguments, **named)

    return generate_revision


def _wrap_environment(stock: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(stock)
    def run_env(script: ScriptDirectory) -> None:
        try:
            stock(script)
        except SystemExit as error:
            # Neither Ctrl-C, which has been told, nor the end of an `env.py` that has done its work.
            if isinstance(error.__cause__, KeyboardInterrupt) or _compat.is_configured() or not _uses_this_package(script):
                raise
            from ..diagnosis.failures import explain_exit
            from ..errors.failure import Progress

            raise explain_exit(error, script, Progress()) from error

    return run_env


def _uses_this_package(script: ScriptDirectory) -> bool:
    return b"run_environment" in Path(script.dir, "env.py").read_bytes()
