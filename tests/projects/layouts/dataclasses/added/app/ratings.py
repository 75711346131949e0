from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.base import Base, intpk, timestamp


class Rating(Base):
    __tablename__ = "rating"
    __table_args__ = (CheckConstraint("stars BETWEEN 1 AND 5", name="ck_rating_stars"),)

    id: Mapped[intpk] = mapped_column(init=False)
    created_at: Mapped[timestamp] = mapped_column(init=False)
    recipe_id: Mapped[int] = mapped_column(ForeignKey("recipe.id"))
    stars: Mapped[int]
