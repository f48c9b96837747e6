#!/usr/bin/env python3
"""Speaks mod-host's protocol with a running host, as scripts for mod-host do: host_protocol.py PORT FEEDBACK_PORT FOLDER.

Each check prints `ok - what` or `not ok - what: why`.
"""
import json
import os
import random
import socket
import subprocess
import sys
import time

failures = 0


def check(what, passed, why=""):
    global failures
    failures += not passed
    print(f"ok - {what}" if passed else f"not ok - {what}: {why}", flush=True)


class Client:
    def __init__(self, port, end="\0"):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(30)
        self.end = end

    def send(self, text):
        self.socket.sendall((text + self.end).encode())

    def receive(self):
        answer = b""
        while not answer.endswith(b"\0"):
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError("closed")
            answer += part
        return answer[:-1].decode()

    def ask(self, text):
        self.send(text)
        return self.receive()


def ports():
    said = subprocess.run(["timeout", "10", "jack_lsp", "-A", "-c"], capture_output=True, text=True).stdout
    return said


def eventually(condition, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def token(port):
    client = Client(port)
    check("without the token nothing is done", client.ask("param_get 4 gain") == "resp -902 token")
    check("with the token commands are done",
          client.ask("token geheim") == "resp 0" and client.ask("param_get 4 gain").startswith("resp 0"))
    other = Client(port)
    check("a wrong token is refused", other.ask("token gehei") == "resp -902 token")


def main():
    if sys.argv[1] == "--token":
        token(int(sys.argv[2]))
        return
    port, feedback_port, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    client = Client(port)
    feedback = Client(feedback_port)
    feedback.socket.settimeout(0.5)
    amp = "http://lv2plug.in/plugins/eg-amp"

    # The README's examples, with its reply codes
    expected = [
        (f'add "{amp}" 0', "resp 0"), (f"add {amp} 1", "resp 1"), (f"add {amp} 1", "resp -2"),
        (f"add {amp} 9991", "resp -1"), (f"add {amp} x", "resp -1"), ("add http://nowhere/none 2", "resp -101"),
        ('connect "system:capture_1" "effect_0:in"', "resp 0"), ("connect effect_0:out effect_1:in", "resp 0"),
        ("connect effect_1:in effect_0:out", "resp 0"),  # the other way round, and once more
        ("connect effect_1:out system:playback_1", "resp 0"), ("connect effect_1:out effect_0:in", "resp -205"),
        ("connect effect_1:out system:playback_77", "resp -205"), ("connect effect_9:out effect_0:in", "resp -205"),
        ('param_set 0 "gain" 2.5', "resp 0"), ('param_get 0 "gain"', "resp 0 2.5000"), ("param_set 0 gain 900", "resp 0"),
        ("param_get 0 gain", "resp 0 24.0000"), ("param_set 0 volume 1", "resp -103"), ("param_get 7 gain", "resp -3"),
        ("param_set 0 gain nan", "resp -902"), ("param_set 0 gain 0", "resp 0"),
        ("bypass 0 1", "resp 0"), ("param_get 0 :bypass", "resp 0 1.0000"), ("bypass 0 0", "resp 0"), ("bypass 7 1", "resp -3"),
        ("activate 0 1 0", "resp 0"), ("activate 0 1 1", "resp 0"), (f"preload {amp} 5", "resp 5"), ("activate 5 5 1", "resp 0"),
        ("preset_load 0 http://nowhere/preset", "resp -104"), ("preset_show http://nowhere/preset", ""),
        ("midi_map 0 gain 0 7 -10.0 10.0", "resp 1"), ("midi_unmap 0 gain", "resp 1"), ("midi_learn 0 gain -20 0", "resp 1"),
        ("monitor_midi_program 0 1", "resp 0"), ("set_midi_program_change_pedalboard_bank_channel 1 5", "resp 0"),
        ("cc_map 0 gain 0 1 Gain 0.0 -24.0 3.0 33 0 dB 0", "resp -401"), ("licensee 0", ""),
        ("param_monitor 0 gain > 2.5", "resp -1"), ("transport 1 4 120", "resp 0"), ("transport_sync none", "resp 0"),
        ("transport_sync link", "resp -402"), ("set_bpm 100", "resp 0"), ("set_bpb 3", "resp 0"), ("feature_enable processing 1", "resp 0"),
        ("feature_enable teleport 1", "resp -902"), ("output_data_ready", "resp 0"), ("bundle_add /nowhere.lv2", "resp 0"),
        ("monitor localhost 1 1", "resp -902"), ("load /nowhere", "resp -902"),
    ]
    wrong = [(line, want, got) for line, want in expected if (got := client.ask(line)) != want]
    check(f"{len(expected)} commands are answered as mod-host answers them", not wrong, wrong)
    check("an unknown command has an error code", client.ask("frobnicate 1").startswith("resp -902"))
    check("few arguments have an error code", client.ask("param_set 0").startswith("resp -902"))
    check("many arguments have an error code", client.ask("quit now please").startswith("resp -902"))
    check("the load is a number", float(client.ask("cpu_load").split()[2]) >= 0)
    check("help names every command with an example", all(
        "for example: " + name in client.ask("help " + name).replace("\n", " ") for name in ("connect", "midi_map", "undo")))

    # JACK has the ports at the graph's ends alone, and knows them as effect_N:symbol too
    there = eventually(lambda: "   effect_0:in\n" in ports() and "continuo:effect_1_out\n   effect_1:out\n   system:playback_1" in ports())
    check("JACK knows the ends as effect_N:symbol", there, ports())
    graph = json.loads(client.ask("graph").split(" ", 2)[2])
    check("the graph is told as JSON", {"from": "effect_0:out", "to": "effect_1:in", "gain": 1} in graph["connections"], graph)
    check("disconnect takes it apart", client.ask("disconnect effect_0:out effect_1:in") == "resp 0"
          and client.ask("disconnect effect_0:out effect_1:in") == "resp -206")

    # Removal, and back again with settings and connections
    client.ask("param_set 1 gain -3")
    check("undo brings a plugin back", client.ask("remove 1") == "resp 0" and client.ask("param_get 1 gain") == "resp -3"
          and client.ask("undo") == "resp 1" and client.ask("param_get 1 gain") == "resp 0 -3.0000")
    check("with its connections", eventually(lambda: "effect_1:out\n   system:playback_1" in ports()), ports())

    # What JACK's own means connect
    def jack(*command):
        return subprocess.run(["timeout", "10", *command], capture_output=True, text=True).returncode

    def connections():
        return [(c["from"], c["to"]) for c in json.loads(client.ask("graph").split(" ", 2)[2])["connections"]]

    client.ask(f"add {amp} 20")
    client.ask(f"add {amp} 21")
    check("JACK knows ports that nothing is connected with", eventually(
        lambda: "   effect_20:in\n" in ports() and "   effect_21:out\n" in ports()), ports())
    joined = jack("jack_connect", "effect_20:out", "effect_21:in")
    check("jack_connect joins two plugins", joined == 0 and eventually(
        lambda: ("effect_20:out", "effect_21:in") in connections()), (joined, connections()))
    check("a loop by jack_connect is taken apart", jack("jack_connect", "effect_21:out", "effect_20:in") == 0 and eventually(
        lambda: "   continuo:effect_21_out\n" not in ports()) and ("effect_21:out", "effect_20:in") not in connections(), ports())
    check("jack_connect joins a plugin with a device", jack("jack_connect", "system:capture_2", "effect_20:in") == 0
          and jack("jack_connect", "effect_21:out", "system:playback_2") == 0 and eventually(
              lambda: {"continuo:effect_20_in"} <= {e for e in ports().split()} and len(
                  [e for e in json.loads(client.ask("graph").split(" ", 2)[2])["outputs"] if e["name"] == "effect_21_out"]) == 1))
    check("jack_disconnect parts two plugins", jack("jack_disconnect", "effect_20:out", "effect_21:in") == 0 and eventually(
        lambda: ("effect_20:out", "effect_21:in") not in connections()), connections())
    check("jack_disconnect takes a device away", jack("jack_disconnect", "effect_21:out", "system:playback_2") == 0 and eventually(
        lambda: not [e for e in json.loads(client.ask("graph").split(" ", 2)[2])["outputs"] if e["name"] == "effect_21_out"]))
    check("what is connected by command JACK shows", client.ask("connect effect_20:out effect_21:in") == "resp 0" and eventually(
        lambda: "   effect_20:out\n   continuo:effect_21_in" in ports()), ports())
    check("disconnect_all parts all", client.ask("disconnect_all effect_20:in") == "resp 0" and eventually(
        lambda: "system:capture_2\n   continuo:effect_20_in" not in ports()), ports())
    check("ports ends leaves the graph's ends alone", client.ask("ports ends") == "resp 0" and eventually(
        lambda: "effect_21_out" not in ports()) and ("effect_20:out", "effect_21:in") in connections(), ports())
    client.ask("ports all")
    client.ask("multi_remove 2 20 21")
    check("what is removed leaves no ports", eventually(lambda: "effect_2" not in ports()), ports())

    # CV that moves a control, and levels
    signals = [
        ("cv_map 0 gain system:capture_1 -20 3 =", "resp 0"), ("cv_map 0 gain system:capture_99 -20 3 =", "resp -207"),
        ("cv_map 0 gain system:capture_1 -20 3 z", "resp -902"), ("cv_map 77 gain system:capture_1 -20 3 =", "resp -3"),
        ("cv_unmap 0 gain", "resp 0"), ("monitor_audio_levels system:capture_1 1", "resp 0"),
        ("monitor_audio_levels effect_0:out 1", "resp 0"), ("monitor_audio_levels effect_0:out 1", "resp 0"),
        ("monitor_audio_levels system:capture_1 0", "resp -902"), ("monitor_audio_levels effect_0:out 0", "resp 0"),
        ("monitor_audio_levels system:capture_1 0", "resp 0"), ("hmi_map 0 gain 0 0 0 0 0 Gain 0 1 33", "resp -403"),
        ("hmi_unmap 0 gain", "resp -403"), ("show_external_ui 0", "resp -404"), ("cc_unmap 0 gain", "resp -401"),
        ("timebase 1", "resp 0"), ("set_bpm 90", "resp 0"), ("timebase 0", "resp 0"), ("fade 30", "resp 0"), ("tail 0.5", "resp 0"),
        ("tail 0", "resp 0"), ("fade", "resp 0 30"), ("fade 20", "resp 0"), ("feature_enable processing -1", "resp 0"),
        ("feature_enable processing 2", "resp 0"), ("monitor_midi_control 7 1", "resp 0"), ("transport 0 4 120", "resp 0"),
    ]
    wrong = [(line, want, got) for line, want in signals if (got := client.ask(line)) != want]
    check(f"{len(signals)} commands for signals and times are answered", not wrong, wrong)

    # A preset saved and loaded
    bundle = os.path.join(folder, "mine.lv2")
    client.ask("param_set 0 gain -12.5")
    saved = client.ask(f'preset_save 0 "My Preset" {bundle} mine.ttl')
    client.ask("param_set 0 gain 3")
    client.ask(f"bundle_add {bundle}")
    loaded = client.ask(f"preset_load 0 file://{bundle}/mine.ttl")
    check("a preset is saved and loaded", (saved, loaded, client.ask("param_get 0 gain")) == ("resp 0", "resp 0", "resp 0 -12.5000"),
          (saved, loaded))
    check("preset_show shows it", "My Preset" in client.ask(f"preset_show file://{bundle}/mine.ttl"))

    # What is told: a parameter on the feedback port, a condition on the monitor's
    client.ask("add http://lv2plug.in/plugins/eg-sampler 8")
    client.ask("patch_set 8 http://lv2plug.in/plugins/eg-sampler#sample /usr/lib/lv2/eg-sampler.lv2/click.wav")
    told = b""

    def heard(text):
        nonlocal told
        client.ask("output_data_ready")
        try:
            told += feedback.socket.recv(65536)
        except TimeoutError:
            pass
        return text in told

    check("the feedback port tells of parameters", eventually(
        lambda: heard(b"patch_set 8 http://lv2plug.in/plugins/eg-sampler#sample p /usr/lib/lv2/eg-sampler.lv2/click.wav\0")), told)
    check("a batch ends with data_finish", b"data_finish\0" in told)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(30)
    answers = [client.ask(f"monitor localhost {listener.getsockname()[1]} 1"), client.ask("param_monitor 0 gain > 2.5")]
    monitored, _ = listener.accept()
    monitored.settimeout(30)
    client.ask("param_set 0 gain 2")
    client.ask("param_set 0 gain 4")
    check("a monitored control is told of", answers == ["resp 0", "resp 0"] and monitored.recv(100) == b"monitor 0 gain 4.000000\0")

    # Messages as different clients end them
    check("a line feed ends a message", Client(port, "\n").ask("param_get 0 gain") == "resp 0 4.0000")
    check("a message without an end is taken when it stands alone", Client(port, "").ask("param_get 0 gain") == "resp 0 4.0000")
    pipelined = Client(port)
    pipelined.socket.sendall(b"".join(b"param_get 0 gain\0" for _ in range(500)))
    answers = b""
    while answers.count(b"\0") < 500:
        answers += pipelined.socket.recv(65536)
    check("500 commands at once have 500 answers", answers == b"resp 0 4.0000\0" * 500)

    # Hostile clients
    before = json.loads(client.ask("loads").split(" ", 2)[2])
    long = Client(port)
    long.socket.sendall(b"add " + b"x" * 10_000_000 + b" 0\0param_get 0 gain\0")
    answers = [long.receive() for _ in range(1)]
    rest = b""
    while rest.count(b"\0") < (2 - len(answers)) and not answers[0].endswith("4.0000"):
        rest += long.socket.recv(65536)
    check("a line of 10 MB has an error code, and the next one is done",
          answers == ["resp -902 too long\0resp 0 4.0000"] or answers == ["resp -902 too long"] and rest == b"resp 0 4.0000\0",
          (answers, rest))
    generator = random.Random(1)
    binary = Client(port)
    for _ in range(200):
        noise = bytes(b for b in generator.randbytes(300) if b not in (0, 10))
        binary.socket.sendall(noise + b"\0")
    count = 0
    while count < 200:
        count += binary.socket.recv(65536).count(b"\0")
    check("200 binary lines have 200 answers", count == 200)
    half = Client(port)
    half.socket.sendall(b"param_set 0 ga")
    check("half a line has an error code", half.receive().startswith("resp -902"))
    words = ["add", "remove", "connect", "param_set", "bypass", "midi_map", "preset_load", "activate", "param_get", "multi_add",
             "params_flush", "midi_range", "disconnect_all", "-1", "0", "1", "99999999999999999999", "effect_0:in", "\"", "\\", "nan",
             "1e999", ":bypass", "gain", "''", "%s%n", "../..", "system:playback_1", "ä", "*", "effect_*:*"]
    fuzz = Client(port)
    bad = []
    for _ in range(2000):
        line = " ".join(generator.choices(words, k=generator.randint(1, 6)))
        if line.startswith("remove -1"):
            continue
        answer = fuzz.ask(line)
        if not answer.startswith("resp ") or "\n" in answer:
            bad.append((line, answer))
    check("2000 lines of nonsense have answers", not bad, bad[:3])
    crowd = []
    for _ in range(200):
        try:
            crowd.append(Client(port))
        except OSError:
            break
    refused = 0
    for guest in crowd:
        try:
            guest.send("xruns")
            refused += guest.receive().endswith("too many clients")
        except OSError:
            refused += 1
    check("of 200 clients most are refused, and told so", 100 <= refused < 200, refused)
    for guest in crowd:
        guest.socket.close()
    deaf = Client(port)
    try:
        deaf.socket.settimeout(2)
        for _ in range(3000):
            deaf.socket.sendall(b"help\0" * 10)
    except OSError:
        pass
    check("a client that does not listen does no harm", client.ask("xruns").startswith("resp 0"))
    deaf.socket.close()
    after = json.loads(client.ask("loads").split(" ", 2)[2])
    note = [plugin for plugin in after if plugin["instance"] == 0]
    print(f"# before {before[:1]}, after {note}")

    check("remove -1 removes all", client.ask("remove -1") == "resp 0" and client.ask("list") == "resp 0 []")
    check("quit is answered", client.ask("quit") == "resp 0")


main()
sys.exit(failures > 0)
