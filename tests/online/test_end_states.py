"""After the block, the database is as after the plain operations: names, definitions and all else that the catalog has."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.online import Runner, describe_schema, prepare, write_block
from support.servers import create_postgresql_database

CASES = {
    "index": 'op.create_index("ix", "post", ["author_id", "n"])',
    "unique index": 'op.create_index("ix", "post", ["id"], unique=True)',
    "partial index": 'op.create_index("ix", "post", ["n"], postgresql_where=sa.text("n > 3 AND title <> \'a:b\'"))',
    "index of an expression": 'op.create_index("ix", "post", [sa.text("lower(title)"), sa.text("n DESC")])',
    "covering index": 'op.create_index("ix", "post", ["n"], postgresql_include=["title"], postgresql_using="btree")',
    "index in another schema": 'op.create_index("ix", "author", ["name"], schema="other")',
    "index of a partitioned table": 'op.create_index("ix", "measure", ["n"])',
    "unique index of a partitioned table": 'op.create_index("ix", "measure", ["id", "n"], unique=True)',
    "index of an expression of a partitioned table": 'op.create_index("ix", "measure", [sa.text("(n + 1)"), sa.text("abs(n)")])',
    "drop index": 'op.drop_index("post_old", "post")',
    "drop index of a partitioned table": 'op.drop_index("measure_old", "measure")',
    "foreign key": 'op.create_foreign_key("fk", "post", "author", ["author_id"], ["id"])',
    "foreign key with options": (
        'op.create_foreign_key("fk", "post", "author", ["author_id"], ["code"], ondelete="SET NULL", onupdate="CASCADE",'
        ' deferrable=True, initially="DEFERRED", referent_schema="other")'
    ),
    "unnamed foreign key": 'op.create_foreign_key(None, "post", "author", ["author_id"], ["id"])',
    "foreign key to itself": 'op.create_unique_constraint("u", "post", ["id"])\n'
    'op.create_foreign_key(None, "post", "post", ["n"], ["id"])',
    "foreign key that stays not valid": (
        'op.create_foreign_key("fk", "post", "author", ["author_id"], ["id"], postgresql_not_valid=True)'
    ),
    "check": 'op.create_check_constraint("ck", "post", "n > 0 AND title <> \'100%\'")',
    "unnamed check": 'op.create_check_constraint(None, "post", "n > 0")',
    "unnamed check of two columns": 'op.create_check_constraint(None, "post", "n > 0 OR old > 0")',
    "unnamed checks, the second of which has a number": (
        'op.create_check_constraint(None, "post", "old > 1")\nop.create_check_constraint(None, "post", "old > -1")'
    ).replace("old > 1", "old > 0 OR old < 0"),
    "check of a partitioned table": 'op.create_check_constraint("ck", "measure", "n >= 0")',
    "unique constraint": 'op.create_unique_constraint("uq", "post", ["slug"])',
    "deferrable unique constraint": 'op.create_unique_constraint("uq", "post", ["slug"], deferrable=True, initially="DEFERRED")',
    "unique constraint with options": ('op.create_unique_constraint("uq", "post", ["slug"], postgresql_nulls_not_distinct=True)'),
    "unnamed unique constraint": 'op.create_unique_constraint(None, "post", ["slug", "n"])',
    "primary key": 'op.create_primary_key("pk", "post", ["id", "n"])',
    "unnamed primary key": 'op.create_primary_key(None, "post", ["id"])',
    "not null": 'op.alter_column("post", "title", nullable=False, existing_type=sa.Text())',
    "not null where a check says so": 'op.alter_column("post", "m", nullable=False)',
    "not null of a partitioned table": 'op.alter_column("measure", "n", nullable=False)',
    "several changes": (
        'op.alter_column("post", "title", nullable=False, server_default="x", comment="c", new_column_name="heading")'
    ),
    "nullable": 'op.alter_column("author", "code", nullable=True)',
    "longer type": 'op.alter_column("post", "slug", type_=sa.String(40))',
    "text": 'op.alter_column("post", "slug", type_=sa.Text())\nop.create_index("ix", "post", ["slug"])',
    "wider number": 'op.alter_column("post", "price", type_=sa.Numeric(12, 2))',
    "column": 'op.add_column("post", sa.Column("new", sa.Integer(), comment="c"))',
    "column with a default": (
        'op.add_column("post", sa.Column("new", sa.Integer(), nullable=False, server_default="5"))\n'
        'op.add_column("post", sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now()))'
    ),
    "column with an index, a key and a foreign key": (
        'op.add_column("post", sa.Column("new", sa.Integer(), sa.ForeignKey("author.id"), index=True))\n'
        'op.add_column("post", sa.Column("code", sa.Integer(), sa.ForeignKey("other.author.id", name="fk"), unique=True))\n'
        'op.add_column("post", sa.Column("more", sa.Integer(), sa.CheckConstraint("more > 0")))'
    ),
    "inline reference": (
        'op.add_column("post", sa.Column("new", sa.Integer(), sa.ForeignKey("author.id")), inline_references=True)'
    ),
    "drop column": 'op.drop_column("post", "n")',
    "drop constraint": 'op.drop_constraint("post_old_check", "post")',
    "renames": 'op.alter_column("post", "n", new_column_name="m2")\nop.rename_table("post", "article")',
    "defaults and comments": (
        'op.alter_column("post", "n", server_default="7")\nop.alter_column("post", "old", comment="it is old")\n'
        'op.create_table_comment("post", "it is a post")'
    ),
    "tables": (
        'op.create_table("note", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("n", sa.Integer(), index=True))\n'
        'op.create_index("note_n", "note", ["n", "id"])\nop.drop_table("author", schema="other")'
    ),
    "enums": (
        'op.create_enum("status", ["draft", "live"])\nop.add_enum_value("status", "old")\n'
        'op.add_column("post", sa.Column("status", postgresql.ENUM(name="status", create_type=False), server_default="old"))\n'
        'op.rename_enum_value("status", "old", "gone")'
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_end_state_is_that_of_the_plain_operation(case: str, postgresql_url: str, tmp_path: Path) -> None:
    """Up, and once more by a run that finds it all there."""
    with create_postgresql_database(postgresql_url) as plain_url:
        for url in (postgresql_url, plain_url):
            prepare(url)
        Runner(
            tmp_path,
            plain_url,
            CASES[case]
            .replace('op.add_enum_value("status", "old")', "")
            .replace('["draft", "live"]', '["draft", "live", "old"]'),
        ).upgrade()
        expected = describe_schema(plain_url)
    driver = "psycopg" if len(case) % 2 else "asyncpg"
    runner = Runner(tmp_path, postgresql_url, write_block(CASES[case]), driver=driver)
    runner.upgrade()
    assert describe_schema(postgresql_url) == expected
    prepare(postgresql_url, "DELETE FROM alembic_version")
    runner.upgrade()
    assert describe_schema(postgresql_url) == expected
