from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.orm import Base


class Calibration(Base):
    __tablename__ = "calibration"

    id: Mapped[int] = mapped_column(primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id", ondelete="CASCADE"), index=True)
    factor: Mapped[float] = mapped_column(server_default="1")
