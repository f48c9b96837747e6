"""Processes of the tests."""
import os
import subprocess
import time


def where(pid):
    """Notes where a process's threads are."""
    for task in sorted(os.listdir(f"/proc/{pid}/task")) if os.path.isdir(f"/proc/{pid}/task") else []:
        def line(name):
            try:
                with open(f"/proc/{pid}/task/{task}/{name}", encoding="utf-8", errors="replace") as file:
                    return file.read().strip()
            except OSError as error:
                return error.strerror
        print(f"# process {pid}, thread {line('comm')}: in {line('wchan')}, system call {line('syscall')}", flush=True)


def ended(process, seconds=30):
    """Waits until a process has ended. A machine may stand still for a while, and a client of JACK's waits for periods to end before it
    goes. Its status, or None with where its threads are if it runs on."""
    began = time.time()
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        where(process.pid)
        return None
    if time.time() - began > 2:
        print(f"# process {process.pid} ended after {time.time() - began:.1f} s", flush=True)
    return status
