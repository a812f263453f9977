// An OIDC issuer on this machine, as GitHub's or a cluster's is: a discovery document, keys, and the tokens that it signs.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

export interface Issuer {
  url: string;
  sign(claims: object): Promise<string>;
}

/** Ends with this process. */
export async function startIssuer(): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const keys = [{ ...(await exportJWK(publicKey)), kid: "1", alg: "RS256", use: "sig" }];
  const server = createServer(({ url: path }, response) => {
    const documents: Record<string, object> = {
      "/.well-known/openid-configuration": { issuer: url, jwks_uri: `${url}/keys` },
      "/keys": { keys },
    };
    const document = documents[path ?? ""];
    response.writeHead(document ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(document ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sign = (claims: object) =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "RS256", kid: "1" })
      .setIssuer(url)
      .setIssuedAt()
      .setExpirationTime("10m")
      .sign(privateKey);
  return { url, sign };
}
