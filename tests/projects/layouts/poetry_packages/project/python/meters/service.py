from sqlalchemy import select

from .storage.session import sessions
from .storage.tables import Reading


async def latest(meter_id: int) -> Reading | None:
    async with sessions() as session:
        return await session.scalar(select(Reading).where(Reading.meter_id == meter_id).order_by(Reading.taken_at.desc()))
