<%
    body = f"{upgrades or ''} {downgrades or ''}"
    title = message.replace("\\", "\\\\").replace('"' * 3, '\\"' * 3)

    def noqa(name):
        return "" if f"{name}." in body else "  # noqa: F401"
%>\
"""${title}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}

"""

from collections.abc import Sequence

import sqlalchemy as sa${noqa("sa")}
import sqlmodel${noqa("sqlmodel")}
from alembic_async_template import op${noqa("op")}
% if imports:
${imports}
% endif

revision: str = ${repr(up_revision)}
down_revision: str | Sequence[str] | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}


def upgrade() -> None:
    """Upgrade the schema."""
% if upgrades:
    ${upgrades}
% endif


def downgrade() -> None:
    """Take the upgrade back."""
% if downgrades:
    ${downgrades}
% endif
