"""Config, Partial and task values with overrides and serialisation: pure."""
