"""Dataset versions: content-addressed, named by people, compared, described, and joined to the runs that read them."""
