"""Compares what a database has with what its revisions make; the differences are in the order in which they can be solved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial

from .aspects import Aspect, list_aspects
from .bringing_back import Change
from .drift_report import Difference
from .included import IncludeName, IncludeObject, list_left_out
from .making import is_made_by_attaching
from .thing import FAMILIES, Key, Schema, Thing, group_parts
from .whole import make_whole


def compare(
    live: Schema,
    expected: Schema,
    *,
    include_name: IncludeName | None = None,
    include_object: IncludeObject | None = None,
    default_schema: str | None = "public",
) -> tuple[Difference, ...]:
    """The differences, those first that others need; what only the database has comes last.

    :param live: what the database has.
    :param expected: what the revisions make.
    :param include_name: as in `context.configure`; what it leaves out is not compared.
    :param include_object: the same.
    :param default_schema: the schema that both know as None.
    """
    left_out = list_left_out(live, expected, include_name, include_object, default_schema)
    live = {key: thing for key, thing in live.items() if key not in left_out}
    expected = {key: thing for key, thing in expected.items() if key not in left_out}
    return tuple(_Comparison(live, expected).list_differences())


class _Comparison:
    def __init__(self, live: Schema, expected: Schema) -> None:
        self.live, self.expected = live, expected
        self.parts = group_parts(expected)
        self.absent = expected.keys() - live.keys()

    def list_differences(self) -> Iterator[Difference]:
        order = [key for key in self.arrange() if not self.is_part_of_another_kind(key)]
        missing = dict.fromkeys(key for key in order if self.is_missing(key))
        postponed = list(self.list_postponed(missing))
        without = {*self.live, *postponed}
        last: list[Difference] = []
        for key in order:
            thing = self.expected[key]
            if key not in self.live:
                if key in missing:
                    yield self.tell_missing(thing, without)
            elif thing.key.family in ("table", "type") and self.live[key].kind != thing.kind:
                yield _tell_other_kind(self.live[key], thing)
            else:
                for aspect, difference in self.compare_aspects(self.live[key], thing):
                    if aspect.is_last:
                        last.append(difference)
                    else:
                        yield difference
        for key in postponed:
            yield self.tell_missing(self.expected[key], without)
        yield from last
        for key in sorted(self.live.keys() - self.expected.keys(), key=lambda key: (FAMILIES.index(key.family), key.name)):
            if not self.is_part_of_another_kind(key) and self.is_surplus(self.live[key]):
                yield _tell_surplus(self.live[key])

    def arrange(self) -> list[Key]:
        """Everything that is expected, each after what it needs."""

        def list_needs(key: Key) -> Iterator[Key]:
            thing = self.expected[key]
            needed = set(thing.needs)
            if thing.parent is not None and key.family != "sequence":  # a serial column needs its sequence
                needed.add(thing.parent)
            if key not in self.live:  # its parts are made with it
                needed |= {need for part in self.parts.get(key, ()) for need in part.needs}
            return iter(sorted(needed & self.expected.keys(), key=self.rank))

        # A need that leads back to where it came from is left out.
        done: dict[Key, None] = {}
        visited: set[Key] = set()
        for first in sorted(self.expected, key=self.rank):
            path = [(first, list_needs(first))] if first not in visited else []
            visited.add(first)
            while path:
                key, needs = path[-1]
                need = next((need for need in needs if need not in visited), None)
                if need is None:
                    done[key] = None
                    path.pop()
                else:
                    visited.add(need)
                    path.append((need, list_needs(need)))
        return list(done)

    def rank(self, key: Key) -> tuple[int, int, int, str]:
        thing = self.expected[key]
        family = "view" if thing.kind in ("view", "materialized view") else key.family
        return FAMILIES.index(family), thing.order, thing["number"] or 0, key.name

    def is_missing(self, key: Key) -> bool:
        """Whether a thing is told to be missing: what it is a part of is there, and it is not inherited."""
        thing = self.expected[key]
        if key in self.live or thing.inherits is not None or thing.kind == "view column":
            return False
        return not any(above in self.expected and above not in self.live for above in self.list_above(thing))

    def is_surplus(self, thing: Thing) -> bool:
        """Whether a thing is told to be made by no revision."""
        if thing.inherits in self.live or thing.kind == "view column":
            return False
        return not any(above in self.live and above not in self.expected for above in self.list_above(thing, self.live))

    def list_above(self, thing: Thing, schema: Schema | None = None) -> Iterator[Key]:
        """What a thing is a part of, and what that is a part of."""
        schema = self.expected if schema is None else schema
        above = thing.parent
        while above is not None:
            yield above
            above = schema[above].parent if above in schema else None

    def is_part_of_another_kind(self, key: Key) -> bool:
        """Whether it is a part of what is a table in one of the two and a view in the other."""
        thing = self.expected.get(key) or self.live[key]
        schema = self.expected if key in self.expected else self.live
        return any(
            above in self.live and above in self.expected and self.live[above].kind != self.expected[above].kind
            for above in self.list_above(thing, schema)
        )

    def list_postponed(self, missing: Iterable[Key]) -> Iterator[Key]:
        """Foreign keys between new tables that need each other."""
        positions = {key: number for number, key in enumerate(missing)}
        for key, position in positions.items():
            for part in self.parts.get(key, ()):
                is_key = part.kind == "foreign key" and not is_made_by_attaching(part)
                if is_key and positions.get(Key("table", part["refers_to"]), position) > position:
                    yield part.key

    def tell_missing(self, thing: Thing, without: Collection[Key]) -> Difference:
        statements = make_whole(thing, self.parts, without)
        return Difference(thing.kind, thing.name, f"{thing.kind} {thing.name} is not in the database", tuple(statements or ()))

    def compare_aspects(self, live: Thing, expected: Thing) -> Iterator[tuple[Aspect, Difference]]:
        for aspect in list_aspects(expected):
            if not _is_same(aspect, live, expected) and not self.is_told_above(aspect, live, expected):
                # What is missing is told, and made, by itself.
                change = Change(live, expected, partial(make_whole, made=self.parts, without=self.absent))
                statements = tuple(aspect.restore(change) or ())
                yield aspect, Difference(expected.kind, expected.name, _word(aspect, live, expected), statements)

    def is_told_above(self, aspect: Aspect, live: Thing, expected: Thing) -> bool:
        """Whether the same is told of what it inherits from: what is done there is done here too."""
        key = expected.inherits
        if key is None or key not in self.live or key not in self.expected:
            return False
        above, expected_above = self.live[key], self.expected[key]
        is_same = aspect.read(above) == aspect.read(live) and aspect.read(expected_above) == aspect.read(expected)
        return is_same or (key.family in ("constraint", "index", "trigger") and not _is_same(aspect, above, expected_above))


def _is_same(aspect: Aspect, live: Thing, expected: Thing) -> bool:
    if aspect.read(live) == aspect.read(expected):
        return True
    if aspect.noun == "sequence":
        return not live["identity"] or not expected["identity"]
    # A primary key makes its columns NOT NULL, and is told itself.
    return aspect.noun == "state" and expected.kind == "column" and live["is_primary"] != expected["is_primary"]


def _word(aspect: Aspect, live: Thing, expected: Thing) -> str:
    subject = f"{expected.kind} {expected.name}"
    if aspect.noun in ("parameters", "sequence") and live["clauses"] and expected["clauses"]:
        has, should_have = (_list_only(one["clauses"], other["clauses"]) for one, other in ((live, expected), (expected, live)))
        return f"{subject} has {has}, and the revisions give it {should_have}"
    before, after = aspect.tell(live), aspect.tell(expected)
    if before == "not valid":
        return f"{subject} is not valid"
    if not before or not after:
        return f"{subject} has another {aspect.noun} than the revisions make"
    return f"{subject} {aspect.verb} {before}, and the revisions {'make' if aspect.verb == 'is' else 'give'} it {after}"


def _list_only(clauses: Iterable[str], others: Iterable[str]) -> str:
    return ", ".join(clause for clause in clauses if clause not in others)


def _tell_other_kind(live: Thing, expected: Thing) -> Difference:
    is_, should_be = (f"an {kind}" if kind.startswith("e") else f"a {kind}" for kind in (live.kind, expected.kind))
    return Difference(expected.kind, expected.name, f"{expected.name} is {is_}, and the revisions make it {should_be}")


def _tell_surplus(thing: Thing) -> Difference:
    if thing.kind == "index" and not thing["valid"] and not thing["is_being_built"]:
        concurrently = "" if thing["is_partitioned"] else "CONCURRENTLY "
        problem = f"index {thing.name} is not valid, and no revision makes it"
        return Difference(thing.kind, thing.name, problem, (f"DROP INDEX {concurrently}{thing.name}",))
    return Difference(thing.kind, thing.name, f"{thing.kind} {thing.name} is in the database, and no revision makes it")
