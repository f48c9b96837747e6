#!/usr/bin/env python3
"""What a host costs: 32 eg-amps in a row in one `continuo host` against 32 connected processes of jalv, on jackd's dummy driver in
real-time mode, at 64 and at 32 frames.

    Benchmarks/chain.py [--seconds 10] [--rounds 3] [--frames 64 32] [--json FILE]

The two take turns (a round: nothing, continuo with 1, continuo with 32, jalv with 32), so that both see the same machine. A probe
(Benchmarks/chain/probe.c) stands before and behind: its time between the two is what JACK and everything on the way take in a period.
JACK's own load is told beside it, taken without the probe; xruns, and the periods in which continuo's own callback took too long
(overruns). Bars: the load at most 0.1 of jalv's; under 1 µs a plugin and period; at 32 frames no overrun.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("CONTINUO_PROGRAM", str(ROOT / "build/bin/continuo"))
AMP = "http://lv2plug.in/plugins/eg-amp"
COUNT = 32


class Failure(Exception):
    pass


class Bench:
    def __init__(self, frames, scratch):
        self.frames, self.scratch = frames, scratch
        self.processes = []
        server = f"continuo-chain-{os.getpid()}-{frames}"
        self.environment = dict(os.environ, JACK_DEFAULT_SERVER=server, JACK_NO_START_SERVER="1", JACK_NO_AUDIO_RESERVATION="1",
                                LV2_PATH=f"{ROOT}/build/lv2:/usr/local/lib/lv2:/usr/lib/lv2")
        log = scratch / f"jackd-{frames}"
        self.jackd = self.start(["jackd", "-R", "-P70", "-n", server, "-d", "dummy", "-r", "48000", "-p", str(frames)], output=log)
        time.sleep(1)
        if self.jackd.poll() is not None or "Cannot use real-time scheduling" in log.read_text(errors="replace"):
            raise Failure("jackd cannot run in real-time mode here (it needs the right to SCHED_FIFO)")
        self.probe = self.start([str(scratch / "probe")], talks=True)
        if self.answer(10) != "ok":
            raise Failure("the probe does not start")

    def start(self, command, output=None, talks=False):
        out = open(output, "wb") if output else subprocess.DEVNULL
        process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE if talks else out,
            stderr=subprocess.DEVNULL if talks or not output else out, bufsize=0, start_new_session=True)
        self.processes.append(process)
        return process

    def stop(self, *processes, by=signal.SIGTERM):
        """Ends processes; their exit is waited for, 5 s at most."""
        for process in processes:
            if process.poll() is None:
                process.send_signal(by)
        until = time.time() + 5
        for process in processes:
            try:
                process.wait(max(0.1, until - time.time()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.processes.remove(process)

    def close(self):
        for process in reversed([process for process in self.processes if process is not self.jackd]):
            self.stop(process)
        self.stop(self.jackd)
        # One that died with clients keeps its place in libjack's list of eight servers until one of its name ends as it should.
        if self.jackd.returncode != 0:
            self.jackd = self.start(self.jackd.args)
            time.sleep(1)
            self.stop(self.jackd)

    def answer(self, seconds):
        """The probe's next line; a client that hangs in JACK answers never."""
        signal.alarm(int(seconds) + 1)
        try:
            return self.probe.stdout.readline().decode().strip()
        finally:
            signal.alarm(0)

    def ask(self, text, seconds=10.0):
        self.probe.stdin.write((text + "\n").encode())
        return self.answer(seconds)

    def connect(self, source, sink):
        for _ in range(5):
            if self.ask(f"connect {source} {sink}") == "ok":
                return
            time.sleep(0.3)
        raise Failure(f"{source} cannot be connected with {sink}")

    def measure(self, seconds):
        time.sleep(0.5)  # connecting may make the server skip a period
        result = json.loads(self.ask(f"measure {seconds}", seconds + 10))
        result["jackLoad"] = float(self.ask(f"load {min(seconds, 5) / 2}", seconds + 10))
        return result

    def nothing(self, seconds):
        self.connect("head:out", "tail:in")
        return self.measure(seconds)

    def continuo(self, count, seconds):
        patch = self.scratch / f"{count}.toml"
        patch.write_text(f'[[plugin]]\nuri = "{AMP}"\ncontrols = {{ gain = 0.5 }}\n\n' * count)
        report = self.scratch / "report"
        for _ in range(3):
            host = self.start([PROGRAM, "host", str(patch), "--name", "continuo", "--json"], output=report)
            if self.ask("wait continuo:out_1 15", 20) == "ok":
                break
            self.stop(host, by=signal.SIGKILL)
        else:
            raise Failure("continuo does not start: " + report.read_text(errors="replace")[-300:])
        self.connect("head:out", "continuo:in_1")
        self.connect("continuo:out_1", "tail:in")
        result = self.measure(seconds)
        self.stop(host, by=signal.SIGINT)
        text = report.read_text(errors="replace")
        told = json.loads(text[text.index("{"):])
        result.update(overruns=told["overruns"], callback=100 * told["load"], callbackWorst=100 * told["loadWorst"])
        return result

    def jalv(self, count, seconds):
        """jalv is one process a plugin. One that hangs while it starts (two clients that come at one moment can leave one waiting for
        jackd for ever) is started again."""
        running = []
        for i in range(count):
            for _ in range(4):
                process = self.start(["jalv", "-x", "-n", f"amp{i}", "-c", "gain=0.5", AMP])
                if self.ask(f"wait amp{i}:out 6", 10) == "ok":
                    running.append(process)
                    break
                self.stop(process, by=signal.SIGKILL)
            else:
                raise Failure(f"jalv number {i} does not start")
        self.connect("head:out", "amp0:in")
        for i in range(count - 1):
            self.connect(f"amp{i}:out", f"amp{i + 1}:in")
        self.connect(f"amp{count - 1}:out", "tail:in")
        result = self.measure(seconds)
        self.stop(*running)
        return result


