"""What there is to tell: digests, who gets them, and what templates see."""
