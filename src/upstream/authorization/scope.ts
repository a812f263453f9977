// Scope of a pull (distribution's token specification); also the key of tokens and pauses.

export function scopeOf({ repository }: { repository: string }): string {
  return `repository:${repository}:pull`;
}

export function repositoryIn(scope: string): string {
  return scope.replace(/^repository:/, "").replace(/:pull$/, "");
}
