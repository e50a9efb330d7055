"""What each function runs on: the adapters of one stack, as a poll or a delivery wants them."""
