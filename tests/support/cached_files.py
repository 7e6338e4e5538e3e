"""Damage to files of DVC's cache."""

from pathlib import Path


def flip_bit(cached: Path) -> Path:
    """Flip a bit of an object in DVC's cache; it stays read-only."""
    content = bytearray(cached.read_bytes())
    content[-4] ^= 1
    cached.chmod(0o644)
    cached.write_bytes(content)
    cached.chmod(0o444)
    return cached
