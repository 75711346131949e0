from sqlmodel import Session, create_engine, select

from app.core.config import settings
from app.models import User

engine = create_engine(str(settings.SQLALCHEMY_DATABASE_URI))


def init_db(session: Session) -> None:
    # Tables should be created with Alembic migrations
    user = session.exec(select(User).where(User.is_superuser)).first()
    if not user:
        session.add(User(email="admin@example.com", is_superuser=True, hashed_password="changethis"))
        session.commit()
