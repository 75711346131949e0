from sqlalchemy import create_engine

from app.core.config import config

maintenance = create_engine(config.MAINTENANCE_DATABASE_URL)


def vacuum() -> None:
    with maintenance.connect() as connection:
        connection.exec_driver_sql("VACUUM")
