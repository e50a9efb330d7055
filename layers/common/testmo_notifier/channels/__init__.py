"""Ways to tell people, a folder each."""
