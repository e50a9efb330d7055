"""One function for each endpoint: from its parameters to its rows. The table of routes is in `api.py`."""
