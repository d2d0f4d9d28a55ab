/** Sets of permissions: what Deno takes is taken, what it refuses is refused with a sentence, and the algebra's laws. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ALL_PERMISSIONS,
  canonical,
  describe,
  excess,
  excessText,
  intersect,
  NO_PERMISSIONS,
  PERMISSION_NAMES,
  type PermissionName,
  type PermissionSet,
  readRequest,
  readSet,
  setFor,
  toJson,
} from "../../src/protocol/permissions.ts";

function allowed(name: PermissionName, ...values: string[]) {
  return readSet({ [name]: values }, "permissions", "/some")[name].allow;
}

/** Whether a ceiling of one value lets a request of one value through. */
function holds(name: PermissionName, outer: string, inner: string): boolean {
  const ceiling = readSet({ [name]: [outer] }, "ceiling", "/some");
  return excess(readSet({ [name]: [inner] }, "request", "/some"), ceiling).length === 0;
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────

const SPELLINGS: readonly (readonly [PermissionName, string, string])[] = [
  ["read", "/tmp//a/./b/../c/", "/tmp/a/c"],
  ["read", "rel/x", "/some/rel/x"],
  ["read", "../../../x", "/x"],
  ["read", "/", "/"],
  ["write", "$SCRATCH", "$SCRATCH"],
  ["write", "$SCRATCH//a/.", "$SCRATCH/a"],
  ["ffi", "./lib.so", "/some/lib.so"],
  ["net", "Example.ORG.", "example.org"],
  ["net", "*.Example.org:80", "*.example.org:80"],
  ["net", "[0:0:0:0:0:0:0:1]:80", "[::1]:80"],
  ["net", "[::ffff:10.1.2.3]", "10.1.2.3"],
  ["net", "10.1.2.3/8", "10.0.0.0/8"],
  ["net", "10.1.2.3/32", "10.1.2.3"],
  ["net", "host:0", "host:0"],
  ["net", "exa_mple", "exa_mple"],
  ["net", "10.0.0.256", "10.0.0.256"],
  ["net", "unix:/run//x.sock", "unix:/run/x.sock"],
  ["net", "vsock:1:2", "vsock:1:2"],
  ["env", "AWS_*", "AWS_*"],
  ["run", "git", "git"],
  ["run", "./git", "/some/git"],
  ["sys", "hostname", "hostname"],
  ["import", "example.org:443", "example.org:443"],
];

Deno.test("values have one spelling", () => {
  for (const [name, text, expected] of SPELLINGS) assert.deepEqual(allowed(name, text), [expected], text);
  assert.equal(allowed("env", "*"), true);
  assert.deepEqual(allowed("read", "/a/b", "/a", "/c", "/a"), ["/a", "/c"]);
});

const REFUSED: readonly (readonly [PermissionName, string, RegExp])[] = [
  ["read", "", /a path cannot be empty/],
  ["read", "/a\0b", /zero byte/],
  ["write", "$SCRATCH/../x", /has no "\.\."/],
  ["net", "", /host is missing/],
  ["net", ":80", /host is missing/],
  ["net", "host:port", /"port" is no port/],
  ["net", "host:99999", /no port/],
  ["net", "host:", /the port is missing/],
  ["net", "::1", /square brackets/],
  ["net", "fe80::/10", /square brackets/],
  ["net", "[fe80::]/10", /no IPv6/],
  ["net", "[1.2.3.4]", /no IPv6 address/],
  ["net", "[::1", /no IPv6/],
  ["net", "[fe80::1%eth0]", /zone/],
  ["net", "*", /no host name/],
  ["net", "a.*.org", /no host name/],
  ["net", "10.0.0.0/33", /no host name/],
  ["net", "http://example.org", /no URLs/],
  ["net", "example.org/path", /no host name/],
  ["net", "bücher.de", /no host name/],
  ["net", "a b", /no host name/],
  ["net", "user@host", /no host name/],
  ["net", ".example.org", /no host name/],
  ["net", "a..b", /no host name/],
  ["net", "vsock:x", /no host/],
  ["import", "https://x.org", /no URLs/],
  ["import", "unix:/x", /no host/],
  ["env", "", /cannot be empty/],
  ["env", "A=B", /no "="/],
  ["run", "", /cannot be empty/],
  ["run", "$SCRATCH/x", /cannot be granted/],
  ["sys", "nope", /it takes hostname/],
];

Deno.test("what Deno refuses is refused with a sentence that names the key", () => {
  for (const [name, text, reason] of REFUSED) {
    assert.throws(() => allowed(name, text), (error: unknown) => {
      assert(error instanceof TypeError);
      assert.match(error.message, reason, text);
      assert(error.message.includes(`"permissions.${name}"`), error.message);
      return true;
    }, text);
  }
});

Deno.test("a malformed request names what is wrong with it", () => {
  const read = (value: unknown) => () => readRequest(value, "permissions");
  assert.throws(read({ nett: true }), /Unknown permission "permissions\.nett", did you mean "net"\?/);
  assert.throws(read({ deny: { raed: true } }), /"permissions\.deny\.raed", did you mean "read"/);
  assert.throws(read({ net: "example.org" }), /"example\.org" for "permissions\.net": it takes true, false/);
  assert.throws(read({ net: [7] }), /Cannot use 7 in "permissions\.net"/);
  assert.throws(read({ read: ["data"] }), /"data" for "permissions\.read": it takes absolute paths/);
  assert.throws(read(["net"]), /for "permissions": it takes an object/);
  assert.throws(read(null), /Cannot use null for "permissions"/);
  assert.throws(read({ env: ["IPP_CURVE_SECRETKEY"] }), /no task ever sees them/);
  assert.doesNotThrow(read({ env: true, deny: { env: ["IPP_*"] } }));
  const many = (count: number) => Array.from({ length: count }, (_, i) => `h${i}.org`);
  assert.throws(read({ net: many(129) }), /129 values for "permissions\.net": it takes at most 128/);
  assert.doesNotThrow(read({ net: many(128) }));
  assert.throws(read({ read: [`/${"x".repeat(4096)}`] }), /4097 characters for "permissions\.read"/);
  assert.throws(read("a b"), /the name of a permission set/);
  assert.throws(read(""), TypeError);
  assert.equal(read("none")(), NO_PERMISSIONS);
  assert.equal(read("web")(), "web");
  assert.equal(canonical(readSet({}, "permissions")), "{}");
});

Deno.test("a name stands for a set where it is known", () => {
  const web = readSet({ net: true }, "web");
  assert.equal(setFor("web", { web }), web);
  assert.equal(setFor("toString", { web }), undefined);
  assert.equal(setFor(web, {}), web);
});

// ── what contains what ─────────────────────────────────────────────────────────────────────────

const WITHIN: readonly (readonly [PermissionName, string, string, boolean])[] = [
  ["read", "/tmp/a", "/tmp/a/b", true],
  ["read", "/tmp/a", "/tmp/ab", false],
  ["read", "/tmp/a", "/tmp", false],
  ["read", "/tmp/a", "/tmp/a/../b", false],
  ["read", "/", "/etc", true],
  ["read", "/", "$SCRATCH", false],
  ["read", "$SCRATCH", "$SCRATCH/a", true],
  ["net", "example.org", "example.org:443", true],
  ["net", "example.org:443", "example.org", false],
  ["net", "example.org:443", "example.org:80", false],
  ["net", "*.example.org", "example.org", true],
  ["net", "*.example.org", "a.b.example.org:1", true],
  ["net", "*.example.org", "*.a.example.org", true],
  ["net", "*.a.example.org", "*.example.org", false],
  ["net", "*.example.org", "badexample.org", false],
  ["net", "example.org", "*.example.org", false],
  ["net", "10.0.0.0/8", "10.255.0.1:80", true],
  ["net", "10.0.0.0/8", "10.1.0.0/16", true],
  ["net", "10.1.0.0/16", "10.0.0.0/8", false],
  ["net", "10.0.0.0/8", "11.0.0.1", false],
  ["net", "0.0.0.0/0", "255.255.255.255", true],
  ["net", "127.0.0.1", "localhost", false],
  ["net", "127.0.0.1", "127.1", false],
  ["net", "[::1]", "[::1]:9", true],
  ["net", "unix:/a", "unix:/a/b", false],
  ["env", "AWS_*", "AWS_KEY", true],
  ["env", "AWS_*", "AWS_", true],
  ["env", "AWS_*", "AWS", false],
  ["env", "A*", "AWS_*", true],
  ["env", "foo", "FOO", false],
  ["env", "*_X", "A_X", false],
  ["run", "git", "/usr/bin/git", false],
  ["run", "/usr/bin", "/usr/bin/git", false],
  ["sys", "hostname", "cpus", false],
  ["ffi", "/usr/lib", "/usr/lib/x.so", true],
  ["ffi", "/usr/lib", "/usr/lib64", false],
];

Deno.test("containment, value by value", () => {
  for (const [name, outer, inner, expected] of WITHIN) {
    assert.equal(holds(name, outer, inner), expected, `${name}: ${inner} within ${outer}`);
  }
});

Deno.test("denials go first, and those of both sides add up", () => {
  const ceiling = readSet({ read: true, net: ["*.org"], deny: { read: ["/etc"], net: ["10.0.0.0/8"] } }, "c");
  const request = readSet(
    { read: ["/etc/passwd", "/data"], net: ["a.org"], deny: { read: ["/data/x"] } },
    "r",
  );
  assert.deepEqual(toJson(intersect(ceiling, request)), {
    read: ["/data"],
    net: ["a.org"],
    // A name may lead to a denied address, so that denial stays; that of /etc touches nothing any more.
    deny: { read: ["/data/x"], net: ["10.0.0.0/8"] },
  });
  assert.deepEqual(excess(request, ceiling), [{ permission: "read", value: "/etc/passwd" }]);
  assert.deepEqual(toJson(readSet({ net: ["a:80"], deny: { net: ["a"] } }, "s")), {});
  assert.deepEqual(toJson(readSet({ net: true, deny: { net: true } }, "s")), {});
  assert.equal(
    excess(readSet({ read: ["/"] }, "r"), ceiling).length,
    0,
    "granted in part, as the denial says",
  );
});

Deno.test("what is asked for beyond the ceiling is named", () => {
  const asked = readSet({ net: ["api.example.org:443"], ffi: true, read: ["/a", "/b"] }, "r");
  const texts = excess(asked, readSet({ read: ["/b"] }, "c")).map(excessText);
  assert.deepEqual(texts, ['read "/a"', 'net "api.example.org:443"', "all of ffi"]);
});

Deno.test("a set reads like a sentence", () => {
  assert.equal(describe(NO_PERMISSIONS), "none");
  const set = readSet({ read: ["/b", "/a"], net: true, deny: { net: ["x"] } }, "s");
  assert.equal(describe(set), "read /a /b, net; not net x");
  const odd = readSet({ read: ["/a b\n\u001b[31m"] }, "s");
  assert.equal(describe(odd), 'read "/a b\\n\\u001b[31m"');
  assert.equal(excess(odd, NO_PERMISSIONS).map(excessText).join(), 'read "/a b\\n\\u001b[31m"');
});

// ── the runtime itself ─────────────────────────────────────────────────────────────────────────

/** What a Worker with one permission is told about others; its error if the runtime refuses the permission. */
function askRuntime(
  name: PermissionName,
  granted: string,
  asked: readonly Deno.PermissionDescriptor[],
): Promise<string[] | Error> {
  const source = `onmessage = ({ data }) => postMessage(data.map((one) => {
    try { return Deno.permissions.querySync(one).state } catch (error) { return error.name }
  }))`;
  return new Promise((resolve) => {
    try {
      const worker = new Worker(`data:text/javascript,${encodeURIComponent(source)}`, {
        type: "module",
        deno: { permissions: { [name]: [granted] } },
      });
      worker.onmessage = ({ data }) => (worker.terminate(), resolve(data));
      worker.postMessage(asked);
    } catch (error) {
      resolve(error as Error);
    }
  });
}

const QUERY_KEY = {
  read: "path",
  write: "path",
  net: "host",
  env: "variable",
  run: "command",
  sys: "kind",
  import: "host",
  ffi: "path",
} as const;

/** Values that the runtime takes and we do not, or that mean something only here; and what older runtimes do not know. */
const OURS = Deno.version.deno.startsWith("2.6.")
  ? /\$SCRATCH|%eth0|\0|^unix:|^vsock:/
  : /\$SCRATCH|%eth0|\0/;

Deno.test("the runtime takes what is taken here, and refuses what is refused here", async () => {
  for (const [name, text] of SPELLINGS.filter(([, text]) => !OURS.test(text))) {
    for (const spelling of new Set([text, ...allowed(name, text) as string[]])) {
      const answer = await askRuntime(name, spelling, []);
      assert(!(answer instanceof Error), `${name} ${spelling}: ${answer}`);
    }
  }
  // Only its flags refuse "A=B" and a program without a name; nothing can be imported from a socket.
  const refused = REFUSED.filter(([name, text]) =>
    !OURS.test(text) && text !== "A=B" && text !== "unix:/x" && (name !== "run" || text !== "")
  );
  for (const [name, text] of refused) {
    assert(await askRuntime(name, text, []) instanceof Error, `${name} ${text}`);
  }
});

Deno.test("what one value contains of another is what the runtime grants", async () => {
  const cases = WITHIN.filter(([name, outer, inner]) =>
    // Patterns cannot be queried; programs are looked up on the machine; ports of "any" are a question of their own.
    !OURS.test(outer + inner) && !/[*/]/.test(name === "net" || name === "env" ? inner : "") && name !== "run"
  );
  assert(cases.length > 20);
  for (const [name, outer, inner, expected] of cases) {
    const query = { name, [QUERY_KEY[name]]: inner } as unknown as Deno.PermissionDescriptor;
    const answer = await askRuntime(name, outer, [query]);
    assert.deepEqual(answer, [expected ? "granted" : "prompt"], `${name}: ${inner} within ${outer}`);
  }
});

// ── laws ───────────────────────────────────────────────────────────────────────────────────────

const PARTS = ["a", "b", "ab", ".."];
const path = fc.array(fc.constantFrom(...PARTS), { maxLength: 3 }).map((parts) => `/${parts.join("/")}`);
const scratchOr = fc.oneof(path, fc.constantFrom("$SCRATCH", "$SCRATCH/a"));
const port = fc.constantFrom("", ":1", ":2");
const host = fc.oneof(
  fc.constantFrom("a.org", "b.a.org", "org", "*.org", "*.a.org", "*.b.a.org", "c"),
  fc.constantFrom("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "11.0.0.1", "0.0.0.0/0", "[::1]", "[::2]"),
);
const place = fc.tuple(host, port).map((parts) => parts.join(""));
const VALUES: Readonly<Record<PermissionName, fc.Arbitrary<string>>> = {
  read: scratchOr,
  write: scratchOr,
  net: fc.oneof(place, fc.constantFrom("unix:/x", "vsock:1:1")),
  env: fc.constantFrom("A", "AB", "A*", "AB*", "B", "*"),
  run: fc.constantFrom("git", "ls", "/bin/ls"),
  sys: fc.constantFrom("hostname", "cpus", "uid"),
  import: place,
  ffi: path,
};

const lists = fc.record(
  Object.fromEntries(PERMISSION_NAMES.map((name) => [
    name,
    fc.oneof({ weight: 4, arbitrary: fc.array(VALUES[name], { maxLength: 3 }) }, fc.boolean()),
  ])),
  { requiredKeys: [] },
);
const request = fc.tuple(lists, fc.option(lists)).map(([allow, deny]) =>
  deny === null ? allow : { ...allow, deny }
);
const anySet: fc.Arbitrary<PermissionSet> = request.map((one) => readSet(one, "set"));
const RUNS = { numRuns: 3000 };

Deno.test("intersect is commutative, associative and idempotent, and a set's text is its identity", () => {
  fc.assert(
    fc.property(anySet, anySet, anySet, (a, b, c) => {
      assert.equal(canonical(intersect(a, b)), canonical(intersect(b, a)));
      assert.equal(canonical(intersect(intersect(a, b), c)), canonical(intersect(a, intersect(b, c))));
      assert.equal(canonical(intersect(a, a)), canonical(a));
      assert.equal(canonical(intersect(a, ALL_PERMISSIONS)), canonical(a));
      assert.equal(canonical(intersect(a, NO_PERMISSIONS)), "{}");
    }),
    RUNS,
  );
});

Deno.test("an intersection is within both sides", () => {
  fc.assert(
    fc.property(anySet, anySet, (a, b) => {
      const both = intersect(a, b);
      assert.deepEqual(excess(both, a), []);
      assert.deepEqual(excess(both, b), []);
      assert.equal(canonical(intersect(both, a)), canonical(both));
    }),
    RUNS,
  );
});

Deno.test("nothing exceeds the ceiling exactly if all that was asked for is left in the intersection", () => {
  fc.assert(
    fc.property(anySet, anySet, (asked, ceiling) => {
      const both = intersect(asked, ceiling);
      const isWhole = PERMISSION_NAMES.every((name) =>
        JSON.stringify(both[name].allow) === JSON.stringify(asked[name].allow)
      );
      assert.equal(excess(asked, ceiling).length === 0, isWhole);
    }),
    RUNS,
  );
});

Deno.test("containment is an order", () => {
  for (const name of PERMISSION_NAMES) {
    fc.assert(
      fc.property(VALUES[name], VALUES[name], VALUES[name], (a, b, c) => {
        assert(holds(name, a, a));
        if (holds(name, a, b) && holds(name, b, c)) assert(holds(name, a, c), `${a} ⊇ ${b} ⊇ ${c}`);
      }),
      { numRuns: 500 },
    );
  }
});

Deno.test("texts are stable: what was written is read as the same set", () => {
  fc.assert(
    fc.property(anySet, (set) => {
      const again = readSet(JSON.parse(JSON.stringify(toJson(set))), "set");
      assert.equal(canonical(again), canonical(set));
    }),
    RUNS,
  );
});
