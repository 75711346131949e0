"""Clients that read and write a table all the time; prints the longest stall of one of them, in seconds, when it is told to end.

Run by `measure.py` in a process of its own: `python -m benchmarks.stalls URL CLIENTS`. A line on standard input begins a round, the
next one ends it.
"""

from __future__ import annotations

import sys
import threading
import time

import psycopg


class _Client(threading.Thread):
    """Half of its statements read a row, half of them write one."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(daemon=True)
        self.url, self.number = url, number
        self.longest = 0.0
        self.failed: list[str] = []

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True, prepare_threshold=None) as connection:
            turn = self.number
            while True:
                turn += 7
                began = time.perf_counter()
                try:
                    if turn % 2:
                        connection.execute("SELECT n FROM post WHERE id = %s", [turn % 1000 + 1])
                    else:
                        connection.execute("UPDATE post SET m = m + 1 WHERE id = %s", [turn % 1000 + 1])
                except psycopg.Error as error:
                    self.failed.append(str(error))
                self.longest = max(self.longest, time.perf_counter() - began)
                time.sleep(0.002)


def main(url: str, clients: int) -> None:
    running = [_Client(url, number) for number in range(clients)]
    for client in running:
        client.start()
    while sys.stdin.readline():
        for client in running:
            client.longest = 0.0
        sys.stdin.readline()
        time.sleep(0.3)  # a stall that lasts is noted when it is over
        failed = [error for client in running for error in client.failed]
        print(max(client.longest for client in running), failed[0] if failed else "", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
