"""Who may do what, over HTTP: the matrix that is published is the one that holds."""
