"""The typed facade: what it has is what Alembic registered."""

import inspect

import alembic.op
import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from alembic_async_template import op, plugin
from alembic_async_template.enums import ops


def test_each_operation_is_a_directive_that_is_documented_once() -> None:
    """The plugin registers the directives that there are, and each passes all of its arguments on."""
    assert set(plugin.DIRECTIVES) == {*ops.DIRECTIVES, "online", "blocking"}
    for name, operation in ops.DIRECTIVES.items():
        directive = inspect.signature(getattr(op, name), eval_str=True)
        parameters = inspect.signature(operation, eval_str=True).parameters
        assert list(directive.parameters.values()) == [
            parameters[name] for name in parameters if name not in operation.for_reverse
        ]
        documented = inspect.getdoc(getattr(op, name)) or ""
        assert all(f":param {parameter}:" in documented for parameter in directive.parameters)
        assert f"alembic_async_template.op.{name}" in (getattr(Operations, name).__doc__ or "")


@pytest.mark.parametrize("name", plugin.DIRECTIVES)
def test_arguments_of_the_reverse_are_none_of_the_directive(name: str) -> None:
    """What only autogenerate needs is refused by `alembic.op` and `Operations` as by the typed facade."""
    operations = Operations(MigrationContext.configure(dialect_name="postgresql"))
    for invoke in (getattr(op, name), getattr(operations, name)):
        with pytest.raises(TypeError, match="argument"):
            invoke("mood", "a", renamed_from=None, existing_values=[])


def test_a_block_is_documented_as_a_directive_is() -> None:
    documented = inspect.getdoc(op.blocking) or ""
    assert all(f":param {parameter}:" in documented for parameter in inspect.signature(op.blocking).parameters)
    assert "alembic_async_template.op.blocking" in (getattr(Operations, "blocking").__doc__ or "")  # noqa: B009
    with getattr(Operations(MigrationContext.configure(dialect_name="sqlite")), "blocking")("why"):  # noqa: B009
        pass


def test_every_operation_of_alembic_is_there() -> None:
    """The same functions, and the same error for a name that is none."""
    assert op.create_table is alembic.op.create_table
    assert set(dir(alembic.op)) <= set(dir(op))
    with pytest.raises(AttributeError):
        _ = op.nothing  # type: ignore[attr-defined]  # pyright: ignore
