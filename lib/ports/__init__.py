"""The ports to what surrounds warehouse and lock, a file each.

Every call raises `SourceUnavailable` when the source cannot be read; an empty
answer always means that the source was read and holds nothing.

A call that changes something takes the version that was read before, changes all or
nothing, and only if nobody changed it since: else `ChangedMeanwhile`. When it raises
`SourceUnavailable` it may have taken effect; reading again tells.
"""
