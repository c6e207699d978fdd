"""Standards, gates, checks, reviews and approvals."""
