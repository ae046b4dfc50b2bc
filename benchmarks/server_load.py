#!/usr/bin/env python3
"""Load on `glm-ocr serve`: open connections, short requests, streams; /health under it, memory before and after.

    python3 benchmarks/server_load.py GLM_OCR SOURCE_DIR [--connections 1000] [--requests 10000] [--streams 32]
        [--nginx]        the same once more with nginx in front (its own configuration in a temporary folder)
        [--minutes 0]    keeps the streams and requests up for so long: a soak

wrk (Debian's package) makes the short requests where it is installed, for a second opinion. Standard library otherwise.
It ends with 1 when a request failed with anything but 429, /health's p99 was 20 ms or more, or memory grew by more than
5 % over what it was after the first round.
"""
import argparse
import asyncio
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "server"))
from server_process import HealthProbe, Server, line_question, percentile  # noqa: E402

arguments = argparse.ArgumentParser()
arguments.add_argument("program")
arguments.add_argument("source")
arguments.add_argument("--connections", type=int, default=1000)
arguments.add_argument("--requests", type=int, default=10000)
arguments.add_argument("--streams", type=int, default=32)
arguments.add_argument("--stream-requests", type=int, default=320)
arguments.add_argument("--nginx", action="store_true")
arguments.add_argument("--minutes", type=float, default=0)
arguments.add_argument("--json", help="file for the results")
args = arguments.parse_args()

KEY = "load-key-0123456789"
results, all_health, failed = [], [], False

NGINX = """
daemon off; pid {dir}/pid; error_log {dir}/error.log warn; worker_processes 1; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s;
  keepalive_requests 100000;
  upstream glm_ocr {{ server 127.0.0.1:{port}; keepalive 64; keepalive_timeout 60s; }}
  server {{
    listen 127.0.0.1:{listen} backlog=4096;
    client_max_body_size 256m;
    location / {{
      proxy_pass http://glm_ocr; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 3600s;
    }}
  }}
}}
"""


def free_port():
    import socket
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Nginx:
    def __init__(self, port):
        self.dir = tempfile.mkdtemp(prefix="glm-ocr-nginx-")
        os.chmod(self.dir, 0o755)
        self.port = free_port()
        conf = pathlib.Path(self.dir, "nginx.conf")
        conf.write_text(NGINX.format(dir=self.dir, port=port, listen=self.port), encoding="utf8")
        self.process = subprocess.Popen(["nginx", "-p", self.dir, "-c", str(conf)], stderr=subprocess.DEVNULL)
        time.sleep(1)
        assert self.process.poll() is None, "nginx did not start"

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


