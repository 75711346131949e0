from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from src.core.models import Base, IdMixin


class Profile(IdMixin, Base):
    __tablename__ = "profile"

    nickname: Mapped[str] = mapped_column(String(40), unique=True)
    preferences: Mapped[dict] = mapped_column(JSON, default=dict)
