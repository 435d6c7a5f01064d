"""What a bucket of Google Cloud needs: the default credentials, no word on the terminal, and to be there.

See https://gcsfs.readthedocs.io/en/latest/#credentials
"""

from __future__ import annotations

import logging
import os
import re
from typing import Any

from lib.errors import UserError

SCHEMES = ("gs://", "gcs://")
# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)


def open_options(url: str) -> dict[str, Any]:
    """What fsspec has to be told of the bucket, besides its URL.

    Raises:
        UserError: No bucket can have that name.
    """
    bucket = url.partition("://")[2].partition("/")[0]
    if not _BUCKET.fullmatch(bucket):
        raise UserError(f"{url!r:.120} cannot be an archive: {bucket!r:.80} is no bucket; write gs://bucket/prefix")
    # gcsfs logs each failure with a traceback, and raises it as well.
    logging.getLogger("gcsfs").addHandler(logging.NullHandler())
    # Else it asks a second service, of which kind the bucket is, before every request that this one refuses.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    # Else it goes on without credentials, after a minute where no metadata server answers.
    return {} if os.environ.get("STORAGE_EMULATOR_HOST") else {"token": "google_default"}


def is_missing(files: Any, root: str, timeout_seconds: float) -> bool:
    """Whether there is no such bucket; listing a folder tells no more of that than of an empty folder.

    Raises:
        Exception: It could not be looked for.
    """
    try:
        files.ls(root.partition("/")[0], max_results=1, timeout=timeout_seconds)
    except FileNotFoundError:
        return True
    except OSError as error:
        # Whoever may see but a part of it is refused; gcsfs has no other word for that.
        if not str(error).startswith("Forbidden"):
            raise
    return False
