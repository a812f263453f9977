// secretsIn: the secrets that a request carries, which no text from upstream may repeat.

/** The parts of a request that carry them. */
interface SecretCarrier {
  headers?: Readonly<Record<string, string>>;
  authorization?: string | undefined;
  body?: string;
}

/** Form fields of token services that hold secrets. */
const SECRET_FIELDS = ["password", "refresh_token", "assertion"];

export function secretsIn({ authorization, headers = {}, body }: SecretCarrier): string[] {
  const session = headers["x-amz-security-token"];
  const isForm = headers["Content-Type"] === "application/x-www-form-urlencoded";
  const form = new URLSearchParams(isForm ? body : "");
  return [
    ...inAuthorization(authorization),
    ...(session === undefined ? [] : [session]),
    ...SECRET_FIELDS.flatMap((field) => form.getAll(field)),
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
