"""Model cards, and the numbers in them."""
