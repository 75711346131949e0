"""Chooses the application's engine, or its database URL, by what the sources use it for."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from .classes import Classes, annotated_assignments, takes_no_arguments
from .database_names import is_url_name, serves_other_purpose
from .engine_candidates import Kind, Reference, References
from .engine_makers import EngineMakers
from .engine_uses import EngineUses
from .setting_paths import SettingPaths
from .sources import Module, Sources
from .syntax import expression_name, run_statements

_PLAIN_NAMES = ("engine", "async_engine")


class EngineFinder:
    """Finds references to engines and database URLs."""

    def __init__(self, sources: Sources, models: Sequence[str]) -> None:
        self.sources = sources
        self.models = models
        self.classes = Classes(sources)
        self.settings = SettingPaths(self.classes)
        self.makers = EngineMakers(sources, self.classes)
        self.uses = EngineUses(sources, self.makers, models)

    def candidates(self) -> dict[str, str]:
        """The references that the application's database may be known by, each with what tells it apart.

        There is one only where something decides: an engine goes before a URL, and what is used before what is not.
        """
        chosen = self._chosen
        if len(chosen) == 1:
            return {chosen[0].text: ""}
        paths = self._find_dependents(chosen)
        return {reference.text: self._describe(reference, paths[reference.text]) for reference in chosen}

    def references(self) -> tuple[str, ...]:
        """All that may be the application's database, engines first."""
        found = sorted(self._found, key=lambda reference: reference.kind)
        return tuple(reference.text for reference in found if not reference.is_new)

    def other_engines(self) -> tuple[str, ...]:
        """The other engines in the module of the one that is chosen, as values for `app_engine`."""
        engines = [reference.text for reference in self._found if reference.is_variable and reference.engine is not None]
        module, _, name = self._chosen[0].text.partition(":") if len(self._chosen) == 1 else ("", "", "")
        if f"{module}:{name}" not in engines:
            return ()
        return tuple(text for text in engines if text.startswith(f"{module}:") and text != f"{module}:{name}")

    @cached_property
    def _found(self) -> list[Reference]:
        return [reference for reference in self._list() if self._is_applications(reference)]

    @cached_property
    def _chosen(self) -> list[Reference]:
        """What is in a command-line tool counts only where there is nothing else."""
        tools = [reference for reference in self._found if reference.module.name in self.uses.tools]
        return self._choose([reference for reference in self._found if reference not in tools]) or self._choose(tools)

    def _choose(self, found: list[Reference]) -> list[Reference]:
        chosen = self._choose_engines([reference for reference in found if reference.engine is not None])
        return chosen or self._choose_urls([reference for reference in found if reference.engine is None])

    def _list(self) -> list[Reference]:
        references = References(self.sources, self.classes, self.makers, self.settings).collect()
        return list({reference.text: reference for reference in reversed(references)}.values())[::-1]

    def _is_applications(self, reference: Reference) -> bool:
        # The names in an expression, and not the words of a literal URL.
        names = re.sub(r"'[^']*://[^']*'", "", _url(reference))
        return reference.module.name not in self.uses.aside and not any(
            serves_other_purpose(text) for text in (reference.text.partition(":")[2], names.rpartition(".")[2])
        )

    # Engines

    def _choose_engines(self, found: list[Reference]) -> list[Reference]:
        found = [reference for reference in found if not reference.is_new or reference.names & self.uses.bound.keys()]
        if not any(map(_is_async, found)) and self.uses.makes_async_engine:
            return []  # the application's engine is made where no reference leads: a sync one is for something else
        found = _join_derived(self._join_by_url(found))
        found = _prefer(found, lambda reference: reference.names & self.uses.bound.keys())
        found = _prefer(found, _is_async)
        found = _prefer(found, lambda reference: reference.kind is Kind.ENGINE)
        return found if len(found) < 2 else self._prefer_models_sessions(found)

    def _join_by_url(self, found: list[Reference]) -> list[Reference]:
        """One reference for each URL: engines of one database are as good as each other, and the plainest name is taken."""
        groups: dict[str, list[Reference]] = {}
        for reference in found:
            groups.setdefault(_url(reference) or reference.text, []).append(reference)
        return [
            _join(min(group, key=lambda item: (*_plainness(item), not item.names & self.uses.bound.keys())), group)
            for group in groups.values()
        ]

    def _prefer_models_sessions(self, found: list[Reference]) -> list[Reference]:
        """The engine of the sessions in the modules that import models, if it is one."""
        owners = {name for name, module in self.sources.modules.items() if self._imports_models(module)} - self.uses.tools
        dependents = self._find_dependents(found)
        return _prefer(found, lambda reference: owners.intersection(self.uses.list_users(dependents[reference.text])))

    def _find_dependents(self, found: list[Reference]) -> dict[str, set[str]]:
        """For each reference, the dotted names of what leads to it and to no other one."""
        dependents = {reference.text: self.uses.find_dependents(reference.names) for reference in found}
        times = Counter(name for names in dependents.values() for name in names)
        return {text: {name for name in names if times[name] == 1} for text, names in dependents.items()}

    def _imports_models(self, module: Module) -> bool:
        return any(f"{origin}.".startswith(f"{name}.") for origin in module.imports.values() for name in self.models)

    # URLs

    def _choose_urls(self, found: list[Reference]) -> list[Reference]:
        uses = self.uses

        def last(reference: Reference) -> str:
            return next(iter(reference.names)).rpartition(".")[2]

        found = [item for item in found if last(item) in uses.read or last(item) not in uses.read_aside]
        found = _prefer(found, lambda reference: reference.names & uses.urls)
        if found:
            best = min(reference.kind for reference in found)
            found = [reference for reference in found if reference.kind == best]
        found = _prefer(found, lambda reference: last(reference) in uses.attributes)
        for module in {reference.module.name for reference in found}:
            likeliest = min(reference.likelihood for reference in found if reference.module.name == module)
            found = [item for item in found if item.module.name != module or item.likelihood == likeliest]
        return _prefer(found, lambda reference: last(reference) in uses.read)

    # What tells them apart

    def _describe(self, reference: Reference, dependents: set[str]) -> str:
        path = reference.module.path.relative_to(self.sources.root).as_posix()
        owners = sorted({self.uses.bound[name] for name in reference.names & self.uses.bound.keys()})
        users = [name for name in self.uses.list_users(dependents) if name not in owners]
        notes = [f"{path}, line {reference.line}"]
        notes += [f"sessions are bound to it in {', '.join(owners)}"] if owners else []
        if users:
            more = f" and {len(users) - 3} more" if len(users) > 3 else ""
            notes.append(f"used by {', '.join(users[:3])}{more}")
        return "; ".join(notes)

    # The environment

    def url_variables(self) -> tuple[str, ...]:
        """Names of environment variables that the application reads and that sound like its database URL."""
        modules = [module for module in self.sources.modules.values() if module.name not in self.uses.aside]
        return tuple(sorted({name for module in modules for name in self._read_variables(module) if is_url_name(name)}))

    def _read_variables(self, module: Module) -> Iterator[str]:
        for node in module.nodes:
            argument: ast.expr | None = None
            if isinstance(node, ast.Subscript) and (expression_name(node.value) or "").endswith("environ"):
                argument = node.slice
            elif isinstance(node, ast.Call) and node.args:
                called = expression_name(node.func) or ""
                if called.endswith(("environ.get", "getenv")):
                    argument = node.args[0]
            if isinstance(argument, ast.Name):
                found = self.sources.definition(self.sources.resolve(module, argument.id))
                argument = getattr(found[1], "value", None) if found is not None else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value

    def url_parts(self) -> tuple[str, tuple[str, ...]] | None:
        """A settings object with a host and a password but no URL."""
        for module in self.sources.modules.values():
            if module.name in self.uses.aside:
                continue
            for name, annotation, value, _ in annotated_assignments(module.tree.body):
                for class_ in self.classes.instances(module, value, annotation):
                    if parts := self.settings.parts(*class_):
                        return f"{module.name}:{name}", parts
            for statement in run_statements(module.tree.body):
                if isinstance(statement, ast.FunctionDef) and takes_no_arguments(statement):
                    for class_ in self.classes.returned(module, statement):
                        if parts := self.settings.parts(*class_):
                            return f"{module.name}:{statement.name}()", parts
        return None


