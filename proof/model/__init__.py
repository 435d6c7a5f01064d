"""The protocol as a model that spin checks exhaustively: `python -m proof.model`."""
