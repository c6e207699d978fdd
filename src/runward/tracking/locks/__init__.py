"""Lock files of many package managers: recognised, parsed, compared with what is installed, and written."""
