"""All that runs leave: in a folder or in a bucket, whole, unchanged, and held to it by a chain of hashes."""
