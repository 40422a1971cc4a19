"""What several test folders share: a service in this process, its jobs, and a reader of event streams."""
