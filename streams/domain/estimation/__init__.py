"""What work of a kind takes, learned from what it took: evidence, base priors, posteriors, and how promises held."""
