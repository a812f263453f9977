// The console in a real browser: the journeys of somebody who runs a cache, what the browser complains of, and who could not use it.

import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { barriersOf, startBrowser, type Watched, watched } from "../browser.ts";
import { run } from "../command.ts";
import { expectEqual, expectMatch } from "../expect.ts";
import { BUSYBOX, INDEX } from "../images.ts";
import type { Registry } from "../processes.ts";
import type { Report } from "../report.ts";
import { type Stage, UP } from "../stage.ts";

const ADMIN_TOKEN = "an-admin-token-of-the-clients-0123";
const PAGES = [
  "/",
  "/?range=30d",
  "/images",
  `/image?reference=${UP.prefix}/${INDEX.repository}:${INDEX.tag}`,
  `/image/delete?reference=${UP.prefix}/${INDEX.repository}:${INDEX.tag}`,
  "/upstreams",
  `/rule?name=${UP.prefix}`,
  "/rules/new",
  "/lifecycle",
  "/lifecycle/policy",
  "/lifecycle/policy?as=json",
  "/prewarm",
  "/prewarm/new",
  "/tokens",
  "/tokens/new",
  "/events",
  "/events?kind=lifecycle",
  "/events?kind=audit",
  "/webhooks",
  "/vulnerabilities",
  "/quarantine",
  "/allowances",
  "/held",
  `/explain?reference=${UP.prefix}/${INDEX.repository}:${INDEX.tag}`,
  "/setup",
  "/guide",
  "/guide/clients",
  "/guide/lifecycle",
  "/guide/reference",
  "/docs",
];

export async function checkConsole(stage: Stage, report: Report): Promise<void> {
  const { open, folder, startEntrepot } = stage;
  const cache = await startEntrepot("console", {
    RULES: [{ ...UP, shadow: true, upstream: `http://${open.address}` }],
    AUTH: { mode: "token" },
    ADMIN_TOKEN,
  });
  const browser = await startBrowser();
  try {
    await journeys(browser, cache, folder, open.address, report);
  } finally {
    await browser.close();
  }
}

