// Request bodies: reads text up to a maximum size.

import { RegistryError } from "../../oci/error.ts";

/** Throws SIZE_INVALID (413) beyond `most` bytes. `what` names the body in the message. */
export async function textOf(request: Request, most: number, what: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  const reader = request.body?.getReader();
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
    size += read.value.byteLength;
    if (size > most) {
      await reader?.cancel();
      throw new RegistryError("SIZE_INVALID", `${what} may have at most ${most} bytes`, {
        status: 413,
      });
    }
    text += decoder.decode(read.value, { stream: true });
  }
  return text + decoder.decode();
}
