import enum
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Numeric
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.base import Base, intpk, name50, timestamp


class Course(enum.Enum):
    starter = "starter"
    main = "main"
    dessert = "dessert"


class Recipe(Base):
    __tablename__ = "recipe"

    id: Mapped[intpk] = mapped_column(init=False)
    name: Mapped[name50]
    course: Mapped[Course]
    created_at: Mapped[timestamp] = mapped_column(init=False)
    nutrition: Mapped[dict[str, Any]] = mapped_column(JSON, default_factory=dict)
    servings: Mapped[int] = mapped_column(server_default="4", default=4)
    ingredients: Mapped[list["Ingredient"]] = relationship(back_populates="recipe", default_factory=list)


class Ingredient(Base):
    __tablename__ = "ingredient"

    id: Mapped[intpk] = mapped_column(init=False)
    recipe_id: Mapped[int] = mapped_column(ForeignKey("recipe.id", ondelete="CASCADE"), index=True, init=False)
    name: Mapped[str]
    grams: Mapped[Decimal | None] = mapped_column(Numeric(8, 2), default=None)
    recipe: Mapped[Recipe] = relationship(back_populates="ingredients")
