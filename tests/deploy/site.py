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
AROUND = """daemon off;
master_process off;
worker_rlimit_nofile 4096;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 2048; }}
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
    ports = {"80": free_port(), "443": free_port()}
    configuration = folder / "nginx.conf"
    configuration.write_text(AROUND.format(folder=folder, site=site_for(ports, server_port, certificates)))
    with subprocess.Popen([str(NGINX), "-c", str(configuration)], stderr=subprocess.PIPE, text=True) as process:
        try:
            site = Site(ports["443"], certificates / "ca.pem", folder)
            wait_until_it_listens(site, process)
            yield site
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def site_for(ports: dict[str, int], server_port: int, certificates: Path) -> str:
    text = SITE.read_text(encoding="utf-8").replace("gepa.example.com", "127.0.0.1")
    text = re.sub(r"server 127\.0\.0\.1:8000;", f"server 127.0.0.1:{server_port};", text)
    text = re.sub(r"listen \[::\]:.*\n", "", text)
    text = re.sub(r"listen (80|443)", lambda found: f"listen 127.0.0.1:{ports[found[1]]}", text)
    text = re.sub(r"ssl_certificate +\S+;", f"ssl_certificate {certificates}/good.pem;", text)
    return re.sub(r"ssl_certificate_key +\S+;", f"ssl_certificate_key {certificates}/good.pem;", text)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_until_it_listens(site: Site, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        try:
            site.connect().close()
        except ConnectionRefusedError:
            continue
        return
    raise AssertionError(process.stderr.read() if process.stderr else "nginx does not start")
