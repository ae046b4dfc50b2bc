"""The server over TLS: which versions it speaks, answers whole and streamed, and files that it cannot use.

    python3 tests/server/tls_test.py GLM_OCR SOURCE_DIR

The certificates are made here with the `openssl` program.
"""
import http.client
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import warnings

from server_process import Server, line_question

PROGRAM, ROOT = sys.argv[1:3]
failed = False


def check(name, ok, detail=""):
    global failed
    print(f"{'ok    ' if ok else 'FAILED'} {name}: {detail}", flush=True)
    failed |= not ok


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def make_pair(folder, name):
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate)
    return certificate, key


def client(certificate, version):
    context = ssl.create_default_context(cafile=str(certificate))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.1
        context.minimum_version = context.maximum_version = version
    if version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")  # this side would speak it
    return context


def talk(server, certificate):
    content, line = line_question(ROOT)
    request = {"messages": [{"role": "user", "content": content}], "max_tokens": 32}
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=60, context=client(certificate, version))
        for stream in (False, True):  # one after the other on one connection
            connection.request("POST", "/v1/chat/completions", json.dumps({**request, "stream": stream}),
                               {"Content-Type": "application/json"})
            spoken = connection.sock.version()
            answer = connection.getresponse()
            body = answer.read().decode()
            if stream:
                events = [json.loads(row[6:]) for row in body.splitlines() if row.startswith("data: {")]
                text = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
                check(f"{version.name} streams", text == line and len(events) > 3 and body.rstrip().endswith("[DONE]"),
                      f"{len(events)} events")
            else:
                text = json.loads(body)["choices"][0]["message"]["content"] if answer.status == 200 else body
                check(f"{version.name} answers", text == line and spoken == version.name.replace("_", "."), spoken)
        connection.close()
    try:
        with socket.create_connection(("127.0.0.1", server.port), 30) as bare:
            old = client(certificate, ssl.TLSVersion.TLSv1_1).wrap_socket(bare, server_hostname="localhost")
            check("TLSv1_1 is refused", False, old.version())
    except ssl.SSLError as error:
        check("TLSv1_1 is refused", error.reason == "TLSV1_ALERT_PROTOCOL_VERSION", error.reason)
    with socket.create_connection(("127.0.0.1", server.port), 30) as bare:
        bare.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        try:
            while piece := bare.recv(4096):
                got += piece
        except ConnectionResetError:
            pass
        check("plain HTTP is refused", b"HTTP/" not in got, got[:40])
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30,
                                             context=client(certificate, ssl.TLSVersion.TLSv1_3))
    connection.request("GET", "/health")
    check("it goes on after both", connection.getresponse().status == 200)
    connection.close()
    check("SIGTERM ends it", server.stop() == 0)


def refused(name, flags, *words):
    run = subprocess.run([PROGRAM, "serve", "--port", "0", *map(str, flags)], stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, timeout=60, start_new_session=True)
    said = run.stderr.strip().splitlines()[-1] if run.stderr.strip() else ""
    check(name, 0 < run.returncode < 128 and all(word in said for word in words), f"exit code {run.returncode}: {said}")


def main():
    with tempfile.TemporaryDirectory(prefix="glm-ocr-tls-") as name:
        folder = pathlib.Path(name)
        certificate, key = make_pair(folder, "one")
        _, other_key = make_pair(folder, "two")
        locked, text = folder / "locked.key", folder / "text.pem"
        openssl("pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:secret")
        text.write_text("no certificate\n", encoding="ascii")
        with Server(PROGRAM, "--tls-certificate", str(certificate), "--tls-key", str(key)) as server:
            talk(server, certificate)

        def pair(c, k):
            return "--tls-certificate", c, "--tls-key", k
        refused("no such certificate", pair(folder / "none.pem", key), "none.pem", "PEM file")
        refused("a certificate that is none", pair(text, key), "text.pem", "PEM file")
        refused("no such key", pair(certificate, folder / "none.key"), "none.key", "PEM file")
        refused("another certificate's key", pair(certificate, other_key), "two.key", "belongs to the certificate")
        refused("a key under a password", pair(certificate, locked), "locked.key", "without a password")
        refused("a certificate alone", ("--tls-certificate", certificate), "tls")
        refused("a key alone", ("--tls-key", key), "tls")
    sys.exit(1 if failed else 0)


main()
