"""The Worklist Service, UPS-RS (PS3.18 §11): one module a transaction, subscriptions and the event channel."""
