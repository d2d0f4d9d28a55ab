import assert from "node:assert/strict";
import { clusterId, profileDir } from "../../src/base/profile_dir.ts";

const none = () => undefined;

Deno.test("a profile's folder comes from options, then the environment, then the user's home", () => {
  assert.equal(profileDir({ profileDir: "/a/b" }, none), "/a/b");
  assert.equal(profileDir({ profile: "p", ipythonDir: "/i" }, none), "/i/profile_p");
  const environment = (name: string) =>
    ({ IPYTHONDIR: "/env", IPP_PROFILE_DIR: "/run/x", IPP_CLUSTER_ID: "c" })[name];
  assert.equal(profileDir({}, environment), "/run/x");
  assert.equal(profileDir({ profile: "p" }, environment), "/env/profile_p");
  assert.match(profileDir({}, none), /\.ipython\/profile_default$/);
  assert.equal(clusterId(undefined, environment), "c");
  assert.equal(clusterId("d", environment), "d");
  assert.equal(clusterId(undefined, none), "");
  assert.throws(() => profileDir({ profile: "../up" }, none), RangeError);
});
