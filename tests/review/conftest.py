"""The corpus is read by the checks, not collected."""

collect_ignore_glob = ["corpus/*"]
