"""Tests the claim that nothing is lost and nothing is written twice: `python -m proof`."""
