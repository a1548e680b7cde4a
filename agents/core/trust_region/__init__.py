"""What TRPO and DnC share: agents that step within trust regions."""
