"""Alembic's command line, which waits three seconds for a silent server and not a minute; SIGUSR1 shows where it is."""

# ruff: noqa: E402

import faulthandler
import gc
import signal
import traceback

from alembic_async_template.run import silence

silence.SILENCE, silence.ANSWER = 3.0, 1.0

from alembic_async_template.run import connection, watch

watch._INTERVAL, watch._PAUSE, connection._ATTEMPT = 0.3, 1.0, 2

from alembic.config import main
from greenlet import greenlet


def _show_stacks(*_: object) -> None:
    faulthandler.dump_traceback()
    for found in gc.get_objects():
        if isinstance(found, greenlet) and found.gr_frame:
            traceback.print_stack(found.gr_frame)


signal.signal(signal.SIGUSR1, _show_stacks)
main(prog="alembic")
