"""Hostile and broken clients against a running server: it stays up, gives memory back and answers correctly afterwards.

    python3 tests/server/faults_test.py GLM_OCR SOURCE_DIR [--hostile 10000]

Prints a table of the faults. Standard library only; the requests are made from a fixed seed.
"""
import argparse
import json
import os
import pathlib
import random
import select
import socket
import subprocess
import sys
import threading
import time

from server_process import Server, line_question

arguments = argparse.ArgumentParser()
arguments.add_argument("program")
arguments.add_argument("source")
arguments.add_argument("--hostile", type=int, default=10000, help="mutated requests")
arguments.add_argument("--seed", type=int, default=20261121)
args = arguments.parse_args()

KEY = "test-key-0123456789"
FLAGS = ["--header-timeout-s", "1.5", "--body-timeout-s", "1.5", "--write-timeout-s", "2", "--idle-timeout-s", "5",
         "--max-body-bytes", "1MiB", "--max-unsent-bytes", "256KiB", "--max-connections", "200",
         "--min-bytes-per-s", "1000000", "--log-level", "info"]
rows, failed = [], False


def check(name, ok, detail=""):
    global failed
    rows.append((name, "ok" if ok else "FAILED", detail))
    print(f"{'ok    ' if ok else 'FAILED'} {name}: {detail}", flush=True)
    failed |= not ok


def read_all(sock, seconds=10, limit=1 << 22):
    """Bytes until the other end closes (then the flag is true) or the time is over."""
    got, end = b"", time.monotonic() + seconds
    while time.monotonic() < end and len(got) < limit:
        if not select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
            break
        try:
            piece = sock.recv(65536)
        except ConnectionError:
            return got, True
        if not piece:
            return got, True
        got += piece
    return got, False


def exchange(server, raw, seconds=10, half_close=False):
    with server.socket() as sock:
        try:
            sock.sendall(raw)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return read_all(sock, seconds)


