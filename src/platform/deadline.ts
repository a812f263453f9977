// Deadlines: whoever waits for somebody else's work waits for so long, and the work goes on.

/** What `work` gives, or the error of `late` after `time` ms. */
export async function within<T>(work: Promise<T>, time: number, late: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), Math.max(0, time));
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {}); // should it fail after all: whoever waited has been told
  }
}
