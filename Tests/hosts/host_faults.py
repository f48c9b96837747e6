#!/usr/bin/env python3
"""What faults.sh checks, against real hosts: host_faults.py PROGRAM FOLDER SMALL_DISK.

SMALL_DISK is a folder on a disk of 200 KB, or empty. Each check prints `ok - what` or `not ok - what: why`; ends with the number of failures.
"""
import glob
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from processes import ended

program, folder, small_disk = sys.argv[1:4]
BAD = "urn:continuo:test:bad:"
AMP = "http://lv2plug.in/plugins/eg-amp"
failures = 0


def check(what, passed, why=""):
    global failures
    failures += not passed
    print(f"ok - {what}" if passed else f"not ok - {what}: {why}", flush=True)


def note(text):
    print(f"# {text}", flush=True)


def eventually(condition, seconds=15):
    end = time.time() + seconds
    while time.time() < end:
        try:
            if condition():
                return True
        except (OSError, ValueError, IndexError):
            pass
        time.sleep(0.05)
    return False


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


class Host:
    """A host with a remote port; every question may find another process at the other end."""

    count = 0

    def __init__(self, *arguments, name="faults", shell=None, environment=None, wait=True):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        Host.count += 1
        self.log = f"{folder}/host-{Host.count}.log"
        self.socket = None
        command = [program, "host", "--name", name, "--port", str(self.port), *arguments]
        if shell:
            command = ["bash", "-c", shell + '; exec "$@"', "bash", *command]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(environment or {})})
        if wait:
            self.up = eventually(lambda: self.process.poll() is not None or self.ask("latency").startswith("resp 0"), 30)

    def ask(self, line, timeout=20):
        try:
            if self.socket is None:
                self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
            self.socket.settimeout(timeout)
            self.socket.sendall(line.encode() + b"\0")
            answer = b""
            while not answer.endswith(b"\0"):
                part = self.socket.recv(65536)
                if not part:
                    raise OSError("closed")
                answer += part
            return answer[:-1].decode()
        except OSError:
            self.forget()
            raise

    def forget(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def say(self, line):
        """A command that may be the last that this process hears."""
        try:
            return self.ask(line, 1)
        except OSError:
            return ""

    def do(self, *lines):
        for line in lines:
            answer = self.ask(line)
            if not answer.startswith("resp ") or answer.startswith("resp -"):
                raise ValueError(f"{line}: {answer}: {self.said()[-400:]}")

    def value(self, number, symbol):
        return float(self.ask(f"param_get {number} {symbol}").split()[2])

    def plays(self, number):
        """Whether a plugin's count of frames goes on."""
        before = self.value(number, "frames")
        return eventually(lambda: self.value(number, "frames") > before, 10)

    def said(self):
        return read(self.log)

    def list(self):
        return {entry["instance"]: entry for entry in json.loads(self.ask("list").split(" ", 2)[2])}

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.forget()

    def quit(self):
        self.say("quit")
        self.forget()
        status = ended(self.process)
        if status is None:
            self.kill()
        return status


def sessions(name):
    """What is kept of hosts of this name."""
    return [path for path in glob.glob(f"{folder}/state/continuo/sessions/{name}-*/*") if not path.endswith("/lock")]


def wait_for_save(name, *words):
    """Until what is kept of a host says all that."""
    def is_kept():
        saves = [path for path in sessions(name) if "/save-" in path]
        last = max(saves, key=lambda path: int(path.rsplit("-", 1)[1]))
        said = read(last + "/patch.toml") + read(last + "/host.json")
        return all(word in said for word in words)
    return eventually(is_kept)


def short(text):
    return " / ".join(line for line in text.strip().splitlines()[-3:])[:300]


# MARK: Plugins that do not load

def loading():
    host = Host("--autosave", "0", "--hang-limit", "1")
    host.do(f"add {BAD}amp 0", "connect system:capture_1 effect_0:in")
    for kind, words in [
        ("load", "crashes"), ("make", "crashes"), ("exit", "ends the program"), ("refuse", "refused to start"),
        ("huge", "asks for an event buffer of"),
    ]:
        answer = host.ask(f"add {BAD}{kind} 1")
        check(f"a plugin that {dict(load='crashes when its library is loaded', make='crashes when it is made', exit='ends the program', refuse='refuses', huge='asks for too much')[kind]} is not loaded",
              answer == "resp -102", answer)
    before = time.time()
    answer = host.ask(f"add {BAD}stuck 1", 30)
    check("a plugin that does not come back is not loaded", answer == "resp -102", answer)
    check("the others play on meanwhile", host.plays(0), short(host.said()))
    check("it ends well", host.quit() == 0, short(host.said()))
    # Tried once
    begin = time.time()
    first = Host("--autosave", "0", BAD + "amp")
    took = time.time() - begin
    first.quit()
    shutil.rmtree(folder + "/cache")
    begin = time.time()
    second = Host("--autosave", "0", BAD + "amp")
    again = time.time() - begin
    check("what came back is not tried again", os.path.exists(folder + "/cache/continuo/plugins.json"))
    note(f"start to first answer: {took * 1000:.0f} ms with what is known, {again * 1000:.0f} ms when the plugin is tried out first")
    second.quit()


def patches():
    path = folder + "/stage.toml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"""
[[plugin]]
uri = "{BAD}amp"
name = "first"
[[plugin]]
uri = "{BAD}make"
name = "second"
[plugin.controls]
memory = 7
[[plugin]]
uri = "{BAD}amp"
name = "third"
[[connection]]
from = "in"
to = "first:in"
[[connection]]
from = "first:out"
to = "second:in"
[[connection]]
from = "second:out"
to = "third:in"
[[connection]]
from = "third:out"
to = "out"
[[midi]]
control = "second:memory"
cc = 5
""")
    host = Host(path, "--autosave", "0")
    check("a patch plays on without the one that crashes", host.plays(0) and host.plays(1) and len(host.list()) == 2, short(host.said()))
    check("it is named", "going on without second: Bad make cannot be loaded: it crashes" in host.said(), short(host.said()))
    check("the graph says what is missing", '"absent":[{"cause":' in host.ask("graph"), host.ask("graph"))
    copy = folder + "/elsewhere/copy.toml"
    os.mkdir(folder + "/elsewhere")
    host.do(f"patch_save {copy}")
    text = read(copy)
    check("saved again it is there, with settings, connections and mappings",
          all(word in text for word in ['"second"', "memory = 7", '"first:out"', '"second:out"', '"second:memory"']), text)
    host.quit()
    alone = Host(BAD + "make", "--autosave", "0")
    check("a host that could play nothing ends, and says why", ended(alone.process) == 1 and "Bad make cannot be loaded" in alone.said(),
          short(alone.said()))


# MARK: Plugins that misbehave while they run

def misbehaving():
    host = Host("--autosave", "0", "--no-restart")
    host.do(f"add {BAD}amp 0", f"add {BAD}amp 1", "connect system:capture_1 effect_0:in", "connect effect_0:out effect_1:in",
            "connect effect_1:out system:playback_1")
    for fault, words in [(3, "gives what is no number"), (4, "is louder than +40 dBFS")]:
        host.do(f"param_set 0 fault {fault}")
        check(f"one that {words} is named", eventually(lambda: f"effect_0 (Bad amp) {words}: it is muted" in host.said()), short(host.said()))
        check("it is muted, and the others play on", eventually(lambda: host.list()[0]["muted"]) and host.plays(1), str(host.list()))
        host.do("param_set 0 fault 0", "revive 0")
        check("it can be brought back", eventually(lambda: not host.list()[0]["muted"]), str(host.list()))
    for fault, what in [(6, "a flood of events"), (7, "events that are none")]:
        host.do(f"param_set 0 fault {fault}", "param_set 1 memory 1")
        check(f"{what}: named", eventually(
            lambda: host.said().count("effect_0 (Bad amp) sends events that cannot be read") == fault - 5), short(host.said()))
        check(f"{what}: the others play on", host.plays(1) and host.plays(0), short(host.said()))
        host.do("param_set 0 fault 0", "revive 0")
        time.sleep(0.4)
    host.do("param_set 0 fault 5")
    check("one that is too slow is named and bypassed", eventually(lambda: "effect_0 (Bad amp) takes longer than a period" in host.said()),
          short(host.said()))
    check("the others play on", host.plays(1) and host.list()[0]["bypassed"], short(host.said()))
    host.do("param_set 0 fault 0", "bypass 0 0")
    check("and it can be brought back", host.plays(0), short(host.said()))
    check("it ends well", host.quit() == 0, short(host.said()))


def start_rich(name):
    """A host with something to lose."""
    host = Host("--autosave", "0.2", "--hang-limit", "1", name=name)
    host.do(f"add {BAD}amp 3", f"add {BAD}amp 5", "connect system:capture_1 effect_3:in", "connect effect_3:out effect_5:in",
            "connect effect_5:out system:playback_1", f"add {AMP} 7", "param_set 7 gain 2.5", "param_set 5 memory 11",
            "snapshot_save calm", "param_set 5 memory 22", "midi_map 5 memory 0 9 0 100")
    subprocess.run(["timeout", "10", "jack_connect", "system:capture_2", f"{name}:effect_3_in"], capture_output=True)
    host.saved = wait_for_save(name, "memory = 22", "system:capture_2", "cc = 9", "system:playback_1", '"calm"')
    return host


def connected(name):
    said = subprocess.run(["timeout", "10", "jack_lsp", "-c", f"{name}:"], capture_output=True, text=True).stdout
    return "system:capture_1" in said and "system:capture_2" in said and "system:playback_1" in said


def is_all_there(host, name):
    return (sorted(host.list()) == [3, 5, 7] and host.value(7, "gain") == 2.5 and host.value(5, "memory") == 22
            and host.value(5, "remembered") == 22 and eventually(lambda: connected(name), 5))


def why(host, name):
    try:
        return f"{sorted(host.list())} gain {host.value(7, 'gain')} memory {host.value(5, 'memory')} remembered {host.value(5, 'remembered')} " \
               f"connected {connected(name)}: {short(host.said())}"
    except (OSError, ValueError, KeyError, IndexError) as error:
        return f"{error}: {short(host.said())}"


def dying(fault, word, what, name, said=None):
    host = start_rich(name)
    check(f"{what}: what plays is kept meanwhile", host.saved, short(host.said()))
    process = host.process.pid
    host.say(f"param_set 3 fault {fault}")
    host.forget()
    eventually(lambda: "starting again" in host.said())
    began = time.time()
    back = eventually(lambda: host.ask("latency").startswith("resp 0") and host.plays(5), 20)
    took = time.time() - began
    check(f"{what}: the host starts itself again", back and host.process.poll() is None and host.process.pid == process, short(host.said()))
    if not back:
        return host.kill()
    note(f"{what}: it played again after {took:.2f} s")
    check(f"{what}: the plugin is named", f"{said or f'effect_3 <{BAD}amp>'} {word}" in host.said(), short(host.said()))
    check(f"{what}: nothing is lost", eventually(lambda: is_all_there(host, name)), why(host, name))
    check(f"{what}: it starts bypassed, and that is said",
          host.list()[3]["bypassed"] and "effect_3 (Bad amp) starts bypassed: 'bypass 3 0'" in host.said(), short(host.said()))
    host.do("param_set 3 fault 0", "bypass 3 0")
    check(f"{what}: it can be taken up again", host.plays(3), short(host.said()))
    host.do("snapshot_load calm")
    check(f"{what}: snapshots are there", host.value(5, "memory") == 11, str(host.value(5, "memory")))
    check(f"{what}: it ends well, and leaves nothing", host.quit() == 0 and not sessions(name), short(host.said()) + str(sessions(name)))


def dying_in_save():
    host = Host("--autosave", "0.2", name="saving")
    host.do(f"add {BAD}amp 0", "connect system:capture_1 effect_0:in", f"add {AMP} 1", "param_set 1 gain -3")
    wait_for_save("saving", "gain = -3")
    host.say("param_set 0 fault 10")
    check("a crash while a state is saved: named", eventually(lambda: "crashed when its state was saved" in host.said(), 20), short(host.said()))
    host.forget()
    check("a crash while a state is saved: not asked again", eventually(lambda: host.plays(0), 20)
          and "is not asked for its state any more" in host.said(), short(host.said()))
    host.do("param_set 1 gain -4")
    check("a crash while a state is saved: the rest is kept on", wait_for_save("saving", "gain = -4") and host.process.poll() is None,
          short(host.said()))
    host.quit()


def hanging_in_save():
    host = Host("--autosave", "0.2", "--hang-limit", "0.3", name="asking")
    host.do(f"add {BAD}amp 0", "connect system:capture_1 effect_0:in", f"add {AMP} 1", "param_set 0 memory 5")
    wait_for_save("asking", "memory = 5")
    host.do("param_set 0 fault 12", "param_set 1 gain -3")
    check("a plugin that hangs while its state is saved: named", eventually(lambda: "effect_0 (Bad amp) does not answer when" in host.said()),
          short(host.said()))
    check("a hang in a save: it plays on", host.plays(0) and host.process.poll() is None, short(host.said()))
    check("a hang in a save: the rest is kept on", wait_for_save("asking", "gain = -3"), short(host.said()))
    path = folder + "/asked.toml"
    answer = host.ask(f"patch_save {path}")
    kept = read(folder + "/asked.state/effect_0/memory.txt")
    check("a hang in a save: a patch is saved with what was kept of it last",
          answer == "resp 0" and "gain = -3" in read(path) and kept.startswith("        5\n") and kept.count("\n") == 10000, f"{answer}: {kept[:40]}")
    host.do("param_set 0 fault 0", "param_set 0 memory 6")
    check("a hang in a save: one that answers after all is asked again",
          eventually(lambda: "has answered after all" in host.said()) and wait_for_save("asking", "memory = 6"), short(host.said()))
    host.do("param_set 0 fault 12", "param_set 1 gain -5")
    eventually(lambda: host.said().count("does not answer when") == 2)
    host.do("remove 0")
    check("a hang in a save: it can be removed, and the host ends well", 0 not in host.list() and host.quit() == 0 and not sessions("asking"),
          short(host.said()))


def hanging_in_work():
    host = Host("--autosave", "0.2", "--hang-limit", "0.3", name="working")
    host.do(f"add {BAD}amp 0", f"add {BAD}amp 1", "connect system:capture_1 effect_0:in", "connect system:capture_1 effect_1:in",
            "param_set 0 fault 13", "param_set 0 memory 7")
    check("a plugin that hangs in its worker: named", eventually(lambda: "effect_0 (Bad amp) does not come back from its work" in host.said()),
          short(host.said()))
    check("a hang in a worker: it plays on, and is kept", host.plays(0) and host.plays(1) and wait_for_save("working", "memory = 7"),
          short(host.said()))
    host.do("param_set 0 fault 0")
    check("a hang in a worker: it is said when it comes back", eventually(lambda: "effect_0 (Bad amp) has come back" in host.said()),
          short(host.said()))
    host.do("param_set 1 fault 13")
    eventually(lambda: "effect_1 (Bad amp) does not come back" in host.said())
    host.do("remove 1")
    check("a hang in a worker: it can be removed", 1 not in host.list() and host.plays(0), short(host.said()))
    check("a hang in a worker: the host ends well", host.quit() == 0, short(host.said()))


def without_restart():
    host = Host("--no-restart", "--autosave", "0.2", "--hang-limit", "1", name="ending")
    host.do(f"add {BAD}amp 0", "connect system:capture_1 effect_0:in", "param_set 0 memory 5")
    wait_for_save("ending", "memory = 5")
    host.say("param_set 0 fault 2")
    host.forget()
    status = ended(host.process)
    if status is None:
        host.kill()
    check("with --no-restart a hung host ends with status 70", status == 70, f"{status}: {short(host.said())}")
    host = Host("--no-restart", "--autosave", "0.2", name="ending")
    check("the next start brings it back, bypassed",
          "the last time effect_0" in host.said() and "did not come back" in host.said() and host.list()[0]["bypassed"]
          and host.value(0, "memory") == 5, short(host.said()))
    host.do("param_set 0 fault 0", "bypass 0 0")
    host.plays(0)
    host.say("param_set 0 fault 1")
    host.forget()
    status = ended(host.process)
    check("with --no-restart a crash ends it by its signal", status == -signal.SIGSEGV, f"{status}: {short(host.said())}")
    # Neither brought back nor bypassed if that is not wanted
    host = Host("--no-restore", "--autosave", "0", name="ending")
    check("--no-restore begins empty", host.list() == {}, str(host.list()))
    host.quit()


# MARK: Hosts that are killed

def killed():
    host = start_rich("killed")
    host.kill()
    host = Host("--autosave", "0.2", name="killed")
    check("killed: the next start says so", "it ended without warning: going on with what was kept" in host.said(), short(host.said()))
    check("killed: nothing is lost", eventually(lambda: is_all_there(host, "killed")), why(host, "killed"))
    check("killed: nobody is blamed", not host.list()[3]["bypassed"], str(host.list()))
    # Once more, from what was brought back: its files must have stayed.
    host.do("param_set 7 gain 2.25")
    wait_for_save("killed", "gain = 2.25")
    host.do("param_set 7 gain 2.5")
    wait_for_save("killed", "gain = 2.5")
    host.kill()
    host = Host("--autosave", "0.2", name="killed")
    check("killed twice: nothing is lost", eventually(lambda: is_all_there(host, "killed")), why(host, "killed"))
    path = folder + "/kept.toml"
    host.do(f"patch_save {path}")
    host.quit()
    check("ended well: nothing is left", not sessions("killed"), str(sessions("killed")))
    text = read(folder + "/kept.state/effect_5/memory.txt")
    check("a patch saved from it has its files", text.count("\n") == 10000 and not os.path.islink(folder + "/kept.state/effect_5/memory.txt"),
          text[:40])
    # A patch that was changed after the crash
    host = Host(path, "--autosave", "0.2")
    host.do("param_set 1 memory 33")
    wait_for_save("kept", "memory = 33")
    host.kill()
    time.sleep(1.1)
    os.utime(path)
    host = Host(path, "--autosave", "0.2")
    check("a patch that is newer is taken as it is", host.value(1, "memory") == 22 and "has been changed since" in host.said(), short(host.said()))
    host.kill()
    host = Host(path, "--restore", "--autosave", "0.2")
    check("unless --restore is said", host.value(1, "memory") == 33, short(host.said()))
    host.process.send_signal(signal.SIGTERM)
    ended(host.process)
    check("SIGTERM is an end as it should be", not sessions("kept"), str(sessions("kept")))


def killed_while_saving():
    path = folder + "/often.toml"
    torn, saves = [], 0
    for _ in range(4):
        host = Host("--autosave", "0", "--no-restore", name="often")
        host.do(f"add {BAD}amp 0", f"add {BAD}amp 1", "param_set 0 memory 1", "param_set 1 memory 1")
        host.do(f"patch_save {path}")
        end = time.time() + random.uniform(0.05, 1)
        # In one go, so that the host is always at it.
        lines = b"".join(
            f"param_set 0 memory {n}\nparam_set 1 memory {n}\npatch_save {path}\n".encode() for n in range(2, 22))
        host.socket.sendall(lines)
        time.sleep(max(0, end - time.time()))
        host.kill()
        result = subprocess.run(
            [program, "render", path, "--seconds", "0.1", "--output", folder + "/often.wav", "--json"], capture_output=True, text=True)
        try:
            outputs = [output["last"] for output in json.loads(result.stdout)["controlOutputs"] if output["symbol"] == "remembered"]
        except (ValueError, KeyError):
            outputs = [result.stderr[-200:]]
        wanted = [float(number) for number in re.findall(r"^memory = ([0-9.]+)$", read(path), re.M)]
        saves = max(saves, *wanted, 0) if wanted else saves
        if len(wanted) != 2 or wanted[0] != wanted[1] or outputs != wanted:
            torn.append((wanted, outputs))
    check("killed while a patch is saved: the file and its states are one whole, old or new", not torn, str(torn)[:300])
    note(f"killed while saving: 4 times, up to the save of {saves:.0f}")


def full_disk():
    if small_disk:
        place, shell, label = small_disk, None, "a full disk"
        cause = "No space left on device"
    else:
        place, shell, label = folder + "/limited", "ulimit -f 60", "files that may not grow"
        cause = "File too large"
        os.mkdir(place)
    host = Host("--autosave", "0", "--no-restore", "--no-probe", name="full", shell=shell)
    host.do(f"add {BAD}amp 0")
    path = place + "/small.toml"
    if small_disk:
        host.do("param_set 0 memory 1")
        answer = host.ask(f"patch_save {path}")
        check("a patch fits on it once", answer == "resp 0", answer)
        old, state = read(path), read(place + "/small.state/effect_0/memory.txt")
        filler = os.open(place + "/filler", os.O_WRONLY | os.O_CREAT)
        try:
            while os.write(filler, b"x" * 1024):
                pass
        except OSError:
            pass
        os.close(filler)
    else:
        old, state = "", ""
    host.do("param_set 0 memory 2")
    answer = host.ask(f"patch_save {path}")
    check(f"{label}: a patch is not saved", answer.startswith("resp -"), answer)
    check(f"{label}: the old one is as it was", read(path) == old and read(place + "/small.state/effect_0/memory.txt") == state, read(path)[:80])
    check(f"{label}: nothing is left beside it", not [n for n in os.listdir(place) if ".new-" in n or ".next" in n], str(os.listdir(place)))
    answer = host.ask(f'preset_save 0 "One" {place}/one.lv2 one.ttl')
    check(f"{label}: a preset is not saved either", answer.startswith("resp -") and not os.path.exists(place + "/one.lv2"), answer)
    if small_disk:
        answer = host.ask(f"save {place}/history")
        check(f"{label}: nor the commands", answer.startswith("resp -") and not os.path.exists(place + "/history"), answer)
    host.quit()
    # What people are told, at the console
    said = subprocess.run(
        ["bash", "-c", (shell + "; " if shell else "") + 'exec "$@"', "bash", program, "presets", "save", BAD + "amp", "Full", "--folder", place],
        capture_output=True, text=True)
    check(f"{label}: the error names file and cause", said.returncode != 0 and place in said.stderr and cause in said.stderr, said.stderr[-300:])
    if small_disk:
        # The running state
        os.makedirs(place + "/state", exist_ok=True)
        host = Host("--autosave", "0.2", name="kept", environment={"XDG_STATE_HOME": place + "/state"})
        host.do(f"add {BAD}amp 0", "connect system:capture_1 effect_0:in")
        check("a state that cannot be kept is said so once",
              eventually(lambda: "what plays cannot be kept for the case of a crash" in host.said() or "nothing will be kept" in host.said()),
              short(host.said()))
        check("and the music plays on", host.plays(0), short(host.said()))
        host.quit()


def slow_disk():
    """Whoever ends the host does not wait for what it keeps for the case of a crash."""
    took = []
    for _ in range(4):
        host = Host("--autosave", "0.2", "--no-restore", name="slow", environment={
            "LD_PRELOAD": f"{folder}/slow-disk.so", "SLOW_DISK": "10"})
        host.do(f"add {BAD}amp 0")
        kept = wait_for_save("slow", "[[plugin]]")
        began = time.time()
        status = host.quit()
        took.append(time.time() - began)
        if kept and status == 0 and took[-1] < 5:
            break
    check("a slow disk holds nobody up who ends it", kept and status == 0 and took[-1] < 5 and not sessions("slow"),
          f"{status} after {took} s, {sessions('slow')}")


def removed_bundle():
    place = folder + "/lv2-gone"
    shutil.copytree(folder + "/lv2/bad.lv2", place + "/bad.lv2")
    host = Host("--autosave", "0", environment={"LV2_PATH": place + ":/usr/lib/lv2"})
    host.do(f"add {BAD}amp 0", "connect system:capture_1 effect_0:in", "param_set 0 memory 4")
    shutil.rmtree(place)
    check("a bundle removed while it runs is named", eventually(lambda: "its bundle " + place in host.said() and "has been removed" in host.said()),
          short(host.said()))
    check("it plays on", host.plays(0), short(host.said()))
    path = folder + "/gone.toml"
    answer = host.ask(f"patch_save {path}")
    check("it is saved", answer == "resp 0" and "memory = 4" in read(path), answer)
    answer = host.ask("revive 0")
    check("it can be loaded anew while its library is there", answer == "resp 0" and host.plays(0), answer)
    answer = host.ask(f"add {BAD}make 1")
    check("what was not loaded before is not had from it any more", answer == "resp -102", answer)
    check("it ends well", host.quit() == 0, short(host.said()))


def no_memory():
    said = subprocess.run(
        ["bash", "-c", 'ulimit -v 1000000; exec "$@"', "bash", program, "render", BAD + "vast", "--seconds", "0.1", "--output", folder + "/vast.wav"],
        capture_output=True, text=True)
    check("no memory for a plugin is an error by its name",
          said.returncode == 1 and "(Bad vast): there is no memory for it" in said.stderr, f"{said.returncode}: {said.stderr[-300:]}")


# MARK: Harm

def harm():
    host = Host("--autosave", "0", "--no-restore", name="harm")
    def listeners(pid):
        inodes = set()
        for link in glob.glob(f"/proc/{pid}/fd/*"):
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        found = []
        for line in read("/proc/net/tcp").splitlines()[1:] + read("/proc/net/tcp6").splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A" and parts[9] in inodes:
                found.append(parts[1])
        return found
    check("the remote port is the loopback's alone", listeners(host.process.pid) == [f"0100007F:{host.port:04X}"], str(listeners(host.process.pid)))
    # A web page that has a browser post commands
    with socket.create_connection(("127.0.0.1", host.port)) as browser:
        browser.settimeout(5)
        browser.sendall(f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\nadd {AMP} 9\n".encode())
        answer = b""
        try:
            while part := browser.recv(1000):
                answer += part
        except OSError:
            pass
    check("what a browser sends is not done", 9 not in host.list() and b"no HTTP" in answer, f"{answer} {host.list()}")
    # Links that lead out of a patch's folder
    os.mkdir(folder + "/patch")
    os.mkdir(folder + "/victim")
    with open(folder + "/victim/file", "w", encoding="utf-8") as file:
        file.write("mine")
    host.do(f"add {BAD}amp 0")
    os.symlink(folder + "/victim", folder + "/patch/p.state")
    answer = host.ask(f"patch_save {folder}/patch/p.toml")
    check("nothing is saved through a folder that is a link", answer.startswith("resp -") and os.listdir(folder + "/victim") == ["file"], answer)
    os.unlink(folder + "/patch/p.state")
    os.mkdir(folder + "/patch/p.state")
    os.symlink(folder + "/victim", folder + "/patch/p.state/effect_0")
    answer = host.ask(f"patch_save {folder}/patch/p.toml")
    check("nor through one below it", os.listdir(folder + "/victim") == ["file"] and os.path.isfile(folder + "/patch/p.state/effect_0/state.ttl"),
          answer + str(os.listdir(folder + "/victim")))
    os.unlink(folder + "/patch/p.toml")
    os.symlink(folder + "/victim/file", folder + "/patch/p.toml")
    host.do(f"patch_save {folder}/patch/p.toml")
    check("nor through a patch file that is one", read(folder + "/victim/file") == "mine" and "[[plugin]]" in read(folder + "/patch/p.toml"))
    host.quit()
    # Names of plugins become names of folders
    with open(folder + "/patch/names.toml", "w", encoding="utf-8") as file:
        for name in ["../../victim/x", "/victim/y", "..", "a.b", "a_b"]:
            file.write(f'[[plugin]]\nuri = "{BAD}amp"\nname = "{name}"\n')
    host = Host(folder + "/patch/names.toml", "--autosave", "0")
    for number in range(5):
        host.do(f"param_set {number} memory {number + 1}")
    host.do(f"patch_save {folder}/patch/names.toml")
    host.quit()
    inside = sorted(os.listdir(folder + "/patch/names.state"))
    check("plugins' names lead nowhere, and two names are two folders",
          os.listdir(folder + "/victim") == ["file"] and len(inside) == 5 and all(os.path.isdir(folder + "/patch/names.state/" + n) for n in inside),
          str(inside))
    # No port unless asked for
    quiet = subprocess.Popen([program, "host", BAD + "amp", "--autosave", "0"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    time.sleep(1)
    check("without --port nothing listens", quiet.poll() is None and listeners(quiet.pid) == [], str(listeners(quiet.pid)))
    quiet.terminate()
    ended(quiet)


def quiet_autosave():
    """What the audio notices of being kept."""
    for _ in range(4):
        host = Host("--autosave", "0.2", "--json", name="quiet")
        for number in range(8):
            host.do(f"add {BAD}amp {number}", f"connect system:capture_1 effect_{number}:in")
        time.sleep(1)
        longest, end = 0, time.time() + 4
        while time.time() < end:
            asked = time.time()
            host.do(f"param_set {int(asked) % 8} memory {int(asked * 10) % 1000}")
            longest = max(longest, time.time() - asked)
            time.sleep(0.01)
        host.quit()
        report = json.loads(host.said()[host.said().index("{"):])
        note(f"8 plugins with 100 KB of state each, kept again and again: callback mean {100 * report['load']:.2f} %, worst "
             f"{100 * report['loadWorst']:.1f} % of the period, over it {report['overruns']}; a command waited {1000 * longest:.0f} ms at most")
        if report["overruns"] == 0:
            break
    check("the audio does not notice that it is kept", report["overruns"] == 0, str(report["overruns"]))


for what in [
    loading, patches, misbehaving,
    lambda: dying(1, "has crashed (segmentation fault)", "a crash", "crashing"),
    lambda: dying(2, "has not come back", "a hang", "hanging"),
    lambda: dying(8, "has ended the program", "an exit", "leaving"),
    lambda: dying(9, "has crashed (segmentation fault)", "a stack that is used up", "deep"),
    lambda: dying(11, "has crashed (segmentation fault)", "a crash in a thread of its own", "thread", said=BAD + "amp"),
    lambda: dying(14, "has crashed (segmentation fault)", "a crash in the worker", "worker", said=BAD + "amp"),
    dying_in_save, hanging_in_save, hanging_in_work, without_restart, killed, killed_while_saving, full_disk, slow_disk, removed_bundle, no_memory, harm, quiet_autosave,
]:
    if len(sys.argv) > 4 and what.__name__ not in sys.argv[4:]:
        continue
    began = time.time()
    try:
        what()
    except Exception as error:  # what follows is to be checked all the same
        check(f"{what.__name__}", False, f"{type(error).__name__}: {error}")
    if "TIMES" in os.environ:
        note(f"{what.__name__}: {time.time() - began:.1f} s")
sys.exit(min(failures, 100))
