// Named gates at which responses wait until a test opens them.

interface Hold {
  /** Of the fault that has it. */
  repository: string | undefined;
  open: boolean;
  waiting: Set<() => void>;
  watchers: Set<{ count: number; seen: () => void }>;
}

export class Holds {
  private readonly holds = new Map<string, Hold>();

  /** Shuts the gate of a new fault, which an earlier test may have opened. */
  shut(name: string, repository: string | undefined): void {
    Object.assign(this.hold(name), { open: false, repository });
  }

  /** Lets go all who wait here, and all who come later, until it is shut again. */
  release(name: string): void {
    const hold = this.hold(name);
    hold.open = true;
    for (const go of hold.waiting) go();
    hold.waiting.clear();
  }

  /** All of a repository's, or all. */
  releaseAll(repository?: string): void {
    for (const [name, hold] of this.holds) {
      if (repository === undefined || hold.repository === repository) this.release(name);
    }
  }

  /** Waits here; `left` ends the wait for a client that has gone. */
  async wait(name: string, left: (gone: () => void) => void): Promise<void> {
    const hold = this.hold(name);
    if (hold.open) return;
    await new Promise<void>((go) => {
      hold.waiting.add(go);
      left(() => {
        hold.waiting.delete(go);
        go();
      });
      for (const watcher of hold.watchers) if (hold.waiting.size >= watcher.count) watcher.seen();
    });
  }

  /** Resolves once `count` responses wait here together. */
  async held(name: string, count: number): Promise<void> {
    const hold = this.hold(name);
    if (hold.waiting.size >= count) return;
    await new Promise<void>((resolve) => {
      const watcher = {
        count,
        seen: () => {
          hold.watchers.delete(watcher);
          resolve();
        },
      };
      hold.watchers.add(watcher);
    });
  }

  private hold(name: string): Hold {
    const fresh = {
      repository: undefined,
      open: false,
      waiting: new Set<never>(),
      watchers: new Set<never>(),
    };
    const hold: Hold = this.holds.get(name) ?? fresh;
    this.holds.set(name, hold);
    return hold;
  }
}
