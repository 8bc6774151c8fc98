"""A training run from settings to results: recipes, the run's folder, training, evaluation."""