async def answer(reader):
    """Status and body of one answer on a kept connection; a stream's events are counted, its time to the first taken."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    length = re.search(rb"content-length: *(\d+)", head)
    if length:
        return status, await reader.readexactly(int(length.group(1))), None
    if b"transfer-encoding: chunked" not in head:
        return status, b"", None
    body, first = b"", None
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        piece = await reader.readexactly(size + 2)
        if size == 0:
            return status, body, first
        body += piece[:-2]
        if first is None and b'"content":"' in body.replace(b'"content":""', b""):
            first = time.perf_counter()


def request_bytes(method, path, body=b""):
    return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n" +
            (f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else "") + "\r\n").encode() + body


async def open_connections(port, count):
    made = []
    for begin in range(0, count, 100):
        made += await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(begin, min(count, begin + 100))))
    return made


async def short_requests(port, connections, count, statuses, seconds):
    """`count` requests in turn over the open connections, 64 at a time."""
    raw, queue, left = request_bytes("GET", "/v1/models"), asyncio.Queue(), [count]
    for connection in connections:
        queue.put_nowait(connection)

    async def work():
        while left[0] > 0:
            left[0] -= 1
            reader, writer = await queue.get()
            begun = time.perf_counter()
            try:
                writer.write(raw)
                status, _, _ = await answer(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                status = repr(error)
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            seconds.append(time.perf_counter() - begun)
            statuses[status] = statuses.get(status, 0) + 1
            queue.put_nowait((reader, writer))

    await asyncio.gather(*(work() for _ in range(64)))


async def streams(port, count, parallel, body, want, statuses, firsts):
    left, tokens = [count], [0]

    async def work():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left[0] > 0:
            left[0] -= 1
            begun = time.perf_counter()
            try:
                writer.write(request_bytes("POST", "/v1/chat/completions", body))
                status, events, first = await answer(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                statuses[repr(error)] = statuses.get(repr(error), 0) + 1
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                continue
            if status == 200:
                lines = [line[6:] for line in events.split(b"\n\n") if line.startswith(b"data: ")]
                objects = [json.loads(line) for line in lines[:-1]]
                text = "".join(c["delta"].get("content", "") for o in objects for c in o["choices"])
                if lines[-1] != b"[DONE]" or text != want:
                    status = f"wrong answer {text!r}"
                tokens[0] += objects[-1]["usage"]["completion_tokens"]
                if first:
                    firsts.append(first - begun)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(work() for _ in range(parallel)))
    return tokens[0]


def wrk(port, connections):
    if not shutil.which("wrk"):
        return None
    out = subprocess.run(["wrk", "-t1", f"-c{min(connections, 200)}", "-d5", "--latency", "-H", f"Authorization: Bearer {KEY}",
                          f"http://127.0.0.1:{port}/v1/models"], capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    errors = re.search(r"(Socket errors|Non-2xx).*", out)
    return f"{float(rate.group(1)):.0f}/s{', ' + errors.group(0) if errors else ''}"


def one_round(name, server, port, question, line, report):
    global failed
    body = json.dumps({"messages": [{"role": "user", "content": question}], "max_tokens": 64, "stream": True,
                       "stream_options": {"include_usage": True}}).encode()
    statuses, stream_statuses, seconds, firsts = {}, {}, [], []
    probe = HealthProbe(server.port)

    async def all_of_it():
        connections = await open_connections(port, args.connections)
        begun = time.perf_counter()

        async def shorts():
            await short_requests(port, connections, args.requests, statuses, seconds)
            return time.perf_counter() - begun

        tokens, short_s = await asyncio.gather(
            streams(port, args.stream_requests, args.streams, body, line, stream_statuses, firsts), shorts())
        stream_s = time.perf_counter() - begun
        for _, writer in connections:
            writer.close()
        return tokens, short_s, stream_s

    tokens, short_s, stream_s = asyncio.run(all_of_it())
    health, health_errors = probe.finish()
    p99 = percentile(health, 0.99)
    bad = {k: v for k, v in {**statuses, **stream_statuses}.items() if k not in (200, 429)}
    row = {"round": name, "connections": args.connections, "requests": statuses, "requests_per_s": args.requests / short_s,
           "request_p50_ms": percentile(seconds, 0.5) * 1e3, "request_p99_ms": percentile(seconds, 0.99) * 1e3,
           "streams": stream_statuses, "tokens_per_s": tokens / stream_s,
           "first_token_p50_ms": percentile(firsts, 0.5) * 1e3, "health_p50_ms": percentile(health, 0.5) * 1e3,
           "health_p99_ms": p99 * 1e3, "health_asked": len(health), "rss_mib": round(server.rss_bytes() / 2**20, 1)}
    if report:
        results.append(row)
        print(json.dumps(row), flush=True)
        # A round asks some 50 times, of which the 99th percentile is the slowest: it is taken of all rounds together.
        all_health.extend(health)
        if bad or health_errors:
            print(f"FAILED {name}: {bad}, /health errors {health_errors}", flush=True)
            failed = True


def main():
    global failed
    question, line = line_question(args.source)
    with Server(args.program, "--model", os.path.join(args.source, "models", "starter"), "--log-level", "warning",
                key=KEY) as server:
        targets = [("direct", server.port, None)]
        if args.nginx:
            proxy = Nginx(server.port)
            targets.append(("nginx", proxy.port, proxy))
        for name, port, _ in targets:
            one_round(name, server, port, question, line, report=False)  # buffers that are taken once and kept
        time.sleep(2)
        rss, fds = server.rss_bytes(), server.open_fds()
        for name, port, _ in targets:
            one_round(name, server, port, question, line, report=True)
            print(f"{name}: wrk {wrk(port, args.connections)}", flush=True)
        end = time.monotonic() + args.minutes * 60
        n_rounds = 0
        while time.monotonic() < end:
            n_rounds += 1
            name, port, _ = targets[n_rounds % len(targets)]
            one_round(f"soak {n_rounds} {name}", server, port, question, line, report=True)
        for _, _, proxy in targets:
            if proxy:
                proxy.stop()
        p99 = percentile(all_health, 0.99)
        print(f"/health: asked {len(all_health)} times, p99 {p99 * 1e3:.1f} ms, slowest {max(all_health) * 1e3:.1f} ms")
        if p99 >= 0.020:
            print("FAILED: /health took 20 ms or more")
            failed = True
        time.sleep(2)
        now = server.rss_bytes()
        # Heaps of threads reach their size within some rounds and then go up and down by 3 %: a soak compares medians of
        # five rounds, at its begin without the first two, and at its end. A leak is what still grows between them.
        seen = [row["rss_mib"] * 2**20 for row in results]
        if len(seen) >= 12:
            rss, now = statistics.median(seen[2:7]), statistics.median(seen[-5:])
        grown = now / rss - 1
        print(f"memory: {rss / 2**20:.1f} -> {now / 2**20:.1f} MiB ({grown:+.1%}); descriptors {fds} -> {server.open_fds()}")
        if grown > 0.05 or server.open_fds() > fds + 4 or not server.alive():
            print("FAILED: memory or descriptors did not return")
            failed = True
        status, text = server.chat(question)
        if (status, text) != (200, line):
            print(f"FAILED: after it, the server answered {status} {text!r}")
            failed = True
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1), encoding="utf8")
    sys.exit(1 if failed else 0)


main()