def head(method="POST", path="/v1/chat/completions", length=None, extra=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Authorization: Bearer " + KEY]
    if length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return ("\r\n".join([*lines, *extra]) + "\r\n\r\n").encode()


def statuses(raw):
    """Status codes of the answers in `raw`, in order; pipelined ones included."""
    codes, at = [], 0
    while raw.startswith(b"HTTP/1.", at):
        codes.append(int(raw[at + 9:at + 12]))
        end = raw.find(b"\r\n\r\n", at)
        if end < 0:
            break
        length = 0
        for line in raw[at:end].lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        at = end + 4 + length
    return codes


def drip(server, raw, every_s, seconds):
    """Sends a byte at a time; the seconds until the server closed, or None."""
    with server.socket() as sock:
        begun = time.monotonic()
        for byte in raw:
            if time.monotonic() - begun > seconds:
                return None
            try:
                sock.sendall(bytes([byte]))
            except OSError:
                return time.monotonic() - begun
            if select.select([sock], [], [], every_s)[0]:
                try:
                    if not sock.recv(65536):
                        return time.monotonic() - begun
                except ConnectionError:
                    return time.monotonic() - begun
    return None


def slowloris(server):
    took = drip(server, head(length=10), 0.2, 10)
    check("slowloris: header", took is not None and took < 5, f"closed after {took and round(took, 1)} s (limit 1.5)")
    took = drip(server, head(length=100000) + b"x" * 1000, 0.02, 15)
    check("slowloris: body", took is not None and took < 12, f"closed after {took and round(took, 1)} s (limit 1.5)")
    # Many of them at once do not keep others out.
    idle = [server.socket() for _ in range(100)]
    for sock in idle:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: ")
    begun = time.monotonic()
    status, _, _ = server.request("GET", "/health")
    check("slowloris: 100 half requests", status == 200 and time.monotonic() - begun < 1,
          f"/health {status} in {time.monotonic() - begun:.3f} s")
    time.sleep(2.5)
    closed = sum(bool(read_all(sock, 0.5)[1]) for sock in idle)
    check("slowloris: 100 half requests end", closed == 100, f"{closed} of 100 closed")
    for sock in idle:
        sock.close()


def end_tokens():
    """Without them an answer goes on to its last token."""
    config = json.loads(pathlib.Path(args.source, "models/starter/generation_config.json").read_text())
    return config["eos_token_id"]


def never_reads(server, question):
    body = json.dumps({"messages": [{"role": "user", "content": question}], "stream": True, "n": 8,
                       "max_tokens": 4096, "logprobs": True, "top_logprobs": 20, "temperature": 2,
                       "logit_bias": {str(token): -100 for token in end_tokens()}}).encode()
    clients = []
    for _ in range(4):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(head(length=len(body)) + body)
        clients.append(sock)
    time.sleep(1)
    end = time.monotonic() + 40
    running = None
    while time.monotonic() < end:
        _, _, text = server.request("GET", "/metrics")
        running = metric(text, "glmocr_num_requests_running") + metric(text, "glmocr_num_requests_waiting")
        if running == 0:
            break
        time.sleep(0.2)
    for sock in clients:
        sock.close()
    # Long before their ends (some 80 MB): for the bound on what is unsent, behind what the kernel took, or for write_timeout_s.
    ends = [json.loads(line) for line in server.log().splitlines()
            if '"/v1/chat/completions"' in line and '"event":"request"' in line][-len(clients):]
    sent, seconds = ([end[name] for end in ends] for name in ("sent_bytes", "seconds"))
    kernel = int(open("/proc/sys/net/ipv4/tcp_wmem").read().split()[2])
    check("client that never reads", running == 0 and min(sent) > 256 << 10 and max(sent) < kernel + (1 << 20),
          f"{running:g} sequences run on; dropped with {min(sent) >> 10} to {max(sent) >> 10} KiB unread "
          f"after {min(seconds):.1f} to {max(seconds):.1f} s")


def metric(text, name):
    return sum(float(line.rsplit(b" ", 1)[1]) for line in text.splitlines()
               if line.split(b"{")[0].split(b" ")[0] == name.encode())


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "bare line": b"hello\r\n\r\n",
    "no version": b"GET /health\r\n\r\n",
    "HTTP/9.9": b"GET /health HTTP/9.9\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "space in the target": b"GET /hea lth HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "NUL in a header": b"GET /health HTTP/1.1\r\nHost: local\0host\r\n\r\n",
    "header without colon": b"GET /health HTTP/1.1\r\nHost\r\n\r\n",
    "space before the colon": b"GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "folded header": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "two lengths": head(extra=["Content-Length: 5", "Content-Length: 6", "Content-Type: application/json"]) + b"{}{}{}",
    "length and chunked": head(extra=["Content-Length: 5", "Transfer-Encoding: chunked",
                                      "Content-Type: application/json"]) + b"0\r\n\r\n",
    "length -1": head(length=-1),
    "length 1e30": head(length="1" + "0" * 30),
    "length in hex": head(length="0x10"),
    "chunk of 2^64": head(extra=["Transfer-Encoding: chunked", "Content-Type: application/json"]) + b"FFFFFFFFFFFFFFFFF\r\n",
    "chunk without size": head(extra=["Transfer-Encoding: chunked", "Content-Type: application/json"]) + b"zz\r\n{}\r\n0\r\n\r\n",
    "unknown coding": head(extra=["Transfer-Encoding: gzip", "Content-Type: application/json"]) + b"xx",
    "10,000 headers": b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 10000 + b"\r\n",
    "a header of 1 MiB": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n",
    "a target of 1 MiB": b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute target": b"GET http://evil/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n",
    "empty lines first": b"\r\n" * 2000 + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "only empty lines": b"\r\n" * 100000,
}


def malformed(server):
    for name, raw in MALFORMED.items():
        got, closed = exchange(server, raw, seconds=6)
        codes = statuses(got)
        refused = all(400 <= code < 600 for code in codes) if codes else closed
        # A few of these a server may take; what it must not do is hang, or answer twice.
        fine = name in ("absolute target", "folded header", "empty lines first") and codes == [200]
        check(f"malformed: {name}", (refused or fine) and len(codes) <= 1, f"{codes or 'no answer'}, closed: {closed}")


def bodies(server):
    def post(name, body, want, extra=()):
        got, _ = exchange(server, head(length=len(body), extra=[*extra, "Connection: close"]) + body, seconds=20)
        codes = statuses(got)
        check(f"body: {name}", codes and codes[0] in want, f"{codes or 'no answer'}")
    post("2 MiB of JSON (limit 1 MiB)", b'{"a":"' + b"x" * (2 << 20) + b'"}', [413])
    post("nesting of 100,000", b"[" * 100000 + b"]" * 100000, [400])
    post("nesting in an object", b'{"messages":' * 50000 + b"1" + b"}" * 50000, [400])
    post("100,000 members", b"{" + b",".join(b'"k%d":0' % i for i in range(70000)) + b"}", [400])
    post("duplicate members", b'{"messages":[],"messages":[]}', [400])
    post("not UTF-8", b'{"messages":"\xff\xfe"}', [400])
    post("a number of 100,000 digits", b'{"messages":' + b"9" * 100000 + b"}", [400])
    post("1e999", b'{"temperature":1e999,"messages":[]}', [400])
    post("empty", b"", [400])
    post("50,000 messages", json.dumps({"messages": [{"role": "user", "content": ""}] * 20000}).encode(), [400])
    # An announced body that never comes: refused at its size, or given up in time.
    got, closed = exchange(server, head(length=1 << 40), seconds=5)
    check("body: 1 TiB announced", statuses(got)[:1] == [413], f"{statuses(got)}, closed: {closed}")
    got, closed = exchange(server, head(length=1000) + b"{", seconds=8)
    check("body: never sent", closed, f"{statuses(got)}, closed: {closed}")
    got, closed = exchange(server, head(length=1000) + b"{", seconds=8, half_close=True)
    check("body: cut short", closed, f"{statuses(got)}, closed: {closed}")
    chunks = head(extra=["Transfer-Encoding: chunked", "Content-Type: application/json"]) + b"1\r\n \r\n" * 300000
    got, _ = exchange(server, chunks, seconds=15)
    check("body: 300,000 chunks of a byte", True, f"{statuses(got) or 'no answer'}")


