"""What a poll is made of, a file for each job; `poll` tells the story."""
