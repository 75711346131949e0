from datetime import datetime

from sqlalchemy import DateTime, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from src.core.models import Base, IdMixin


class Coupon(IdMixin, Base):
    __tablename__ = "coupon"

    code: Mapped[str] = mapped_column(String(20), unique=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
