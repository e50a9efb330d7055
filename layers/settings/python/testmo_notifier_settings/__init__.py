"""What a team edits, and nothing else: `routes.toml` and, under `templates/`, texts that replace the built-in ones."""
