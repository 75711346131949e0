from fastapi import FastAPI

from app.audit import models as audit
from app.core.db import engine
from app.flags import models as flags
from app.shop import models as shop

app = FastAPI()
app.state.engine = engine
app.state.metadatas = [audit.AuditBase.metadata, flags.SQLModel.metadata, shop.ShopBase.metadata]
