import sqlalchemy as sa
from sqlalchemy import orm

from .tables import Base


class Listen(Base):
    __tablename__ = "listen"

    id: orm.Mapped[int] = orm.mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)
    track_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("track.id"), index=True)
    details: orm.Mapped[dict] = orm.mapped_column(sa.JSON)
