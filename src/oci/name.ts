// Repository names and tags: the grammars of distribution-spec ("Pulling manifests").

const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Clients count the registry's host into 255 characters, so no longer name can be pulled anyway. */
export const NAME_LIMIT = 255;

export function isRepositoryName(text: string): boolean {
  return text.length <= NAME_LIMIT && NAME.test(text);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}
