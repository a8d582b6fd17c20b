"""Incidents: the record, its page, what each audience reads, and the messages to users."""
