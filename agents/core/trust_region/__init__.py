"""The parts that TRPO and DnC share, agents that step within trust regions."""
