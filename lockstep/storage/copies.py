"""Copy files; where the file system can, the copy shares the original's blocks."""

import errno
import os
import shutil
from pathlib import Path

UNSUPPORTED = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
AT_ONCE = 2**30  # bytes; Linux copies at most 2 GiB in one call


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's content; raises OSError.

    Linux makes a reflink of it on file systems such as Btrfs and XFS, which takes no time and no
    space until one of both files is changed.
    """
    try:
        with source.open("rb") as original, target.open("wb") as copy:
            while os.copy_file_range(original.fileno(), copy.fileno(), AT_ONCE):
                pass
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in UNSUPPORTED:
            raise
        shutil.copyfile(source, target)  # on another file system, or not on Linux
