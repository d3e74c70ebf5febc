"""What the tests share: a running server, its client, data sets, bodies, processes."""
