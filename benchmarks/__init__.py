"""What it costs, measured beside its peers; each prints one JSON object with --json."""
