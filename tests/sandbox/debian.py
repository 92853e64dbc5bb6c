# SPDX-License-Identifier: ISC
"""A fresh Debian inside the sandbox, which tests/run-debian has made, with its own pppd and programs that
run pptp. It shares the sandbox's network, processes, devices, /run and results; what it writes elsewhere
stays in memory until the scenario ends."""
import atexit
import os
import shutil
import subprocess
import tempfile

from events import LogFile
from scenario import RESULTS, SYSLOG

PACKAGE = "/mnt/src/build/deb"


class Debian:
    """`release` is "bookworm" or "trixie"; `shared` is what it has in common with the sandbox besides."""

    def __init__(self, release="bookworm", shared=()):
        top = tempfile.mkdtemp(prefix=f"{release}-")
        atexit.register(self._end, top)
        self.root = f"{top}/root"
        subprocess.run(["modprobe", "-d", "/mnt/kernel", "-q", "overlay"])
        self._mount("-t", "tmpfs", "tmpfs", top)
        for name in ("root", "upper", "work"):
            os.mkdir(f"{top}/{name}")
        lower = f"/mnt/src/build/debian/{release}"
        self._mount("-t", "overlay", "-o", f"lowerdir={lower},upperdir={top}/upper,workdir={top}/work", "overlay",
                    self.root)
        for place in ("/proc", "/dev", "/dev/pts", "/sys", "/run", RESULTS, *shared):
            os.makedirs(self.path(place), exist_ok=True)
            self._mount("--rbind", place, self.path(place))
        # As in a container: NetworkManager and others do not wait for udev then.
        self._mount("-o", "remount,bind,ro", self.path("/sys"))
        os.makedirs("/run/dbus", exist_ok=True)
        shutil.copy2("/etc/ppp/chap-secrets", self.path("/etc/ppp"))
        self.write("/etc/hostname", "client\n")
        self.write("/etc/hosts", "127.0.0.1 localhost client\n198.51.100.1 vpn.example\n")
        self.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        for deb in os.listdir(PACKAGE):
            if deb.startswith("pptp-linux_") and deb.endswith(".deb"):
                self.deb = f"./{deb}"
                shutil.copy(f"{PACKAGE}/{deb}", self.path("/root"))

    @staticmethod
    def _end(top):
        """The next one starts a D-Bus of its own, and needs the memory."""
        subprocess.run(["pkill", "-x", "dbus-daemon"])
        shutil.rmtree("/run/dbus", ignore_errors=True)
        subprocess.run(["umount", "--lazy", top])  # and what is mounted in it

    @staticmethod
    def _mount(*words):
        subprocess.run(["mount", *words], check=True)

    def path(self, name):
        return self.root + name

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def argv(self, *words):
        """The command in this Debian, from /root, as one starts it from outside."""
        return ["env", "-i", "HOME=/root", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "chroot", self.root, "sh", "-c", 'cd && exec "$@"', "sh", *words]

    def run(self, *words, seconds=120, **more):
        """(exit status, what it said). To a file, not a pipe: what detaches keeps it open."""
        with tempfile.TemporaryFile() as said:
            status = subprocess.run(self.argv(*words), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                    timeout=seconds, **more).returncode
            said.seek(0)
            return status, said.read().decode("utf-8", "replace")

    def installed(self, package):
        """The version, where dpkg calls the package installed."""
        return self.run("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package)[1]

    def dbus(self):
        self.run("dbus-uuidgen", "--ensure")
        self.run("dbus-daemon", "--system", "--fork")


class NetworkManager:
    """The daemon, with the link to the servers as its connection "lan". Its log goes to syslog."""

    def __init__(self, debian):
        self.debian = debian
        debian.dbus()
        debian.write("/etc/NetworkManager/conf.d/sandbox.conf",
                     "[main]\nauth-polkit=false\nno-auto-default=*\n[logging]\nbackend=syslog\n")
        log = LogFile(SYSLOG.path)
        log.skip()
        self.process = subprocess.Popen(debian.argv("NetworkManager", "--no-daemon"), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not log.wait("startup complete", 60):
            raise RuntimeError(log.text())
        status, said = self.nmcli("connection", "add", "type", "ethernet", "ifname", "c0", "con-name", "lan", "ip4",
                                  "10.9.0.1/24", "gw4", "10.9.0.2", "ipv6.method", "ignore")
        if status or self.nmcli("connection", "up", "lan")[0]:
            raise RuntimeError(said)

    def nmcli(self, *words):
        return self.debian.run("nmcli", *words)

    def up(self, name):
        """(exit status, what nmcli said). NetworkManager waits 5 s for the plugin's service to begin, before pptp
        comes into it: not enough on a busy host."""
        for _ in range(4):
            status, said = self.nmcli("connection", "up", name)
            if "did not start in time" not in said:
                break
        return status, said

    def add(self, name, gateway, password="sesame"):
        """As a user does who ticks "Use Point-to-Point encryption"."""
        return self.nmcli("connection", "add", "type", "vpn", "con-name", name, "vpn-type", "pptp", "ifname", "*",
                          "ipv4.never-default", "yes", "vpn.data",
                          f"gateway={gateway},user=demo,require-mppe-128=yes,refuse-eap=yes,refuse-pap=yes,"
                          "refuse-chap=yes,refuse-mschap=yes", "vpn.secrets", f"password={password}")

    def end(self):
        self.process.terminate()
        self.process.wait(20)
