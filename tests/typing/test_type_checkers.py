"""What a user writes passes mypy and pyright, and what is wrong does not."""

import re
import shutil
import sys
from pathlib import Path

from alembic_async_template import op
from support.type_checkers import check_types

EXAMPLES = Path(__file__).with_name("examples")


def test_both_type_checkers_accept_and_refuse_the_examples(tmp_path: Path) -> None:
    """An env.py, a revision and an application are accepted; every ignore of `refused.py` is needed."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    check_types(tmp_path / "examples", Path(sys.executable), packages=EXAMPLES.parents[2])


def test_the_examples_have_every_directive() -> None:
    """What a revision can call of `op` is called in `revision.py`; the rest of it is for packages that extend Alembic."""
    extending = {"Operations", "context", "create_module_class_proxy", "implementation_for", "invoke", "register_operation"}
    called = set(re.findall(r"\bop\.(\w+)\(", (EXAMPLES / "revision.py").read_text()))
    assert called == {name for name in dir(op) if not name.startswith("_")} - extending
