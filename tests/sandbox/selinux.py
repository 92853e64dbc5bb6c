# SPDX-License-Identifier: ISC
"""SELinux in the sandbox's kernel, with the policy beside this file. No other program gets to know of it."""
import os
import subprocess

from events import processes
from scenario import OURS, PPTP

POLICY = f"{os.path.dirname(__file__)}/selinux.cil"


def available():
    """Only a kernel of the sandbox's own gets a policy from us."""
    return os.environ["SANDBOX"] == "uml"


def _write(name, data):
    subprocess.run(["mount", "-t", "selinuxfs", "none", "/sys/fs/selinux"], check=True)
    with open(f"/sys/fs/selinux/{name}", "wb", buffering=0) as f:
        f.write(data)
    subprocess.run(["umount", "/sys/fs/selinux"], check=True)


def load():
    """From then on domains change, and nothing is forbidden yet."""
    subprocess.run(["secilc", "-c", "31", "-f", "/dev/null", "-o", "/tmp/policy", POLICY], check=True)
    with open("/tmp/policy", "rb") as f:
        _write("load", f.read())
    os.setxattr(PPTP, "security.selinux", b"system_u:object_r:pptp_exec_t")


def enforce(on):
    _write("enforce", b"%d" % on)


def domains():
    """Those of pptp's processes."""
    found = set()
    for pid in processes(OURS):
        with open(f"/proc/{pid}/attr/current") as f:
            found.add(f.read().rstrip("\n\0").split(":")[2])
    return found
