"""The web process against its peers: requests, and streams by the thousand."""
