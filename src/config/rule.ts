// A rule: which names lead to which upstream, and how it is spoken to. Parsed once, at the door.

import { z } from "zod";
import { isRepositoryName } from "../oci/name.ts";
import { duration } from "./duration.ts";
import { parseUpstream, type Upstream } from "./upstream.ts";

/** Plain data: it travels to the Durable Objects as it is. */
export interface Rule {
  /** The canonical prefix first, then its aliases. */
  prefixes: [string, ...string[]];
  upstream: Upstream;
  /** Put before the rest of the name at the upstream. */
  upstreamPrefix?: string;
  /** The name of a secret. */
  credentials?: string;
  /** Hosts, beside the upstream's own site, whose token service may see the credentials. */
  realms: string[];
  /** For how long a tag's digest is taken as fresh, in ms. */
  tagTtl: number;
  /** How long the upstream may take for its first byte, and be silent afterwards, in ms. */
  firstByteTimeout: number;
  silenceTimeout: number;
  /** How many connections one blob is fetched over, where the upstream supports ranges. */
  connections: number;
}

const prefix = z
  .string()
  .refine(
    isRepositoryName,
    'must be the first part(s) of a repository name, such as "docker-hub": lower case, digits and . _ - within a part',
  );

const realm = z
  .string()
  .transform((text) => (text.includes("://") ? text : `https://${text}`))
  .refine((text) => URL.canParse(text), "must be a host name or the URL of a token service")
  .transform((text) => new URL(text).host);

export const ruleSchema = z
  .strictObject({
    prefix: z
      .union([z.string(), z.array(z.string())], { error: "must be a name or a list of names" })
      .refine((value) => value.length > 0, { error: "must hold a name", abort: true })
      .transform((value) => (typeof value === "string" ? [value] : value))
      .pipe(z.array(prefix)),
    upstream: z
      .string({ error: "must be a base URL or a host name" })
      // All that does not hang on `insecure`, so that it is told together with what else is wrong.
      .superRefine((text, context) => void upstreamAt(text, true, [], context)),
    upstreamPrefix: prefix.optional(),
    credentials: z
      .string()
      .regex(
        /^[A-Za-z_][A-Za-z0-9_]*$/,
        "must be the name of a secret, such as DOCKER_HUB, never its value",
      )
      .optional(),
    realm: z
      .union([realm.transform((one) => [one]), z.array(realm).min(1)], {
        error: "must be a host name or the URL of a token service, or a list of them",
      })
      .optional(),
    insecure: z.boolean().default(false),
    tagTtl: duration("1h").prefault("1h"),
    firstByteTimeout: duration("10s", 1).prefault("10s"),
    silenceTimeout: duration("30s", 1).prefault("30s"),
    connections: z.int().min(1).max(4).default(4),
  })
  .transform((given, context): Rule => {
    const {
      prefix: prefixes,
      upstream,
      realm: realms,
      insecure,
      upstreamPrefix,
      credentials,
      ...rest
    } = given;
    return {
      prefixes: prefixes as [string, ...string[]],
      upstream: upstreamAt(upstream, insecure, ["upstream"], context),
      realms: realms ?? [],
      ...(upstreamPrefix && { upstreamPrefix }),
      ...(credentials && { credentials }),
      ...rest,
    };
  });

function upstreamAt(
  text: string,
  insecure: boolean,
  path: string[],
  context: z.core.$RefinementCtx,
): Upstream {
  try {
    return parseUpstream(text, insecure);
  } catch (error) {
    const { message } = error as Error;
    context.issues.push({ code: "custom", path, input: text, message });
    return z.NEVER;
  }
}
