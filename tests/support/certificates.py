"""Certificates to be met with, made by openssl when they are needed: each a PEM file with its key."""

import subprocess
from pathlib import Path

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
HERE = "IP:127.0.0.1"


def make_certificates(folder: Path) -> Path:
    """Write ca.pem, and signed by it good.pem, expired.pem and elsewhere.pem; unknown.pem is signed by itself."""
    _openssl("req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=CA", at=folder)
    _sign(folder, "good", names=HERE, days=2)
    _sign(folder, "expired", names=HERE, days=-1)
    _sign(folder, "elsewhere", names="DNS:elsewhere.invalid", days=2)
    names = ("-addext", f"subjectAltName={HERE}")
    _openssl("req", "-x509", *CURVE, "-keyout", "key", "-out", "crt", "-days", "2", "-subj", "/CN=x", *names, at=folder)
    _join(folder, "unknown")
    return folder


def _sign(folder: Path, name: str, *, names: str, days: int) -> None:
    (folder / "names").write_text(f"subjectAltName={names}")
    _openssl("req", *CURVE, "-keyout", "key", "-out", "csr", "-subj", "/CN=x", at=folder)
    signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
    _openssl("x509", "-req", "-in", "csr", *signer, "-days", str(days), "-extfile", "names", "-out", "crt", at=folder)
    _join(folder, name)


def _join(folder: Path, name: str) -> None:
    (folder / f"{name}.pem").write_text((folder / "key").read_text() + (folder / "crt").read_text())


def _openssl(*arguments: str, at: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=at, check=True, capture_output=True, timeout=30)  # noqa: S607 - of the path
