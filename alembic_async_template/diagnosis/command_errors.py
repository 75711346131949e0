"""What Alembic refuses of a command line, in one line: an error in its place that says what to type instead.

The first rule that fits wins.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import to_tuple

from ..errors import (
    AlembicAsyncTemplateError,
    AmbiguousDowngradeError,
    DatabaseNotAtHeadError,
    InvalidTargetError,
    RevisionNotFoundError,
)
from ..errors.block import Fix, count, join, series
from .history_errors import explain_cycle, explain_unnamed
from .identifiers import find_duplicate
from .several_heads import JOIN, explain_several_heads
from .typed import RELATIVE, TypedCommand, type_again

_STATUS = Fix("see where the database stands", "alembic status")
# What stands before the colon of an answer such as rename=post.headline:caption.
_OLD_NAME = re.compile(r'(?:"((?:[^"]|"")+)"|([\w$]+)):')
_HISTORY = Fix("see which there are", "alembic history")

AMBIGUOUS = "A downgrade by steps names no branch"
"""What is said where Alembic only warns, and takes back revisions of one branch that it chooses."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A command that was refused."""

    script: ScriptDirectory
    typed: TypedCommand
    current: Sequence[str] | None
    """The revisions that the database is at, if it was asked."""
    said: re.Match[str]
    """What Alembic says, with what a rule finds in it."""

    @property
    def heads(self) -> list[str]:
        return self.script.get_heads()

    @property
    def target(self) -> str:
        """Where the command is to go: what stands after the colon of a range."""
        return self.typed.target.rpartition(":")[2]

    def find_history(self, revisions: Sequence[str]) -> list[str]:
        """Revisions, and all that come before them, the newest first."""
        steps = self.script.iterate_revisions(tuple(revisions), "base") if revisions else ()
        return [revision.revision for revision in steps]

    def find_fork(self) -> str:
        """The newest revision that all of those follow that the database is at; one that they only depend on is not meant."""
        lines = [[revision] for revision in self.current or ()]
        for line in lines:
            for revision in line:  # which grows
                line.extend(previous for previous in self.list_previous(revision) if previous not in line)
        return (
            next((one for one in self.find_history(lines[0][:1]) if all(one in line for line in lines)), "base")
            if lines
            else "base"
        )

    def list_previous(self, revision: str) -> tuple[str, ...]:
        """The revisions right before one."""
        return to_tuple(self.script.get_revision(revision).down_revision, ())

    def refuse(self, headline: str, *fixes: Fix) -> InvalidTargetError:
        place = "" if self.current is None else f"the database is at {', '.join(self.current) or 'no revision'}"
        return InvalidTargetError(self.typed.target, headline, *fixes, where=place)


_Explain = Callable[[_Case], AlembicAsyncTemplateError | None]


def explain_command_error(
    error: Exception, current: Sequence[str] | None, script: ScriptDirectory, typed: TypedCommand
) -> AlembicAsyncTemplateError | None:
    """The error in the place of Alembic's own; None for one that needs no explanation.

    :param error: what Alembic has raised, a failed assertion too.
    :param current: the revisions that the database is at, if it was asked.
    """
    for pattern, explain in _RULES.items():
        said = re.match(pattern, str(error))
        explained = explain(_Case(script, typed, current, said)) if said else None
        if explained is not None:
            return explained
    return None


def _explain_heads(case: _Case) -> AlembicAsyncTemplateError | None:
    if len(case.heads) < 2:
        return None
    if (duplicate := find_duplicate(case.script)) is not None:
        return duplicate
    return explain_several_heads(case.heads, case.typed, case.current, case.find_fork())


def _explain_outdated(case: _Case) -> AlembicAsyncTemplateError:
    several = _explain_heads(case) if case.typed.name == "check" else None
    instead = _advise_rename(case) if case.typed.name == "revision" else ()
    return several or DatabaseNotAtHeadError(case.current or (), case.heads, instead=instead)


