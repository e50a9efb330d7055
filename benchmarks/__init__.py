"""What is fast, small and cheap, measured side by side: `make bench`, `make cost` (docs/scale.md says what it means)."""
