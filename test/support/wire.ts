// What a test and the fixture upstream say to each other over the control port.

/** The listeners of the fixture: one registry's content behind different doors, its token service, and what gives
 * logins for its `basic` door and its token service, the ECR API and Google's token endpoint. And issuers of OIDC tokens, each under a
 * path of its own (`/<repository>/…`), that answer what faults have them answer. */
export type Server = "open" | "bearer" | "basic" | "token" | "cdn" | "aws" | "google" | "issuer";

/** TCP ports on 127.0.0.1. */
export type UpstreamPorts = Record<Server | "control" | "receiver", number>;

export type Kind = "ping" | "manifest" | "blob" | "tags" | "referrers" | "token" | "other";

/** The only account of `basic`, of the token service and of every repository under `private/`. */
export const ROBOT = { username: "robot", password: "s3cret-of-the-robot" } as const;

/** The region that the ECR API takes signatures for. */
export const REGION = "eu-west-1";

/** The access keys that AWS knows: one that lasts, one that was lent, one of those that has run out, and one that may do
 * nothing. Each is a rule's secret as it stands. */
export const ACCESS_KEYS = {
  lasting: {
    accessKeyId: "AKIAFIXTURE000000001",
    secretAccessKey: "s3cret/of+the+lasting+key+0123456789abcd",
  },
  lent: {
    accessKeyId: "ASIAFIXTURE000000002",
    secretAccessKey: "s3cret/of+the+lent+key+0123456789abcdefg",
    sessionToken: "s3ssion/of+the+lent+key==",
  },
  expired: {
    accessKeyId: "ASIAFIXTURE000000003",
    secretAccessKey: "s3cret/of+the+expired+key+0123456789abcd",
    sessionToken: "s3ssion/of+the+expired+key==",
  },
  powerless: {
    accessKeyId: "AKIAFIXTURE000000004",
    secretAccessKey: "s3cret/of+the+powerless+key+0123456789ab",
  },
} as const;

/** A service account's key file. */
export interface ServiceAccountKey {
  type: "service_account";
  project_id: string;
  private_key_id: string;
  private_key: string;
  client_email: string;
  client_id: string;
  token_uri: string;
}

/** The service of the Bearer challenge: a quoted string may hold a comma (RFC 7235). */
export const SERVICE = "fixture, with comma";

/** Every key given must be equal. What is left out matches all. */
export interface Match {
  server?: Server;
  method?: string;
  kind?: Kind;
  /** For a token request, the repository of its first scope; for one to a cloud, what stands before the endpoint's own
   * path (`http://…/<repository>/`, `http://…/<repository>/token`). */
  repository?: string;
  /** Tag or digest. */
  reference?: string;
  /** Whether the request has a `Range`. */
  ranged?: boolean;
  /** true: requests that lack authorization, in place of their challenge. Other faults leave those alone. */
  unauthorized?: boolean;
}

/** Keys combine; `reset` goes before `redirect`, before `html`, before `status`, before the real answer. */
export interface Fault {
  status?: number;
  /** Set on whatever is answered, over what would be there. */
  headers?: Record<string, string>;
  /** With `status`. Without it: OCI JSON errors. */
  body?: string;
  /** In `body` and `headers`, `{plain}`, `{base64}`, `{percent}`, … stand for the secret of the request's authorization, written so
   * (upstream/echo). */
  echo?: true;
  /** The socket ends after this many bytes of this body, the headers having promised all of it. */
  cutAfter?: number;
  /** The byte at this absolute offset of the blob or manifest is flipped. */
  corruptAt?: number;
  /** A clean body of this many bytes at most, with the Content-Length to match. */
  truncateTo?: number;
  /** 200 and a page of HTML. */
  html?: true;
  /** 200 and all of it, whatever `Range` says. */
  ignoreRange?: true;
  /** An honest 206 for a range that starts later than asked, by this many bytes (true: 1). */
  wrongOffset?: true | number;
  /** A 206 that gives the blob one byte more than it has. */
  wrongTotal?: true;
  /** No Content-Length. */
  chunked?: true;
  /** A 200's body and a part are sent with `Content-Encoding: gzip`. whole: 200 is compressed as it is sent, parts are not, nor called so.
   * ranges: it is stored compressed, and ranges are of that. label: it is called so alone. */
  gzip?: "whole" | "ranges" | "label";
  /** Behind a 200's body, and counted in its length. */
  append?: string;
  /** Waits until `release(hold)`: with `after` bytes of the body sent; -1, as without `after`, before the headers.
   * A client that knows the length has all of it when `after` is the length or more. */
  hold?: string;
  after?: number;
  /**
   * 307, or `status`. cdn: the signed address on the other origin. once: one that any request uses up. get: one that is signed for GET
   * alone. chain: `hops` (3) redirects there, then cdn.
   * loop: redirects forever. Anything else is the Location as it stands.
   * Never taken by a request to the cdn itself unless the match names that server.
   */
  redirect?: "cdn" | "once" | "get" | "loop" | "chain" | (string & {});
  hops?: number;
  omitDigest?: true;
  /** Docker-Content-Digest, true or not. */
  digestHeader?: string;
  /** Throttles this response, smoothly. */
  bytesPerSecond?: number;
  /** The socket ends without an answer. */
  reset?: true;
  /** The answer is whole, and the socket ends without an answer to the next request on it. */
  lastOnSocket?: true;
  /** In place of an answer these bytes (Latin-1), whatever HTTP makes of them; then the socket ends. */
  raw?: string;
}

