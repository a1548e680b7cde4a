"""What several tests share: small agents, fake tasks, runs to look at."""
