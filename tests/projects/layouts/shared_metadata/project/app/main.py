from fastapi import FastAPI

from app.models.audit import AuditEntry
from app.models.document import Document

app = FastAPI()


@app.get("/tables")
async def tables() -> list[str]:
    return [AuditEntry.__tablename__, Document.__tablename__]