/** A request takes the first that matches and is alive. */
export interface FaultRule {
  match: Match;
  /** How many requests it takes: 1 unless said, 0 for all. */
  times?: number;
  do: Fault;
}

/** One request, in order of arrival. It goes on changing until `closed`. */
export interface RequestRecord {
  id: number;
  server: Server;
  method: string;
  path: string;
  /** With its `?`, or empty. */
  query: string;
  kind: Kind;
  repository: string;
  reference: string;
  range: string | null;
  authorization: "none" | "basic" | "bearer" | "aws4";
  /** The user of Basic credentials, to see whose they were. */
  user: string | null;
  accept: string | null;
  acceptEncoding: string | null;
  userAgent: string | null;
  /** 0 while there is no answer. */
  status: number;
  /** Bytes of the body handed to the socket. */
  bytesSent: number;
  /** The whole answer was handed to the socket. */
  finished: boolean;
  /** Finished, cut, or left by the client. */
  closed: boolean;
}

export type RequestFilter = Partial<
  Pick<RequestRecord, "repository" | "kind" | "method" | "server" | "reference">
>;

/** Manifest GETs count, HEAD is free, as on Docker Hub. */
export interface RateLimit {
  server: Server;
  /** Only for this repository; without it, for all of the server that have none of their own. */
  repository?: string;
  limit: number;
  remaining: number;
  /** Seconds. Default 21600. */
  window?: number;
  /** Seconds, of the 429. Default: the window. */
  retryAfter?: number;
}

export interface TokenSettings {
  /** Only for tokens of this repository; without it, for all that have none of their own. The clouds' logins know
   * `expiresIn` and `lifetime` only. */
  repository?: string;
  /** The other method gets 405. */
  only?: "GET" | "POST";
  /** Default `token`. */
  field?: "token" | "access_token";
  /** Seconds; null leaves the field out (the specification's default is then 60). Default 300, of a cloud what it is
   * there. */
  expiresIn?: number | null;
  /** Seconds for which the registry really takes it. Default: what `expires_in` says. */
  lifetime?: number;
  issuedAt?: string;
  /** Fields of the answer, over what would be there. */
  over?: Record<string, unknown>;
}

export interface RepositorySettings {
  /** false: 404, as registries before OCI 1.1 say. Default true. */
  referrers?: boolean;
  /** Whether `artifactType` is applied (and OCI-Filters-Applied said). Default true. */
  filterReferrers?: boolean;
  /** The most tags of one page, whatever `n` says. Default: no bound. */
  tagPage?: number;
  /** `n` above this is refused with `tagLimitStatus` (400). Default: no limit. */
  tagLimit?: number;
  tagLimitStatus?: number;
  /** How the Link to the next page is written; none: a page that is cut says nothing of it. Default `path`. */
  tagLink?: "path" | "absolute" | "internal" | "relative" | "query" | "none";
}

export type Algorithm = "sha256" | "sha512";

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** What a receiver of webhooks does with a request: it takes the first that matches and is alive, and answers 204 if there is none. */
export interface Reception {
  /** Of the event; without it, of any. */
  subject?: string;
  /** How many requests it takes: 0, the default, for all. */
  times?: number;
  /** Default 204. */
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  /** Waits at this gate before the answer. */
  hold?: string;
  /** The socket ends without an answer. */
  reset?: true;
}

/** One request that a receiver got, in order of arrival. */
export interface Received {
  method: string;
  headers: Record<string, string>;
  body: string;
}

/** The control port: `POST /<verb>`. A verb with bytes has them as its body, and its parameters in the query. */
export interface Commands {
  generate: {
    params: { repository: string; seed: number; size: number; algorithm: Algorithm };
    result: Omit<Descriptor, "mediaType">;
  };
  blob: {
    params: { repository: string; algorithm: Algorithm };
    result: Omit<Descriptor, "mediaType">;
  };
  manifest: {
    params: { repository: string; mediaType: string; tag?: string; algorithm: Algorithm };
    result: Descriptor;
  };
  tag: { params: { repository: string; tag: string; digest: string }; result: unknown };
  remove: { params: { repository: string; reference: string }; result: unknown };
  settings: { params: { repository: string } & RepositorySettings; result: unknown };
  fault: { params: FaultRule; result: number };
  heal: { params: { repository?: string; id?: number }; result: unknown };
  release: { params: { name: string }; result: unknown };
  held: { params: { name: string; count: number }; result: unknown };
  idle: { params: { repository?: string }; result: unknown };
  requests: { params: RequestFilter; result: RequestRecord[] };
  concurrent: { params: { repository?: string }; result: number };
  rateLimit: { params: RateLimit; result: unknown };
  token: { params: TokenSettings; result: unknown };
  serviceAccount: { params: { repository: string }; result: ServiceAccountKey };
  receive: { params: { hook: string; rules: Reception[] }; result: unknown };
  received: { params: { hook: string }; result: Received[] };
  revoke: { params: { repository?: string }; result: unknown };
  clear: { params: { repository?: string }; result: unknown };
}
