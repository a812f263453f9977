// SQLite in a Durable Object: the few things that are asked of it everywhere, and how its tables move forward by themselves.

export type Value = string | number | null;

export class Sqlite {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  all<T>(query: string, ...values: Value[]): T[] {
    return this.#sql.exec(query, ...values).toArray() as T[];
  }

  /** The first row, if there is one. */
  first<T>(query: string, ...values: Value[]): T | undefined {
    return this.all<T>(query, ...values)[0];
  }

  /** Of a query that always has a row. */
  one<T>(query: string, ...values: Value[]): T {
    return this.first<T>(query, ...values) as T;
  }

  run(query: string, ...values: Value[]): void {
    this.#sql.exec(query, ...values);
  }

  has(query: string, ...values: Value[]): boolean {
    return this.one<{ has: number }>(`SELECT EXISTS (${query}) AS has`, ...values).has === 1;
  }

  /** @param steps appended to, never edited: each is done once, in order, whatever the age of what is here */
  migrate(steps: readonly string[]): void {
    this.run("CREATE TABLE IF NOT EXISTS migrations (step INTEGER PRIMARY KEY)");
    const { done } = this.one<{ done: number }>("SELECT count(*) AS done FROM migrations");
    steps.slice(done).forEach((step, index) => {
      this.run(step);
      this.run("INSERT INTO migrations VALUES (?)", done + index + 1);
    });
  }
}
