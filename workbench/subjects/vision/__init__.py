"""Vision models of the Hugging Face hub, and pictures to show them."""
