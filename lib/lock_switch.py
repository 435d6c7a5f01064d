"""The lock switch: configuration that every consolidation reads (rollback option A).

It is an environment variable of the coordinator, ``CONSOLIDATION_LOCK``: ``on`` or
absent, or ``off``. On Cloud Run a process finds it in its own environment; any other
one, such as a shell, goes by the code that serves as the coordinator, so that both
agree.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from lib.errors import NotAsked, Unavailable
from lib.locking.switch import VARIABLE, is_on, own_switch
from lib.ports.services import Services

logger = logging.getLogger(__name__)

# Cloud Run sets it in each of its processes, to the service's name.
_ON_CLOUD_RUN = "K_SERVICE"


def takes_lock(services: Callable[[], Services], coordinator: str) -> bool:
    """Whether consolidations of this process take the lock.

    They do when the switch cannot be read: that costs waiting, the other way round work
    would be done twice. Without services a process goes by its own environment variable.

    Args:
        services: Connects to them; not called on Cloud Run, where a process carries the switch itself.
        coordinator: The service that has the switch.
    """
    if VARIABLE in os.environ or _ON_CLOUD_RUN in os.environ:
        return own_switch()
    try:
        return deployed_switch(services(), coordinator)
    except NotAsked:
        return own_switch()
    except Unavailable as problem:
        logger.warning("The lock switch cannot be read, so the lock is taken: %s", problem)
        return True


def deployed_switch(services: Services, coordinator: str) -> bool:
    """Whether the coordinator that serves takes the lock.

    Raises:
        SourceUnavailable: It cannot be seen, or holds another value than ``on`` and ``off``.
    """
    return is_on(services.variable(coordinator, VARIABLE))
