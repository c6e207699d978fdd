"""Experiments, tasks, results, executors and job states."""
