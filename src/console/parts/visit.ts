// Page visit: what a page is given of a request, and what pages and actions return.

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
  /** Address and rules, for examples. */
  facts(): Facts;
  /** Result of the previous action. */
  flash: Flash | undefined;
  theme: Theme;
  /** Current time, in ms since the epoch. */
  now: number;
}

/** Content of a page, rendered within the frame. */
export interface View {
  title: string;
  /** Path of its section, for the navigation. */
  section: string;
  body: Child;
  status?: number;
}

/** Result of an action: the page to redirect to, and the flash message shown there. */
export interface Done {
  to: string;
  flash: Flash;
}

/** Throws `Refused`. */
export type Page = (visit: PageVisit) => Promise<View>;
/** Makes a change through the API. Throws `Refused`. A returned view is rendered instead of a redirect. */
export type Action = (visit: PageVisit, form: URLSearchParams) => Promise<Done | View>;

/** Registers the pages and actions of a section. */
export interface Sections {
  page(path: string, page: Page): void;
  /** GET shows the form or the confirmation; POST to the same path acts. */
  action(path: string, ask: Page, act: Action): void;
}

export function themeIn(request: Request): Theme {
  const theme = cookieIn(request, "theme");
  return theme === "light" || theme === "dark" ? theme : "auto";
}