def run(frames, arguments, scratch):
    bench = Bench(frames, scratch)
    rounds = {"nothing": [], "continuo 1": [], "continuo 32": [], "jalv 32": []}
    try:
        for _ in range(arguments.rounds):
            rounds["nothing"].append(bench.nothing(min(3, arguments.seconds)))
            rounds["continuo 1"].append(bench.continuo(1, arguments.seconds))
            rounds["continuo 32"].append(bench.continuo(COUNT, arguments.seconds))
            rounds["jalv 32"].append(bench.jalv(COUNT, arguments.seconds))
    except (Failure, TimeoutError, BrokenPipeError, json.JSONDecodeError) as error:
        print(f"{frames} frames: {error or 'JACK does not answer'}", file=sys.stderr)
    finally:
        bench.close()
    return rounds


def mean(rounds, key):
    return statistics.mean(entry[key] for entry in rounds)


def tell(frames, rounds):
    """Prints the table; returns what is to be compared with the bars."""
    print(f"\n{frames} frames, 48 kHz ({frames / 0.048:.0f} µs a period), means of {len(rounds['jalv 32'])} rounds; load: the time between "
          "head and tail, as a share of the period")
    print(f"{'':12} {'load':>8} {'mean':>10} {'99.9 %':>10} {'worst':>10} {'JACK’s load':>12} {'xruns':>6} {'overruns':>9} {'not in time':>12}")
    for name, entries in rounds.items():
        if not entries:
            continue
        print(f"{name:12} {100 * mean(entries, 'mean') / entries[0]['period']:>6.2f} % {mean(entries, 'mean'):>7.2f} µs "
              f"{mean(entries, 'p999'):>7.1f} µs {max(e['worst'] for e in entries):>7.0f} µs {mean(entries, 'jackLoad'):>10.2f} % "
              f"{sum(e['xruns'] for e in entries):>6} {sum(e['overruns'] for e in entries) if 'overruns' in entries[0] else '':>9} "
              f"{sum(e['missed'] for e in entries):>12}")
    if not rounds["jalv 32"] or not rounds["continuo 32"]:
        return {}
    pairs = [ours["mean"] / theirs["mean"] for ours, theirs in zip(rounds["continuo 32"], rounds["jalv 32"])]
    jack = [ours["jackLoad"] / theirs["jackLoad"] for ours, theirs in zip(rounds["continuo 32"], rounds["jalv 32"])]
    each = [(many["median"] - one["median"]) / (COUNT - 1) for many, one in zip(rounds["continuo 32"], rounds["continuo 1"])]
    result = {
        "ratio": statistics.mean(pairs), "jackRatio": statistics.mean(jack), "microsecondsAPlugin": statistics.median(each),
        "overruns": sum(e["overruns"] for e in rounds["continuo 32"]), "xruns": sum(e["xruns"] for e in rounds["continuo 32"]),
    }
    print(f"load against jalv's: {result['ratio']:.3f}; by JACK's own figure {result['jackRatio']:.3f} (bar 0.1); "
          f"a plugin and period: {result['microsecondsAPlugin']:.3f} µs with eg-amp's own work (bar 1)")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, nargs="+", default=[64, 32])
    parser.add_argument("--json", help="a file for all figures")
    arguments = parser.parse_args()
    missing = [name for name in ("jackd", "jalv") if not shutil.which(name)]
    if missing:
        sys.exit(f"{' and '.join(missing)} not found (Debian: jackd2, jalv; the plugin: lv2-examples)")

    def late(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    compiler = next((name for name in (os.environ.get("CC"), "cc", "clang") if name and shutil.which(name)), None)
    if not compiler:
        sys.exit("a C compiler is missing")
    everything = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        subprocess.run([compiler, "-O2", "-std=gnu11", "-o", str(scratch / "probe"), str(ROOT / "Benchmarks/chain/probe.c"), "-ljack", "-lm"],
                       check=True)
        for frames in arguments.frames:
            try:
                rounds = run(frames, arguments, scratch)
            except Failure as error:
                sys.exit(str(error))
            everything[frames] = {"rounds": rounds, "result": tell(frames, rounds)}
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
