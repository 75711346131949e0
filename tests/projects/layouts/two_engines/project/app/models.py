import enum
from datetime import datetime, timedelta

from sqlalchemy import JSON, DateTime, Enum, ForeignKey, Index, Interval, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class JobState(enum.StrEnum):
    queued = "queued"
    running = "running"
    done = "done"


class Worker(Base):
    __tablename__ = "worker"

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(unique=True)
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Job(Base):
    __tablename__ = "job"
    __table_args__ = (
        Index(
            "ix_job_queued",
            "created_at",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int | None] = mapped_column(ForeignKey("worker.id", ondelete="SET NULL"))
    state: Mapped[JobState] = mapped_column(Enum(JobState, name="job_state"), server_default=JobState.queued)
    arguments: Mapped[dict] = mapped_column(JSON)
    limit: Mapped[timedelta | None] = mapped_column(Interval)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
