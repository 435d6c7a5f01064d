"""The shared library of the consolidation runbooks.

Start at :func:`lib.platform.connect`. Importing this package imports no client
library: adapters are loaded when an environment that uses them is connected.
"""
