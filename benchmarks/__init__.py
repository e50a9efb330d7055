"""What is fast, small and cheap, measured side by side: `make bench` and `make cost`; docs/scale.md reads it."""
