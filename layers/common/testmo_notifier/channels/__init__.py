"""Ways to tell people and programs, a folder each; `registry` has them all."""
