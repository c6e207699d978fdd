"""The checklist on source code: each module reads one group of its items from the syntax tree; nothing is run."""
