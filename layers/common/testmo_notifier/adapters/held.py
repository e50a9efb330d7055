"""How what is held is stored, as few bytes."""
