"""What is fast, compared in one run with what people would use instead: `make bench`."""
