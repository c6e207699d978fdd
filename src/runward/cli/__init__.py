"""Commands of the rooms, with one output sink."""
