"""``python -m runward``."""

from runward.cli.main import main

main()
