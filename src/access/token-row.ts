// A pull token as its row is.

import type { PullToken } from "./records.ts";

export interface Row {
  id: string;
  name: string;
  repositories: string;
  networks: string;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  used_at: number | null;
  revoked_at: number | null;
  revoked_by: string | null;
}

export function tokenOf(row: Row): PullToken {
  const { id, name, created_at: createdAt, created_by: createdBy } = row;
  return {
    id,
    name,
    repositories: JSON.parse(row.repositories),
    networks: JSON.parse(row.networks),
    createdAt,
    createdBy,
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
    ...(row.used_at !== null && { usedAt: row.used_at }),
    ...(row.revoked_at !== null && { revokedAt: row.revoked_at }),
    ...(row.revoked_by !== null && { revokedBy: row.revoked_by }),
  };
}
