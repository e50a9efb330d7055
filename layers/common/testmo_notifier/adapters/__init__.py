"""Whatever leaves the process. An adapter knows `model` and `errors` only."""
