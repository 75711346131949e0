"""The target metadata of a command: the models', or the naming convention that unnamed constraints of a revision need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.engine import Dialect

from ..application.declared_conventions import find_holders, load_conventions
from ..application.metadata_choice import choose_metadata
from ..application.models import ModelMetadata, load_metadata, refuse_duplicates
from ..errors import NoTablesError
from .command import Command

GivenMetadata = MetaData | Sequence[MetaData] | None


class Target:
    """The MetaData objects of one command, loaded as far as it needs them."""

    def __init__(self, command: Command, given: GivenMetadata) -> None:
        self.command = command
        self.own: list[MetaData] = [] if given is None else [given] if isinstance(given, MetaData) else list(given)
        """Those of this database."""
        self.others: list[MetaData] = []
        """Those of the application's other databases."""
        self._is_given = given is not None
        self._models: list[ModelMetadata] = []
        self._holders: Mapping[str, bytes] | None = None
        self._has_convention = not command.runs_revisions or self._is_given or command.naming_convention is not None

    @property
    def is_scanned(self) -> bool:
        """Whether the models were found by `app_models`."""
        return bool(self._models)

    def load_models(self) -> None:
        """Import the models, for commands that read them.

        :raises NoTablesError: nothing defines a table.
        """
        command = self.command
        if not self._is_given and (command.compares or command.reads_models):
            self._models = load_metadata(command.settings, complete=command.compares)
            if not self._models:
                raise NoTablesError([], command.settings.config_file, command.settings.import_roots)

    def choose(self, dialect: Dialect) -> None:
        """Tell the MetaData of this database from those of others."""
        if self._models:
            complete = self.command.compares
            choice = choose_metadata(self._models, self.command.settings, dialect, complete=complete)
            if complete:
                refuse_duplicates(choice.own)
            self.own, self.others = choice.own, choice.others

    def lacks_convention(self) -> bool:
        """Whether the models have a naming convention, which is not imported yet and which revisions need."""
        if not self._has_convention and self._holders is None:
            self._holders = find_holders(self.command.settings)
        return not self._has_convention and bool(self._holders)

    def load_convention(self) -> None:
        """Import what holds the naming convention of the models, if it is lacking."""
        if self.lacks_convention():
            assert self._holders is not None
            self.own = load_conventions(self.command.settings, self._holders)
            self._has_convention = True

    def for_alembic(self) -> Any:
        """What `context.configure` takes as `target_metadata`."""
        command = self.command
        if command.naming_convention is not None and not (command.compares or command.reads_models):
            return MetaData(naming_convention=command.naming_convention)
        return self.own[0] if len(self.own) == 1 else self.own
