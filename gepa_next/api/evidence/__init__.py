"""What a job leaves to be checked: candidates, artifacts, records, receipt, report."""
