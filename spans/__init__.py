"""The task, whatever the data set: windows, scores, answers."""
