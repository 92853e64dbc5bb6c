#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
pptpsetup: the files that it makes, as pppd's own parser reads them, and what it leaves alone. /etc/ppp is a
tmpfs of this test's; pppd is a stand-in that notes its arguments, except where words are read.
"""
from harness import *  # noqa: F401,F403
from harness import PPTP, equal, main, match, os, pty, sh, subprocess, termios, test, true

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

DIRECTORY = "/etc/ppp"
SECRETS = DIRECTORY + "/chap-secrets"
BIN = "/run/bin"  # pptp and pptpsetup, which look for each other side by side, and the stand-in
SETUP = BIN + "/pptpsetup"
OFFICE = ("--create", "office", "--server", "vpn.example.com", "--username", "me")
PASSWORD = ("--password", "sesame")
OTHERS = "# by hand\n\n\nothers * 'x y' *\nboffice office2 z *\n\n"
PEERS = """# written by pptpsetup
pty "%s/pptp vpn.example.com --nolaunchpppd"
lock
noauth
nobsdcomp
nodeflate
name me
remotename office
ipparam office
"""
NASTY = [b"a b", b"#", b"a#b", b'"', b"'", b'"a"', b"\\", b"a\\", b"\\\\", b'\\"', b"%s%n", b"$HOME", b"`id`",
         b"*", b"@a", b" lead", b"trail ", b"tab\there", b"\\n", b"\\x41", b"\\101", b"-n", b"!", b"~",
         "pässwörd €".encode(), b"\xff\xfe\x81\x88", b"a\rb", b"x" * 256,
         bytes(b for b in range(1, 256) if b != 10)]


def put(path, text, mode=0o600):
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)


def get(path):
    with open(path, "rb") as f:
        return f.read().decode("latin-1")


def fresh(secrets=OTHERS):
    sh("umount %s 2>/dev/null" % DIRECTORY, check=False)
    sh("mount -t tmpfs -o mode=755 tmpfs %s; mkdir %s/peers; mkdir -p %s" % (DIRECTORY, DIRECTORY, BIN))
    sh("cp %s %s/pptp; cp %s/pptpsetup %s" % (PPTP, BIN, TOP, SETUP))
    if secrets is not None:
        put(SECRETS, secrets)


def setup(*words, status=0, given=b"", **kwargs):
    run = subprocess.run([SETUP, *words], input=given, capture_output=True, timeout=20, **kwargs)
    run.stderr, run.stdout = run.stderr.decode(), run.stdout.decode()
    equal(run.returncode, status, run.stderr)
    return run


def words(path):
    """The lines of a file as lists of words, by pppd's parser."""
    run = subprocess.run(["/usr/sbin/pppd", "plugin", TOP + "/build/pppd_words.so"], capture_output=True,
                         timeout=10, env=dict(os.environ, WORDS_OF=path))
    equal(run.returncode, 0, run.stdout)
    text = run.stdout.decode().split("\n", 1)[1]  # pppd says that it has loaded a plugin
    return [[bytes.fromhex(word) for word in line.split("\n")] for line in text.strip().split("\n\n")]


def check_entry(name, password, tunnel=b"office"):
    line = words(SECRETS)[-1]
    equal(line, [name, tunnel, password, b"*"], "the entry in chap-secrets")
    options = {line[0]: line[1:] for line in words(DIRECTORY + "/peers/" + tunnel.decode())}
    equal(options[b"name"], [name], "the name in the peers file")


def stand_in(status=0):
    put(BIN + "/pppd", "#!/bin/sh\necho pppd \"$@\" >>/run/bin/called\nexit %d\n" % status, 0o755)
    return dict(os.environ, PATH=BIN + ":" + os.environ["PATH"])


def snapshot():
    return sorted((os.path.join(at, name), get(os.path.join(at, name)))
                  for at, _, names in os.walk(DIRECTORY) for name in names)


@test("the files are those of pptp-linux's pptpsetup")
def _():
    fresh()
    setup(*OFFICE, *PASSWORD)
    equal(get(SECRETS), OTHERS + '\n# added by pptpsetup for office\nme office "sesame" *\n')
    equal(get(DIRECTORY + "/peers/office"), PEERS % BIN)
    equal(os.stat(SECRETS).st_mode & 0o777, 0o600)
    equal(os.stat(DIRECTORY + "/peers/office").st_mode & 0o777, 0o640)
    setup(*OFFICE, "--encrypt", "--domain", "CORP", *PASSWORD)
    check_entry(b"CORP\\me", b"sesame")
    equal(words(DIRECTORY + "/peers/office")[-1], [b"require-mppe-128"])


