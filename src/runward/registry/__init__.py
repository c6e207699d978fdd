"""Dataset versions, model versions, aliases and lineage."""
