// An OIDC issuer of a test's own, at the fixture: its documents, its keys, and tokens that it signs.

import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from "jose";
import { fixture, repository } from "./cache.ts";

const DOCUMENT = ".well-known/openid-configuration";

interface Pair {
  kid: string;
  privateKey: CryptoKey;
  publicJwk: JWK;
}

export class TestIssuer {
  readonly name = repository("issuer");
  readonly url = `${fixture.url("issuer")}/${this.name}`;
  #pair: Pair | undefined;

  /** @param document fields of the discovery document, over the right ones */
  async start(document: object = {}): Promise<this> {
    await this.page(DOCUMENT, { issuer: this.url, jwks_uri: `${this.url}/keys`, ...document });
    await this.rotate();
    return this;
  }

  /** A new key, in place of the one before. */
  async rotate(): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const kid = crypto.randomUUID();
    this.#pair = {
      kid,
      privateKey,
      publicJwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256" },
    };
    await this.page("keys", this.jwks);
    await this.page("cdn-cgi/access/certs", this.jwks);
  }

  get jwks(): { keys: JWK[] } {
    return { keys: [(this.#pair as Pair).publicJwk] };
  }

  /** What is answered under a path from now on. */
  async page(
    path: string,
    content: unknown,
    headers: Record<string, string> = {},
    status = 200,
  ): Promise<void> {
    await fixture.heal({ id: this.#ids.get(path) ?? -1 });
    const id = await fixture.fault({
      match: { server: "issuer", repository: this.name, reference: path },
      times: 0,
      do: {
        status,
        headers,
        body: typeof content === "string" ? content : JSON.stringify(content),
      },
    });
    this.#ids.set(path, id);
  }
  readonly #ids = new Map<string, number>();

  /** How often it was asked for this. */
  async asked(path: string): Promise<number> {
    return (await fixture.requests({ repository: this.name, reference: path })).length;
  }

  /** @param claims over those of a good token */
  async sign(claims: object = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
    const { kid, privateKey } = this.#pair as Pair;
    const now = Math.floor(Date.now() / 1000);
    const good = {
      iss: this.url,
      aud: "entrepot.example",
      sub: "somebody",
      iat: now,
      exp: now + 600,
    };
    return new SignJWT({ ...good, ...claims })
      .setProtectedHeader({ alg: "ES256", kid, typ: "JWT", ...header })
      .sign(privateKey);
  }
}
