// Logins of private ECR registries: the API's GetAuthorizationToken, signed with an access key (AWS Signature Version
// 4).

import { AwsV4Signer } from "aws4fetch";
import { z } from "zod";
import type { AccessKey, Login } from "../../config/credentials.ts";
import type { Rule } from "../../config/rule.ts";
import { RegistryError } from "../../oci/error.ts";
import { type Meaning, meaningOf, refusalAs } from "../client/refusal.ts";
import { askCloud, type CloudAnswer, type CloudRequest } from "./cloud.ts";

const TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";

/** `AWS` and the password, encoded as in a Basic header. */
const loginText = z
  .base64()
  .transform((text) => atob(text))
  .pipe(z.string().regex(/^[^:]+:[\x21-\x7e]+$/))
  .transform((text): Login => {
    const colon = text.indexOf(":");
    return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  });

const answerSchema = z.object({
  authorizationData: z
    // Seconds since the epoch, with a fraction.
    .array(z.object({ authorizationToken: loginText, expiresAt: z.number() }))
    .min(1),
});

/** @param now in ms since the epoch
 * @returns `life` in ms, usually twelve hours */
export async function ecrLogin(
  rule: Rule,
  accessKey: AccessKey,
  now: number,
): Promise<{ login: Login; life: number }> {
  if (!rule.ecr) {
    throw new RegistryError("UNKNOWN", 'an AWS access key requires a rule with kind = "ecr"');
  }
  const answer = await askCloud(rule, await signed(rule.ecr, accessKey, now));
  if (!answer.ok) throw refusalIn(answer);
  const parsed = answerSchema.safeParse(answer.body);
  const [given] = parsed.data?.authorizationData ?? [];
  const life = given ? given.expiresAt * 1000 - now : 0;
  if (!given || life <= 0) {
    throw new RegistryError("UNAVAILABLE", `${answer.host} answered without a login`);
  }
  return { login: given.authorizationToken, life };
}

async function signed(
  { endpoint, region }: { endpoint: string; region: string },
  accessKey: AccessKey,
  now: number,
): Promise<CloudRequest> {
  const request = { url: `${endpoint}/`, method: "POST", body: "{}" };
  const signer = new AwsV4Signer({
    ...request,
    ...accessKey,
    headers: { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET },
    service: "ecr",
    region,
    datetime: new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, ""),
  });
  const { headers } = await signer.sign();
  const { authorization, ...others } = Object.fromEntries(headers);
  return { ...request, headers: others, authorization };
}

/** Values of `__type`: AWS answers 400 to most errors, and names the error there. */
const DENIED = /^(AccessDenied|NotAuthorized)(Exception)?$/;
const REFUSED =
  /^(UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|ExpiredToken|RequestExpired|MissingAuthenticationToken|OptInRequired)(Exception)?$/;
const LIMITED = /^(Throttling|Throttled|TooManyRequests|RequestLimitExceeded)(Exception)?$/;

function refusalIn(answer: CloudAnswer): RegistryError {
  const type = errorType(answer.body);
  // The message is never repeated: that of InvalidSignatureException quotes what was signed, including a session token.
  const isKnown = [DENIED, REFUSED, LIMITED].some((types) => types.test(type));
  const said = isKnown || /^[A-Za-z]{1,80}Exception$/.test(type) ? type : "";
  return refusalAs(answer, answer.host, meaningIn(answer.status, type), said);
}

function meaningIn(status: number, type: string): Meaning {
  if (DENIED.test(type)) return meaningOf(403);
  if (REFUSED.test(type) || (status === 403 && !LIMITED.test(type))) return meaningOf(401);
  return meaningOf(LIMITED.test(type) ? 429 : status);
}

/** The type without its namespace (`com.amazon.coral.service#…`). */
function errorType(body: unknown): string {
  const type = z.object({ __type: z.string() }).safeParse(body).data?.__type ?? "";
  return type.slice(type.lastIndexOf("#") + 1);
}
