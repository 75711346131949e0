from sqlalchemy import Column, DateTime, ForeignKey, Integer, String, Table, func

from database import metadata

notification = Table(
    "notification",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("auth_user.id"), nullable=False),
    Column("text", String, nullable=False),
    Column("sent_at", DateTime(timezone=True), server_default=func.now()),
)
