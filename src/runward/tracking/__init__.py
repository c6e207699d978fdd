"""Journal, runs, params, metrics, artifacts, capture and the search language."""
