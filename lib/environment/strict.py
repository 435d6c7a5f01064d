"""How each section of an environment's file is read."""

# An unknown setting is refused: a mistyped one would be ignored in silence.
STRICT = {"extra": "forbid", "allow_inf_nan": False}
