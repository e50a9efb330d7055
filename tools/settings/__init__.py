"""What a team edits: checked and shown."""
