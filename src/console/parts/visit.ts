// A visit: one request for a page, what was read of it, and what a page answers.

import type { Child } from "hono/jsx";
import type { Person } from "../../access/administrators.ts";
import { cookieIn } from "../../http/shared/cookies.ts";
import type { Facts } from "../../setup/facts.ts";
import type { Api } from "./api.ts";
import type { Flash } from "./flash.ts";

export type Theme = "light" | "dark" | "auto";

export interface PageVisit {
  url: URL;
  query: URLSearchParams;
  person: Person;
  api: Api;
  /** The address and the rules, for examples. */
  facts(): Facts;
  /** What the action before has to say. */
  said: Flash | undefined;
  theme: Theme;
  /** In ms since the epoch. */
  now: number;
}

/** What a page shows, inside of the frame that all have. */
export interface View {
  title: string;
  /** Which of the sections it belongs to: its path. */
  section: string;
  body: Child;
  status?: number;
}

/** What comes of an action: where it leads, and what is said there. */
export interface Done {
  to: string;
  said: Flash;
}

/** Throws `Refused`. */
export type Page = (visit: PageVisit) => Promise<View>;
/** A change: what the API is asked to do. Throws `Refused`. A view is shown in place of a page that would be led to. */
export type Action = (visit: PageVisit, form: URLSearchParams) => Promise<Done | View>;

/** A section adds what it has. */
export interface Sections {
  page(path: string, page: Page): void;
  /** The page asks whether it is meant; the same path by POST does it. */
  action(path: string, ask: Page, act: Action): void;
}

export function themeIn(request: Request): Theme {
  const theme = cookieIn(request, "theme");
  return theme === "light" || theme === "dark" ? theme : "auto";
}
