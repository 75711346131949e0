"""Finds the way from an instance of a settings class to the database's URL."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .classes import Classes, Inherited, is_property, takes_no_arguments
from .database_names import is_database_section, is_url_name, serves_other_purpose
from .sources import Module
from .syntax import expression_name, last_name, run_statements

_HOST = re.compile(r"(?:.*(?:database|db|postgres|pg|mysql|sql)\w*_)?(?:host|hostname|server)", re.IGNORECASE)
_PASSWORD = re.compile(r"(?:.*(?:database|db|postgres|pg|mysql|sql)\w*_)?(?:password|pass|passwd|pw)", re.IGNORECASE)
# How many classes deep settings are looked into: objects that are no settings lead to each other for ever.
_DEEPEST = 4
# Bases, and a decorator, whose classes are called with a value for each field.
_TAKE_FIELDS = frozenset({"BaseModel", "NamedTuple", "dataclass"})
_SETTINGS_CLASS = re.compile(r"\w*(?:Settings|Config|Configuration)")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field, property or method without arguments of a class."""

    name: str
    annotation: ast.expr | None
    value: ast.expr | None
    computed: bool


@dataclass(frozen=True, slots=True)
class URLPath:
    """The way from an instance of a settings class to a URL."""

    text: str
    rank: int
    """The likelier has the lower one."""
    names: frozenset[str]
    """The dotted names that the URL has in its class."""


class SettingPaths:
    """The settings classes of some sources."""

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._traits = Inherited(classes, self._list_traits)

    def is_settings(self, module: Module, class_: ast.ClassDef) -> bool:
        return _SETTINGS_CLASS.fullmatch(class_.name) is not None or "BaseSettings" in self._traits.of(module, class_)

    def can_be_constructed(self, module: Module, class_: ast.ClassDef) -> bool:
        """Whether a settings class needs no arguments: pydantic-settings reads the environment, others need defaults."""
        found = self.classes.find_method((module, class_), "__init__")
        if found is not None:
            return takes_no_arguments(found[1], method=True)
        traits = set(self._traits.of(module, class_))
        return "BaseSettings" in traits or not (traits & _TAKE_FIELDS) or "required" not in traits

    def _list_traits(self, module: Module, class_: ast.ClassDef) -> dict[str, str]:
        """What a class says about being called: bases from elsewhere, and whether a field of it is required."""
        bases = {self.classes.sources.resolve(module, expression_name(base) or "").rpartition(".")[2] for base in class_.bases}
        decorators = {last_name(decorator) for decorator in class_.decorator_list}
        traits = (bases | decorators) & {"BaseSettings", *_TAKE_FIELDS}
        if any(_is_required(statement) for statement in class_.body):
            traits |= {"required"}
        return {trait: trait for trait in sorted(traits)}

    def _fields(self, module: Module, class_: ast.ClassDef) -> Iterator[tuple[Module, _Field]]:
        """The fields of a class, those of its bases first, each with the module that says what it is."""
        for owner, ancestor in self.classes.lineage(module, class_):
            for statement in ancestor.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    yield owner, _Field(statement.target.id, statement.annotation, statement.value, False)
                elif isinstance(statement, ast.Assign) and not is_text(statement.value):
                    for target in statement.targets:
                        if isinstance(target, ast.Name):
                            yield owner, _Field(target.id, None, statement.value, False)
                elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                    for name, annotation, value in _own_attributes(statement):
                        yield owner, _Field(name, annotation, value, False)
                elif isinstance(statement, ast.FunctionDef) and takes_no_arguments(statement, method=True):
                    name = statement.name if is_property(statement) else f"{statement.name}()"
                    yield owner, _Field(name, statement.returns, None, True)

    def url_paths(
        self, module: Module, class_: ast.ClassDef, *, nested: bool = False, _outer: tuple[ast.ClassDef, ...] = ()
    ) -> list[URLPath]:
        """The ways from an instance of a settings class to its database URL.

        :param nested: whether everything in it is the database's.
        """
        outer = (*_outer, class_)
        found: dict[str, URLPath] = {}
        for owner, field in self._fields(module, class_):
            if is_url_name(field.name.removesuffix("()"), nested=nested):
                names = [f"{place.name}.{ancestor.name}.{field.name}" for place, ancestor in self.classes.lineage(module, class_)]
                found[field.name] = URLPath(field.name, _rank(field), frozenset(name.removesuffix("()") for name in names))
                continue
            inner = self.classes.named(owner, field.annotation) or next(self.classes.instances(owner, field.value), None)
            if inner is None or inner[1] in outer or len(outer) == _DEEPEST:
                continue
            if not serves_other_purpose(field.name):
                within = is_database_section(field.name.removesuffix("()"), inner[1].name)
                for path in self.url_paths(*inner, nested=within, _outer=outer):
                    text = f"{field.name}.{path.text}"
                    found[text] = URLPath(text, path.rank + 4, path.names)
        return list(found.values())

    def parts(self, module: Module, class_: ast.ClassDef) -> tuple[str, ...]:
        """The names of the parts of a URL, where the settings have a host and a password."""
        if not self.is_settings(module, class_):
            return ()
        names = [field.name for _, field in self._fields(module, class_) if not field.computed]
        host = next((name for name in names if _HOST.fullmatch(name)), None)
        if host is None or not any(_PASSWORD.fullmatch(name) for name in names):
            return ()
        prefix = host.rpartition("_")[0]
        return tuple(name for name in names if name.startswith(prefix) and name != "model_config")


def _is_required(statement: ast.stmt) -> bool:
    """Whether a statement of a class declares a field without a default."""
    if not isinstance(statement, ast.AnnAssign) or last_name(statement.annotation) == "ClassVar":
        return False
    value = statement.value
    if isinstance(value, ast.Call) and last_name(value) in {"Field", "field"}:
        named = {keyword.arg for keyword in value.keywords} & {"default", "default_factory"}
        return not named and (not value.args or _is_ellipsis(value.args[0]))
    return value is None or _is_ellipsis(value)


def _is_ellipsis(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is Ellipsis


def is_text(value: ast.expr | None) -> bool:
    """Whether an expression is nothing, or a string that is not a URL, such as the name of an environment variable."""
    return isinstance(value, ast.Constant) and (value.value is None or "://" not in str(value.value))


def _rank(field: _Field) -> int:
    name = field.name.lower()
    if "async" in name:
        return 0
    if name.startswith("sync"):
        return 3
    return 1 if field.computed else 2


def _own_attributes(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr | None, ast.expr]]:
    """The attributes that a method gives to its instance."""
    for statement in run_statements(function.body):
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        value = getattr(statement, "value", None)
        for target in targets:
            if isinstance(target, ast.Attribute) and expression_name(target.value) == "self" and value is not None:
                yield target.attr, getattr(statement, "annotation", None), value
