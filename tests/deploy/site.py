"""nginx with the shipped site in front of a real server: its name, port and certificates changed, and nothing else."""

import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.support.certificates import make_certificates

SITE = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
TIMEOUT_S = 30.0
CONNECTIONS = 2048
AROUND = """daemon off;
master_process off;
worker_rlimit_nofile {descriptors};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections {connections}; }}
http {{
access_log {folder}/access.log;
client_body_temp_path {folder}/bodies;
proxy_temp_path {folder}/proxied;
fastcgi_temp_path {folder}/unused;
uwsgi_temp_path {folder}/unused;
scgi_temp_path {folder}/unused;
{site}
}}
"""


@dataclass(frozen=True)
class Site:
    """The site as clients see it."""

    port: int
    authority: Path
    folder: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def plain_url(self) -> str:
        """The address without TLS."""
        found = re.search(r"listen (127\.0\.0\.1:\d+);", (self.folder / "nginx.conf").read_text())
        assert found
        return f"http://{found[1]}"

    def session(self) -> requests.Session:
        """Return a client that trusts the site, whatever the environment says."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.authority)
        return session

    def connect(self) -> ssl.SSLSocket:
        """Return a connection that has not sent anything yet."""
        context = ssl.create_default_context(cafile=str(self.authority))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

    def say(self, request: bytes) -> bytes:
        """Send the bytes, and return all that comes until the connection is closed."""
        with self.connect() as connection:
            connection.sendall(request)
            said = b""
            try:
                while part := connection.recv(65536):
                    said += part
            except ConnectionResetError:
                pass
        return said


@contextmanager
def opened_site(folder: Path, server_port: int) -> Iterator[Site]:
    certificates = make_certificates(folder)
    process, port = start_nginx(folder, with_tls(certificates), server_port)
    try:
        yield Site(port, certificates / "ca.pem", folder)
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


def start_nginx(
    folder: Path, lines: str, server_port: int, *, connections: int = CONNECTIONS
) -> tuple[subprocess.Popen[bytes], int]:
    """Start nginx with the lines of the site before the server, and return it with the port that it answers at."""
    port = free_port()
    lines = lines.replace("gepa.example.com", "127.0.0.1").replace("127.0.0.1:8000;", f"127.0.0.1:{server_port};")
    lines = re.sub(r"listen \[::\]:.*\n", "", lines)
    lines = lines.replace("/var/log/nginx", str(folder)).replace("/var/www/html", str(folder))
    lines = re.sub("listen 443", f"listen 127.0.0.1:{port}", lines)
    lines = re.sub("listen 80", f"listen 127.0.0.1:{free_port()}", lines)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        AROUND.format(folder=folder, site=lines, connections=connections, descriptors=2 * connections)
    )
    process = subprocess.Popen([str(NGINX), "-c", str(configuration)])
    wait_until_it_listens(process, port)
    return process, port


def with_tls(certificates: Path) -> str:
    text = SITE.read_text(encoding="utf-8")
    return re.sub(r"(ssl_certificate(?:_key)?) .*;", lambda found: f"{found[1]} {certificates}/good.pem;", text)


def without_tls() -> str:
    text = SITE.read_text(encoding="utf-8").replace(" ssl http2", "")
    return re.sub(r".*\bssl_.*\n", "", text)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S).close()
        except ConnectionRefusedError:
            continue
        return
    raise AssertionError("nginx does not start")
