"""One environment more in the same project: its section of the ini, with the models, engine and variable of its own database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..application.models import is_covered
from ..application.settings import split_names
from ..project.ini import Form, Setting
from ..project.survey import Project

if TYPE_CHECKING:
    from alembic.config import Config


@dataclass(frozen=True, slots=True)
class Section:
    """What another environment of the project has for its database."""

    header: str
    app_models: tuple[str, ...]
    app_engine: str
    form: Form = Form.INI

    def leaves_out(self, module: str) -> bool:
        """Whether a module is said to be another database's."""
        return is_covered(module, [name[1:] for name in self.app_models if name.startswith("~")])

    def has(self, module: str) -> bool:
        """Whether the tables of a module are this database's."""
        return is_covered(module, self.app_models) and not self.leaves_out(module)


def list_sections(config: Config) -> Iterator[Section]:
    """The other environments: sections of the ini that have a folder, and the table of pyproject.toml."""
    parser = config.file_config
    for name in parser.sections():
        if name != config.config_ini_section and parser.has_option(name, "script_location"):
            models = split_names(parser.get(name, "app_models", raw=True, fallback="*"))
            yield Section(f"[{name}]", models, parser.get(name, "app_engine", raw=True, fallback="").strip())
    table = config.toml_alembic_config
    if config.config_ini_section != "alembic" and "script_location" in table:
        models = table.get("app_models", "*")
        names = split_names(",".join(models) if isinstance(models, list) else str(models))
        yield Section("[tool.alembic]", names, str(table.get("app_engine", "")), Form.TOML)


def choose_for_section(project: Project, section: str, others: Sequence[Section]) -> Project:
    """The project as one environment more needs it: nothing in it leads to the database of another section.

    What is named after the section is its own; of the models, otherwise what no other section has.
    """
    if not others:
        return project
    taken = {other.app_engine for other in others}
    engines = [name for name in project.references if _is_named_after(name, section) and name not in taken]
    variables = [name for name in project.url_variables if _is_named_after(name, section)]
    word = re.sub(r"\W+", "_", section).strip("_").lower()
    return replace(
        _choose_models(project, section, others),
        engines=tuple(engines[:1]),
        engine_example=f"app.db:{word}_engine",
        other_engines=(),
        url_parts=None,
        url_variables=(variables[0] if len(variables) == 1 else f"{word.upper()}_DATABASE_URL",),
    )


def _choose_models(project: Project, section: str, others: Sequence[Section]) -> Project:
    every = project.model_modules
    mine = [name for name in every if _is_named_after(name, section)]
    mine = mine or [name for name in every if not any(other.has(name) for other in others)]
    rest = [name for name in every if name not in mine]
    if mine and rest:
        names = [*_shorten(mine, rest), *(f"~{name}" for name in _shorten(rest, mine))]
        return replace(project, models=(", ".join(names),), model_modules=tuple(mine))
    sharing = [other.header for other in others if not every or any(other.has(name) for name in every)]
    note = f"{', '.join(sharing)} may have the same: ~name leaves one out here or there."
    return replace(project, models_notes=(note,) if sharing else ())


def list_exclusions(project: Project, others: Sequence[Section]) -> list[tuple[str, str]]:
    """The sections that do not leave out yet what a new one has, each with the setting that does."""
    if not any(name.startswith("~") for models in project.models for name in models.split(", ")):
        return []  # they share their models
    names = project.models[0].split(", ")
    mine, rest = ([name for name in names if name.startswith("~") is left_out] for left_out in (False, True))
    found = []
    for other in others:
        if not all(other.leaves_out(module) for module in project.model_modules):
            theirs = other.app_models or [name[1:] for name in rest]
            setting = Setting("app_models", (*theirs, *(f"~{name}" for name in mine)))
            found.append((other.header, setting.render(other.form)))
    return found


def append_section(ini: Path, text: str) -> None:
    """Write one section more at the end of an ini, below what is there."""
    content = ini.read_bytes()
    newline = "\r\n" if b"\r\n" in content else "\n"
    gap = "" if not content.strip() else "\n" if content.endswith(b"\n") else "\n\n"
    with ini.open("ab") as file:
        file.write(f"{gap}{text}".replace("\n", newline).encode())


def _shorten(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """Modules by their top-level package, where that has none of the others."""
    tops = {name.partition(".")[0] for name in others}
    return list(dict.fromkeys(name if name.partition(".")[0] in tops else name.partition(".")[0] for name in names))


def _is_named_after(name: str, section: str) -> bool:
    """Whether all words of a section's name are in another name: `billing` in `app.db:billing_engine`."""
    words = _list_words(section)
    return bool(words) and words <= _list_words(name)


def _list_words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)}
