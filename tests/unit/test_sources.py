"""Reading sources: what defines a table, and which files are looked at at all."""

from pathlib import Path

import pytest

from alembic_async_template.project.files import list_sources
from alembic_async_template.project.sources import Sources
from alembic_async_template.project.tables import FoundTable, TableFinder
from support.project import write_files

DECLARATIVE = "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\n"


def tables(root: Path) -> list[str]:
    sources = Sources.read(root)
    return [name for name, module in sources.modules.items() if TableFinder(sources).defines_tables(module)]


@pytest.mark.parametrize(
    "text",
    [
        "from sqlmodel import SQLModel\nclass A(SQLModel, table=True): pass",
        "import sqlmodel\nclass A(sqlmodel.SQLModel, table=True): pass",
        "from sqlmodel import SQLModel\nclass Shared(SQLModel): pass\nclass A(Shared, table=True): pass",
        DECLARATIVE + "class A(Base):\n    __tablename__ = 'a'",
        DECLARATIVE + "class A(Base): pass",
        DECLARATIVE + "class Named(Base):\n    __abstract__ = True\nclass A(Named): pass",
        "from sqlalchemy.orm import declarative_base\nBase = declarative_base()\nclass A(Base): pass",
        "from sqlalchemy.orm import DeclarativeMeta, registry\nclass Base(metaclass=DeclarativeMeta): pass\nclass A(Base): pass",
        "from sqlalchemy.orm import registry\nreg = registry()\nBase = reg.generate_base()\nclass A(Base): pass",
        "from sqlalchemy.orm import as_declarative\n@as_declarative()\nclass Base: pass\nclass A(Base): pass",
        "from sqlalchemy.orm import registry\nreg = registry()\n@reg.mapped\nclass A: pass",
        "from sqlalchemy.orm import registry\nreg = registry()\n@reg.mapped_as_dataclass(init=False)\nclass A: pass",
        "from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass\nclass Base(MappedAsDataclass, DeclarativeBase): pass\n"
        "class A(Base, kw_only=True): pass",
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\na = sa.Table('a', metadata)",
        "from sqlalchemy import *\na = Table('a', MetaData())",
        "from sqlmodel import Table, MetaData\ntables = [Table('a', MetaData())]",
        "try:\n    from sqlmodel import SQLModel\n    class A(SQLModel, table=True): pass\nexcept ImportError:\n    pass",
        "from somewhere import ModelBase\nclass A(ModelBase):\n    __tablename__ = 'a'",
        "from somewhere import ModelBase\nfrom sqlalchemy.orm import Mapped\nclass A(ModelBase):\n    id: Mapped[int]",
        "from somewhere import UserBase\n" + DECLARATIVE + "class A(UserBase, Base): pass",
        DECLARATIVE + "Alias = Base\nclass A(Alias): pass",
        "from company import CompanyBase\nclass Base(CompanyBase):\n    __abstract__ = True\n"
        "class A(Base):\n    __tablename__ = 'a'",
        "from company import make_base\nBase = make_base()\nclass A(Base):\n    __tablename__ = 'a'",
        "from sqlalchemy.orm import declarative_base\ndef make():\n    return declarative_base()\nBase = make()\n"
        "class A(Base):\n    __tablename__ = 'a'",
        "from sqlalchemy.orm import declarative_base\nclass A(declarative_base()):\n    __tablename__ = 'a'",
        "import sqlalchemy as sa\ndef associate(name):\n    return sa.Table(name, sa.MetaData())\n"
        "post_tag = associate('post_tag')",
        "from typing import TYPE_CHECKING\nfrom sqlmodel import SQLModel\n"
        "if not TYPE_CHECKING:\n    class A(SQLModel, table=True): pass",
        "import sys\nfrom sqlmodel import SQLModel\n"
        "match sys.platform:\n    case _:\n        class A(SQLModel, table=True): pass",
    ],
)
def test_every_way_to_define_a_table_is_seen(tmp_path: Path, text: str) -> None:
    """SQLModel, the declarative styles, imperative tables, and bases that no source at hand shows."""
    assert tables(write_files(tmp_path, {"models.py": text})) == ["models"]


