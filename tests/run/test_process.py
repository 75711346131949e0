"""The process in which `env.py` is run apart: why it has no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from alembic_async_template.run.process import run_apart

pytestmark = pytest.mark.sqlite

CASES = {
    "raise TypeError('postgresql://app:tiger@localhost')": (
        "alembic-async-template has failed, not env.py: TypeError: postgresql://app:***@localhost"
    ),
    "return {1: object()}": "alembic-async-template has failed, not env.py: TypeError: Object of type object is not JSON serializable",
    "from alembic.util import CommandError; raise CommandError('There is no such revision')": "There is no such revision",
    "from alembic_async_template.errors import ShadowError; raise ShadowError('No shadow')": "No shadow",
    "import sys; sys.exit('Set the password=tiger\\n')": "env.py has ended the process: Set the password=***",
    "import os; os._exit(3)": "env.py has ended the process",
}


@pytest.mark.parametrize(("body", "said"), CASES.items())
def test_why_there_is_no_answer(body: str, said: str, tmp_path: Path) -> None:
    """What the package itself raises is not told as what `env.py` does, and secrets are masked."""
    head = "from alembic_async_template.run.process import answer_request\n"
    (tmp_path / "answering.py").write_text(f"{head}def answer(request):\n    {body}\nanswer_request(answer)\n")
    assert run_apart("answering", {}, variables={"PYTHONPATH": str(tmp_path)}) == said


def test_an_answer(tmp_path: Path) -> None:
    """It is given back as it is."""
    head = "from alembic_async_template.run.process import answer_request\n"
    (tmp_path / "answering.py").write_text(f"{head}answer_request(lambda request: request)\n")
    assert run_apart("answering", {"a": [1]}, variables={"PYTHONPATH": str(tmp_path)}) == {"a": [1]}
