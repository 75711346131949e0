from sqlalchemy import select

from app.db import SessionLocal
from app.models import Job, JobState


def count_queued() -> int:
    with SessionLocal() as session:
        return len(session.scalars(select(Job).where(Job.state == JobState.queued)).all())


if __name__ == "__main__":
    print(count_queued())
