// Analytics Engine, as it is written to: a point a request.

/** A dataset of it. */
export interface Analytics {
  /** @param point one index; up to 20 texts and 20 numbers */
  writeDataPoint(point: { indexes: string[]; blobs: string[]; doubles: number[] }): void;
}
