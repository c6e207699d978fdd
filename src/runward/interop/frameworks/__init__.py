"""Training frameworks that log by themselves: ``runward.autolog()``, and a callback of each for who likes it explicit."""
