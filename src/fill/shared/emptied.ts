// An object that has nothing more to do empties itself: then it costs nothing.

/** In one step: whoever stores something next does so after it. */
export async function empty(storage: DurableObjectStorage): Promise<void> {
  await Promise.all([storage.deleteAlarm(), storage.deleteAll()]);
}
