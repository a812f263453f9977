// Image actions: refresh, pin, unpin and delete. Each asks for confirmation and reports its result.

import type { DeletedAnswer, RefreshedAnswer } from "../../api/images.ts";
import { Refused } from "../parts/api.ts";
import type { Flash } from "../parts/flash.ts";
import { Confirm, imagePath } from "../parts/parts.tsx";
import type { Done, Page, PageVisit, Sections, View } from "../parts/visit.ts";
import { bytes, plural, shortDigest } from "../parts/words.ts";
import { detailOf } from "./image.tsx";

export function addImageActions({ action }: Sections): void {
  const refreshWords =
    "The upstream is asked now which digest the tag points to. This costs no pull unless the tag has moved; then the new manifest is fetched.";
  const pinWords =
    "No policy expires a pinned image, or an index that contains it. A pinned tag protects whichever image it points to.";
  const unpinWords = "The lifecycle policies apply to it again.";
  action("/image/refresh", confirmation("Refresh", refreshWords), refreshTag);
  action("/image/pin", confirmation("Pin", pinWords), pinImage);
  action("/image/unpin", confirmation("Unpin", unpinWords), unpinImage);
  action("/image/delete", deleteForm, deleteImage);
}

const referenceIn = (form: URLSearchParams) => form.get("reference") ?? "";

function confirmation(verb: string, words: string): Page {
  return async ({ query, url }) => {
    const reference = referenceIn(query);
    return {
      title: `${verb} ${reference}?`,
      section: "/images",
      body: (
        <Confirm
          action={url.pathname}
          fields={{ reference }}
          button={verb}
          back={imagePath(reference)}
        >
          <p>{words}</p>
        </Confirm>
      ),
    };
  };
}

async function refreshTag({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const reference = referenceIn(form);
  const answer = await api.send<RefreshedAnswer>("POST", "/images/refresh", {
    query: { reference },
  });
  const flash = { good: true, text: refreshedText(reference, answer) };
  return { to: imagePath(reference), flash };
}

/** `before` is absent for a tag that was never resolved here. */
export function refreshedText(
  reference: string,
  { moved, digest, before }: Pick<RefreshedAnswer, "moved" | "digest" | "before">,
): string {
  if (moved)
    return `${reference} has moved from ${shortDigest(before ?? "")} to ${shortDigest(digest)}.`;
  return `${reference} ${before ? "still points" : "points"} to ${shortDigest(digest)}.`;
}

async function pinImage({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const reference = referenceIn(form);
  await api.send("POST", "/images/pin", { query: { reference } });
  return { to: imagePath(reference), flash: { good: true, text: `${reference} is pinned.` } };
}

async function unpinImage({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const reference = referenceIn(form);
  await api.send("DELETE", "/images/pin", { query: { reference } });
  return {
    to: imagePath(reference),
    flash: { good: true, text: `${reference} is unpinned.` },
  };
}

async function deleteForm({ api, query }: PageVisit): Promise<View> {
  const reference = referenceIn(query);
  const { tags, size, name } = await detailOf(api, reference);
  const isTag = !name.includes("@");
  const others = tags.filter(({ tag }) => !name.endsWith(`:${tag}`)).length;
  return {
    title: `Delete ${name}?`,
    section: "/images",
    body: (
      <Confirm
        action="/image/delete"
        fields={{ reference: name }}
        button="Delete"
        danger
        back={imagePath(name)}
      >
        <p>
          {isTag && others > 0
            ? `The tag is deleted. The image is kept: ${plural(others, "other tag")} ${others === 1 ? "points" : "point"} to it.`
            : `The image is deleted with all its tags. Up to ${bytes(size)} are freed after the grace period.`}
        </p>
        <p>The next pull fetches it again, if the upstream still has it.</p>
        <label class="switch">
          <input type="checkbox" name="force" value="true" />
          Delete even if pinned
        </label>
      </Confirm>
    ),
  };
}

async function deleteImage({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const reference = referenceIn(form);
  const force = form.get("force") === "true" ? "true" : undefined;
  try {
    const answer = await api.send<DeletedAnswer>("DELETE", "/images", {
      query: { reference, force },
    });
    return {
      to: `/images?q=${encodeURIComponent(reference.replace(/(:[^:/]+|@.*)$/, ""))}`,
      flash: deletedFlash(reference, answer),
    };
  } catch (error) {
    // Pinned, or part of an index: the error is shown on the image page, which shows the pins.
    if (!(error instanceof Refused) || error.status !== 409) throw error;
    return { to: imagePath(reference), flash: { good: false, text: error.message } };
  }
}

/** Not good where nothing was deleted: the tag moved between the question and the deletion. */
export function deletedFlash(
  reference: string,
  { image, tags, waiting, freed }: Pick<DeletedAnswer, "image" | "tags" | "waiting" | "freed">,
): Flash {
  const done = image ? "The image is deleted" : tags.length > 0 && "Deleted";
  const parts = [
    done,
    tags.length > 0 && `with ${plural(tags.length, "tag")}: ${tags.slice(0, 20).join(", ")}`,
    image && `the next sweeps free ${bytes(freed)}`,
    waiting.length > 0 &&
      `${done ? "the" : "The"} next sweep deletes ${plural(waiting.length, "tag")} that ${waiting.length === 1 ? "is" : "are"} being checked`,
  ].filter(Boolean);
  if (parts.length > 0) return { good: true, text: `${parts.join("; ")}.` };
  return { good: false, text: `${reference} has moved in the meantime; nothing was deleted.` };
}
