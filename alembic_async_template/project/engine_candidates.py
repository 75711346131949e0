"""Lists what an `app_engine` could name: the engines, settings and constants of a project's modules."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from .classes import Class, Classes, annotated_assignments, is_bare_method, is_plain, is_static, takes_no_arguments
from .containers import list_provided
from .database_names import is_database_section, is_url_name
from .engine_makers import Engine, EngineMakers, Member
from .setting_paths import SettingPaths, is_text
from .sources import Module, Sources
from .syntax import expression_name, run_statements


class Kind(IntEnum):
    """How a reference leads to the database, the best way first."""

    ENGINE = 0
    ENGINE_CALL = 1
    SETTINGS = 4
    SETTINGS_CALL = 5
    SETTINGS_CLASS = 6
    CONSTANT = 7


@dataclass(frozen=True, slots=True)
class Reference:
    """A value for `app_engine`, and where it comes from."""

    text: str
    kind: Kind
    module: Module
    line: int
    names: frozenset[str]
    """Its dotted names in the sources, without calls."""
    engine: Engine | None = None
    """The engine, unless it is a URL."""
    from_class: bool = False
    """Whether it begins at a class, which counts only where no instance is at hand."""
    is_new: bool = False
    """Whether it makes an instance that the application may not have."""
    likelihood: int = 0
    """Of several URLs in one class, the likelier has the lower number."""
    made_by: str = ""
    """The dotted name of the function that is called for what the reference begins at."""

    @property
    def is_variable(self) -> bool:
        """Whether it is a variable of a module, without attributes or calls."""
        return self.text.partition(":")[2].isidentifier()


class References:
    """The references that lead to an engine or a URL in some sources."""

    def __init__(self, sources: Sources, classes: Classes, makers: EngineMakers, settings: SettingPaths) -> None:
        self.sources = sources
        self.classes = classes
        self.makers = makers
        self.settings = settings
        self._known: dict[ast.ClassDef, list[Member]] = {}

    def collect(self) -> list[Reference]:
        found = [reference for module in self.sources.modules.values() for reference in self._in_module(module)]
        instances = {name for reference in found if not reference.from_class for name in reference.names}
        return _join_calls([reference for reference in found if not (reference.from_class and reference.names & instances)])

    def _in_module(self, module: Module) -> Iterator[Reference]:
        for name, annotation, value, line in annotated_assignments(module.tree.body):
            yield from self._from_value(module, name, annotation, value, line)
        for statement in run_statements(module.tree.body):
            if isinstance(statement, ast.FunctionDef) and takes_no_arguments(statement) and is_plain(statement):
                yield from self._from_function(module, statement)
            elif isinstance(statement, ast.ClassDef):
                yield from self._from_class(module, statement)

    def _from_value(
        self, module: Module, name: str, annotation: ast.expr | None, value: ast.expr, line: int
    ) -> Iterator[Reference]:
        names = frozenset({f"{module.name}.{name}"})
        engine = self.makers.engine(module, value)
        if engine is not None:
            yield Reference(f"{module.name}:{name}", Kind.ENGINE, module, line, names, engine)
            return
        called = expression_name(value.func) if isinstance(value, ast.Call) and not (value.args or value.keywords) else None
        made_by = self.classes.sources.resolve(module, called) if called is not None else ""
        instance = Reference(f"{module.name}:{name}", Kind.ENGINE, module, line, names, made_by=made_by)
        classes = list(self.classes.instances(module, value, annotation))
        yield from self._below_first(instance, Kind.SETTINGS, classes)
        if not classes and is_url_name(name) and not is_text(value):
            yield replace(instance, kind=Kind.CONSTANT)

    def _from_function(self, module: Module, function: ast.FunctionDef) -> Iterator[Reference]:
        text, names = f"{module.name}:{function.name}()", frozenset({f"{module.name}.{function.name}"})
        engine = self.makers.returned(module, function)
        if engine is not None:
            yield Reference(text, Kind.ENGINE_CALL, module, function.lineno, names, engine)
            return
        if is_url_name(function.name):
            yield Reference(text, Kind.CONSTANT, module, function.lineno, names)
            return
        call = Reference(text, Kind.ENGINE_CALL, module, function.lineno, names, made_by=next(iter(names)))
        yield from self._below_first(call, Kind.SETTINGS_CALL, self.classes.returned(module, function))

    def _from_class(self, module: Module, class_: ast.ClassDef) -> Iterator[Reference]:
        text, names = f"{module.name}:{class_.name}", frozenset({f"{module.name}.{class_.name}"})
        itself = Reference(text, Kind.ENGINE, module, class_.lineno, names, from_class=True)
        members = self._members((module, class_))
        for member in members:
            if member.static and member.configuration is None:
                yield self._below(itself, (module, class_), member)
        constructed = replace(itself, text=f"{text}()", kind=Kind.ENGINE_CALL, is_new=True)
        if not any(member.static for member in members) and self.makers.can_be_constructed((module, class_)):
            yield from self._engines_below(constructed, (module, class_))
        methods = [statement for statement in class_.body if isinstance(statement, ast.FunctionDef)]
        for method in (method for method in methods if is_static(method) and is_bare_method(method)):
            made = replace(itself, text=f"{text}.{method.name}()", kind=Kind.ENGINE_CALL)
            classes = self.classes.made_by_method((module, class_), module, method)
            yield from self._below_first(made, Kind.SETTINGS_CALL, classes)
        if self.settings.can_be_constructed(module, class_):
            yield from self._urls_below(replace(constructed, kind=Kind.SETTINGS_CLASS), (module, class_))

    def _below_first(self, owner: Reference, kind: Kind, classes: Iterable[Class]) -> Iterator[Reference]:
        """What is below the first of the classes that an owner may have where there is something; its URLs are of a kind."""
        for class_ in classes:
            found = [*self._engines_below(owner, class_), *self._urls_below(replace(owner, kind=kind), class_)]
            if found:
                yield from found
                return

    def _members(self, class_: Class) -> list[Member]:
        if class_[1] not in self._known:
            self._known[class_[1]] = [*self.makers.members(*class_), *list_provided(self.makers, class_)]
        return self._known[class_[1]]

    def _engines_below(self, instance: Reference, class_: Class) -> Iterator[Reference]:
        for member in self._members(class_):
            if member.configuration is None or _is_filled(instance, member.configuration):
                yield self._below(instance, class_, member)

    def _below(self, owner: Reference, class_: Class, member: Member) -> Reference:
        """The reference to an engine that something has; inside of its class, sessions know it by `self`."""
        path = member.path.replace("()", "")
        members = self._members(class_)
        inner = [path] + ["*"] * all(other.engine == member.engine for other in members)
        ancestors = [f"{module.name}.{ancestor.name}" for module, ancestor in self.classes.lineage(*class_)]
        called = member.path.endswith("()") or owner.kind is Kind.ENGINE_CALL
        return replace(
            owner,
            text=f"{owner.text}.{member.path}",
            kind=Kind.ENGINE_CALL if called else Kind.ENGINE,
            names=frozenset(f"{name}.{path}" for name in owner.names) | {f"{name}.{end}" for name in ancestors for end in inner},
            engine=member.engine,
        )

    def _urls_below(self, owner: Reference, class_: Class) -> Iterator[Reference]:
        if self.settings.is_settings(*class_):
            name = next(iter(owner.names)).rpartition(".")[2]
            for path in self.settings.url_paths(*class_, nested=is_database_section(name, class_[1].name)):
                names = frozenset(f"{name}.{path.text.replace('()', '')}" for name in owner.names) | path.names
                yield replace(owner, text=f"{owner.text}.{path.text}", names=names, likelihood=path.rank)


def _join_calls(found: list[Reference]) -> list[Reference]:
    """One reference for what a function returns and several modules keep, each in a variable of its own: the call."""
    groups: dict[tuple[str, str], list[Reference]] = {}
    for reference in found:
        path = reference.text.partition(":")[2].partition(".")[2] if reference.made_by else reference.text
        groups.setdefault((reference.made_by, path), []).append(reference)
    return [joined for group in groups.values() for joined in _join(group)]


def _join(group: list[Reference]) -> list[Reference]:
    calls = [reference for reference in group if reference.text.partition(":")[2].partition(".")[0].endswith("()")]
    if len(group) - len(calls) < 2:
        return group
    names = frozenset(name for reference in group for name in reference.names)
    return [replace([*calls, *group][0], kind=min(reference.kind for reference in group), names=names)]


def _is_filled(instance: Reference, configuration: str) -> bool:
    """Whether the module of a container fills in its configuration when it is imported."""
    start = f"{instance.text.partition(':')[2]}.{configuration}."
    return any(
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and f"{expression_name(statement.value.func)}.".startswith(start)
        for statement in run_statements(instance.module.tree.body)
    )
