"""Traffic to scenario: what was recorded becomes fixtures, steps, captures and expectations (record-replay §13.4)."""
