"""What the columns of the tables hold: instants in UTC, numbers, sealed bytes, JSON."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, Text, TypeDecorator

from tocsin.domain.values import as_utc


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant in UTC: `timestamptz` on PostgreSQL; on SQLite fixed-width text, which sorts as time does."""

    impl = DateTime(timezone=True).with_variant(Text(), "sqlite")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return what the driver is given. Raises ValueError for a naive instant."""
        if value is None:
            return None
        instant = as_utc(value)
        return instant.isoformat(timespec="microseconds") if dialect.name == "sqlite" else instant

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC, whatever zone the session is in."""
        if value is None:
            return None
        return as_utc(datetime.fromisoformat(value) if dialect.name == "sqlite" else value)


INSTANT = UtcInstant()
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
SEALED = LargeBinary()
JSON = Text()
