from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.audit.models import AuditBase


class Webhook(AuditBase):
    __tablename__ = "webhook"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("audit_source.id"))
    target: Mapped[str]
