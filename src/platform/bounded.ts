// Bounds of caches in memory.

/** Bounds an LRUCache by its number of entries. Its own `max` allocates all slots ahead: some 5 ms of CPU time for the caches of an isolate, at
 * its first request. */
export const atMost = (entries: number) => ({ maxSize: entries, sizeCalculation: () => 1 });
