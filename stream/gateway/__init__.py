"""Adapters: what platforms and files say, as events of the contract."""
