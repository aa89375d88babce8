"""The plugin contract: specs, measures beside their nulls, results, and the registry."""
