"""Finds the application's engine, or its database URL, in the sources of a project."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .sources import (
    Module,
    Sources,
    assignments,
    expression_name,
    last_name,
    run_statements,
)

_ASYNC_ENGINES = frozenset({"create_async_engine", "async_engine_from_config", "AsyncEngine"})
_SYNC_ENGINES = frozenset({"create_engine", "engine_from_config"})
_URL_NAME = re.compile(
    r"(?:.*_)?(?:database|db|postgres|postgresql|pg|sqlalchemy|sql|mysql|mariadb|sqlite)(?:_\w+)?_?(?:url|uri|dsn)", re.IGNORECASE
)
_NESTED_URL_NAME = re.compile(r"(?:async_|get_)?(?:url|uri|dsn)", re.IGNORECASE)
_OTHER_PURPOSE = re.compile(r"test|redis|celery|broker|replica|read_?only", re.IGNORECASE)
_HOST = re.compile(r"(?:.*(?:database|db|postgres|pg|mysql|sql)\w*_)?(?:host|hostname|server)", re.IGNORECASE)
_PASSWORD = re.compile(r"(?:.*(?:database|db|postgres|pg|mysql|sql)\w*_)?(?:password|pass|passwd|pw)", re.IGNORECASE)
_SETTINGS_CLASS = re.compile(r"\w*(?:Settings|Config|Configuration)")
# Of the kinds of references, those to sync engines; see `_module_references`.
_SYNC_RANKS = frozenset({2, 3})
_PROPERTIES = frozenset({"property", "computed_field", "cached_property"})


def find_url_variables(sources: Sources) -> Iterator[str]:
    """Names of environment variables that the sources read and that sound like a database URL."""
    for module in sources.modules.values():
        for node in ast.walk(module.tree):
            argument: ast.expr | None = None
            if isinstance(node, ast.Subscript) and (expression_name(node.value) or "").endswith("environ"):
                argument = node.slice
            elif isinstance(node, ast.Call) and node.args:
                called = expression_name(node.func) or ""
                if called.endswith(("environ.get", "getenv")):
                    argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and _is_url_name(argument.value):
                yield argument.value


def _is_url_name(name: str, *, nested: bool = False) -> bool:
    pattern_matches = _URL_NAME.fullmatch(name) or (nested and _NESTED_URL_NAME.fullmatch(name))
    return bool(pattern_matches) and not _OTHER_PURPOSE.search(name)


def _takes_no_arguments(function: ast.FunctionDef, *, method: bool = False) -> bool:
    arguments = function.args
    required = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults) - (1 if method else 0)
    return required <= 0 and all(default is not None for default in arguments.kw_defaults)


class EngineFinder:
    """Finds references to engines and database URLs, the best kind first."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    def candidates(self) -> tuple[str, ...]:
        """References of the best kind that there is: async engines, sync engines, settings, constants."""
        found: dict[int, list[str]] = {}
        for module in self.sources.modules.values():
            for rank, reference in self._module_references(module):
                if not _OTHER_PURPOSE.search(reference.partition(":")[2]):
                    found.setdefault(rank, []).append(reference)
        if found and min(found) in _SYNC_RANKS and self._makes_async_engine():
            # The application's engine is made where no reference leads: this one is for something else.
            found = {rank: references for rank, references in found.items() if rank not in _SYNC_RANKS}
        return tuple(dict.fromkeys(found[min(found)])) if found else ()

    def _makes_async_engine(self) -> bool:
        return any(
            isinstance(node, ast.Call) and last_name(node) == "create_async_engine"
            for module in self.sources.modules.values()
            for node in ast.walk(module.tree)
        )

    def _module_references(self, module: Module) -> Iterator[tuple[int, str]]:
        for name, value in assignments(module.tree.body):
            kind = self._engine_kind(module, value)
            if kind is not None:
                yield (0 if kind == "async" else 2), f"{module.name}:{name}"
                continue
            class_ = self._called_class(module, value)
            if class_ is not None:
                for kind, attribute in self._instance_engines(*class_):
                    yield (0 if kind == "async" else 2), f"{module.name}:{name}.{attribute}"
                for path in self._url_paths(*class_):
                    yield 4, f"{module.name}:{name}.{path}"
            elif _is_url_name(name) and not (isinstance(value, ast.Constant) and value.value is None):
                yield 7, f"{module.name}:{name}"
        for statement in run_statements(module.tree.body):
            if isinstance(statement, ast.FunctionDef) and _takes_no_arguments(statement):
                kind = self._returned_engine(module, statement)
                if kind is not None:
                    yield (1 if kind == "async" else 3), f"{module.name}:{statement.name}()"
                class_ = self._returned_class(module, statement)
                if class_ is not None:
                    for path in self._url_paths(*class_):
                        yield 5, f"{module.name}:{statement.name}().{path}"
            elif isinstance(statement, ast.ClassDef):
                for name, value in assignments(statement.body):
                    kind = self._engine_kind(module, value)
                    if kind is not None:
                        yield (0 if kind == "async" else 2), f"{module.name}:{statement.name}.{name}"
                if self._is_settings(module, statement):
                    for path in self._url_paths(module, statement):
                        yield 6, f"{module.name}:{statement.name}().{path}"

    def _engine_kind(self, module: Module, value: ast.expr | None) -> str | None:
        if isinstance(value, ast.Await) or not isinstance(value, ast.Call):
            return None
        called = expression_name(value.func)
        if called is None:
            return None
        resolved = self.sources.resolve(module, called)
        last = resolved.rpartition(".")[2]
        if resolved.partition(".")[0] in {"sqlalchemy", "sqlmodel"}:
            return "async" if last in _ASYNC_ENGINES else "sync" if last in _SYNC_ENGINES else None
        found = self.sources.definition(resolved)
        if found is not None and isinstance(found[1], ast.FunctionDef):
            return self._returned_engine(found[0], found[1])
        return None

    def _returned_engine(self, module: Module, function: ast.FunctionDef) -> str | None:
        local = dict(assignments(function.body))
        for statement in run_statements(function.body):
            if isinstance(statement, ast.Return) and statement.value is not None:
                value = statement.value
                if isinstance(value, ast.Name) and value.id in local:
                    value = local[value.id]
                if isinstance(value, ast.Call) and expression_name(value.func) != function.name:
                    return self._engine_kind(module, value)
        return None

    def _called_class(self, module: Module, value: ast.expr | None) -> tuple[Module, ast.ClassDef] | None:
        return self._named_class(module, value.func) if isinstance(value, ast.Call) else None

    def _named_class(self, module: Module, node: ast.expr | None) -> tuple[Module, ast.ClassDef] | None:
        name = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else expression_name(node)
        found = self.sources.definition(self.sources.resolve(module, name)) if name else None
        return (found[0], found[1]) if found is not None and isinstance(found[1], ast.ClassDef) else None

    def _returned_class(self, module: Module, function: ast.FunctionDef) -> tuple[Module, ast.ClassDef] | None:
        if (annotated := self._named_class(module, function.returns)) is not None:
            return annotated
        for statement in run_statements(function.body):
            if isinstance(statement, ast.Return):
                return self._called_class(module, statement.value)
        return None

    def _instance_engines(self, module: Module, class_: ast.ClassDef) -> Iterator[tuple[str, str]]:
        """Kind and name of the engine that instances have: a public name if there is one, else the first."""
        engines: dict[str, str] = {}
        for statement in class_.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                for inner in run_statements(statement.body):
                    targets = inner.targets if isinstance(inner, ast.Assign) else []
                    if isinstance(inner, ast.AnnAssign):
                        targets = [inner.target]
                    for target in targets:
                        kind = self._engine_kind(module, getattr(inner, "value", None))
                        if kind and isinstance(target, ast.Attribute) and expression_name(target.value) == "self":
                            engines[target.attr] = kind
        for statement in class_.body:
            if isinstance(statement, ast.FunctionDef) and _is_property(statement):
                kind = self._returned_engine(module, statement)
                for inner in run_statements(statement.body):
                    if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Attribute):
                        kind = kind or engines.get(inner.value.attr)
                if kind:
                    engines[statement.name] = kind
        for name in sorted(engines, key=lambda name: name.startswith("_"))[:1]:
            yield engines[name], name

    # Settings

    def _is_settings(self, module: Module, class_: ast.ClassDef) -> bool:
        return _SETTINGS_CLASS.fullmatch(class_.name) is not None or self._derives_from_settings(module, class_)

    def _derives_from_settings(self, module: Module, class_: ast.ClassDef) -> bool:
        for base in class_.bases:
            name = expression_name(base)
            resolved = self.sources.resolve(module, name) if name else ""
            if resolved.rpartition(".")[2] == "BaseSettings":
                return True
            found = self._named_class(module, base)
            if found is not None and found[1] is not class_ and self._derives_from_settings(*found):
                return True
        return False

    def _fields(self, module: Module, class_: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None, bool]]:
        """Name, annotation and whether it is computed, for each field, property and no-argument method; bases first."""
        for base in class_.bases:
            found = self._named_class(module, base)
            if found is not None and found[1] is not class_:
                yield from self._fields(*found)
        for statement in class_.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                yield statement.target.id, statement.annotation, False
            elif isinstance(statement, ast.Assign):
                yield from ((target.id, None, False) for target in statement.targets if isinstance(target, ast.Name))
            elif isinstance(statement, ast.FunctionDef) and _takes_no_arguments(statement, method=True):
                yield (statement.name if _is_property(statement) else f"{statement.name}()"), None, True

    def _url_paths(self, module: Module, class_: ast.ClassDef, *, nested: bool = False) -> list[str]:
        """Dotted paths from an instance of a settings class to its database URL: the likeliest kind only."""
        if not nested and not self._is_settings(module, class_):
            return []
        direct: dict[str, bool] = {}
        inner: list[str] = []
        for name, annotation, computed in self._fields(module, class_):
            if _is_url_name(name.removesuffix("()"), nested=nested):
                direct[name] = computed
                continue
            found = self._named_class(module, annotation)
            if found is not None and found[1] is not class_ and not _OTHER_PURPOSE.search(name):
                inner += [f"{name}.{path}" for path in self._url_paths(*found, nested=True)]
        for chosen in (
            [name for name in direct if "async" in name.lower()],
            [name for name, computed in direct.items() if computed and not name.lower().startswith("sync")],
            [name for name in direct if not name.lower().startswith("sync")],
            list(direct),
        ):
            if chosen:
                return chosen
        return list(dict.fromkeys(inner))

    def url_parts(self) -> tuple[str, tuple[str, ...]] | None:
        """A settings object with a host and a password but no URL."""
        for module in self.sources.modules.values():
            for name, value in assignments(module.tree.body):
                class_ = self._called_class(module, value)
                if class_ is not None and (parts := self._parts(*class_)):
                    return f"{module.name}:{name}", parts
            for statement in run_statements(module.tree.body):
                if isinstance(statement, ast.FunctionDef) and _takes_no_arguments(statement):
                    class_ = self._returned_class(module, statement)
                    if class_ is not None and (parts := self._parts(*class_)):
                        return f"{module.name}:{statement.name}()", parts
        return None

    def _parts(self, module: Module, class_: ast.ClassDef) -> tuple[str, ...]:
        if not self._is_settings(module, class_):
            return ()
        names = [name for name, _, computed in self._fields(module, class_) if not computed]
        host = next((name for name in names if _HOST.fullmatch(name)), None)
        if host is None or not any(_PASSWORD.fullmatch(name) for name in names):
            return ()
        prefix = host.rpartition("_")[0]
        return tuple(name for name in names if name.startswith(prefix) and name != "model_config")


def _is_property(function: ast.FunctionDef) -> bool:
    return any(last_name(d) in _PROPERTIES for d in function.decorator_list)
