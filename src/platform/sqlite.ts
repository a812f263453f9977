// SQLite in a Durable Object: query helpers and migrations.

export type Value = string | number | null;

export class Sqlite {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  all<T>(query: string, ...values: Value[]): T[] {
    return this.#sql.exec(query, ...values).toArray() as T[];
  }

  /** The first row, if any. */
  first<T>(query: string, ...values: Value[]): T | undefined {
    return this.all<T>(query, ...values)[0];
  }

  /** The row of a query that always has one. */
  one<T>(query: string, ...values: Value[]): T {
    return this.first<T>(query, ...values) as T;
  }

  run(query: string, ...values: Value[]): void {
    this.#sql.exec(query, ...values);
  }

  has(query: string, ...values: Value[]): boolean {
    return this.one<{ has: number }>(`SELECT EXISTS (${query}) AS has`, ...values).has === 1;
  }

  /** Runs the steps that this database has not run yet, in order. @param steps only ever appended to, never edited */
  migrate(steps: readonly string[]): void {
    this.run("CREATE TABLE IF NOT EXISTS migrations (step INTEGER PRIMARY KEY)");
    const { done } = this.one<{ done: number }>("SELECT count(*) AS done FROM migrations");
    steps.slice(done).forEach((step, index) => {
      this.run(step);
      this.run("INSERT INTO migrations VALUES (?)", done + index + 1);
    });
  }
}
