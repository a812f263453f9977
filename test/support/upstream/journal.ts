// The journal: every request the fixture got, and how far its answer came.

import type { RequestFilter, RequestRecord } from "../wire.ts";

interface Chapter {
  records: RequestRecord[];
  /** Responses not yet over. */
  open: number;
  /** Blob bodies under way now, and the most there were at once. */
  bodies: number;
  peak: number;
  idle: Set<() => void>;
}

export class Journal {
  private everything = newChapter();
  /** By repository, so that tests side by side read only what is theirs. */
  private readonly chapters = new Map<string, Chapter>();
  private last = 0;

  open(record: Omit<RequestRecord, "id">): RequestRecord {
    const entry = { id: ++this.last, ...record };
    for (const chapter of this.of(entry)) {
      chapter.records.push(entry);
      chapter.open++;
    }
    return entry;
  }

  /** A blob's body begins; the function returned says that it is over. */
  body(record: RequestRecord): () => void {
    const chapters = this.of(record);
    for (const chapter of chapters) chapter.peak = Math.max(chapter.peak, ++chapter.bodies);
    return () => {
      for (const chapter of chapters) chapter.bodies--;
    };
  }

  close(record: RequestRecord): void {
    if (record.closed) return;
    record.closed = true;
    for (const chapter of this.of(record)) {
      chapter.open--;
      if (chapter.open > 0) continue;
      for (const resolve of chapter.idle) resolve();
      chapter.idle.clear();
    }
  }

  requests(filter: RequestFilter): RequestRecord[] {
    const { records } =
      filter.repository === undefined ? this.everything : this.chapter(filter.repository);
    const fields = Object.entries(filter) as [keyof RequestFilter, string][];
    return records.filter((record) => fields.every(([key, value]) => record[key] === value));
  }

  /** The most blob bodies at once. */
  concurrent(repository?: string): number {
    return repository === undefined ? this.everything.peak : this.chapter(repository).peak;
  }

  /** Resolves once no response is under way. */
  async idle(repository?: string): Promise<void> {
    const chapter = repository === undefined ? this.everything : this.chapter(repository);
    if (chapter.open > 0) await new Promise<void>((resolve) => chapter.idle.add(resolve));
  }

  /** Forgets what was; what is under way goes on being counted. */
  clear(repository?: string): void {
    for (const chapter of repository === undefined ? this.all() : [this.chapter(repository)]) {
      chapter.records = [];
      chapter.peak = chapter.bodies;
    }
    if (repository !== undefined) {
      this.everything.records = this.everything.records.filter(
        (record) => record.repository !== repository,
      );
    }
  }

  private all(): Chapter[] {
    return [this.everything, ...this.chapters.values()];
  }

  private of(record: RequestRecord): Chapter[] {
    return [this.everything, this.chapter(record.repository)];
  }

  private chapter(repository: string): Chapter {
    const found = this.chapters.get(repository) ?? newChapter();
    this.chapters.set(repository, found);
    return found;
  }
}

function newChapter(): Chapter {
  return { records: [], open: 0, bodies: 0, peak: 0, idle: new Set() };
}
