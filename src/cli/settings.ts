// Configuration as seen by local commands: the variables of wrangler.toml, and those of `--var`.

import { unstable_readConfig } from "wrangler";

export type Variables = Record<string, unknown>;

/** Variables that wrangler deploys, of an environment or of the top level. */
export function deployedVariables(environment: string | undefined): Variables {
  return { ...deployed(environment).vars };
}

/** Names that Analytics Engine's datasets are bound as. */
export function boundDatasets(environment: string | undefined): string[] {
  return deployed(environment).analytics_engine_datasets.map(({ binding }) => binding);
}

/** The part of wrangler's configuration that is read here. */
interface Deployed {
  vars: Variables;
  analytics_engine_datasets: { binding: string }[];
}

function deployed(environment: string | undefined): Deployed {
  return unstable_readConfig(
    { config: "wrangler.toml", ...(environment && { env: environment }) },
    { hideWarnings: true },
  );
}

/** Variables given as `--var NAME:VALUE` or `--var=NAME:VALUE`. */
export function variablesIn(args: readonly string[]): Variables {
  const variables: Variables = {};
  args.forEach((arg, index) => {
    const given = arg === "--var" ? args[index + 1] : /^--var=(.*)$/s.exec(arg)?.[1];
    const colon = given?.indexOf(":") ?? -1;
    if (given && colon > 0) variables[given.slice(0, colon)] = given.slice(colon + 1);
  });
  return variables;
}

/** The value of `--name value` or `--name=value`. */
export function option(args: readonly string[], name: string): string | undefined {
  const at = args.indexOf(`--${name}`);
  if (at >= 0) return args[at + 1];
  return args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}
