"""What the service is asked and what it answers, as pydantic models: the only place that knows the JSON."""
