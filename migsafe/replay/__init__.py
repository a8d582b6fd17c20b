"""Run the pending migrations on copies of sampled old databases and record what happened."""
