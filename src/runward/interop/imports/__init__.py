"""What other tools recorded, brought in: one reader a tool, one engine for all of them."""
