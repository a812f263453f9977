// Registry errors: a code of the specification, a message and a status. Thrown where the cause is known, passed as values through Durable
// Object calls (platform/rpc), rendered once (http/shared/respond).

import { plain } from "../text/plain.ts";

/** The specification's codes, and distribution's RANGE_INVALID, UNAVAILABLE and UNKNOWN. */
export type ErrorCode =
  | "BLOB_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "PAGINATION_NUMBER_INVALID"
  | "RANGE_INVALID"
  | "SIZE_INVALID"
  | "TOOMANYREQUESTS"
  | "UNAUTHORIZED"
  | "UNAVAILABLE"
  | "UNKNOWN"
  | "UNSUPPORTED";

const STATUS: Record<ErrorCode, number> = {
  BLOB_UNKNOWN: 404,
  DENIED: 403,
  DIGEST_INVALID: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  SIZE_INVALID: 400,
  TOOMANYREQUESTS: 429,
  UNAUTHORIZED: 401,
  UNAVAILABLE: 502,
  UNKNOWN: 500,
  UNSUPPORTED: 405,
};

/** What refused a pull by a decision, for the audit. */
export interface Refusal {
  /** access: what the client may pull. list: the rule's allow and deny lists. transport: credentials over http. */
  by: "access" | "age" | "list" | "quarantine" | "signature" | "transport" | "vulnerabilities";
  /** The digest that was refused, if known. */
  digest?: string;
}

interface ErrorOptions {
  /** Overrides the code's default status. */
  status?: number;
  headers?: Record<string, string>;
  /** The upstream's status if the error reports its answer, for Cache-Status. */
  upstreamStatus?: number;
  /** The error repeats an earlier answer of the upstream, which was logged then; no request was made now. */
  unasked?: boolean;
  /** The error concerns this requester only, whose share is used up; it must not be passed to others who wait for the same content. */
  personal?: boolean;
  refusal?: Refusal;
}

/** A RegistryError in the form that is sent by RPC. */
export interface ErrorValue extends ErrorOptions {
  code: ErrorCode;
  message: string;
}

export class RegistryError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly upstreamStatus: number | undefined;
  readonly unasked: boolean;
  readonly personal: boolean;
  readonly refusal: Refusal | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    // Messages often quote an upstream or a client, and those from Durable Objects may come from a version that did not sanitize them.
    super(plain(message));
    this.name = "RegistryError";
    this.code = code;
    this.status = options.status ?? STATUS[code];
    this.headers = options.headers ?? {};
    this.upstreamStatus = options.upstreamStatus;
    this.unasked = options.unasked ?? false;
    this.personal = options.personal ?? false;
    this.refusal = options.refusal;
  }

  toValue(): ErrorValue {
    const { code, message, status, headers, upstreamStatus, unasked, personal, refusal } = this;
    return {
      ...{ code, message, status, headers },
      ...(upstreamStatus && { upstreamStatus }),
      ...(unasked && { unasked }),
      ...(personal && { personal }),
      ...(refusal && { refusal }),
    };
  }
}
