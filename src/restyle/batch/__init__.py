"""Many pictures, videos and sounds: rows of a list, painted by worker processes or a Ray cluster."""
