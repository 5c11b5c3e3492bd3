"""The contract: typed events, rollups, alerts and follow-ups, and the JSON Schemas generated from them."""
