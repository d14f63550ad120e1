"""From stack files to a plan: read, merge, choose a profile, resolve, check."""
