// Errors: thrown as RegistryError where they are understood, carried as values across Durable Object
// calls (an exception loses its class there), rendered once (http/respond).

/** The specification's codes, and RANGE_INVALID, UNAVAILABLE and UNKNOWN of distribution's own list. */
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

interface ErrorOptions {
  /** Overrides the code's usual status. */
  status?: number;
  headers?: Record<string, string>;
  /** The upstream's status, where the error tells of an answer of it; for Cache-Status. */
  upstreamStatus?: number;
}

/** What a RegistryError looks like on its way through an RPC. */
export interface ErrorValue extends ErrorOptions {
  code: ErrorCode;
  message: string;
}

export class RegistryError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly upstreamStatus: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message);
    this.name = "RegistryError";
    this.code = code;
    this.status = options.status ?? STATUS[code];
    this.headers = options.headers ?? {};
    this.upstreamStatus = options.upstreamStatus;
  }

  toValue(): ErrorValue {
    const { code, message, status, headers, upstreamStatus } = this;
    return { code, message, status, headers, ...(upstreamStatus && { upstreamStatus }) };
  }
}

/** What an RPC method answers: a thrown RegistryError becomes a value, anything else stays an exception. */
export type Outcome<T> = { value: T } | { error: ErrorValue };

export async function settle<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof RegistryError) return { error: error.toValue() };
    throw error;
  }
}

export function unwrap<T>(outcome: Outcome<T>): T {
  if ("value" in outcome) return outcome.value;
  const { code, message, ...options } = outcome.error;
  throw new RegistryError(code, message, options);
}
