"""Each kind of drift: what is said, and that the statement, typed as printed, makes the database as the revisions do."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest

from support.statements import split_statements

from .conftest import Pair, run

TABLE = """
    CREATE TABLE author (id serial PRIMARY KEY, name text NOT NULL);
    CREATE TABLE post (
        id serial PRIMARY KEY, title varchar(50) DEFAULT 'x' NOT NULL, body text, size integer, author_id integer,
        price numeric(10, 2), made timestamp, CONSTRAINT ck_size CHECK (size > 0), CONSTRAINT uq_title UNIQUE (title),
        CONSTRAINT fk_author FOREIGN KEY (author_id) REFERENCES author
    );
    CREATE INDEX ix_body ON post (body);
"""
FUNCTION = """
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.size := 1;
        RETURN NEW;
    END
    $$;
"""


@dataclass(frozen=True)
class Case:
    """What both have, what the live database is changed by, and what is said of it."""

    base: str
    drift: str
    problems: tuple[str, ...]
    # What keeps a difference that no statement brings back without a loss.
    stays: tuple[str, ...] = ()
    # What only the other database is changed by.
    made: str = ""


CASES = {
    "column type": Case(
        TABLE,
        "ALTER TABLE post ALTER title TYPE text",
        ("column public.post.title is text, and the revisions make it character varying(50)",),
    ),
    "text to integer": Case(
        TABLE,
        "ALTER TABLE post ALTER size TYPE text, ALTER size SET DEFAULT '7', DROP CONSTRAINT ck_size",
        (
            "column public.post.size is text, and the revisions make it integer",
            "column public.post.size has the default '7'::text, and the revisions give it no default",
            "check constraint public.post.ck_size is not in the database",
        ),
    ),
}


def check(pair: Pair, case: Case) -> None:
    pair.run(case.base)
    run(pair.live_url, case.drift)
    if case.made:
        run(pair.expected_url, case.made)
    differences = pair.compare()
    assert tuple(difference.problem for difference in differences) == case.problems
    for difference in differences:
        if difference.statement is not None:
            assert difference.problem not in case.stays
            run(pair.live_url, *split_statements(difference.statement))
    assert tuple(difference.problem for difference in pair.compare()) == case.stays


@pytest.mark.parametrize("name", CASES)
def test_the_statement_brings_back_what_the_revisions_make(pair: Pair, name: str) -> None:
    """What is said is the whole list, and afterwards nothing differs but what no statement solves."""
    check(pair, CASES[name])


_ = psycopg
