"""Import-compatible faces of other tools."""
