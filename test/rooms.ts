// The rooms of src, and which of them each may import (shape.test.ts).

/** Rooms from the ground up: each imports rooms above its own line in this list alone, and of those only the ones that it names. */
export const ROOMS: [room: string, imports: string[]][] = [
  ["text", []],
  ["oci", ["text"]],
  ["meter", []],
  ["platform", ["oci", "meter"]],
  ["config", ["oci", "meter"]],
  ["policy", ["oci", "config"]],
  ["signatures", ["text", "oci", "config", "policy"]],
  ["api", ["text", "oci", "meter", "config"]],
  ["store", ["oci", "meter", "platform", "policy"]],
  ["upstream", ["text", "oci", "platform", "config", "policy"]],
  ["catalog", ["text", "oci", "meter", "platform", "config", "policy", "store"]],
  ["access", ["text", "oci", "platform", "config", "policy", "store", "upstream"]],
  ["webhooks", ["text", "platform", "config", "policy", "catalog", "access"]],
  ["scanning", ["text", "oci", "platform", "config", "policy", "store", "catalog"]],
  ["fill", ["oci", "meter", "platform", "config", "policy", "store", "upstream", "catalog"]],
  [
    "pull",
    [
      ...["text", "oci", "meter", "platform", "config", "policy", "signatures", "store"],
      "upstream",
      ...["catalog", "fill"],
    ],
  ],
  [
    "lifecycle",
    ["text", "oci", "platform", "config", "policy", "store", "upstream", "catalog", "fill"],
  ],
  [
    "prewarm",
    ["oci", "platform", "config", "policy", "store", "upstream", "access", "fill", "pull"],
  ],
  [
    "explain",
    ["text", "oci", "config", "policy", "api", "store", "upstream", "catalog", "access", "pull"],
  ],
  ["report", ["config", "catalog"]],
  ["setup", ["config", "policy"]],
  ["reference", ["config"]],
  [
    "http",
    [
      ...["text", "oci", "meter", "platform", "config", "policy", "api", "store", "upstream"],
      ...["catalog", "access", "pull", "lifecycle", "prewarm", "explain", "report", "setup"],
      "webhooks",
      "signatures",
      "scanning",
    ],
  ],
  ["guide", []],
  [
    "console",
    ["text", "oci", "platform", "config", "api", "access", "setup", "reference", "http", "guide"],
  ],
  ["cli", ["text", "config", "api", "reference", "scanning"]],
  ["env", ["meter", "access", "webhooks", "scanning", "fill", "prewarm"]],
  [
    "services",
    [
      ...["config", "store", "upstream", "catalog", "access", "fill", "pull", "lifecycle"],
      ...["prewarm", "explain", "webhooks", "scanning", "http", "env"],
    ],
  ],
  [
    "index",
    [
      ...["text", "config", "policy", "upstream", "catalog", "access", "fill", "prewarm", "http"],
      ...["webhooks", "scanning", "console", "env", "services"],
    ],
  ],
];
