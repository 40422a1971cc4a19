"""What the service says of itself: health, metrics, description."""
