"""The lock switch: configuration that every consolidation reads (rollback option A).

It is the coordinator's environment variable ``CONSOLIDATION_LOCK``: ``on`` (the default)
or ``off``. On Cloud Run a process reads its own environment. Any other process, such as
a shell, reads the variable of the deployed coordinator, so that both agree.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from lib.errors import NotAsked, Unavailable
from lib.locking.switch import VARIABLE, is_on, own_switch
from lib.ports.services import Services

logger = logging.getLogger(__name__)

# Cloud Run sets this variable in every process, to the service's name.
_ON_CLOUD_RUN = "K_SERVICE"


def takes_lock(services: Callable[[], Services], coordinator: str) -> bool:
    """Return whether consolidations of this process take the lock.

    They do if the switch cannot be read: taking the lock costs waiting time, but skipping it
    could repeat work. Without services, a process reads its own environment variable.

    Args:
        services: Connects to the services; not called on Cloud Run, where a process has the switch itself.
        coordinator: Name of the service whose variable is the switch.
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
    """Return whether the deployed coordinator takes the lock.

    Raises:
        SourceUnavailable: The switch cannot be read, or is neither ``on`` nor ``off``.
    """
    return is_on(services.variable(coordinator, VARIABLE))
