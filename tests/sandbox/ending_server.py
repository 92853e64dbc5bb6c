#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
A PPTP server that speaks no PPP and ends each call by itself; runs until its standard input closes.

ending_server.py ADDRESS SECONDS cdn|stop|close   SECONDS after the Outgoing-Call-Reply it sends a
Call-Disconnect-Notify or a Stop-Control-Connection-Request, or closes the connection. It prints
"ready", and for each call it has ended "ended" and the time on the monotonic clock.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fake_server import FakeServer, polite  # noqa: E402


def main(address, seconds, how):
    def call(conn, request):
        conn.send("OCRP", call_id=77, peer_call_id=request["call_id"], result=1, speed=10000000,
                  window=64)
        time.sleep(float(seconds))
        if how == "cdn":
            conn.send("CDN", call_id=77, result=3)
        elif how == "stop":
            conn.send("StopCCRQ", reason=3)
        else:
            conn.close()
        print("ended", time.monotonic(), flush=True)

    with FakeServer(address, polite(on={"OCRQ": call})):
        print("ready", flush=True)
        sys.stdin.read()


main(*sys.argv[1:])
