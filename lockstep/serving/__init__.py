"""Find, load and export saved models, and predict for a user's files."""