def _advise_rename(case: _Case) -> Sequence[Fix]:
    """What comes before a revision that renames: a pending one is not to run that drops the old name, or adds the new one."""
    dropped = [found[1] or found[2] for argument in case.typed.renames if (found := _OLD_NAME.search(argument))]
    if not dropped:
        return ()
    applied = case.find_history(case.current or ())
    pending = [revision for revision in case.script.walk_revisions() if revision.revision not in applied]
    added = [argument.rpartition(":")[2] for argument in case.typed.renames]
    old, new = ("|".join(map(re.escape, names)) for names in (dropped, added))
    drop = re.compile(
        rf"""\bdrop_(?:column|table)\(.*["'](?:{old})["']"""
        rf"""|\b(?:add_column\([^)]*?\bColumn\(|create_table\()\s*["'](?:{new})["']"""
    )
    upgrades = [Path(one.path).read_text("utf-8", errors="replace").partition("def downgrade")[0] for one in pending]
    wrong = [number for number, text in enumerate(upgrades) if drop.search(text)]
    count_wrong = max(wrong, default=-1) + 1
    files = [os.path.relpath(revision.path) for revision in pending[:count_wrong]]  # with what follows it
    fixes = [Fix("delete what drops it, and has not run", f"rm {shlex.join(files)}")] if files else []
    if len(pending) > count_wrong:
        upgrade = "alembic upgrade head" if len(case.heads) < 2 else "alembic upgrade heads"
        fixes.append(Fix("apply what is pending", upgrade, label="then" if files else ""))
    return [*fixes, Fix("write the revision again" if files else "run the same command again", type_again(), label="then")]


def _explain_walk(case: _Case) -> AlembicAsyncTemplateError | None:
    """Steps that lead to several revisions."""
    if case.typed.name == "upgrade":
        return _explain_heads(case)
    relative = RELATIVE.fullmatch(case.target)
    if case.typed.name != "downgrade" or not case.current or relative is None:
        return None
    if int(relative["steps"]) > 0:
        return case.refuse(f"{case.target} leads to several revisions", _HISTORY)
    start = [revision for revision in case.current if relative["branch"] in {None, revision}] or case.current
    names = [name for revision in start for name in case.list_previous(revision)]
    fixes = [Fix("name the one to go to", case.typed.write(target=name)) for name in names]
    return AmbiguousDowngradeError(
        case.current, names, f"One step back from {', '.join(start)} leads to each of {', '.join(names)}", *fixes
    )


def _explain_branches(case: _Case) -> AmbiguousDowngradeError | None:
    """Steps back that name no branch, where the database is on several."""
    relative = RELATIVE.fullmatch(case.target)
    if relative is None or not case.current:
        return None
    steps = abs(int(relative["steps"]))
    newest = f"take back the newest {'revision' if steps == 1 else f'{steps} revisions'} of one branch"
    current = sorted(case.current)
    targets = [target for revision in current for target in _list_targets(case, revision, steps)]
    fixes = {target: newest if "@" in target else "name the one to go to" for target in targets}
    if (fork := case.find_fork()) != "base":
        fixes.setdefault(fork, "go back to where the branches begin")
    return AmbiguousDowngradeError(
        current,
        [*fixes],
        f"The database is at {join(current)}, and {case.target} does not say from which of them to go back",
        *([Fix(advice, case.typed.write(target=target)) for target, advice in fixes.items()] or [_HISTORY]),
    )


def _list_targets(case: _Case, start: str, steps: int) -> list[str]:
    """The targets so many steps back from one of the current revisions, unless that takes back what another one needs."""
    needed = case.find_history([revision for revision in case.current or () if revision != start])
    place = start
    for left in range(steps, 0, -1):
        previous = case.list_previous(place) if place not in needed else ()
        if len(previous) > 1 and left == 1:
            return [revision for revision in previous if revision not in needed]
        if place in needed or (len(previous) != 1 and left > 1):
            return []
        place = "".join(previous)
    return [f"{start}@-{steps}"]


def _explain_unknown(case: _Case) -> AlembicAsyncTemplateError:
    unknown = case.said[1]
    if unknown in (case.current or ()):
        return DatabaseNotAtHeadError(case.current or (), case.heads, [unknown])
    similar = [name for name in case.find_history(case.heads) if unknown and name.startswith(unknown)]
    if len(similar) > 1:
        longer = case.typed.replace(rf"(?<!\w){re.escape(unknown)}(?!\w)", similar[0])
        return case.refuse(f"Several revisions begin with {unknown}: {series(similar, 5)}", Fix("write one of them", longer))
    return RevisionNotFoundError(unknown, case.current, case.heads)


