"""The archive of runs, in a folder or a bucket; a chain of hashes shows whether a file has changed."""
