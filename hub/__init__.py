"""Readers from the Hugging Face hub: names, configurations, weights and tokenizers, both ways."""
