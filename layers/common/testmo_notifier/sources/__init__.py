"""Where results come from, a folder per source."""
