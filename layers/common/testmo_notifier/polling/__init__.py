"""The steps of a poll, a file each."""
