from sqlalchemy.orm import Mapped, mapped_column

from blog.models import Base


class OnlyInTests(Base):
    __tablename__ = "only_in_tests"

    id: Mapped[int] = mapped_column(primary_key=True)


def test_tables_have_names() -> None:
    assert OnlyInTests.__tablename__
