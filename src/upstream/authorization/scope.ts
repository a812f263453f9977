// The scope of a pull (distribution's token specification), by which tokens and pauses are kept too.

export function scopeOf({ repository }: { repository: string }): string {
  return `repository:${repository}:pull`;
}

export function repositoryIn(scope: string): string {
  return scope.replace(/^repository:/, "").replace(/:pull$/, "");
}
