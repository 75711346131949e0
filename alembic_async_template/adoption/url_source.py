"""Where an `env.py` takes the URL of the database from, as a setting that says the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..doctor.revision_files import called_name
from .env_file import EnvFile
from .machinery import ENGINE_MAKERS, Machinery, is_url_item

# What makes another form of the same URL.
_FORMS = {"replace", "render_as_string", "unicode_string", "get_secret_value", "set", "strip"}
_WRAPPERS = {"str", "make_url", "URL", "cast"}
_VARIABLES = {"os.getenv", "os.environ.get", "os.environ"}
# How far an expression is followed through the names that it stands for.
_DEPTH = 8


@dataclass(frozen=True, slots=True)
class URLSource:
    """A setting that leads to the same URL, or the line of `env.py` that has to stay."""

    setting: str = ""
    value: str = ""
    statements: tuple[ast.stmt, ...] = ()
    """The statements of the module that are about nothing but the URL."""
    expression: str = ""
    """What no setting can say: the expression in `env.py`."""
    default: str = ""
    """The URL that is used where the variable is not set."""


def find_url_source(env: EnvFile, machinery: Machinery) -> URLSource:
    """Find it; the URL of an engine counts before that of a script, where the two differ."""
    statements = tuple(statement for statement in env.tree.body if _is_about_url(statement))
    follower = _Follower(env)
    found = [follower.follow(node) for node in _list_urls(env, machinery, statements)]
    engines = [source for node in _list_engines(machinery) if (source := follower.follow(node)) and source.setting]
    best = next(filter(None, [*found, *engines]), URLSource())
    return URLSource(best.setting, best.value, statements, best.expression, best.default)


def _list_urls(env: EnvFile, machinery: Machinery, statements: tuple[ast.stmt, ...]) -> Iterator[ast.expr]:
    """The expressions that stand for the URL, those of an engine first."""
    calls = list(machinery.list_calls())
    for call in calls:
        if called_name(call) in ENGINE_MAKERS - {"engine_from_config", "async_engine_from_config"} and call.args:
            yield call.args[0]
        yield from (keyword.value for keyword in call.keywords if called_name(call) in ENGINE_MAKERS and keyword.arg == "url")
    for statement in (*machinery.statements, *statements):
        for node in ast.walk(statement):
            if isinstance(node, ast.Assign) and any(map(is_url_item, node.targets)):
                yield node.value
            if isinstance(node, ast.Call) and _sets_url(node):
                yield node.args[-1]
    for call in calls:
        if env.find_origin(call.func) == "alembic.context.configure":
            yield from (keyword.value for keyword in call.keywords if keyword.arg == "url")


def _list_engines(machinery: Machinery) -> Iterator[ast.expr]:
    """What is connected to."""
    for call in machinery.list_calls():
        if called_name(call) in {"connect", "begin"} and isinstance(call.func, ast.Attribute):
            yield call.func.value


def _sets_url(call: ast.Call) -> bool:
    names = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    return called_name(call) in {"set_main_option", "set_section_option"} and "sqlalchemy.url" in names and len(call.args) > 1


def _is_about_url(statement: ast.stmt) -> bool:
    """Whether a statement of the module does nothing but set the URL."""
    if isinstance(statement, ast.If):
        return not statement.orelse and all(map(_is_about_url, statement.body))
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and _sets_url(statement.value)


class _Follower:
    """Follows an expression to where its value comes from."""

    def __init__(self, env: EnvFile) -> None:
        self.env = env
        self._locals = _list_locals(env)

    def follow(self, node: ast.expr, depth: int = 0) -> URLSource | None:
        """A setting, the expression itself, or None where the ini has the URL or the expression is not about it."""
        if depth > _DEPTH:
            return None
        match node:
            case ast.Call(ast.Attribute(value, name)) if name in _FORMS:
                return self.follow(value, depth + 1)
            case ast.Call(ast.Name(name), [*_, value]) if name in _WRAPPERS:
                return self.follow(value, depth + 1)
            case ast.Call(ast.Name(name), [value]) if name == "AsyncEngine":
                return self.follow(value, depth + 1)
            case ast.Call(function, []) if isinstance(function, ast.Name) and function.id in self.env.functions:
                return self._follow_function(function.id, depth)
            case ast.Call(function, [ast.Constant(str(variable)), *rest]) if self.env.find_origin(function) in _VARIABLES:
                return self._name_variable(variable, rest)
            case ast.Subscript(value, ast.Constant(str(variable))) if self.env.find_origin(value) in _VARIABLES:
                return self._name_variable(variable, [])
            case ast.BoolOp(ast.Or(), [first, *rest]):
                source = self.follow(first, depth + 1)
                is_setting = source is not None and source.setting
                return self._add_default(source, rest) if source and is_setting else URLSource(expression=self.env.quote(node))
            case ast.Call() if called_name(node) in {"get_main_option", "get_section", "get_section_option"} | ENGINE_MAKERS:
                return None
            case ast.Name(name) if name not in self.env.imports:
                values = [self.env.values[name]] if name in self.env.values else self._locals.get(name, [])
                sources = {source for value in values if (source := self.follow(value, depth + 1)) is not None}
                return sources.pop() if len(sources) == 1 else URLSource(expression=name) if sources else None
        reference = self._write_reference(node, depth)
        if reference:
            return URLSource("app_engine", reference)
        return URLSource(expression=self.env.quote(node)) if not isinstance(node, ast.Constant) or node.value else None

    def _follow_function(self, name: str, depth: int) -> URLSource | None:
        returned = [node for node in ast.walk(self.env.functions[name]) if isinstance(node, ast.Return)]
        source = self.follow(returned[0].value, depth + 1) if len(returned) == 1 and returned[0].value is not None else None
        return source if source is not None and source.setting else URLSource(expression=f"{name}()")

    def _name_variable(self, variable: str, rest: list[ast.expr]) -> URLSource:
        return self._add_default(URLSource("database_url_env", variable), rest)

    def _add_default(self, source: URLSource, rest: list[ast.expr]) -> URLSource:
        default = rest[0].value if rest and isinstance(rest[0], ast.Constant) else None
        return URLSource(source.setting, source.value, default=default if isinstance(default, str) else "")

    def _write_reference(self, node: ast.expr, depth: int) -> str:
        """What `app_engine` calls an attribute of the application: `app.config:settings.url`; empty for anything else."""
        match node:
            case ast.Name(name) if name in self.env.imports:
                module, attribute = self.env.imports[name]
                return f"{module}:{attribute}"
            case ast.Name(name) if name in self.env.values and depth < _DEPTH:
                return self._write_reference(self.env.values[name], depth + 1)
            case ast.Attribute(value, name):
                owner = self._write_reference(value, depth)
                if not owner:
                    return ""
                module, _, attribute = owner.partition(":")
                if not attribute and self._is_module(f"{module}.{name}"):
                    return f"{module}.{name}:"
                return f"{owner}.{name}" if attribute else f"{owner}{name}"
            case ast.Call(function, [], []):
                owner = self._write_reference(function, depth)
                return f"{owner}()" if owner and not owner.endswith(":") else ""
        return ""

    def _is_module(self, name: str) -> bool:
        """Whether `import a.b.c` makes a dotted name a module."""
        imported = [alias.name for node in ast.walk(self.env.tree) if isinstance(node, ast.Import) for alias in node.names]
        return any(one == name or one.startswith(f"{name}.") for one in imported)


def _list_locals(env: EnvFile) -> dict[str, list[ast.expr]]:
    """What local variables are given, in the whole file."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(env.tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found
