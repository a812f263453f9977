// Credentials: the secrets that rules name.

import { describe, expect, it } from "vitest";
import { readCredentials } from "../../src/config/credentials.ts";
import { readConfig } from "../../src/config/read.ts";
import { GOOD } from "./rules.ts";

const read = (value: unknown, kind: "oci" | "ecr" = "oci") =>
  readCredentials({ HUB: value }, "HUB", kind);

const SECRET = "s3cret-itself";

describe("a secret", () => {
  it.each<{ title: string; value: unknown; credentials: object }>([
    {
      title: "a password",
      value: { username: "u", password: "p:w" },
      credentials: { username: "u", password: "p:w" },
    },
    {
      title: "an access token",
      value: { username: "u", accessToken: "t" },
      credentials: { username: "u", password: "t" },
    },
    { title: "an identity token", value: { token: "t" }, credentials: { token: "t" } },
    {
      title: "letters beyond ASCII",
      value: { username: "ü", password: "пароль" },
      credentials: { username: "ü", password: "пароль" },
    },
  ])("with $title", ({ value, credentials }) => {
    expect(read(JSON.stringify(value))).toEqual({ credentials });
    expect(read(value)).toEqual({ credentials });
  });

  it.each([
    ["is not there", undefined],
    ["is empty", ""],
  ])("that %s is told with the command that sets it", (_, value) => {
    for (const kind of ["oci", "ecr"] as const) {
      const problem = expect.stringContaining("wrangler secret put HUB");
      expect(read(value, kind)).toEqual({ problem });
    }
  });

  it.each<[string, unknown]>([
    ["no JSON", SECRET],
    ["half of JSON", `{"token":"${SECRET}`],
    ["a text", JSON.stringify(SECRET)],
    ["a list", [SECRET]],
    ["null", null],
    ["a password alone", { password: SECRET }],
    ["a user name alone", { username: SECRET }],
    ["an access token alone", { accessToken: SECRET }],
    ["an empty password", { username: SECRET, password: "" }],
    ["an empty token", { token: "" }],
    ["a number for a password", { username: SECRET, password: 5 }],
    ["a colon in the user name", { username: `a:${SECRET}`, password: SECRET }],
    ["a line break in the password", { username: "u", password: `${SECRET}\n` }],
    ["a line break in the token", { token: `${SECRET}\r\nX: y` }],
    ["a NUL in the user name", { username: `${SECRET}\0`, password: "p" }],
    ["another field", { token: SECRET, expires: SECRET }],
    ["both kinds", { username: "u", password: SECRET, token: SECRET }],
    ["another of Google's files", { type: "authorized_user", client_secret: SECRET }],
  ])("that is %s is told without its value", (_, value) => {
    for (const given of [value, typeof value === "string" ? value : JSON.stringify(value)]) {
      const answer = read(given);
      expect(answer).toEqual({ problem: expect.stringMatching(/secret HUB must be/) });
      expect(JSON.stringify(answer)).not.toContain(SECRET);
    }
  });
});

const ACCESS_KEY = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: `${SECRET}/+=` };

describe("an access key", () => {
  it.each<[string, object]>([
    ["that lasts", ACCESS_KEY],
    ["that was lent", { ...ACCESS_KEY, sessionToken: "a/b+c==" }],
  ])("%s is for ECR", (_, value) => {
    expect(read(value, "ecr")).toEqual({ credentials: { accessKey: value } });
    expect(read(JSON.stringify(value), "ecr")).toEqual({ credentials: { accessKey: value } });
  });

  it.each<[string, object]>([
    ["that lasts", ACCESS_KEY],
    ["that was lent", { ...ACCESS_KEY, sessionToken: "a/b+c==" }],
  ])("%s is for nothing else", (_, value) => {
    const answer = read(value);
    expect(answer).toEqual({
      problem: expect.stringMatching(/secret HUB must not .*kind = "ecr"/),
    });
    expect(JSON.stringify(answer)).not.toContain(SECRET);
  });

  it.each<[string, unknown]>([
    ["no JSON", SECRET],
    ["without its secret", { accessKeyId: SECRET }],
    ["without its id", { secretAccessKey: SECRET }],
    ["with an empty secret", { ...ACCESS_KEY, secretAccessKey: "" }],
    ["with a blank in its secret", { ...ACCESS_KEY, secretAccessKey: `${SECRET} ` }],
    ["with a line break in its secret", { ...ACCESS_KEY, secretAccessKey: `${SECRET}\n` }],
    ["with a slash in its id", { ...ACCESS_KEY, accessKeyId: `${SECRET}/x` }],
    ["with an empty session", { ...ACCESS_KEY, sessionToken: "" }],
    ["with a line break in its session", { ...ACCESS_KEY, sessionToken: `${SECRET}\r\nX: y` }],
    ["with another field", { ...ACCESS_KEY, region: SECRET }],
    ["as `aws sts` writes it", { AccessKeyId: "AKIA", SecretAccessKey: SECRET }],
    ["that is a password", { username: "u", password: SECRET }],
    ["that is an identity token", { token: SECRET }],
    ["that is a service account", { type: "service_account", private_key: SECRET }],
  ])("%s is no use to ECR, which is told without its value", (_, value) => {
    const answer = read(value, "ecr");
    expect(answer).toEqual({
      problem: expect.stringMatching(/secret HUB must be an AWS access key .*"ecr"/),
    });
    expect(JSON.stringify(answer)).not.toContain(SECRET);
  });
});

