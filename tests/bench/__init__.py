"""The benchmark behind `make bench`: a server, load from other processes over bare sockets, a table of medians."""
