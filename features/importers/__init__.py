"""From what platforms, suites and shops export to the tables of the data contract, by mappings that are data."""
