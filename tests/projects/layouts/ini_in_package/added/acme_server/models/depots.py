from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Depot(Base):
    __tablename__ = "depot"

    id: Mapped[int] = mapped_column(primary_key=True)
    town: Mapped[str] = mapped_column(index=True)
