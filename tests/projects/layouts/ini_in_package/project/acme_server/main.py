from fastapi import FastAPI

from acme_server.db import SessionLocal
from acme_server.models import Parcel

app = FastAPI()


@app.get("/parcels/{number}")
async def read_parcel(number: int) -> dict[str, int | None]:
    async with SessionLocal() as session:
        parcel = await session.get(Parcel, number)
    return {"route": parcel.route_id if parcel else None}
