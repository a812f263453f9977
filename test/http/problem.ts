// An error as a client reads it.

import { expect } from "vitest";

export interface Problem {
  status: number;
  code: string;
  message: string;
  headers: Headers;
}

/** Also checks that it is one, in the specification's form. */
export async function problemOf(answer: Response | Promise<Response>): Promise<Problem> {
  const response = await answer;
  const { status, headers } = response;
  const text = await response.text();
  expect(status, text).toBeGreaterThanOrEqual(400);
  expect(headers.get("content-type")).toBe("application/json");
  const { errors } = JSON.parse(text) as { errors: { code: string; message: string }[] };
  expect(errors).toEqual([{ code: expect.any(String), message: expect.any(String), detail: null }]);
  const [{ code, message }] = errors as [{ code: string; message: string }];
  return { status, code, message, headers };
}
