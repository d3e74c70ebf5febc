"""The HTTP/1.1 client of the proxy: it sends heads byte for byte and hands bodies on as they arrive."""