@test("--delete leaves each byte of the others as it was")
def _():
    for before in (OTHERS, "", "one * two *\n", "\n", "\n\n", "#\n\n# added by pptpsetup for office2\nme office2 x *\n"):
        fresh(before)
        at_first = snapshot()
        setup("--create", "b.c-d", "--server", "192.0.2.1", "--username", "u", *PASSWORD)
        with_first = snapshot()
        setup(*OFFICE, *PASSWORD)
        setup(*OFFICE, "--password", "changed")  # in place of the first
        setup("--delete", "office")
        equal(snapshot(), with_first)
        setup("--delete", "b.c-d")
        equal(snapshot(), at_first)


@test("of the old pptpsetup's files and those edited since, what it made is removed")
def _():
    fresh("a * b *\n\n# added by pptpsetup for office\nCORP\\me office \"a b\" *\n\n"
          "# added by pptpsetup for other\nme other \"x\" *\n\n# added by pptpsetup for office\nmine * z *\n")
    put(DIRECTORY + "/peers/office", PEERS % "/usr/sbin" + "persist\n")
    setup("--delete", "office")
    equal(get(SECRETS), "a * b *\n\n# added by pptpsetup for other\nme other \"x\" *\nmine * z *\n")


@test("a file of another author is neither replaced nor deleted")
def _():
    fresh()
    put(DIRECTORY + "/peers/office", "pty mine\n")
    before = snapshot()
    match("not written by pptpsetup", setup(*OFFICE, *PASSWORD, status=1).stderr)
    match("not written by pptpsetup", setup("--delete", "office", status=1).stderr)
    match("there is no", setup("--delete", "none", status=1).stderr)
    equal(snapshot(), before)


@test("pppd reads every byte of names and passwords as it was given")
def _():
    fresh()
    for password in NASTY:
        setup(*OFFICE, given=password + b"\n")
        check_entry(b"me", password)
        if len(password) < 200:
            setup(*OFFICE, b"--password=" + password, b"--domain=" + password)
            check_entry(password + b"\\me", password)


@test("each byte but letters and digits at each end and in the middle")
def _():
    fresh()
    for byte in (*range(1, 0xa0), 0xff):
        b = bytes([byte])
        if b != b"\n" and not b.isalnum():
            put("/run/password", b + b"x" + b + b"y" + b)
            setup(*OFFICE, "--password-file", "/run/password")
            equal(words(SECRETS)[-1][2], b + b"x" + b + b"y" + b)


@test("the password comes from standard input, a file, or the terminal without an echo")
def _():
    fresh()
    setup(*OFFICE, given=b"first\nsecond\n")
    check_entry(b"me", b"first")
    setup(*OFFICE, given=b"no line feed")
    check_entry(b"me", b"no line feed")
    put("/run/password", "from a file\n")
    setup(*OFFICE, "--password-file=/run/password")
    check_entry(b"me", b"from a file")
    match("cannot read", setup(*OFFICE, "--password-file", "/none", status=1).stderr)

    child, terminal = pty.fork()
    if child == 0:
        os.execv(SETUP, [SETUP, *OFFICE])
    shown = b""
    while b"Password: " not in shown:
        shown += os.read(terminal, 100)
    os.write(terminal, b"typed\n")
    try:
        while True:
            shown += os.read(terminal, 100)
    except OSError:  # the terminal's other end is closed
        pass
    equal(os.waitpid(child, 0)[1], 0)
    true(b"typed" not in shown, shown)
    check_entry(b"me", b"typed")


@test("a signal at the prompt restores the terminal and leaves nothing")
def _():
    fresh()
    before = snapshot()
    child, terminal = pty.fork()
    if child == 0:
        os.execv(SETUP, [SETUP, *OFFICE])
    shown = b""
    while b"Password: " not in shown:
        shown += os.read(terminal, 100)
    os.write(terminal, b"\3")
    equal(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 130)
    true(termios.tcgetattr(terminal)[3] & termios.ECHO, "the terminal does not echo")
    equal(snapshot(), before)


