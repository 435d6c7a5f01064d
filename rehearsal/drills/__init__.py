"""Drills: incidents of the pipeline and ordinary nights, set up for real, on which the runbooks are tested."""
