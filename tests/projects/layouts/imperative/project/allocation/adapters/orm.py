from sqlalchemy import Column, Date, DateTime, Enum, ForeignKey, Integer, String, Table, UniqueConstraint, func
from sqlalchemy.orm import registry, relationship

from allocation.domain import model

mapper_registry = registry()

order_lines = Table(
    "order_lines",
    mapper_registry.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sku", String(255)),
    Column("qty", Integer, nullable=False),
    Column("orderid", String(255), index=True),
)

batches = Table(
    "batches",
    mapper_registry.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("reference", String(255), unique=True),
    Column("sku", String(255)),
    Column("_purchased_quantity", Integer, nullable=False),
    Column(
        "origin", Enum(model.Origin, name="batch_origin"), nullable=False, server_default=model.Origin.WAREHOUSE.name
    ),
    Column("eta", Date, nullable=True),
)

allocations = Table(
    "allocations",
    mapper_registry.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("orderline_id", ForeignKey("order_lines.id"), nullable=False),
    Column("batch_id", ForeignKey("batches.id"), nullable=False),
    Column("allocated_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    UniqueConstraint("orderline_id", "batch_id"),
)


def start_mappers() -> None:
    lines_mapper = mapper_registry.map_imperatively(model.OrderLine, order_lines)
    mapper_registry.map_imperatively(
        model.Batch,
        batches,
        properties={"_allocations": relationship(lines_mapper, secondary=allocations, collection_class=set)},
    )
