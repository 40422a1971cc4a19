"""The runner: where store, models and engine meet and jobs are carried out."""
