#!/usr/bin/env python3
"""A soak: the real host on a real jackd, for hours, with all that a player and a front end may do to it at random.

    Tests/soak.py [--seconds 7200] [--seed 1] [--table FILE.tsv] [--plot FILE.png] [--frames 128]        (make soak SECONDS=7200)

A client of its own (Tests/soak/player.c) plays recordings and random MIDI into the host and listens to what comes out; meanwhile controls
move, presets, whole patches, snapshots and bypasses are switched, plugins removed and brought back, connections taken apart, patches
saved, mappings learnt, all from a seed. Every `--cycle` seconds the host goes back to one and the same patch; its memory is read there, so
that what it holds can be compared. Prints checks (`ok - …`, `not ok - …`) and a table over time; ends with 1 if a check failed.

Memory is what belongs to the process alone (anonymous pages): of files that are mapped only what was last looked at counts as resident.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("CONTINUO_PROGRAM", str(ROOT / "build/bin/continuo"))
failures = 0

HOME = """name = "Soak"

[[plugin]]
name = "pitch"
uri = "urn:continuo:pitch"

[[plugin]]
name = "synth"
uri = "urn:continuo:synth"
preset = "Solo Cello"

[[plugin]]
name = "transfer"
uri = "urn:continuo:transfer"

[[plugin]]
name = "bass"
uri = "urn:continuo:bass"
controls = { mode = "Follow", bars = 1 }

[[plugin]]
name = "amp"
uri = "http://lv2plug.in/plugins/eg-amp"

[transport]
tempo = 120
rolling = true

[[midi]]
control = "synth:room"
cc = 74
takeover = true

[[midi]]
control = "amp:gain"
cc = 7
range = [-30, 0]

[[program]]
program = 1
plugin = "synth"
preset = "Solo Violin"

[[program]]
program = 2
plugin = "synth"
preset = "Church Organ"

