"""The report: a job as one file for people, to be opened, sent on, printed and kept."""
