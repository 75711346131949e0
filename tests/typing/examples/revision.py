"""A revision with every directive of this package and of Alembic, through one `op`."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from alembic_async_template import op

revision: str = "4f2a"
down_revision: str | None = None


async def count_posts(connection: AsyncConnection) -> None:
    await connection.execute(sa.text("SELECT count(*) FROM post"))


def upgrade() -> None:
    status = postgresql.ENUM("draft", "live", name="status", create_type=False)
    op.create_enum("status", ["draft", "live"])
    op.create_enum("mood", ("sad", "glad"), schema="other")
    op.add_enum_value("status", "archived")
    op.add_enum_value("status", "planned", before="live", schema=None)
    op.add_enum_value("status", "gone", after="archived", schema="public")
    op.remove_enum_value("status", "gone", replace_with="archived", schema="public")
    op.rename_enum_value("status", "live", "published", schema=None)
    op.reorder_enum_values("status", ["published", "draft"], schema="public")
    op.replace_enum_values("status", ["a", "b"], replace_with={"x": "a", "y": "b"}, schema="public")
    op.rename_enum("status", "post_status", schema="public")

    with op.online():
        op.create_index("ix_post_title", "post", ["title"])
    with op.blocking("the site is closed"):
        op.drop_index("ix", "post")

    post: sa.Table = op.create_table(
        "post",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(50), nullable=False),
        sa.Column("status", status, server_default="draft"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
        comment="what is written",
    )
    op.bulk_insert(post, [{"id": 1, "title": "News"}])
    op.create_table_comment("post", "what was written", existing_comment="what is written")
    op.drop_table_comment("post", existing_comment="what was written")
    op.add_column("post", sa.Column("views", sa.BigInteger(), server_default=op.inline_literal(0)))
    op.alter_column("post", "title", existing_type=sa.String(50), type_=sa.Text(), nullable=True, schema="public")
    op.create_index(op.f("ix_post_title"), "post", ["title", sa.text("lower(title)")], unique=True, postgresql_where="id > 1")
    op.create_check_constraint("positive", "post", sa.column("views") >= 0)
    op.create_unique_constraint("uq_post_title", "post", ["title"], deferrable=True)
    op.create_foreign_key("fk_post_author", "post", "author", ["author_id"], ["id"], ondelete="CASCADE")
    op.create_primary_key("pk_author", "author", ["id"])
    op.create_exclude_constraint("no_overlap", "booking", (sa.column("during"), "&&"), using="gist")
    op.execute("SELECT 1")
    op.execute(sa.update(post).values(title="None"))
    op.run_async(count_posts)
    connection: sa.Connection = op.get_bind()
    connection.execute(sa.select(post))
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix ON post (title)")
    with op.batch_alter_table("post", schema=None, recreate="always") as batch_op:
        batch_op.alter_column("title", nullable=False)
        batch_op.drop_index(batch_op.f("ix_post_title"))


def downgrade() -> None:
    op.drop_constraint("positive", "post", type_="check", if_exists=True)
    op.drop_index(op.f("ix_post_title"), table_name="post", if_exists=True)
    op.drop_column("post", "views")
    op.rename_table("post", "page", schema="public")
    op.drop_table("page", if_exists=True)
    op.drop_enum("post_status", ["a", "b"], schema="public")
