"""Asks the person at the terminal a question that is answered by yes or no."""

from __future__ import annotations

import sys


def is_terminal() -> bool:
    """Whether a person can be asked: both streams that a question needs are a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def ask(question: str) -> bool | None:
    """The answer to a question; None where the input has ended, and no one can be asked."""
    while True:
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
        if not answer:
            print(file=sys.stderr)
            return None
        match answer.strip().lower():
            case "y" | "yes":
                return True
            case "" | "n" | "no":
                return False
