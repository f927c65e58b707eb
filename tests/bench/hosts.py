"""One night of 300 schools on one PostgreSQL, by one process and by two, the far sides behind 50 ms of latency over HTTP.

    hosts.py NAVETTE POSTGRES_URL [SCHOOLS]

The latency is a proxy's, in this process: what a program sends arrives 50 ms later.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

LATENCY_S = 0.05
DAY_MS = 24 * 3600 * 1000
PUPILS = 30


async def pump(reader, writer, delay):
    loop, last = asyncio.get_running_loop(), None
    try:
        while data := await reader.read(65536):
            # In order, each as late as the latency says, and many on their way at once.
            loop.call_later(delay, writer.write, data)
            last = loop.time()
        if last is not None:
            await asyncio.sleep(max(0, last + delay - loop.time()) + 0.01)
    except OSError:
        pass
    finally:
        writer.close()


def proxy(host, port):
    """A port behind which the far sides are slow."""
    ready, address = threading.Event(), []

    async def joined(reader, writer):
        far_reader, far_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(pump(reader, far_writer, LATENCY_S), pump(far_reader, writer, 0))

    async def serve():
        server = await asyncio.start_server(joined, "127.0.0.1", 0)
        address.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    ready.wait()
    return address[0]


def psql(url, sql):
    parts = urlsplit(url)
    # libpq takes a host only once: the folder of the socket stands in the query.
    plain = f"postgresql://{parts.username}@{parts.path}?{parts.query}" if "host=" in parts.query else url
    done = subprocess.run(["psql", plain, "-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout.strip()


def night(navette, url, schools, processes):
    """Seconds until every school was carried."""
    folder = Path(tempfile.mkdtemp(prefix="navette-hosts-"))
    schema = f"navette_bench_{os.getpid()}_{processes}"
    psql(url, f"CREATE SCHEMA {schema}")
    own = f"{url}{'&' if '?' in url else '?'}options[search_path]={schema}"
    make = [navette, "sandbox", "--schools", str(schools), "--pupils", str(PUPILS), "--listen", "127.0.0.1:0"]
    with subprocess.Popen([*make, "--out", str(folder)], stdout=subprocess.PIPE, text=True) as sandbox:
        try:
            far = urlsplit(sandbox.stdout.readline().split()[-1])
            path = folder / "navette.toml"
            text = path.read_text().replace("sqlite:navette.db", own)
            path.write_text(text)
            environment = os.environ | {"NAVETTE_CONFIG": "navette.toml", "NAVETTE_LOG": "error"}
            load = [navette, "calendar", "load", "calendrier.csv"]
            subprocess.run(load, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
            psql(url, f"UPDATE {schema}.school SET first_calendar_at_ms = first_calendar_at_ms - {2 * DAY_MS}")
            path.write_text(text.replace(f":{far.port}", f":{proxy(far.hostname, far.port)}"))
            start = time.perf_counter()
            run = {"cwd": folder, "env": environment, "stdout": subprocess.DEVNULL}
            running = [subprocess.Popen([navette, "run"], **run) for _ in range(processes)]
            for process in running:
                process.wait()
            took = time.perf_counter() - start
            done = psql(url, f"SELECT COUNT(*) FROM {schema}.night WHERE outcome = 'ok'")
            if int(done) != schools:
                sys.exit(f"{done} of {schools} schools were carried")
            return took
        finally:
            sandbox.terminate()
            psql(url, f"DROP SCHEMA {schema} CASCADE")
            shutil.rmtree(folder)


def main(navette, url, schools="300"):
    navette = str(Path(navette).resolve())
    one, two = (night(navette, url, int(schools), processes) for processes in (1, 2))
    print(f"| {schools} schools on PostgreSQL, 50 ms away: one process | {one:6.1f} s |")
    print(f"| {schools} schools on PostgreSQL, 50 ms away: two         | {two:6.1f} s | {one / two:.2f} times as fast")


if __name__ == "__main__":
    main(*sys.argv[1:])