def pipelining(server):
    one = head("GET", "/health")
    got, _ = exchange(server, one * 200 + head("GET", "/health", extra=["Connection: close"]), seconds=15)
    codes = statuses(got)
    check("pipelining: 201 requests", codes == [200] * 201, f"{len(codes)} answers, {set(codes)}")
    body = json.dumps({"messages": [{"role": "user", "content": "Text Recognition:"}], "max_tokens": 2}).encode()
    mixed = (head("GET", "/health") + head(length=len(body)) + body + head("GET", "/nothing") +
             head("GET", "/health", extra=["Connection: close"]))
    got, _ = exchange(server, mixed, seconds=30)
    check("pipelining: order of answers", statuses(got) == [200, 200, 404, 200], f"{statuses(got)}")
    # Sends requests, never reads: the server must stop reading, not gather answers.
    with server.socket() as sock:
        sock.setblocking(False)
        sent, end = 0, time.monotonic() + 4
        while time.monotonic() < end and sent < (64 << 20):
            try:
                sent += sock.send(one * 500)
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:
                break
    check("pipelining: nobody reads", sent < (64 << 20), f"{sent >> 10} KiB were taken")


def connections(server):
    open_ones = []
    try:
        for _ in range(400):
            open_ones.append(server.socket(timeout=5))
    except OSError:
        pass
    time.sleep(0.5)
    closed = sum(read_all(sock, 0.01)[1] for sock in open_ones)
    check("400 connections (limit 200)", closed >= 190, f"{closed} closed at once")
    for sock in open_ones:
        sock.close()
    time.sleep(0.5)
    check("connections: room again", server.request("GET", "/health")[0] == 200, "after they left")
    # Sockets reset in the middle of an answer.
    body = json.dumps({"messages": [{"role": "user", "content": "Text Recognition:"}], "stream": True,
                       "max_tokens": 4096, "temperature": 2}).encode()
    for _ in range(50):
        with server.socket() as sock:
            sock.sendall(head(length=len(body)) + body)
            sock.recv(20)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close resets
    check("50 clients reset while streamed to", server.alive(), "")


def log_inject(server):
    name = "evil\\r\\n{\"event\":\"forged\"}"
    exchange(server, b"GET /a\x1b[31m%0d%0aforged HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: " + b"a\x1b[2Jb" +
             b"\r\nAuthorization: Bearer no\r\n\r\n", seconds=3)
    server.request("POST", "/v1/chat/completions",
                   {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1, name + "\n\x1b[31m\u2028": 1})
    lines = [line for line in server.log().splitlines() if line.startswith("{")]
    bad = []
    for line in lines:
        try:
            json.loads(line)
        except ValueError:
            bad.append(line)
    raw = server.log()
    events = [json.loads(line) for line in lines if '"event":"unknown fields"' in line]
    fields = [str(event.get("field", event.get("fields"))) for event in events]
    check("log-inject", not bad and "\x1b" not in raw and any("evil" in field for field in fields),
          f"{len(lines)} lines, {len(bad)} broken, unknown field logged: {bool(fields)}")
    check("log: no keys", KEY not in raw, "")


def corpus():
    question = {"model": "glm-ocr", "messages": [{"role": "user", "content": "Text Recognition:"}], "max_tokens": 4}
    picture = {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="}},
        {"type": "text", "text": "Text Recognition:"}]}], "max_tokens": 4}
    schema = dict(question, response_format={"type": "json_object"})
    out = []
    for body in (question, picture, schema, dict(question, stream=True, n=2, logprobs=True, top_logprobs=3, stop=["a"])):
        raw = json.dumps(body).encode()
        out.append(head(length=len(raw)) + raw)
    for method, path in (("GET", "/health"), ("GET", "/v1/models"), ("GET", "/v1/models/x"), ("GET", "/metrics"),
                         ("GET", "/openapi.json"), ("DELETE", "/v1/documents/x"), ("OPTIONS", "/v1/models"),
                         ("HEAD", "/ready"), ("GET", "/v1/documents/../../etc/passwd")):
        out.append(head(method, path))
    out += [raw for raw in MALFORMED.values() if len(raw) < 4096]
    return out


