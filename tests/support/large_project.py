"""Writes an application of thousands of modules in which a hundred define a table, each in one of the ways that teams have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.project import write_files

_BASE = {
    "app/__init__.py": "",
    "app/db/__init__.py": "from app.db.base import Base\nfrom app.db.base import Base as Model\n",
    "app/db/meta.py": "from sqlalchemy import MetaData\n\n"
    "metadata = MetaData(naming_convention={'uq': 'unique_%(table_name)s_%(column_0_name)s'})\n",
    "app/db/base.py": "from sqlalchemy.orm import DeclarativeBase\n\nfrom app.db.meta import metadata as declared\n\n\n"
    "class Base(DeclarativeBase):\n    metadata = declared\n",
    "app/db/mixins.py": "from sqlalchemy.orm import Mapped, declared_attr, mapped_column\n\n\n"
    "class Named:\n    @declared_attr.directive\n    def __tablename__(cls) -> str:\n        return cls.__name__.lower()\n\n"
    "    id: Mapped[int] = mapped_column(primary_key=True)\n    name: Mapped[str]\n",
    "app/db/lookups.py": "import sqlalchemy as sa\n\nfrom .meta import metadata\n\n\n"
    "def lookup(name):\n    id_ = sa.Column('id', sa.Integer, primary_key=True)\n"
    "    return sa.Table(name, metadata, id_, sa.Column('name', sa.Text))\n",
    "app/db/protocols.py": "from typing import Protocol\n\nfrom sqlalchemy.orm import Mapped\n\nimport app.heavy\n\n\n"
    "class HasId(Protocol):\n    id: Mapped[int]\n",
    "app/db/session.py": "import os\n\nfrom sqlalchemy.ext.asyncio import create_async_engine\n\n"
    "engine = create_async_engine(os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+asyncpg:'))\n",
    "app/heavy.py": "raise RuntimeError('nobody needs this module for the tables')\n",
}
# A table in each of the ways. All but the first and the fourth have no word of SQLAlchemy in their own text.
_TABLES = (
    "from sqlalchemy.orm import Mapped, mapped_column\n\nfrom app.db.base import Base\n\n\n"
    "class {title}(Base):\n    __tablename__ = '{name}'\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
    "    title: Mapped[str]\n    size: Mapped[int | None]\n",
    "from app.db import Model as M\nfrom app.db.mixins import Named\n\n\nclass {title}(Named, M):\n    pass\n",
    "from app.db.lookups import lookup\n\n{name} = lookup('{name}')\n",
    "import sqlalchemy as sa\n\nfrom app.db.meta import metadata\n\n"
    "{name} = sa.Table('{name}', metadata, sa.Column('id', sa.Integer, primary_key=True), sa.Column('size', sa.Integer))\n",
    "from app.db import *\nfrom app.db.mixins import *\n\n\nclass {title}(Named, Base):\n    pass\n",
)
_SERVICE = """
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from app.domains.{domain}.models import {title} as Entity
from app.domains.{domain}.models.{module} import *

T = TypeVar("T")


class Read{title}(BaseModel):
    id: int
    title: str


@dataclass
class Result(Generic[T]):
    rows: list[T]
    table: str = "{name}"


class Service(Generic[T]):
    model = Entity
"""
_METHOD = """
    async def step_{number}(self, session: Any, row: Entity, *, table: str = "{name}", limit: int = 100) -> Result[Entity]:
        \"\"\"Do the work of step {number}; see the Column and the Table of the documentation.\"\"\"
        rows: list[Any] = []
        for number in range(limit):
            if number % {number}1 == 0 and getattr(row, "id", None) is not None:
                rows.append({{"number": number, "id": row.id, "table": table, "text": f"{{number}} of {{limit}}"}})
            elif number > limit - 2:
                await session.execute("SELECT 1", {{"id": number, "name": "{name}", "values": [1, 2, 3]}})
        return Result(rows=[entry for entry in rows if entry], table=table)
"""


@dataclass(frozen=True, slots=True)
class LargeProject:
    """What was written."""

    table_modules: tuple[str, ...]
    modules: int


def write_large_project(directory: Path, modules: int = 2_000, tables: int = 100) -> LargeProject:
    """Write the application `app` into a folder: ten domains with models, and services, most of its text, that use them."""
    files = dict(_BASE)
    names: list[str] = []
    exports: dict[str, list[str]] = {}
    for number in range(tables):
        domain, module, name, title = f"d{number % 10}", f"t{number}", f"thing{number}", f"Thing{number}"
        kind = number // 10 % len(_TABLES)
        files[f"app/domains/{domain}/models/{module}.py"] = _TABLES[kind].format(name=name, title=title)
        names.append(f"app.domains.{domain}.models.{module}")
        exported = f"{name} as {title}" if kind in {2, 3} else title
        exports.setdefault(domain, []).append(f"from app.domains.{domain}.models.{module} import {exported}\n")
    for domain, lines in exports.items():
        files[f"app/domains/{domain}/models/__init__.py"] = "".join(lines)
        files[f"app/domains/{domain}/__init__.py"] = ""
    for number in range(modules - len(files)):
        table = number % tables
        words = {"domain": f"d{table % 10}", "module": f"t{table}", "name": f"thing{table}", "title": f"Thing{table}"}
        methods = "".join(_METHOD.format(number=step, **words) for step in range(1, 2 + number % 7))
        files[f"app/domains/{words['domain']}/services/s{number}.py"] = _SERVICE.format(**words) + methods
    write_files(directory, files)
    return LargeProject(tuple(sorted(names)), len(files))