async function journeys(
  browser: Browser,
  cache: Registry,
  folder: string,
  upstream: string,
  report: Report,
): Promise<void> {
  const base = `http://${cache.address}`;
  const desk = await watched(browser, base);
  const { page } = desk;
  const image = `${UP.prefix}/${BUSYBOX.repository}:${BUSYBOX.tag}`;
  const auth = join(folder, "console-auth.json");
  const settings = ["--authfile", auth, "--src-tls-verify=false"];
  const pull = (reference: string) =>
    run("skopeo", [
      "copy",
      "-q",
      ...settings,
      `docker://${cache.address}/${reference}`,
      `dir:${join(folder, "console-pulled")}`,
    ]);

  await report.check("the console signs in by keyboard, and teaches what to do first", async () => {
    await page.goto("/");
    expectMatch("led to", page.url(), /\/sign-in/);
    await page.keyboard.type("not-the-admin-token-of-anybody");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("wrong admin token").waitFor();
    // The refusal itself is all that the browser had to complain of.
    expectEqual(
      "complaints",
      desk.complaints
        .splice(0)
        .filter((text) => !/401/.test(text))
        .join(),
      "",
    );
    await page.getByLabel("Admin token").fill(ADMIN_TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "No pulls yet" }).waitFor();
  });

  await report.check(
    "a token that is made in the console logs podman in, and skopeo pulls with it",
    async () => {
      await page.goto("/tokens/new");
      await page.getByLabel("Name").fill("podman");
      await page.getByLabel("Repositories").fill(`${UP.prefix}/**`);
      await page.getByLabel("Expires after").fill("1h");
      await page.getByRole("button", { name: "Create token" }).click();
      const shown = await page.getByLabel("Pull token", { exact: true }).textContent();
      const token = (shown ?? "").trim();
      expectMatch("the token", token, /^entrepot_[0-9A-Za-z]{49}$/);
      const login = ["login", "--authfile", auth, "--tls-verify=false", "-u", "token"];
      await run("podman", [...login, "-p", token, cache.address]);
      await pull(image);
      await pull(image);
      await pull(`${UP.prefix}/${INDEX.repository}:${INDEX.tag}`);
    },
  );

  await report.check(
    "the overview shows what was pulled, and images are found by keyboard",
    async () => {
      await page.goto("/");
      await page.getByText("Hit rate").waitFor();
      await page.getByRole("img", { name: /^Requests per hour: hits/ }).waitFor();
      await page.goto("/images");
      await page.keyboard.press("/");
      await page.keyboard.type("busybox");
      await page.keyboard.press("Enter");
      await page.getByRole("link", { name: `${UP.prefix}/${BUSYBOX.repository}` }).click();
      await page.getByRole("heading", { name: image, level: 1 }).waitFor();
      await page.getByRole("columnheader", { name: "Layer" }).waitFor();
    },
  );

  await report.check(
    "an image is pinned, and told so, and the pin keeps it from being deleted",
    async () => {
      await page.getByRole("link", { name: "Pin", exact: true }).click();
      await page.getByRole("button", { name: "Pin", exact: true }).click();
      await page.getByRole("status").getByText(`${image} is pinned.`).waitFor();
      await page.getByRole("link", { name: "Delete", exact: true }).click();
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByText("unpin it first").waitFor();
      await page.getByRole("link", { name: "Unpin" }).click();
      await page.getByRole("button", { name: "Unpin" }).click();
      await page.getByRole("status").getByText("is unpinned").waitFor();
    },
  );

  await report.check(
    "a policy is previewed while it is typed, put in force, and swept by",
    async () => {
      await page.goto("/lifecycle/policy");
      const freed = page.locator("[data-preview]");
      await freed.getByText("Nothing would expire now.").waitFor();
      await page.getByLabel("Expire when").selectOption("imageCountMoreThan");
      await page.getByLabel("N: days, images or GB").fill("0");
      await freed.getByText("must be greater than 0").waitFor();
      await page.getByLabel("Expire when").selectOption("totalSizeMoreThan");
      await page.getByLabel("N: days, images or GB").fill("0.000000001");
      await freed.getByRole("link", { name: `${UP.prefix}/${BUSYBOX.repository}` }).waitFor();
      expectMatch("still at", page.url(), /\/lifecycle\/policy$/);
      await page.getByRole("button", { name: "Apply" }).click();
      await page.getByRole("status").getByText("Policies applied").waitFor();
      await page.getByRole("link", { name: "Sweep now" }).click();
      await page.getByRole("button", { name: "Start sweep" }).click();
      await page
        .getByRole("status")
        .getByText(/[1-9]\d* marked/)
        .waitFor();
      await page.getByRole("link", { name: "Revert" }).click();
      await page.getByRole("button", { name: "Revert" }).click();
      await page.getByText("built-in default").waitFor();
    },
  );

  await report.check(
    "a rule is validated before it is added, and edited, and deleted",
    async () => {
      await page.goto("/rules/new");
      await page.getByLabel("Upstream", { exact: true }).fill(`http://${upstream}`);
      await page.getByLabel("Prefixes").fill("console-images");
      await page.getByRole("button", { name: "Validate" }).click();
      await page.getByText("Validation passed.").waitFor();
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("status").getByText('The rule "console-images" is saved').waitFor();
      await page.getByRole("link", { name: "Edit" }).click();
      await page.getByLabel("Tag TTL").fill("soon");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("alert").getByText("tagTtl: must be").waitFor();
      expectEqual(
        "complaints",
        desk.complaints
          .splice(0)
          .filter((text) => !/400/.test(text))
          .join(),
        "",
      );
      await page.getByLabel("Tag TTL").fill("5m");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("link", { name: "Delete" }).click();
      await page.getByRole("button", { name: "Delete rule" }).click();
      await page.getByRole("status").getByText('The rule "console-images" is deleted.').waitFor();
    },
  );

  await report.check(
    "prewarming is followed live, without the page being asked for again",
    async () => {
      await page.goto("/prewarm/new");
      await page.getByLabel("Images, one per line").fill(image);
      await page.getByLabel("Platforms").fill("all");
      await page.getByRole("button", { name: "Prewarm" }).click();
      await page.getByText("done", { exact: true }).first().waitFor();
    },
  );

  await report.check("explain, /setup and the theme's switch", async () => {
    await page.goto("/explain");
    await page.getByLabel("Image reference").fill(image);
    await page.keyboard.press("Enter");
    await page.getByText("next pull: 200").waitFor();
    await page.goto("/setup#podman");
    await page.getByText("REGISTRIES_D").first().waitFor();
    const before = await page.evaluate(
      "getComputedStyle(document.documentElement).backgroundColor",
    );
    await page.getByRole("button", { name: "Switch theme" }).click();
    await page.reload();
    const after = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    expectEqual("another colour, kept", before !== after, true);
    await page.getByRole("button", { name: "Switch theme" }).click();
    await page.context().clearCookies({ name: "theme" });
  });

  await report.check("everybody can use each page, light and dark, at a desk and on a phone", () =>
    expectNone("barriers", () => barriersIn(page)),
  );

  await report.check(
    "the browser has complained of nothing, and has asked nobody else",
    async () => {
      expectEqual("complaints", desk.complaints.join("\n"), "");
    },
  );

  await report.check("without its script the console does the same", async () => {
    const plain = await watched(browser, base, { javaScriptEnabled: false });
    await withoutScript(plain, image);
    await plain.close();
  });

  await report.check("signing out ends the session", async () => {
    await page.goto("/");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.goto("/tokens");
    expectMatch("led to", page.url(), /\/sign-in\?to=%2Ftokens/);
  });
  await desk.close();
}

async function barriersIn(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const path of PAGES) {
    const response = await page.goto(path);
    if (response?.status() !== 200) found.push(`${path}: ${response?.status()}`);
    found.push(...(await barriersOf(page)));
  }
  return found;
}

async function withoutScript({ page, complaints }: Watched, image: string): Promise<void> {
  await page.goto("/sign-in");
  await page.getByLabel("Admin token").fill(ADMIN_TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.goto("/lifecycle/policy");
  await page.getByLabel("Expire when").selectOption("totalSizeMoreThan");
  await page.getByLabel("N: days, images or GB").fill("0.000000001");
  await page.getByRole("button", { name: "Preview" }).last().click();
  await page.getByRole("region", { name: "Images that would expire" }).waitFor();
  await page.goto(`/image/refresh?reference=${image}`);
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByRole("status").getByText("still points to").waitFor();
  expectEqual("complaints", complaints.join("\n"), "");
}

async function expectNone(what: string, find: () => Promise<string[]>): Promise<void> {
  const found = await find();
  if (found.length > 0) throw new Error(`${found.length} ${what}:\n${found.join("\n")}`);
}
