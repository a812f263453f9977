// Repository names and tags: the grammars of the distribution-spec ("Pulling manifests").

const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Maximum length of a name, in characters: clients limit it to 255 together with the registry's host. */
const NAME_LIMIT = 255;

export function isRepositoryName(text: string): boolean {
  return text.length <= NAME_LIMIT && NAME.test(text);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}
