"""Write a Report down: text for people, JSON for programs."""