describe("a service account", () => {
  const PEM = "-----BEGIN PRIVATE KEY-----\nczNjcmV0\ns3c+/w==\n-----END PRIVATE KEY-----\n";
  const FILE = {
    type: "service_account",
    project_id: "p",
    private_key_id: "0123abcd",
    private_key: PEM,
    client_email: "robot@p.iam.gserviceaccount.com",
    client_id: "1234",
    auth_uri: "https://accounts.google.com/o/oauth2/auth",
    token_uri: "https://oauth2.googleapis.com/token",
    universe_domain: "googleapis.com",
  };
  const READ = {
    email: FILE.client_email,
    privateKey: PEM,
    privateKeyId: "0123abcd",
    tokenUri: FILE.token_uri,
  };
  const { private_key_id, ...nameless } = FILE;
  const { privateKeyId, ...namelessRead } = READ;

  it.each<{ title: string; file: object; serviceAccount: object }>([
    { title: "as it was downloaded", file: FILE, serviceAccount: READ },
    { title: "without the key's name", file: nameless, serviceAccount: namelessRead },
    {
      title: "of a test",
      file: { ...FILE, token_uri: "http://127.0.0.1:8080/token" },
      serviceAccount: { ...READ, tokenUri: "http://127.0.0.1:8080/token" },
    },
  ])("$title", ({ file, serviceAccount }) => {
    expect(read(JSON.stringify(file))).toEqual({ credentials: { serviceAccount } });
    expect(read(file)).toEqual({ credentials: { serviceAccount } });
  });

  it.each<{ title: string; field: string; value: unknown }>([
    { title: "no key", field: "private_key", value: undefined },
    { title: "a key that is no PEM", field: "private_key", value: SECRET },
    {
      title: "a key of another form",
      field: "private_key",
      value: PEM.replaceAll("PRIVATE", "RSA PRIVATE"),
    },
    { title: "a number for a key", field: "private_key", value: 5 },
    { title: "no address", field: "client_email", value: undefined },
    { title: "an address of two lines", field: "client_email", value: `${SECRET}\n@p` },
    { title: "an empty name of the key", field: "private_key_id", value: "" },
    { title: "no endpoint", field: "token_uri", value: undefined },
    { title: "an endpoint that is none", field: "token_uri", value: SECRET },
    {
      title: "an endpoint without https",
      field: "token_uri",
      value: `http://${SECRET}.example/token`,
    },
    {
      title: "an endpoint with credentials in it",
      field: "token_uri",
      value: `https://u:${SECRET}@a.example/`,
    },
    { title: "an endpoint that is a file", field: "token_uri", value: `file:///${SECRET}` },
  ])("with $title is told by the field, without its value", ({ field, value }) => {
    const answer = read({ ...FILE, [field]: value });
    expect(answer).toEqual({
      problem: expect.stringMatching(`secret HUB must be .* its ${field} must be`),
    });
    for (const secret of [SECRET, "czNjcmV0"]) expect(JSON.stringify(answer)).not.toContain(secret);
  });
});

describe("a rule whose secret is unusable", () => {
  const RULES = [
    { ...GOOD, prefix: "locked", credentials: "HUB" },
    { ...GOOD, prefix: "open" },
  ];

  it.each([
    ["missing", {}],
    ["malformed", { HUB: "s3cret" }],
  ])("has a problem of its own: %s", (_, secrets) => {
    const [locked, open] = readConfig({ RULES, ...secrets }).rules;
    expect(locked?.problem).toContain("HUB");
    expect(locked?.problem).not.toContain("s3cret");
    expect(open).not.toHaveProperty("problem");
  });

  it("has none once it is there, and never holds it", () => {
    const [locked] = readConfig({ RULES, HUB: '{"token":"s3cret"}' }).rules;
    expect(locked).not.toHaveProperty("problem");
    expect(JSON.stringify(locked)).not.toContain("s3cret");
  });
});
