"""Other relays in front of the same server, as yardsticks: what one costs that does nothing with what it passes on."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.servers import free_port

START_TIMEOUT_S = 10
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; scgi_temp_path {folder}/scgi; uwsgi_temp_path {folder}/uwsgi;
  upstream service {{ server {upstream}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port}; keepalive_requests 10000000;
    location / {{
      proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_request_buffering off; {options}
    }}
  }}
}}
"""
ONE_MEBIBYTE = "proxy_buffer_size 1m; proxy_buffers 8 1m; proxy_busy_buffers_size 2m;"
HAPROXY = """
global
  nbthread 1
  tune.pipesize 1048576
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option splice-response
  option splice-request
frontend all
  bind 127.0.0.1:{port}
  default_backend service
backend service
  http-reuse always
  server service {upstream}
"""


@contextmanager
def nginx(upstream: str, options: str = "") -> Iterator[str]:
    """The URL of an nginx of one worker in front of `upstream`, host and port."""
    with tempfile.TemporaryDirectory(prefix="azdicom-bench-") as folder:
        port = free_port()
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, port=port, upstream=upstream, options=options))
        with _running(("nginx", "-c", str(configuration)), port) as url:
            yield url


@contextmanager
def haproxy(upstream: str) -> Iterator[str]:
    """The URL of a HAProxy of one thread that lets the kernel move the bytes, in front of `upstream`."""
    with tempfile.TemporaryDirectory(prefix="azdicom-bench-") as folder:
        port = free_port()
        configuration = Path(folder) / "haproxy.cfg"
        configuration.write_text(HAPROXY.format(port=port, upstream=upstream))
        with _running(("haproxy", "-f", str(configuration)), port) as url:
            yield url


def installed(name: str) -> bool:
    return shutil.which(name) is not None


@contextmanager
def _running(command: tuple[str, ...], port: int) -> Iterator[str]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.perf_counter() + START_TIMEOUT_S
        while not _listens(port):
            if process.poll() is not None or time.perf_counter() > deadline:
                raise RuntimeError(f"{command[0]} does not start")
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionError:
        return False
    return True
