"""In a process of its own: runs the history on a shadow, and nothing else."""

from __future__ import annotations

from .replay import answer_on_shadow

if __name__ == "__main__":
    answer_on_shadow(lambda _config, _engine, _request: {})
