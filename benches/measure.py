"""Runs every measurement and prints the table. Arguments: folder of release builds, folder of peers or nothing.

Every program under measurement is a process of its own that prints one line of JSON.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
RELEASE = pathlib.Path(sys.argv[1])
CACHE = sys.argv[2] if len(sys.argv) > 2 else ""
BENCHES = str(RELEASE / "benches")
PYTHON = f"{CACHE}/venv/bin/python"
PROFILE = "/api/method/haravan_bitrix_customer_profile"
LIMIT_SECONDS = 60


@contextlib.contextmanager
def started(*command):
    """A server that says in its first line where it is, and is stopped at the end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


def simulator(*options):
    return started(str(RELEASE / "examples" / "bitrix24"), *options)


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return json.loads(answer.read())


def counts(url):
    return get(f"{url}/_simulator/stats")["counts"]


def measured(*command, limit_seconds=LIMIT_SECONDS, **environment):
    """What a program measured, or why it did not."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=limit_seconds,
            env={**os.environ, **environment},
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not finished after {limit_seconds} s"}
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        return {"failed": "ended with an error"}
    return json.loads(done.stdout.splitlines()[-1])


def row(what, target, result):
    print(f"| {what} | {target} | {result} |", flush=True)


def path(ready):
    hooks = [hook for hook in ready["webhooks"] if "user" in hook["scopes"]]
    return hooks[0]["path"]


def lookups():
    what = "120 lookups at once, no connection yet, 50 ms a request"
    target = "120 answered, 0 refused, under 1 s"
    peers = {
        "ours": lambda ready, pem, values: measured(
            BENCHES, "lookups", ready["http_url"] + path(ready), *values
        )
    }
    if CACHE:
        peers["fast_bitrix24"] = lambda ready, pem, values: measured(
            PYTHON, str(HERE / "lookups_fast_bitrix24.py"), ready["http_url"] + path(ready), pem, *values
        )
        peers["b24pysdk (TLS)"] = lambda ready, pem, values: measured(
            PYTHON, str(HERE / "lookups_b24pysdk.py"), ready["https_url"] + path(ready), pem, *values
        )
        peers["b24jssdk (TLS)"] = lambda ready, pem, values: measured(
            "node",
            str(HERE / "lookups_b24jssdk.mjs"),
            ready["https_url"] + path(ready),
            CACHE,
            *values,
            NODE_EXTRA_CA_CERTS=pem,
        )
    for name, run in peers.items():
        with (
            simulator("--companies", "2537", "--sparse", "--request-ms", "50") as (_, ready),
            tempfile.NamedTemporaryFile("w", suffix=".pem") as pem,
        ):
            pem.write(ready["certificate_pem"])
            pem.flush()
            companies = get(f"{ready['http_url']}/_simulator/data")["companies"]
            values = [company["UF_CRM_COMPANY_ID"] for company in companies[:120]]
            got = run(ready, pem.name, values)
            asked = counts(ready["http_url"])
        result = got.get("failed") or f"{got['answered']} answered in {got['seconds']:.2f} s"
        refused = asked["query_limit_refusals"]
        row(
            f"{what}: {name}",
            target if name == "ours" else "",
            f"{result}, {refused} refused, {asked['requests']} requests",
        )


def export():
    what = "Export of 50,000 companies, 50 ms a request, 2 ms a page"
    programs = {"ours": (BENCHES, "export")}
    if CACHE:
        programs["fast_bitrix24"] = (PYTHON, str(HERE / "export_fast_bitrix24.py"))
    for ids in ("dense", "sparse"):
        for name, program in programs.items():
            options = ["--companies", "50000", "--request-ms", "50", "--command-ms", "2"]
            with simulator(*options, *(["--sparse"] if ids == "sparse" else [])) as (_, ready):
                got = measured(*program, ready["http_url"] + path(ready))
                asked = counts(ready["http_url"])
            order = "ascending" if got.get("ascending") else "not in order"
            result = got.get("failed") or (
                f"{got['rows']} rows in {got['seconds']:.2f} s, {order}, peak {got['peak_mib']:.0f} MiB"
            )
            row(
                f"{what}, {ids} ids: {name}",
                "not slower than fast_bitrix24, 50,000 rows, ascending, under 100 MB"
                if name == "ours"
                else "",
                f"{result}, {asked['requests']} requests",
            )


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def profile():
    with started(str(RELEASE / "deskbridge"), "demo", "--listen", "127.0.0.1:0", "--json") as (hub, ready):

        def ask(ticket):
            before = counts(ready["bitrix24"])["requests"]
            start = time.perf_counter()
            url = f"{ready['hub']}{PROFILE}?ticket={ticket}"
            answer = get(url, authorization=ready["authorization"])
            took_ms = (time.perf_counter() - start) * 1000
            time.sleep(0.5)  # what it may still ask afterwards counts too
            status = answer["message"]["data"]["bitrix"]["status"]
            asked = counts(ready["bitrix24"])["requests"] - before
            return f"{asked} ({status}, {took_ms:.0f} ms)"

        row("Requests to Bitrix24 for a cold profile", "2", ask("0001"))
        row("… for a second one with the same responsible user", "1", ask("0003"))
        row("… for the first one once more", "0", ask("0001"))

        address = urllib.parse.urlsplit(ready["hub"]).netloc
        load = (address, f"{PROFILE}?ticket=0001", ready["authorization"])
        before = processor_seconds(hub)
        got = measured(BENCHES, "throughput", *load)
        spent = processor_seconds(hub) - before
        each_us = spent / got["answers"] * 1e6 if "answers" in got else 0
        row(
            "Cached profile, 16 connections for 5 s, generator on the same two cores",
            "20,000 a second on two cores",
            got.get("failed")
            or f"{got['per_second']:,.0f} a second; the hub spent {each_us:.0f} µs of processor time on each",
        )
        got = measured(BENCHES, "latency", *load)
        row(
            "Cached profile, 1,000 a second for 10 s, timed from when each was due",
            "p99 under 10 ms",
            got.get("failed")
            or f"p50 {got['p50_ms']:.2f} ms, p99 {got['p99_ms']:.2f} ms, p99.9 {got['p999_ms']:.2f} ms, "
            f"longest {got['max_ms']:.2f} ms, at {got['per_second']:,.0f} a second",
        )


def writes():
    got = measured(BENCHES, "writes", "1000")
    row(
        "1,000 writes whose answers are lost, every other one after it ran",
        "0 duplicates, 0 missing",
        got.get("failed")
        or f"{got['duplicates']} duplicates, {got['missing']} missing, {got['lost']} answers lost, {got['seconds']:.1f} s",
    )


def sequential():
    command = [str(RELEASE / "examples" / "calls_per_second")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    first = done.stdout.splitlines()[0] if done.returncode == 0 else "ended with an error"
    row("Calls of our client against a trivial server", "over 5,000 a second", first)


def intake():
    def shown(run):
        return (
            f"{run['per_second']:,.0f} a second, p50 {run['p50_ms']:.2f} ms, p99 {run['p99_ms']:.2f} ms, "
            f"p99.9 {run['p999_ms']:.2f} ms, {run['processor_us']:.0f} µs of processor time each"
        )

    for clients in (1, 16, 64, 256):
        got = measured(BENCHES, "intake-http", str(clients), limit_seconds=120)
        what = f"Signed webhooks of 1 kB, acknowledged once on disk, {clients} clients"
        target = {1: "p50 within 1.5 times the bare loop's", 64: "0.6 of the bare loop"}.get(clients, "")
        row(
            f"{what}: ours",
            target,
            got.get("failed")
            or f"{shown(got['deskbridge'])}; {got['ratio']:.2f} of the bare loop; {got['device']}, "
            f"{got['file_system']}, a sync takes {got['sync_ms']:.2f} ms",
        )
        if "bare" in got:
            row(f"{what}: bare loop", "", shown(got["bare"]))
    got = measured(BENCHES, "intake-memory", limit_seconds=1800)
    row(
        "Memory after 1,000,000 webhooks, carried out into nothing meanwhile and for a minute afterwards",
        "under 150 MB resident",
        got.get("failed")
        or f"{got['resident_mib']:.0f} MiB resident, peak {got['peak_mib']:.0f} MiB; taken in within "
        f"{got['sent_seconds']:.0f} s, {got['carried_out']:,} carried out after {got['seconds']:.0f} s; "
        f"database {got['database_bytes'] / 2**20:,.0f} MiB",
    )


def kills():
    got = measured(BENCHES, "kill-rounds", "200", limit_seconds=900)
    row(
        "Killed with SIGKILL 200 times under load, answers of helpdesk and CRM getting lost meanwhile",
        "0 lost, 0 duplicates, 0 differences",
        got.get("failed")
        or f"{len(got['lost'])} lost, {len(got['duplicates'])} duplicates, {len(got['differences'])} differences in "
        f"{got['compared']:,} comparisons; {got['webhooks']:,} webhooks, {got['seconds']:.0f} s",
    )


def isolation():
    what = "1,000 tickets, 40 updates a second, helpdesk takes 20 ms a request; from acknowledged to written"

    def run(number, how):
        """The run with the middle p99 of three, because the machine is not ours alone."""
        runs = [measured(BENCHES, "isolation", number, how, limit_seconds=300) for _ in range(3)]
        failed = [got for got in runs if "failed" in got]
        return failed[0] if failed else sorted(runs, key=lambda got: got["p99_ms"])[1]

    alone = run("0", "refused")
    for number, how, name in (
        ("0", "refused", "none fails"),
        ("1", "refused", "one is answered with 503"),
        ("1", "hanging", "one is never answered"),
        ("8", "hanging", "8 are never answered"),
        ("16", "hanging", "16 are never answered"),
    ):
        got = alone if number == "0" else run(number, how)
        failed = alone.get("failed") or got.get("failed")
        row(
            f"{what}, {name}",
            "p99 of the others under 1.2 times" if number == "1" else "",
            failed
            or f"p50 {got['p50_ms']:.0f} ms, p99 {got['p99_ms']:.0f} ms, longest {got['max_ms']:.0f} ms of the others; "
            f"p99 {got['p99_ms'] / alone['p99_ms']:.2f} times",
        )


print("| What | Target | Measured |\n|---|---|---|")
for measure in (lookups, export, profile, writes, sequential, intake, kills, isolation):
    measure()
