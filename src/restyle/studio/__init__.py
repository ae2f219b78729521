"""restyle in the browser: a page, and an HTTP API with a queue, jobs and limits (extra `studio`)."""
