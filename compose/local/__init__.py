"""The plant on one machine, as local processes kept alive by supervisord."""

from compose.local.errors import PlantError
from compose.local.plant import LocalPlant

__all__ = ["LocalPlant", "PlantError"]
