"""What a workspace knows of a person: where it stands, how they get it, how it is forgotten, how long it is kept."""
