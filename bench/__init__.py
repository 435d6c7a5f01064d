"""Benchmarks that compare this library with what people would use instead: `make bench`."""
