"""All calls to DVC: which stages are stale, running them, hashes, DVC experiments."""
