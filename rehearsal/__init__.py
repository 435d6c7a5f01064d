"""The incident replayed on real box scores: what the runbooks are shown and tried on."""
