"""A model of the protocol that spin checks exhaustively: `python -m proof.model`."""
