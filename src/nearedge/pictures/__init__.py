"""Pictures of answers and series, to print or to look at in a browser."""