def _explain_steps(case: _Case) -> AlembicAsyncTemplateError | None:
    """A number of steps that is too large, or leads the other way."""
    relative = RELATIVE.fullmatch(case.target)
    if relative is None or case.typed.name not in {"upgrade", "downgrade"}:
        return None
    upgrades, steps = case.typed.name == "upgrade", int(relative["steps"])
    if not relative["symbol"] and (steps > 0) is not upgrades:
        return _explain_direction(case, relative)
    end = "base" if not upgrades else "head" if len(case.heads) == 1 else "heads"
    as_far = Fix("go as far as there are revisions", case.typed.write(target=end))
    fixes = [as_far if (steps > 0) is upgrades else _HISTORY]
    if relative["branch"]:
        state = "pending" if upgrades else "applied"
        return case.refuse(f"{case.target} is too far: {relative['branch']} has fewer {state} revisions", _STATUS)
    if relative["symbol"] or case.current is None:
        return case.refuse(f"{case.target} is {'after the newest' if steps > 0 else 'before the first'} revision", *fixes)
    applied = case.find_history(case.current)
    left = [one for one in case.find_history(case.heads) if one not in applied] if upgrades else applied
    if upgrades and len(left) >= steps:  # they are on branches that the database is not on
        fixes = [Fix("go on towards it", case.typed.write(target=f"{head}@{case.target}")) for head in case.heads if head in left]
        return case.refuse(f"What is pending does not follow {', '.join(case.current)}", *fixes)
    be = f"{len(left) or 'none'} {'are' if len(left) > 1 else 'is'} {'pending' if upgrades else 'applied'}"
    asked = f"{case.target} is {count([''] * abs(steps), 'revision')} {'on' if upgrades else 'back'}"
    return case.refuse(f"{asked}, and {be}", *(fixes if left else [_STATUS]))


def _explain_direction(case: _Case, relative: re.Match[str]) -> AlembicAsyncTemplateError:
    """A downgrade by steps forward, or an upgrade by steps back."""
    is_upgrade, steps = case.typed.name == "upgrade", int(relative["steps"])
    branch = f"{relative['branch']}@" if relative["branch"] else ""
    turned = case.typed.write(target=f"{branch}{-steps:+}")
    other = replace(case.typed, name="downgrade" if is_upgrade else "upgrade").write()
    back, on = (other, turned) if is_upgrade else (turned, other)
    applied = case.find_history(case.current or ())
    pending = len(case.find_history(case.heads)) - len(applied)
    fixes = [Fix("to go back", back)] if case.current is None or len(applied) >= abs(steps) else []
    fixes += [Fix("to go on", on)] if case.current is None or pending >= abs(steps) else []
    return case.refuse(f"{case.target} is not the way of {case.typed.name}", *(fixes or [_STATUS]))


def _explain_destination(case: _Case) -> AlembicAsyncTemplateError | None:
    """A downgrade to a revision that is not before the database."""
    start, is_range, target = case.typed.target.rpartition(":")
    if is_range:
        turned = Fix("write the newer one first", case.typed.write(target=f"{target}:{start}"))
        return case.refuse(f"{target} does not come before {start}", turned)
    label, _, name = target.rpartition("@")
    on = Fix("apply the revisions up to it", f"alembic upgrade {target}")
    if not case.current:
        return case.refuse(f"No revision is applied, so no downgrade leads to {target}", on)
    asked = [revision.revision for revision in case.script.get_revisions(name) if revision]
    if set(case.find_history(asked)).issuperset(case.current):
        return case.refuse(f"The database is before {target}, and a downgrade goes back", on)
    one_back = f"{case.current[0]}@-1" if len(case.current) > 1 else "-1"
    back = Fix("take back the newest revision that is applied", case.typed.write(target=one_back))
    return case.refuse(f"{target} is on a branch that is not applied", *([] if label else [on]), back)


