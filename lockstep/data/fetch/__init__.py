"""Download published files, with retries, and check their sizes and digests."""

from lockstep.data.fetch.files import fetch_file

__all__ = ["fetch_file"]
