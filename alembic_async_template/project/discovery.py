"""Finds the modules that define tables, and parses no more sources than can matter to the answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from .candidates import Text, read_text
from .files import name_modules
from .sources import Sources, parse_source
from .tables import FoundTable, TableFinder


def find_tables(root: Path, files: Iterable[str]) -> tuple[Sources, dict[str, list[FoundTable]]]:
    """These sources under `root`, and the modules among them that define tables, with what they define, in the same order.

    The answer is the one that parsing every source gives. What cannot be parsed, and could define a table, is in `unreadable`.
    """
    paths = name_modules(files, root)
    texts = {name: read_text(path) for name, path in paths.items()}
    sources = Sources(root, paths, parse_source)
    finder = TableFinder(sources)
    chosen = _choose(finder, texts)
    tables = {
        name: found
        for name in texts
        if name in chosen and name in sources.modules
        for found in [list(finder.find(sources.modules[name]))]
        if found
    }
    return sources, tables


# Names and the new ones that a module gives them; `None` stands for one that only a parser can tell.
_Renames = dict[str | None, list[tuple[str, Collection[str | None]]]]


def _choose(finder: TableFinder, texts: Mapping[str, Text | None]) -> set[str]:
    """The modules that can define tables: by their own words, or with a name that leads to those of another module."""
    sources, renames = finder.sources, _Renames()
    for name, text in texts.items():
        for old, new in text.renames if text is not None else ():
            renames.setdefault(old, []).append((name, new))
    bases, functions = {"DeclarativeBase", "DeclarativeBaseNoMeta"}, set[str]()
    tops = {name.partition(".")[0] for name in texts}
    found = {name for name, text in texts.items() if text is None or text.can_define_table(tops)}
    others = {name: text for name, text in texts.items() if text is not None}
    chosen, old_bases, old_functions = set[str](), set[str](), set[str]()
    while found:
        chosen |= found
        others = {name: text for name, text in others.items() if name not in found}
        for module in [sources.modules[name] for name in sorted(found) if name in sources.modules]:
            for new, old in sources.aliases(module):
                renames.setdefault(old, []).append((module.name, (new,)))
            bases.update(finder.base_names(module))
            functions.update(finder.table_functions(module))
        found = _add_new_names(bases, renames) | _add_new_names(functions, renames)
        # The others have been searched for the names of the rounds before.
        new_bases, new_functions = bases - old_bases, functions - old_functions
        found |= {name for name, text in others.items() if text.mentions(new_bases, new_functions, tops)}
        found -= chosen
        old_bases, old_functions = set(bases), set(functions)
    return chosen


def _add_new_names(names: set[str], renames: _Renames) -> set[str]:
    """Add the new names of what has one of these names, and return the modules that need a parser to tell them."""
    unclear = set[str]()
    pending: list[str | None] = [None, *names]
    while pending:
        for module, new in renames.get(pending.pop(), ()):
            for name in new:
                if name is None:
                    unclear.add(module)
                elif name not in names:
                    names.add(name)
                    pending.append(name)
    return unclear
