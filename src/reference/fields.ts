// Schema fields: reads names, types, defaults and descriptions from a zod schema.

import type { z } from "zod";

export interface Field {
  /** Path in the configuration, such as `issuers[].claims`. */
  path: string;
  /** Readable description of the type. */
  type: string;
  required: boolean;
  /** JSON of the default. */
  default?: string;
  description: string;
}

type Schema = z.core.$ZodType;

/** Fields of an object schema, in order. `path` is prefixed to their names. */
export function fieldsOf(schema: Schema, path = ""): Field[] {
  return Object.entries(shapeOf(schema)).flatMap(([name, field]) =>
    innermost(field).def.type === "never" ? [] : [fieldOf(field, path + name)],
  );
}

/** The field of a single variable. */
export function fieldOf(schema: Schema, path: string): Field {
  const usual = defaultOf(schema);
  return {
    path,
    type: typeOf(schema),
    required: usual === undefined && !isOptional(schema),
    ...(usual !== undefined && { default: usual }),
    description: (schema as z.ZodType).description ?? "",
  };
}

/** Throws for a schema that is not an object. */
function shapeOf(schema: Schema): Record<string, Schema> {
  const { def } = innermost(schema);
  if (def.type === "object") return (def as z.core.$ZodObjectDef).shape;
  throw new Error(`a schema of type ${def.type} has no fields`);
}

/** The wrapped schema; of a pipe, the input's. */
function within(schema: Schema): Schema | undefined {
  const def = schema._zod.def as { in?: Schema; innerType?: Schema; type: string };
  return def.type === "pipe" ? def.in : def.innerType;
}

function innermost(schema: Schema): { schema: Schema; def: z.core.$ZodTypeDef } {
  const inner = within(schema);
  return inner ? innermost(inner) : { schema, def: schema._zod.def };
}

function isOptional(schema: Schema): boolean {
  const { type } = schema._zod.def;
  const inner = within(schema);
  return type === "optional" || (inner !== undefined && isOptional(inner));
}

function defaultOf(schema: Schema): string | undefined {
  const def = schema._zod.def as { type: string; defaultValue?: unknown };
  if (def.type === "default" || def.type === "prefault") return JSON.stringify(def.defaultValue);
  const inner = within(schema);
  return inner && defaultOf(inner);
}

/** Type name given by the schema's metadata, where JSON has no fitting type. */
function kindOf(schema: Schema): string | undefined {
  const kind = (schema as z.ZodType).meta()?.kind;
  if (typeof kind === "string") return kind;
  const inner = within(schema);
  return inner && kindOf(inner);
}

function typeOf(outer: Schema): string {
  const kind = kindOf(outer);
  if (kind !== undefined) return kind;
  const { schema, def } = innermost(outer);
  switch (def.type) {
    case "string":
      return "a string";
    case "boolean":
      return "true or false";
    case "number":
      return numberOf(schema as z.ZodNumber);
    case "enum":
      return Object.values((def as z.core.$ZodEnumDef).entries)
        .map(quoted)
        .join(" or ");
    case "literal":
      return (def as z.core.$ZodLiteralDef<string>).values.map(quoted).join(" or ");
    case "array":
      return `a list: ${typeOf((def as z.core.$ZodArrayDef).element)}`;
    case "union":
      return (def as z.core.$ZodUnionDef).options.map(typeOf).join(", or ");
    case "object":
    case "record":
      return "a table";
    default:
      throw new Error(`no description for schema type ${def.type}`);
  }
}

function numberOf({ minValue, maxValue }: z.ZodNumber): string {
  const [least, most] = [minValue, maxValue].map((value) =>
    value !== null && Math.abs(value) < 1e9 ? value : undefined,
  );
  if (least !== undefined && most !== undefined) return `a number, ${least} to ${most}`;
  return least === undefined ? "a number" : `a number, from ${least} on`;
}

function quoted(value: string | number): string {
  return `"${value}"`;
}