@pytest.mark.parametrize(
    "text",
    [
        "from sqlmodel import SQLModel\nclass A(SQLModel): pass",
        "from sqlmodel import SQLModel\nclass A(SQLModel, table=False): pass",
        DECLARATIVE,
        DECLARATIVE + "class A(Base):\n    __abstract__ = True",
        "from sqlalchemy.orm import Mapped\nclass Mixin:\n    id: Mapped[int]",
        "from sqlalchemy.orm import MappedAsDataclass, Mapped\nclass Mixin(MappedAsDataclass):\n    id: Mapped[int]",
        "from pydantic import BaseModel\nclass A(BaseModel):\n    id: int",
        "from rich.table import Table\ntable = Table('title')",
        "import sqlalchemy as sa\ndef make(metadata):\n    return sa.Table('a', metadata)",
        "import sqlalchemy as sa\nif __name__ == '__main__':\n    a = sa.Table('a', sa.MetaData())",
        "from sqlmodel import SQLModel\ndef test():\n    class A(SQLModel, table=True): pass",
        "from somewhere import Thing\nclass A(Thing):\n    name: str",
        "from typing import Protocol\nfrom sqlalchemy.orm import Mapped\nclass A(Protocol):\n    id: Mapped[int]",
        "import typing as t\nfrom sqlalchemy.orm import Mapped\nT = t.TypeVar('T')\nclass A(t.Generic[T]):\n    id: Mapped[int]",
        "from typing_extensions import Protocol\nfrom sqlalchemy.orm import Mapped\nclass A(Protocol):\n    id: Mapped[int]",
        "from abc import ABC\nfrom sqlalchemy.orm import Mapped\nclass A(ABC):\n    __tablename__ = 'a'\n    id: Mapped[int]",
        "from typing import NamedTuple\nfrom sqlalchemy.orm import Mapped\nclass A(NamedTuple):\n    id: Mapped[int]",
        "from typing import TypedDict\nfrom sqlalchemy.orm import Mapped\nclass A(TypedDict):\n    id: Mapped[int]",
        "from dataclasses import dataclass\nfrom sqlalchemy.orm import Mapped\n@dataclass\nclass A(object):\n    id: Mapped[int]",
        "from sqlalchemy import Column\nclass A(dict):\n    a = Column('a')",
        "from enum import Enum\nfrom sqlalchemy import Column\nclass A(Enum):\n    a = Column('a')",
    ],
)
def test_what_only_resembles_a_table_is_not_taken_for_one(tmp_path: Path, text: str) -> None:
    """Bases, mixins, schemas, tables of a function and other packages' Table classes."""
    assert tables(write_files(tmp_path, {"models.py": text})) == []


def test_bases_are_followed_through_modules(tmp_path: Path) -> None:
    """Relative imports, re-exports in `__init__` and aliases lead to the declarative base."""
    root = write_files(
        tmp_path,
        {
            "app/__init__.py": "",
            "app/db/__init__.py": "from .base import Base as Model",
            "app/db/base.py": DECLARATIVE,
            "app/users.py": "from .db import Model\nclass User(Model): pass",
            "app/posts/models.py": "from app.db import Model\nclass Post(Model): pass",
            "app/tags.py": "from app import db\nclass Tag(db.Model): pass",
            "app/deep/er/likes.py": "from ...db import *\nfrom ...db.base import *\nclass Like(Base): pass",
            "app/circular.py": "from .circular import Base\nclass X(Base): pass",
            "app/schemas.py": "from app.users import User\nclass NotAModel: pass",
        },
    )
    assert tables(root) == ["app.deep.er.likes", "app.posts.models", "app.tags", "app.users"]


def test_a_package_of_the_application_is_not_taken_for_the_standard_librarys(tmp_path: Path) -> None:
    """Its base is unknown where the sources do not show it, and a class that names a table counts."""
    base = "exec('class Base: pass')\n"
    model = "from queue.db import Base\nclass A(Base):\n    __tablename__ = 'a'"
    assert tables(write_files(tmp_path, {"queue/db.py": base, "queue/models.py": model})) == ["queue.models"]


