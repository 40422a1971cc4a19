"""The pages for people: server-rendered frames that the event stream of a job keeps up to date."""
