"""A timestamp authority (RFC 3161), run by openssl, with a certificate of its own."""

import subprocess
from collections.abc import Callable
from pathlib import Path


def timestamp_authority(folder: Path) -> Callable[[bytes], bytes]:
    """Return what answers a query; its files, `cert.pem` among them, lie in the new `folder`."""
    folder.mkdir()
    (folder / "tsa.cnf").write_text(
        "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ext\n[dn]\nCN=Timestamps of the town\n"
        "[ext]\nextendedKeyUsage=critical,timeStamping\n"
        "[tsa]\ndefault_tsa=one\n[one]\nserial=serial\ncrypto_device=builtin\nsigner_cert=cert.pem\n"
        "signer_key=key.pem\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256,sha512\naccuracy=secs:1\n"
    )
    (folder / "serial").write_text("01\n")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config", "tsa.cnf"]
    subprocess.run([*made, "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True)

    def answer(query: bytes) -> bytes:
        (folder / "query.tsq").write_bytes(query)
        asked = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", "answer.tsr"]
        subprocess.run(asked, cwd=folder, check=True, capture_output=True)
        return (folder / "answer.tsr").read_bytes()

    return answer
