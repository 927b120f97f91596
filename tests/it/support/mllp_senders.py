"""Senders over MLLP by the client of the `hl7` package, which knows nothing of Tombolo.

usage: mllp_senders.py HOST PORT SENDERS MESSAGES SAMPLE...

Each sender is a thread that sends MESSAGES messages, made of the samples with a control number, a
patient number and a visit number of their own. A message is sent again, over a new connection,
until it is acknowledged; then a line `CODE CONTROL` is printed.
"""

import re
import sys
import threading
import time

from hl7.client import MLLPClient


def number(message, control, person):
    """The message with numbers of its own; in bytes, so that its charset does not matter."""
    fields = re.split(rb"([\r\n]+)", message, maxsplit=1)
    header = fields[0].split(b"|")
    header[9] = control
    message = b"|".join(header) + b"".join(fields[1:])
    message = message.replace(b"0000001001", person)
    return message.replace(b"MZ260301001", b"MZ" + person)


def acknowledged(answer, control):
    found = re.search(rb"MSA\|(\w\w)\|" + re.escape(control) + rb"\b", answer)
    return found.group(1) if found else None


def sender(host, port, who, messages, samples, lock):
    client = None
    for n in range(messages):
        control = b"X%02d-%05d" % (who, n)
        person = b"%02d%08d" % (who + 10, n)
        message = number(samples[n % len(samples)], control, person)
        while True:
            try:
                if client is None:
                    client = MLLPClient(host, port)
                    client.socket.settimeout(10)
                code = acknowledged(client.send_message(message), control)
                if code:
                    break
            except OSError:
                pass
            if client is not None:
                client.close()
                client = None
            time.sleep(0.02)
        with lock:
            print(code.decode(), control.decode(), flush=True)


def main():
    host, port, senders, messages = sys.argv[1], *map(int, sys.argv[2:5])
    samples = [open(path, "rb").read() for path in sys.argv[5:]]
    lock = threading.Lock()
    threads = [
        threading.Thread(target=sender, args=(host, port, who, messages, samples, lock))
        for who in range(senders)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
