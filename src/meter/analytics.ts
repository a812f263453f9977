// Analytics Engine: the interface that data points are written to, one per request.

/** A dataset of Analytics Engine. */
export interface Analytics {
  /** @param point one index, up to 20 strings and 20 numbers */
  writeDataPoint(point: { indexes: string[]; blobs: string[]; doubles: number[] }): void;
}
