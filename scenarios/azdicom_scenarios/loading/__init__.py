"""From a scenario file to its values: nodes, then conversion by the schema, then the model."""
