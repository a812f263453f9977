// The secrets that go out with a request: no text that comes back may tell them on.

/** What carries them. */
interface Carrier {
  headers?: Readonly<Record<string, string>>;
  authorization?: string | undefined;
  body?: string;
}

/** Fields of the forms that token services take. */
const FIELDS = ["password", "refresh_token", "assertion"];

export function secretsIn({ authorization, headers = {}, body }: Carrier): string[] {
  const session = headers["x-amz-security-token"];
  const isForm = headers["Content-Type"] === "application/x-www-form-urlencoded";
  const form = new URLSearchParams(isForm ? body : "");
  return [
    ...inAuthorization(authorization),
    ...(session === undefined ? [] : [session]),
    ...FIELDS.flatMap((field) => form.getAll(field)),
  ];
}

function inAuthorization(authorization: string | undefined): string[] {
  const [, scheme = "", value = ""] = /^(\S+) (.+)$/.exec(authorization ?? "") ?? [];
  if (scheme.startsWith("AWS4-")) return /Signature=([0-9a-f]+)/.exec(value)?.slice(1) ?? [];
  if (scheme !== "Basic") return value === "" ? [] : [value];
  const bytes = Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
  const login = new TextDecoder().decode(bytes);
  return [login, login.slice(login.indexOf(":") + 1)];
}
