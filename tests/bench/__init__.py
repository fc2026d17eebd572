"""How fast it is, side by side with others, as ratios."""
