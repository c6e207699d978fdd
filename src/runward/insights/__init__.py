"""Reports and figures about the work: reads every room, writes only what is its own."""
