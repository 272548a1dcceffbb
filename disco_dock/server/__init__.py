"""The server behind `disco-dock serve`: a page, a REST API, a queue of jobs on disk, and the processes that dock."""