def _prefer(found: list[Reference], test: Callable[[Reference], Any]) -> list[Reference]:
    """Those that pass a test, or all where none does."""
    return [reference for reference in found if test(reference)] or found


def _join_derived(found: list[Reference]) -> list[Reference]:
    """Leave out an engine whose URL is made from that of a plainly named one of its module, to pass by a pooler for example."""
    plain = [reference for reference in found if reference.is_variable and reference.text.partition(":")[2] in _PLAIN_NAMES]
    taken: dict[str, list[Reference]] = {}
    for reference in found:
        owner = next((item for item in plain if item.module is reference.module and _is_made_from(reference, item)), reference)
        taken.setdefault(owner.text, []).append(reference)
    return [_join(reference, taken[reference.text]) for reference in found if reference.text in taken]


def _is_made_from(one: Reference, other: Reference) -> bool:
    return one.engine is not None and other.engine is not None and not one.engine.origins.isdisjoint(other.engine.synonyms)


def _join(reference: Reference, group: list[Reference]) -> Reference:
    """The reference under all names of a group."""
    return replace(reference, names=frozenset(name for item in group for name in item.names))


def _url(reference: Reference) -> str:
    return reference.engine.url if reference.engine is not None else ""


def _is_async(reference: Reference) -> bool:
    return reference.engine is not None and reference.engine.is_async


def _plainness(reference: Reference) -> tuple[bool, bool, int, int]:
    name = re.split(r"[.:]", reference.text)[-1]
    return (
        not _is_async(reference),
        name.startswith("_"),
        reference.kind,
        _PLAIN_NAMES.index(name) if name in _PLAIN_NAMES else len(_PLAIN_NAMES),
    )
