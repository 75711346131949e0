"""The typed facade: what its stub says is what Alembic registered."""

import ast
import inspect
from pathlib import Path

import alembic.op

import alembic_async_template
from alembic_async_template import op
from alembic_async_template.enums import ops

STUB = ast.parse((Path(alembic_async_template.__file__).parent / "op.pyi").read_text())
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}


def test_the_stub_has_the_signature_and_docstring_of_each_operation() -> None:
    """Editors show the stub's, `help()` the operation's."""
    assert set(FUNCTIONS) == set(ops.DIRECTIVES)
    for name, node in FUNCTIONS.items():
        assert ast.get_docstring(node) == inspect.getdoc(getattr(op, name))
        (directive,) = (vars(class_)[name] for key, class_ in vars(ops).items() if key.endswith("Op") and name in vars(class_))
        parameters = list(inspect.signature(directive.__func__).parameters.values())[2:]  # after the class and the operations
        positional = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
        keyword_only = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
        assert [argument.arg for argument in node.args.args] == positional
        assert [argument.arg for argument in node.args.kwonlyargs] == keyword_only


def test_every_operation_of_alembic_is_there() -> None:
    """The same functions, and the same error for a name that is none."""
    assert op.create_table is alembic.op.create_table
    assert set(dir(alembic.op)) <= set(dir(op))
