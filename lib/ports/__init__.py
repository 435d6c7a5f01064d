"""The ports to everything except warehouse and lock, one per file.

Every call raises `SourceUnavailable` if the source cannot be read; an empty result
always means that the source was read and is empty.

A call that changes something takes the version that was read before. It changes
everything or nothing, and raises `ChangedMeanwhile` if the version has changed since. If it
raises `SourceUnavailable`, it may have taken effect; read again to find out.
"""
