// The report: a line for each check, and the count at the end.

/** Thrown by a check that cannot run on this machine. */
export class Skip extends Error {}

export class Report {
  private passed = 0;
  private failed = 0;
  private readonly skipped: string[] = [];

  /** Runs a check; what it returns is put after its name. A failure is told and does not end the run. */
  async check(name: string, act: () => Promise<unknown>): Promise<void> {
    const start = performance.now();
    try {
      const detail = await act();
      this.passed++;
      console.log(
        `ok      ${name}${typeof detail === "string" ? `: ${detail}` : ""} (${seconds(start)})`,
      );
    } catch (error) {
      if (error instanceof Skip) return this.skip(name, error.message);
      this.failed++;
      console.log(`FAILED  ${name} (${seconds(start)})\n${indent(reasonOf(error))}`);
    }
  }

  get hasFailed(): boolean {
    return this.failed > 0;
  }

  skip(name: string, why: string): void {
    this.skipped.push(name);
    console.log(`skipped ${name}\n${indent(why)}`);
  }

  /** The last line says how it went. */
  end(): void {
    if (this.skipped.length > 0) console.log(`skipped: ${this.skipped.join("; ")}`);
    console.log(`${this.passed} passed, ${this.failed} failed`);
    if (this.hasFailed) process.exitCode = 1;
  }
}

/** A failed fetch says why only in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message}${cause}`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "        ");
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
