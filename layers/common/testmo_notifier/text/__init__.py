"""Other people's text, made harmless and short. What testers write is hostile until proven otherwise."""
