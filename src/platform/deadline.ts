// Deadlines: bound how long a caller waits for shared work, which continues after the deadline.

/** The result of `work`, or the error of `late` after `time` ms. */
export async function within<T>(
  work: Promise<T>,
  time: number,
  late: () => Error = () => new Error("timed out"),
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), Math.max(0, time));
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {}); // a failure after the deadline must not be an unhandled rejection
  }
}
