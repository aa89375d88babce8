"""Language models: texts in, activity per token or word out."""