def _explain_range(case: _Case) -> AlembicAsyncTemplateError:
    script = Fix("write the script of these revisions", case.typed.write("--sql"))
    relative = RELATIVE.fullmatch(case.target)
    start = case.typed.target.partition(":")[0] if relative and not (relative["branch"] or relative["symbol"]) else ""
    to = Fix("name the revision to go to", case.typed.write(target=f"{start}@{case.target}" if start else case.target))
    return case.refuse(f"{case.typed.target} is a range of revisions, which is for scripts", to, script)


def _explain_start(case: _Case) -> AlembicAsyncTemplateError:
    """A downgrade with --sql that does not say where it begins."""
    one = case.typed.write(target=f"head:{case.typed.target}")
    several = _explain_heads(case)
    return several or case.refuse(
        "A downgrade with --sql does not ask the database where it is", Fix("say from where to where", one)
    )


def _explain_splice(case: _Case) -> AlembicAsyncTemplateError | None:
    """A revision after one that another revision follows."""
    if case.typed.name == "merge":
        fixes = [JOIN] if len(case.heads) > 1 else [Fix("see that there is one", "alembic heads")]
        return case.refuse(f"Revision {case.said[1]} is not a head, and a merge joins heads", *fixes)
    after = Fix("write the revision after a head", case.typed.replace_option("--head", case.heads[0]))
    branch = Fix("let a branch begin there", case.typed.write("--splice"))
    return case.refuse(f"Revision {case.said[1]} is not a head, since another one follows it", after, branch)


def _explain_history_range(case: _Case) -> AlembicAsyncTemplateError | None:
    value = next((word for word in case.typed.words[::-1] if not word.startswith("-")), None)
    if value is None:
        return None
    fixes = [
        (advice, case.typed.replace(f"^{re.escape(value)}$", text))
        for advice, text in (("what comes before it", f":{value}"), ("what comes after it", f"{value}:"))
    ]
    return case.refuse(f"{value} is one revision, and -r takes a range", *(Fix(*fix) for fix in fixes))


def _explain_identifier(case: _Case) -> AlembicAsyncTemplateError:
    allowed = re.sub(r"[-@+]+", "_", case.said[2])
    headline = f"The identifier of a revision has no {' '.join(sorted(set(re.findall('[-@+]', case.said[2]))))} in it"
    return case.refuse(headline, Fix("leave that out", case.typed.replace_option("--rev-id", allowed)))


def _explain_taken(case: _Case) -> InvalidTargetError:
    revision = case.said[1]
    names = (f"{revision}_{number}" for number in itertools.count(2))
    free = next(name for name in names if name not in case.find_history(case.heads))
    fix = Fix("give the new one another identifier", case.typed.replace_option("--rev-id", free))
    return InvalidTargetError(revision, f"There is a revision {revision} already", fix, where=case.said[2])


def _leave_out(option: str, headline: str) -> _Explain:
    return lambda case: case.refuse(headline, Fix("leave that out", case.typed.write(without=[option])))


_RULES: dict[str, _Explain] = {
    r"Could not determine revision id from filename (.+?)\. Be sure": lambda case: explain_unnamed(case.script, case.said[1]),
    r".* is detected in revisions \((.+)\)": lambda case: explain_cycle(case.script, case.said[1].split(", ")),
    "Target database is not up to date|Database is not on all head revisions": _explain_outdated,
    "Multiple head revisions are present|Multiple heads are present": _explain_heads,
    "Ambiguous walk": _explain_walk,
    AMBIGUOUS: _explain_branches,
    "Can't locate revision identified by '([^']*)'": _explain_unknown,
    # The last one is a failed assertion, which says nothing.
    "Relative revision .* didn't produce|Walked too far|Ambiguous upgrade from multiple|$": _explain_steps,
    "Destination .* is not a valid downgrade target|Not a valid downgrade target": _explain_destination,
    "Range revision not allowed": _explain_range,
    "downgrade with --sql requires": _explain_start,
    "Revision (.+) is not a head revision; please specify --splice": _explain_splice,
    "History range requires": _explain_history_range,
    "Revision (.+) is already in (.+)": _explain_taken,
    r"Character\(s\) '(.+)' not allowed in revision identifier '(.+)'": _explain_identifier,
    "Using --sql with": _leave_out("--sql", "A revision is written into a file: --sql has no meaning"),
    "Can't use --purge with --sql": _leave_out("--purge", "--purge asks the database, and --sql does not"),
}
