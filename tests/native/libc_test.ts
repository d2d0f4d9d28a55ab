import assert from "node:assert/strict";
import {
  closeFd,
  closeOnExec,
  createShared,
  destroyShared,
  kill,
  libc,
  openShared,
  pidfdOpen,
  pipe,
  pollFds,
  punchHole,
  readFd,
  readyFds,
  residentBytes,
  setNonBlocking,
  SIGNAL,
  spawn,
  waitpid,
  writeFd,
} from "../../src/native/libc.ts";

// Before the first test, which would otherwise be told that it left a library open.
libc();

function withPipe(use: (ends: { readonly read: number; readonly write: number }) => void): void {
  const ends = pipe();
  try {
    use(ends);
  } finally {
    closeFd(ends.read);
    closeFd(ends.write);
  }
}

/** Runs a shell command with nothing but its output, and returns that with its exit. */
function shell(script: string) {
  let text = "";
  let status;
  withPipe(({ read, write }) => {
    const pid = spawn({
      command: ["/bin/sh", "-c", script],
      env: { ONLY: "this" },
      stdio: [read, write, write],
    });
    const watch = pidfdOpen(pid);
    assert.equal(pollFds([watch], 5000), 1);
    status = waitpid(pid);
    closeFd(watch);
    setNonBlocking(read);
    const bytes = new Uint8Array(65536);
    const count = readFd(read, bytes);
    text = new TextDecoder().decode(bytes.subarray(0, Math.max(0, count)));
  });
  return { text, status };
}

Deno.test("spawn() starts a program with its own environment, session and three descriptors", () => {
  const { text, status } = shell('env; ls /proc/$$/fd; cut -d" " -f5,6 /proc/$$/stat; echo $$');
  assert.deepEqual(status, { code: 0, signal: null });
  assert.match(text, /^ONLY=this$/m);
  assert.doesNotMatch(text, /^(PATH|HOME)=\/(root|usr)/m);
  const lines = text.trim().split("\n");
  const pid = lines.at(-1);
  assert.equal(lines.at(-2), `${pid} ${pid}`);
  const fds = lines.filter((line) => /^\d{1,3}$/.test(line) && line !== pid);
  assert.deepEqual(fds, ["0", "1", "2"]);
});

Deno.test("waitpid() tells exit codes from signals", () => {
  assert.deepEqual(shell("exit 7").status, { code: 7, signal: null });
  assert.deepEqual(shell("kill -9 $$").status, { code: null, signal: SIGNAL.kill });
  assert.equal(waitpid(999_999_999), undefined);
});

Deno.test("spawn() starts a program in which no signal is ignored or blocked", () => {
  // What a shell does to whatever it puts into the background.
  const SIGINT = 2, SIGQUIT = 3, IGNORE = 1n;
  const before = [SIGINT, SIGQUIT].map((signal) => [signal, libc().signal(signal, IGNORE)] as const);
  try {
    const { text } = shell("grep -E '^Sig(Ign|Blk)' /proc/$$/status");
    assert.equal(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  } finally {
    for (const [signal, handler] of before) libc().signal(signal, handler);
  }
});

Deno.test("spawn() says what cannot be started", () => {
  withPipe(({ read, write }) => {
    const start = () => spawn({ command: ["/nowhere"], env: {}, stdio: [read, write, write] });
    assert.throws(start, /Cannot start "\/nowhere": error number 2/);
  });
});

Deno.test("pipes: poll, read, write, and nothing there", () => {
  withPipe(({ read, write }) => {
    setNonBlocking(read);
    const bytes = new Uint8Array(8);
    assert.equal(readFd(read, bytes), -1);
    assert.deepEqual(readyFds([read]), [false]);
    assert.equal(writeFd(write, new Uint8Array([1, 2])), 2);
    assert.deepEqual(readyFds([read]), [true]);
    assert.equal(pollFds([read], 0), 1);
    assert.equal(readFd(read, bytes), 2);
  });
});

Deno.test("shared memory is one memory under two mappings, and a hole reads as zeros", () => {
  const memory = createShared(1 << 20);
  const again = new Uint8Array(openShared(`/proc/self/fd/${memory.fd}`, 1 << 20));
  new Uint8Array(memory.buffer).fill(7);
  assert.equal(again[12345], 7);
  punchHole(memory, 0, 1 << 20);
  assert.equal(again[12345], 0);
  destroyShared(memory);
  assert.throws(() => openShared("/proc/self/fd/999999", 4096), /Cannot open the shared memory/);
});

Deno.test("closeOnExec() marks what this process has open", () => {
  withPipe(({ read }) => {
    libc().fcntl(read, 2, 0n);
    assert.equal(libc().fcntl(read, 1, 0n), 0);
    closeOnExec();
    assert.equal(libc().fcntl(read, 1, 0n), 1);
  });
});

Deno.test("residentBytes() and kill() of a process that is not there", () => {
  assert.ok(residentBytes(Deno.pid) > 1 << 20);
  assert.equal(residentBytes(999_999_999), 0);
  assert.equal(kill(999_999_999, 0), false);
});
