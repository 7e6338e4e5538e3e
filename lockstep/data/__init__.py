"""From raw files to the arrays and the spec.json that every later stage follows."""
