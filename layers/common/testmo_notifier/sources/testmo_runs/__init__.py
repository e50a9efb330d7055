"""Test runs with manual or API results: which there are, their pages, what is new in them."""
