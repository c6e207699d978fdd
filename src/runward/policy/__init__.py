"""What may be done with what: labels that are carried along lineage, terms of datasets, and a look for personal data."""
