"""The queue's side: pace, once only, dead letters."""