@test("what pppd cannot have is refused, and changes nothing")
def _():
    fresh()
    before = snapshot()
    for password, reason in ((b"", "empty"), (b"@/etc/shadow", "@/"), (b"x" * 257, "256")):
        match(reason, setup(*OFFICE, given=password, status=1).stderr)
    match("line feed", setup(*OFFICE, "--password", "a\nb", status=1).stderr)
    match("255", setup("--create", "t", "--server", "s", "--username", "x" * 256, *PASSWORD, status=1).stderr)
    for server in ("a b", "$(id)", "-x", "a;b", "a\"b", "2001:db8::1"):
        match("not a host name", setup("--create", "t", "--server", server, "--username", "u", *PASSWORD,
                                       status=1).stderr)
    for tunnel in ("../x", "a b", "a/b", "-x", ".", "é"):
        match("letters, digits", setup("--create=" + tunnel, "--server", "s", "--username", "u", *PASSWORD,
                                       status=1).stderr)
    equal(snapshot(), before)


@test("wrong options say what is missing, --help goes to standard output")
def _():
    fresh()
    for arguments, said in (((), "--create or --delete"), (("--create",), "needs a value"),
                            (("--create", "t"), "--server"), (("--create", "t", "--server", "s", *PASSWORD), "--user"),
                            (("--bogus",), "no such option: --bogus"), (("x",), "not an option: x"),
                            (("--create", "t", "--delete", "t"), "one of"), (("--s", "x"), "no such option")):
        run = setup(*arguments, status=1, given=b"x")
        match(said, run.stderr)
        equal(run.stdout, "")
    match("--delete TUNNEL", setup("--help").stdout)


@test("a directory that is missing or cannot be written to is named before a password is read")
def _():
    fresh()
    os.rmdir(DIRECTORY + "/peers")
    match("no directory /etc/ppp/peers; is pppd installed", setup(*OFFICE, status=1).stderr)
    equal(os.listdir(DIRECTORY), ["chap-secrets"])
    sh("mount -o remount,ro %s" % DIRECTORY)
    match("cannot write to /etc/ppp: pptpsetup needs root", setup(*OFFICE, status=1).stderr)


@test("options may be shortened, as they could be")
def _():
    fresh()
    setup("--c", "office", "--se", "vpn.example.com", "--user=me", "--pass", "sesame", "--enc", "--dom", "D")
    check_entry(b"D\\me", b"sesame")


@test("a second pptpsetup is kept out, and a link to the secrets stays one")
def _():
    fresh()
    put(SECRETS + ".new", "")
    match("another pptpsetup", setup(*OFFICE, *PASSWORD, status=1).stderr)
    os.unlink(SECRETS + ".new")
    os.rename(SECRETS, DIRECTORY + "/kept")
    os.symlink("kept", SECRETS)
    setup(*OFFICE, *PASSWORD)
    true(os.path.islink(SECRETS), "chap-secrets is no link any more")
    check_entry(b"me", b"sesame")
    os.unlink(SECRETS)
    setup(*OFFICE, *PASSWORD)
    equal(os.stat(SECRETS).st_mode & 0o777, 0o600, "a new file")


@test("a reader of the secrets has the old file or the new one")
def _():
    fresh(OTHERS)
    old = os.open(SECRETS, os.O_RDONLY)
    setup(*OFFICE, *PASSWORD)
    equal(os.pread(old, 4096, 0).decode(), OTHERS, "the file that was open")
    os.close(old)


@test("a password that ends in a carriage return is taken, with a warning")
def _():
    fresh()
    put("/run/password", "secret\r\n")
    match("carriage return", setup(*OFFICE, "--password-file", "/run/password").stderr)
    check_entry(b"me", b"secret\r")


@test("--start dials as pon does, and names what went wrong")
def _():
    fresh()
    setup(*OFFICE, *PASSWORD)
    setup("--delete", "office", "--start", env=stand_in())
    true(not os.path.exists(BIN + "/called"), "what is deleted is not dialled")
    setup(*OFFICE, *PASSWORD, "--start", env=stand_in())
    equal(get(BIN + "/called"), "pppd call office updetach\n")
    for status, said in ((19, "refused the user name or the password"), (16, "the reason is above"),
                         (77, "pppd ended with status 77")):
        match("office is not connected: .*" + said,
              setup(*OFFICE, *PASSWORD, "--start", status=status, env=stand_in(status)).stderr)
    true(os.path.exists(DIRECTORY + "/peers/office"), "the tunnel is kept")


@test("without pptp beside it nothing is made")
def _():
    fresh()
    before = snapshot()
    os.unlink(BIN + "/pptp")
    match("no program " + BIN + "/pptp", setup(*OFFICE, *PASSWORD, status=1).stderr)
    equal(snapshot(), before)


main()
