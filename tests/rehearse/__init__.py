"""The plant flight simulator: a plant is driven and hurt, and every message of it is accounted for."""
