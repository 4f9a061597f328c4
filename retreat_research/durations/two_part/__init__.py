"""Whether there is a response, and how long it lasts."""
