"""The incident replayed on real box scores, to demonstrate and test the runbooks."""
