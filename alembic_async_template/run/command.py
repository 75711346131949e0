"""What a command was asked for, and with which settings; nothing of it changes while the command runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _compat
from ..application.settings import Settings
from ..diagnosis.identifiers import refuse_duplicates, refuse_taken
from .session import Limits

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

# The option of the migration context that says where the URL of the database comes from.
DATABASE_SOURCE = "database_source"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of Alembic, or a program's own work with its environment."""

    environment: EnvironmentContext
    settings: Settings
    naming_convention: dict[str, Any] | None
    """The convention that `env.py` gives."""
    options: dict[str, Any]
    """What `env.py` gives to `context.configure`."""
    name: str | None
    """None for a program's own work."""
    compares: bool
    """Whether models and database are compared."""
    reads_models: bool
    """Whether the caller wants the models, although nothing is compared."""
    x_arguments: dict[str, str]

    @property
    def config(self) -> Config:
        return self.environment.config

    @property
    def changes(self) -> bool:
        """Whether the command changes the database."""
        return self.name in {"upgrade", "downgrade", "stamp"}

    @property
    def only_reads(self) -> bool:
        """Whether it is known that the command does nothing but read; `alembic status` is one of those without a name."""
        return self.name in {"current", "check", "revision"} or bool(_compat.environment_options().get("dont_mutate"))

    @property
    def runs_revisions(self) -> bool:
        """Whether revisions may run; what a program of its own does with the environment is not known."""
        if self.name is None:
            return not (self.reads_models or _compat.environment_options().get("dont_mutate"))
        return self.name in {"upgrade", "downgrade"}

    @property
    def limits(self) -> Limits | None:
        """Those of its connection, None for a command that changes nothing."""
        return Limits(self.settings.lock_timeout, self.settings.statement_timeout) if self.changes else None


def read_command(
    environment: EnvironmentContext, settings: Settings, naming_convention: dict[str, Any] | None, options: dict[str, Any]
) -> Command:
    """Read what the running command is.

    :raises DuplicateRevisionError: it is for the revisions, and one has several files.
    :raises CommandError: it is to write a revision whose identifier is taken.
    """
    command = Command(
        environment=environment,
        settings=settings,
        naming_convention=naming_convention,
        options=options,
        name=_compat.running_command(),
        compares=bool(_compat.revision_arguments().get("autogenerate")),
        reads_models=bool(_compat.environment_options().get("reads_models")),
        x_arguments=environment.get_x_argument(as_dictionary=True),
    )
    if command.changes or command.compares:
        refuse_duplicates(environment.script)
    if command.compares:
        refuse_taken(environment.script, _compat.revision_arguments().get("rev_id"))
    return command


def uses_this_package(script: ScriptDirectory) -> bool:
    """Whether an environment is one of this package's."""
    env = Path(script.dir, "env.py")
    return env.is_file() and b"run_environment" in env.read_bytes()
