"""The code that several tests share: small agents, fake tasks and runs."""
