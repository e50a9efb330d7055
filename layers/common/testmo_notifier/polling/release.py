"""What was held, told when it is due."""
