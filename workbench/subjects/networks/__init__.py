"""Any torch network: activity at its modules, with all axes kept."""
