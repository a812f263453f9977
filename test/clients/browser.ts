// A real browser for the console: Debian's Chromium, driven by Playwright. Whatever it complains of, asks elsewhere for, or cannot be
// used with by everybody, is noted.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const PHONE = { width: 390, height: 800 };
const DESK = { width: 1280, height: 900 };
/** Each colour and each size once. */
const LOOKS = [
  ["light", DESK],
  ["dark", PHONE],
] as const;
/** Success criteria of WCAG 2.2, levels A and AA, and what axe recommends beside them. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export interface Watched {
  page: Page;
  /** What the browser has complained of, and whom else it has asked. */
  complaints: string[];
  close(): Promise<void>;
}

export async function startBrowser(): Promise<Browser> {
  // Root has no sandbox; what is opened is our own.
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

/** @param base the cache's URL */
export async function watched(
  browser: Browser,
  base: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ baseURL: base, viewport: DESK, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()))
      complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) complaints.push(`asked for ${request.url()}`);
  });
  return { page, complaints, close: () => context.close() };
}

const source = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What of the page not everybody can use, light and dark, at a desk and on a phone; and where it is wider than its screen. */
export async function barriersOf(page: Page): Promise<string[]> {
  const found = new Set<string>();
  for (const [colorScheme, size] of LOOKS) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize(size);
    const where = `${new URL(page.url()).pathname}, ${colorScheme}, ${size.width} wide`;
    const wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    if ((wider as number) > 0) found.add(`${where}: ${wider} px too wide`);
    await page.evaluate(await source);
    const run = `axe.run({ runOnly: ${JSON.stringify(RULES)} })`;
    const { violations } = (await page.evaluate(run)) as AxeResults;
    for (const { id, nodes } of violations)
      found.add(`${where}: ${id} at ${nodes.map(({ html }) => html.slice(0, 150)).join(" and ")}`);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize(DESK);
  return [...found];
}
