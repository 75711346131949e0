from sqlalchemy.orm import Mapped, mapped_column

from hotel.infrastructure.tables import Base


class Guest(Base):
    __tablename__ = "guest"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
