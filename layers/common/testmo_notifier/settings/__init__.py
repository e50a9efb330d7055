"""What a team edits, read and checked: a mistake has its file and line, and silences nobody."""