def test_each_table_is_known_with_its_reason_and_its_metadata(tmp_path: Path) -> None:
    """The line, the words that tell, and the object that the MetaData is on."""
    root = write_files(
        tmp_path,
        {
            "base.py": DECLARATIVE + "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
            "def make(name):\n    return sa.Table(name, metadata)\n",
            "a.py": "from base import Base\n\nclass A(Base): pass",
            "b.py": "from base import make\nb = make('b')",
            "c.py": "from sqlmodel import SQLModel\nclass C(SQLModel, table=True): pass",
            "d.py": "from sqlalchemy.orm import registry\nreg = registry()\n@reg.mapped\nclass D: pass",
            "e.py": "from company import Base\nclass E(Base):\n    __tablename__ = 'e'",
            "f.py": "from base import Base\nclass F(Base):\n    metadata = something()",
        },
    )
    sources = Sources.read(root)
    found = {name: next(TableFinder(sources).find(module), None) for name, module in sources.modules.items()}
    assert found == {
        "base": None,
        "a": FoundTable(3, "class A has the declarative base base:Base", "base:Base"),
        "b": FoundTable(2, "calls make (line 6 of base: calls Table)", "base:metadata"),
        "c": FoundTable(2, "class C says table=True", "sqlmodel:SQLModel"),
        "d": FoundTable(4, "class D has the decorator reg.mapped", "d:reg"),
        "e": FoundTable(2, "class E maps columns, and no source shows what its base is", None),
        "f": FoundTable(2, "class F has the declarative base base:Base", None),
    }


def test_files_that_are_not_the_applications_are_left_out(tmp_path: Path) -> None:
    """Virtual environments, tests, migrations, hidden, vendored and unimportable files."""
    root = write_files(
        tmp_path,
        {
            "app/models.py": "",
            "app/tests/models.py": "",
            "app/test_models.py": "",
            "app/models_test.py": "",
            "conftest.py": "",
            ".hidden/models.py": "",
            "custom_venv/pyvenv.cfg": "",
            "custom_venv/lib/models.py": "",
            "migrations/script.py.mako": "",
            "migrations/env.py": "",
            "migrations/versions/one.py": "",
            "node_modules/models.py": "",
            "not-a-package/models.py": "",
            "1models.py": "",
            "excluded/models.py": "",
            "build/models.py": "",
            "app/vendor/models.py": "",
        },
    )
    assert [str(path.relative_to(root)) for path in list_sources(root, [root / "excluded"])] == [
        "app/models.py",
        "app/vendor/models.py",
    ]


def test_a_file_that_does_not_parse_is_known_as_such(tmp_path: Path) -> None:
    """An error says so if the file is asked for by name; other files are read as usual."""
    sources = Sources.read(write_files(tmp_path, {"app/broken.py": "class (", "app/ok.py": "", "app/null.py": "\0"}))
    assert sorted(sources.unreadable) == ["app.broken", "app.null"]
    assert sorted(sources.modules) == ["app.ok"]


def test_loops_of_aliases_and_bases_end(tmp_path: Path) -> None:
    """Sources that Python itself would refuse do not hang the scan."""
    root = write_files(
        tmp_path,
        {
            "a.py": "from b import X\nclass A(X): pass",
            "b.py": "from a import X",
            "c.py": "C = D\nD = C\nclass E(C): pass\nclass F(F): pass",
            "d.py": "from d import *\nclass G(H): pass",
        },
    )
    assert tables(root) == []


def test_folders_that_cannot_be_followed_are_left_out(tmp_path: Path) -> None:
    """Links back to where they are, and links to nothing."""
    root = write_files(tmp_path, {"a/one.py": "", "b/two.py": ""})
    (root / "a/b").symlink_to(root / "b")
    (root / "b/a").symlink_to(root / "a")
    (root / "a/self").symlink_to(root)
    (root / "gone").symlink_to(root / "nowhere")
    (root / "gone.py").symlink_to(root / "nowhere.py")
    (root / "folder.py").mkdir()
    names = [str(path.relative_to(root)) for path in list_sources(root)]
    assert names == ["a/b/two.py", "a/one.py", "b/a/one.py", "b/two.py"]


def test_the_root_of_a_file_system_is_not_searched_as_a_whole() -> None:
    """A container may have its application there: what belongs to the system is left out."""
    folders = {path.relative_to("/").parts[0] for path in list_sources(Path("/")) if len(path.parts) > 2}
    assert not folders & {"proc", "sys", "usr", "var", "root", "home", "tmp"}
