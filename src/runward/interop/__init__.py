"""Foreign protocols, importers, exporters and generated files."""