[[program]]
program = 3
plugin = "transfer"
preset = "Into a Flute"
"""
ARCS = [("in_1", "pitch:in"), ("pitch:midi_out", "synth:control"), ("midi_in", "synth:control"), ("in_1", "transfer:in"),
        ("in_1", "bass:in_left"), ("in_1", "bass:in_right"), ("transfer:out_left", "amp:in"), ("amp:out", "out_1"),
        ("synth:out_left", "out_1"), ("synth:out_right", "out_2"), ("transfer:out_right", "out_2"), ("bass:bass_left", "out_1"),
        ("bass:bass_right", "out_2"), ("pitch:midi_out", "midi_out")]
EFFECTS = ["http://lv2plug.in/plugins/eg-amp", "http://lv2plug.in/plugins/eg-fifths", "http://lv2plug.in/plugins/eg-metro",
           "http://gareus.org/oss/lv2/dpl#stereo", "http://drobilla.net/plugins/mda/Delay",
           "http://drobilla.net/plugins/mda/Piano", "http://calf.sourceforge.net/plugins/Reverb", "urn:continuo:synth", "urn:continuo:pitch:cv"]
# x42's autotuner, which keeps 160 KB each time that it is loaded, whoever loads it
LEAKING = "http://gareus.org/oss/lv2/fat1"
# What a player's hand does not move while he plays: files' names, what ends the host's own silence tests, the switch of all
LEFT_ALONE = {"enabled", "freewheel", "freewheeling"}


def check(what, passed, why=""):
    global failures
    failures += not passed
    print(f"ok - {what}" if passed else f"not ok - {what}: {str(why)[:300]}", flush=True)


def note(*words):
    print("#", *words, flush=True)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)

    def ask(self, text):
        self.socket.sendall(text.encode() + b"\0")
        answer = b""
        while not answer.endswith(b"\0"):
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError("the host is gone")
            answer += part
        return answer[:-1].decode()


def status(pid, *keys):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return [int(fields[key].split()[0]) for key in keys]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Soak:
    def __init__(self, arguments, scratch):
        self.arguments, self.scratch = arguments, scratch
        self.random = random.Random(arguments.seed)
        self.counts, self.surprises, self.rows, self.heard = {}, [], [], {}
        self.processes = []
        self.environment = dict(
            os.environ, JACK_DEFAULT_SERVER=f"continuo-soak-{os.getpid()}", JACK_NO_START_SERVER="1", JACK_NO_AUDIO_RESERVATION="1",
            HOME=str(scratch), LV2_PATH=f"{ROOT}/build/lv2:/usr/local/lib/lv2:/usr/lib/lv2")
        (scratch / "home.toml").write_text(
            HOME + "".join(f'\n[[connection]]\nfrom = "{source}"\nto = "{sink}"\n' for source, sink in ARCS))
        self.patches = [scratch / "home.toml"] + sorted(
            patch for patch in (ROOT / "presets/patches").glob("*.toml") if LEAKING not in patch.read_text())

    def start(self, command, **more):
        process = subprocess.Popen(command, env=self.environment, start_new_session=True, **more)
        self.processes.append(process)
        return process

    def jack(self):
        server = self.environment["JACK_DEFAULT_SERVER"]
        for mode in (["-R", "-P70"], ["-r"]):
            log = open(self.scratch / "jackd", "wb")
            process = self.start(["jackd", *mode, "-n", server, "-d", "dummy", "-r", "48000", "-p", str(self.arguments.frames)],
                                 stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            for _ in range(30):
                time.sleep(0.2)
                if process.poll() is not None:
                    break
                if "Cannot use real-time" in (self.scratch / "jackd").read_text(errors="replace"):
                    break
                if subprocess.run([PROGRAM, "host", "--check-server"], env=self.environment, capture_output=True, timeout=20).returncode == 0:
                    note("jackd", *mode, f"{self.arguments.frames} frames")
                    return
            process.kill()
            process.wait()
        raise SystemExit("not ok - jackd starts: it does not")

    def prepare(self):
        compiler = next(name for name in (os.environ.get("CC"), "cc", "clang") if name and shutil.which(name))
        subprocess.run([compiler, "-O2", "-std=gnu11", "-o", str(self.scratch / "player"), str(ROOT / "Tests/soak/player.c"), "-ljack",
                        "-lsndfile", "-lm", "-lpthread"], check=True)
        self.jack()
        port, feedback = free_port(), free_port()
        self.report = open(self.scratch / "report", "wb")
        self.errors = open(self.scratch / "errors", "wb")
        self.host = self.start(
            [PROGRAM, "host", str(self.scratch / "home.toml"), "--port", str(port), "--feedback-port", str(feedback), "--json",
             "--overrun-limit", "0"], stdin=subprocess.DEVNULL, stdout=self.report, stderr=self.errors)
        for _ in range(100):
            time.sleep(0.1)
            try:
                self.client = Client(port)
                break
            except OSError:
                continue
        self.player = self.start(
            [str(self.scratch / "player"), str(ROOT / "demo/recording.flac"), str(self.arguments.seed)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        threading.Thread(target=self.listen, daemon=True).start()
        self.feedback = socket.create_connection(("127.0.0.1", feedback), timeout=30)
        threading.Thread(target=self.hear_feedback, daemon=True).start()
        time.sleep(1)
        self.warm_up()

    def warm_up(self):
        """Everything once: what lilv reads of presets, and libraries' own tables, stay in memory from then on."""
        for patch in self.patches[1:] + self.patches[:1]:
            self.load(patch)
            for number in self.plugins:
                self.ask(f"presets {number}")
            time.sleep(0.3)
        for uri in EFFECTS:
            if self.ask(f"add {uri} 90", (-101, -102)) == "resp 90":
                self.ask("presets 90")
                time.sleep(0.1)
                self.ask("remove 90")
        self.home()

    def listen(self):
        """What the player says, once a second; its readings only grow, but for the peak, of which the loudest is kept."""
        for line in self.player.stdout:
            words = line.decode().split()
            told = dict(zip(words[::2], map(float, words[1::2])))
            told["loudest"] = max(told["peak"], self.heard.get("loudest", 0))
            told["longest"] = max(told["silent"], self.heard.get("longest", 0))
            self.heard = told

    def hear_feedback(self):
        try:
            while (data := self.feedback.recv(65536)):
                self.counts["feedback bytes"] = self.counts.get("feedback bytes", 0) + len(data)
                if b"data_finish" in data:
                    self.client_of_feedback()
        except OSError:
            pass

    def client_of_feedback(self):
        self.wants_more = True

    def ask(self, command, expected=("resp 0",)):
        """Asks, and keeps account; an answer below 0 that was not expected is a surprise."""
        name = command.split()[0]
        self.counts[name] = self.counts.get(name, 0) + 1
        answer = self.client.ask(command)
        number = int(answer.split()[1]) if answer.startswith("resp ") else 0  # `help` answers with text alone
        if number < 0 and number not in expected:
            self.surprises.append(f"{command} → {answer[:80]}")
        return answer

    def json_of(self, command):
        return json.loads(self.ask(command).split(" ", 2)[2])

    def plug(self):
        """Connects the player with the ports that there are."""
        for source, sink in (("soak:out", "in_1"), ("soak:out", "in_2"), ("soak:midi", "midi_in"), ("out_1", "soak:in_1"), ("out_2", "soak:in_2")):
            self.ask(f"connect {source} {sink}", (-205, -206))

    def load(self, patch):
        self.ask(f"patch_load {patch}", (-101, -902) if patch != self.patches[0] else ())
        self.plug()
        self.plugins = {plugin["instance"]: plugin for plugin in self.json_of("list")}
        self.controls, self.presets = {}, {}

    def home(self):
        """The one patch, as it was at the start."""
        self.load(self.patches[0])
        self.ask("feature_enable processing 1")

    def controls_of(self, number):
        if number not in self.controls:
            self.controls[number] = [control for control in self.json_of(f"controls {number}")
                                     if control["input"] and control["symbol"] not in LEFT_ALONE]
        return self.controls[number]

    def turn(self):
        """One thing that somebody may do."""
        draw = self.random
        if not self.plugins:
            return self.load(draw.choice(self.patches))
        number = draw.choice(list(self.plugins))
        what = draw.random()
        if what < 0.6:
            controls = self.controls_of(number)
            if controls:
                control = draw.choice(controls)
                low, high = control.get("minimum", 0), control.get("maximum", 1)
                self.ask(f"param_set {number} {control['symbol']} {draw.uniform(low, high):.4f}")
        elif what < 0.68:
            if number not in self.presets:
                self.presets[number] = self.json_of(f"presets {number}")
            if self.presets[number]:
                self.ask(f"preset_load {number} {draw.choice(self.presets[number])['uri']}")
        elif what < 0.73:
            self.ask(f"bypass {number} {draw.randint(0, 1)}")
        elif what < 0.77:
            name = draw.choice("AB")
            self.ask(f"snapshot_save {name}")
            self.ask(f"snapshot_morph A B {draw.random():.2f}", (-902,))
        elif what < 0.80:
            self.ask(f"remove {number}")
            if draw.random() < 0.8:
                self.ask("undo")
            else:
                del self.plugins[number]
                self.controls.pop(number, None)
                self.presets.pop(number, None)
        elif what < 0.83 and len(self.plugins) < 8:
            fresh = max(self.plugins) + 1
            answer = self.ask(f"add {draw.choice(EFFECTS)} {fresh}", (-101, -102))
            if answer == f"resp {fresh}":
                self.plugins[fresh] = {}
                graph = self.json_of("graph")
                plugin = next(plugin for plugin in graph["plugins"] if plugin["instance"] == fresh)
                # Left and right apart: both at one port, each just within what is muted, would be beyond it together.
                outputs = 0
                for port in plugin.get("ports", []):
                    there = f"effect_{fresh}:{port['symbol']}"
                    ours = "midi_in" if port["kind"] == "midi" else "in_1"
                    outputs += not port["input"]
                    self.ask(f"connect {ours} {there}" if port["input"] else f"connect {there} out_{2 - outputs % 2}", (-205,))
        elif what < 0.86:
            self.ask(f"patch_save {self.scratch}/saved.toml")
        elif what < 0.89:
            controls = self.controls_of(number)
            if controls:
                symbol = draw.choice(controls)["symbol"]
                self.ask(f"midi_map {number} {symbol} {draw.randint(0, 15)} {draw.randint(1, 119)} 0 1", (-901, -902, -303))
                if draw.random() < 0.7:
                    self.ask(f"midi_unmap {number} {symbol}", (-302,))
        elif what < 0.93:
            self.ask(draw.choice(["graph", "loads", "xruns", "latency", "list", "cpu_load", "help", f"controls {number}", f"presets {number}"]))
        elif what < 0.96:
            source, sink = draw.choice(ARCS)
            if self.ask(f"disconnect {source} {sink}", (-206,)) == "resp 0":
                time.sleep(0.05)
                self.ask(f"connect {source} {sink}", (-205,))
        elif what < 0.98:
            self.ask(f"transport {draw.randint(0, 1)} {draw.choice((3, 4))} {draw.uniform(60, 180):.1f}")
        else:
            self.load(draw.choice(self.patches))
        if getattr(self, "wants_more", False):
            self.wants_more = False
            self.ask("output_data_ready")

    def look(self, began):
        """Memory, threads and files of the host while it plays the one patch."""
        self.home()
        time.sleep(1.5)
        private, whole, threads = status(self.host.pid, "RssAnon", "VmRSS", "Threads")
        files = len(os.listdir(f"/proc/{self.host.pid}/fd"))
        xruns = int(self.ask("xruns").split()[2])
        self.rows.append((time.time() - began, private / 1024, whole / 1024, threads, files, xruns, self.heard.get("stalls", 0),
                          self.heard.get("loudest", 0), sum(self.counts.get(name, 0) for name in self.counts if name != "feedback bytes")))
        if self.arguments.progress:
            row = self.rows[-1]
            note(f"{row[0]:6.0f} s  {row[1]:8.2f} MB  threads {row[3]}  files {row[4]}  xruns {row[5]}  stalls {row[6]:.0f}  commands {row[8]}")

    def run(self):
        began = time.time()
        end = began + self.arguments.seconds
        while time.time() < end:
            self.look(began)
            until = min(end, time.time() + self.arguments.cycle)
            while time.time() < until:
                self.turn()
                if self.host.poll() is not None:
                    raise ConnectionError("the host has ended")
                time.sleep(self.random.uniform(0.02, 0.2))
        self.look(began)
        self.ask("transport 0 4 120")

    def finish(self):
        try:
            self.client.ask("quit")
        except OSError:
            pass
        try:
            code = self.host.wait(20)
        except subprocess.TimeoutExpired:
            code = "it does not end"
        if self.player.stdin:
            self.player.stdin.close()
        self.report.flush()
        text = (self.scratch / "report").read_text(errors="replace")
        said = (self.scratch / "errors").read_text(errors="replace")
        check("the host ends by itself, with status 0", code == 0, f"{code}: {said[-200:]}")
        return (json.loads(text[text.index("{"):]) if "{" in text else {}), said

    def stop(self, process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self):
        for process in reversed(self.processes):
            self.stop(process)
        # A server that died with clients keeps its place in libjack's list of eight until one of its name ends as it should.
        for server in [process for process in self.processes if process.args[0] == "jackd" and process.returncode != 0]:
            again = subprocess.Popen(server.args, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(1)
            self.stop(again)


COLUMNS = ["seconds", "private_mb", "resident_mb", "threads", "files", "xruns", "stalls", "loudest", "commands"]


def draw_plot(rows, path):
    try:
        import matplotlib
    except ImportError:
        return note("no picture: matplotlib is missing")
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, (memory, runs) = pyplot.subplots(2, sharex=True, figsize=(9, 6))
    minutes = [row[0] / 60 for row in rows]
    memory.plot(minutes, [row[1] for row in rows], ".-", label="private memory")
    memory.set_ylabel("MB")
    memory.legend()
    runs.plot(minutes, [row[5] for row in rows], label="xruns (JACK)")
    runs.plot(minutes, [row[6] for row in rows], label="stalls of the machine")
    runs.set_xlabel("minutes")
    runs.legend()
    figure.savefig(path, dpi=100)


def judge(soak, report, said):
    rows = soak.rows
    # The first quarter, half an hour at most, is warm-up.
    warm = [row for row in rows if row[0] >= min(1800, rows[-1][0] / 4)]
    third = max(1, len(warm) // 3)
    early = statistics.median(row[1] for row in warm[:third])
    late = statistics.median(row[1] for row in warm[-third:])
    note(f"{rows[-1][0]:.0f} s, {rows[-1][8]} commands; private memory {rows[0][1]:.2f} MB at first, {early:.2f} MB after warm-up, {late:.2f} MB "
         f"at the end (least {min(row[1] for row in warm):.2f}, most {max(row[1] for row in warm):.2f})")
    check("memory is flat (± 1 MB after warm-up)", abs(late - early) <= 1, f"{early:.2f} MB, then {late:.2f} MB")
    check("no thread and no file is left behind", rows[-1][3] <= warm[0][3] + 1 and rows[-1][4] <= warm[0][4] + 1,
          f"threads {warm[0][3]} → {rows[-1][3]}, files {warm[0][4]} → {rows[-1][4]}")
    overruns, stalls = report.get("overruns", -1), int(soak.heard.get("stalls", 0))
    note(f"load: mean {100 * report.get('load', 0):.1f} %, 99.9th percentile {100 * report.get('loadAt999', 0):.1f} %, worst "
         f"{100 * report.get('loadWorst', 0):.0f} %; overruns of ours {overruns}, JACK's xruns {report.get('xruns')}, stalls of the machine {stalls}")
    check("no period too long but where the machine stood still", 0 <= overruns <= stalls, f"{overruns}, and {stalls} stalls")
    check("nothing that is no number was heard", soak.heard.get("broken") == 0 and report.get("brokenSamples") == 0,
          f"{soak.heard.get('broken')}, {report.get('brokenSamples')}")
    check("nothing louder than +40 dBFS was heard", soak.heard.get("loudest", 999) < 100, f"{soak.heard.get('loudest')}")
    check("something was heard all the time", soak.heard.get("longest", 1e9) < 60, f"silence of {soak.heard.get('longest')} s")
    check("no event was lost", report.get("lostEvents") == 0, report.get("lostEvents"))
    check("every command was answered as it should", not soak.surprises, "; ".join(dict.fromkeys(soak.surprises)))
    complaints = [line for line in said.splitlines() if "it is muted" in line or "it is bypassed" in line]
    # Other people's effects may run away under any controls: there the host has to say so and mute them, as it does.
    ours = [line for line in complaints if "(Continuo" in line]
    for line in dict.fromkeys(line for line in complaints if line not in ours):
        note(line)
    check("no plugin of ours was muted or bypassed", not ours, "; ".join(dict.fromkeys(ours)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=7200)
    parser.add_argument("--cycle", type=float, default=12, help="seconds between two looks at the memory")
    parser.add_argument("--frames", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table")
    parser.add_argument("--plot")
    parser.add_argument("--progress", action="store_true", help="prints each look as it is taken")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="continuo-soak-") as folder:
        soak = Soak(arguments, pathlib.Path(folder))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        failure = None
        try:
            soak.prepare()
            soak.run()
        except (OSError, ValueError, KeyError) as error:
            failure = f"{type(error).__name__}: {error}"
        except KeyboardInterrupt:
            note("ended early")
        except BaseException:
            soak.close()
            raise
        try:
            report, said = soak.finish() if hasattr(soak, "client") else ({}, "")
        finally:
            soak.close()
        check("the host lives to the end", failure is None, f"{failure}: {said[-300:]}")
        note("commands: " + ", ".join(f"{name} {count}" for name, count in sorted(soak.counts.items())))
        if arguments.table:
            pathlib.Path(arguments.table).write_text(
                "\t".join(COLUMNS) + "\n" + "".join("\t".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row)
                                                  + "\n" for row in soak.rows))
        if arguments.plot and soak.rows:
            draw_plot(soak.rows, arguments.plot)
        if len(soak.rows) > 2:
            judge(soak, report, said)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
