"""What a team edits, and nothing else: `routes.toml`, `issues.toml` and, under `templates/`, texts of its own."""