TOKENS = [b"\0", b"\r\n", b"\r\n\r\n", b"{", b"[", b'"', b":", b"-1", b"1e309", b"99999999999999999999", b"null", b"\xff",
          b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"\\u0000", b"\\ud800",
          b"%00", b"../", b"file:///etc/passwd", b"http://169.254.169.254/", b"data:,", b"Connection: close\r\n"]


def mutate(random_, samples):
    raw = bytearray(random_.choice(samples))
    for _ in range(random_.randint(1, 6)):
        at = random_.randrange(len(raw) + 1)
        kind = random_.randrange(6)
        if kind == 0 and at < len(raw):
            raw[at] ^= 1 << random_.randrange(8)
        elif kind == 1:
            del raw[at:at + random_.randint(1, 40)]
        elif kind == 2:
            raw[at:at] = random_.choice(TOKENS)
        elif kind == 3:
            other = random_.choice(samples)
            cut = random_.randrange(len(other) + 1)
            raw[at:] = other[cut:]
        elif kind == 4:
            raw[at:at] = raw[at:at + random_.randint(1, 60)] * random_.randint(1, 8)
        elif at < len(raw):
            raw[at] = random_.randrange(256)
        if not raw:
            raw = bytearray(b"\r\n")
    return bytes(raw)


def hostile(server, count, workers=8):
    samples, lost, done = corpus(), [], [0]
    lock = threading.Lock()

    def work(number):
        random_ = random.Random(args.seed * 1000 + number)
        for _ in range(count // workers):
            raw = mutate(random_, samples)
            try:
                with server.socket(timeout=20) as sock:
                    sock.sendall(raw)
                    if random_.random() < 0.9:
                        sock.shutdown(socket.SHUT_WR)
                        read_all(sock, 20, 1 << 20)
            except ConnectionError:
                pass
            except OSError as error:
                with lock:
                    lost.append(repr(error))
            with lock:
                done[0] += 1

    begun = time.monotonic()
    threads = [threading.Thread(target=work, args=(i,)) for i in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(f"{done[0]:,} hostile requests (seed {args.seed})", server.alive() and not lost,
          f"{time.monotonic() - begun:.0f} s, {len(lost)} without connection {lost[:1]}")


def main():
    question, line = line_question(args.source)
    with Server(args.program, "--model", os.path.join(args.source, "models", "starter"), *FLAGS, key=KEY) as server:
        status, text = server.chat(question)
        check("before: a line is read", (status, text) == (200, line), repr(text))
        for round_ in (1, 2):  # what is taken once and kept is taken in the first
            if round_ == 2:
                time.sleep(6)
                rss, fds = server.rss_bytes(), server.open_fds()
                rows.clear()
            slowloris(server)
            for _ in range(1 if round_ == 2 else 4):  # answers of megabytes: threads' heaps reach their size within some
                never_reads(server, question)
            malformed(server)
            for _ in range(1 if round_ == 2 else 6):  # each worker's heap grows to the largest body once
                bodies(server)
            pipelining(server)
            connections(server)
            log_inject(server)
            hostile(server, args.hostile)
        time.sleep(6)
        status, text = server.chat(question)
        check("after: the line is read as before", (status, text) == (200, line), repr(text))
        deadline = time.monotonic() + 60  # what was counted twice or never given back stays
        while True:
            _, _, metrics = server.request("GET", "/metrics")
            busy = sum(metric(metrics, name) for name in ("glmocr_queue_depth", "glmocr_num_requests_running", "glmocr_http_buffered_bytes"))
            if busy == 0 or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        check("after: nothing runs", metric(metrics, "glmocr_queue_depth") == 0 and
              metric(metrics, "glmocr_num_requests_running") == 0 and metric(metrics, "glmocr_http_buffered_bytes") == 0,
              f"queue {metric(metrics, 'glmocr_queue_depth'):g}, buffered {metric(metrics, 'glmocr_http_buffered_bytes'):g} B")
        check("after: descriptors", server.open_fds() <= fds + 2, f"{fds} -> {server.open_fds()}")
        now = server.rss_bytes()
        check("after: memory", now <= rss * 1.05 + (4 << 20), f"{rss / 2**20:.1f} -> {now / 2**20:.1f} MiB")
        code = server.stop()
        check("SIGTERM ends it", code == 0, f"exit code {code}")
    print("\n| fault | result | seen |\n|---|---|---|")
    for name, result, detail in rows:
        print(f"| {name} | {result} | {detail} |")
    sys.exit(1 if failed else 0)


main()
