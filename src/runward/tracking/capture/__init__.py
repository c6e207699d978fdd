"""What a run was made of: code, environment, machine, command line and the files it read."""
