"""Drills: each incident of the pipeline, and ordinary nights, set up for real and held against the runbooks."""
