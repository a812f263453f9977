// Console script: live updates, previews while typing, copy buttons and the theme switch. Every page works without it.

/** Default refresh interval of live parts, in ms; `data-every` overrides it. */
const REFRESH_INTERVAL = 5_000;
/** Delay of a preview after the last input, in ms. */
const PREVIEW_DELAY = 500;

/** @param {Response} response @returns {Promise<Document | undefined>} */
async function pageIn(response) {
  // The session has ended: a reload redirects to the sign-in page.
  if (response.redirected) location.reload();
  if (!response.ok || response.redirected) return undefined;
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

/** Refreshes a live part until a refreshed page no longer marks it as live. @param {HTMLElement} part */
function follow(part) {
  const wait = Number(part.dataset.every ?? REFRESH_INTERVAL);
  setTimeout(async () => {
    if (!part.isConnected) return;
    // Skip while the page is hidden, or while focus or pointer is inside and would lose its place.
    const isHeld =
      part.contains(document.activeElement) || part.querySelector("details[open] table:hover");
    if (document.hidden || isHeld) return follow(part);
    try {
      const page = await pageIn(await fetch(location.href, { headers: { accept: "text/html" } }));
      const main = page?.querySelector(`[data-live="${part.dataset.live}"]`);
      if (page && !main) return location.reload(); // no longer live
      if (main instanceof HTMLElement) {
        keepOpen(part, main);
        part.replaceWith(main);
        reveal(main);
        return follow(main);
      }
    } catch {
      // The server or the network is unavailable: try again.
    }
    follow(part);
  }, wait);
}

/** Keeps expanded details open. @param {HTMLElement} before @param {HTMLElement} after */
function keepOpen(before, after) {
  const now = [...after.querySelectorAll("details")];
  [...before.querySelectorAll("details")].forEach((details, at) => {
    if (details.open && now[at]) now[at].open = true;
  });
}

/** @param {HTMLFormElement} form */
function previewWhileTyping(form) {
  let timer = 0;
  let asked = 0;
  const preview = async () => {
    const own = ++asked;
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) body.append(name, String(value));
    body.set("do", "preview");
    const response = await fetch(form.dataset.tried ?? form.action, { method: "POST", body });
    const page = await pageIn(response);
    const [from, to] = [page, document].map((one) => one?.querySelector("[data-preview]"));
    if (from && to && own === asked) to.replaceChildren(...from.childNodes);
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void preview().catch(() => {}), PREVIEW_DELAY);
  });
}

/** @param {HTMLButtonElement} button */
async function copy(button) {
  const text = button.parentElement?.querySelector("code")?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy manually"; // no clipboard permission
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2_000);
}

/** Switches between light and dark; the initial theme is the system's. */
function switchTheme() {
  const root = document.documentElement;
  const isDark =
    root.dataset.theme === "dark" ||
    (root.dataset.theme === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = isDark ? "light" : "dark";
  root.dataset.theme = theme;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store is not in every browser
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
}

/** Shows buttons that need this script. @param {ParentNode} part */
function reveal(part) {
  for (const button of part.querySelectorAll("[data-copy], [data-theme-switch]"))
    button.removeAttribute("hidden");
}

/** Shows a field only while the field that it depends on has one of the values in `data-when`. */
function showDependentFields() {
  for (const field of document.querySelectorAll("[data-when]")) {
    const [name, ...values] = (field.getAttribute("data-when") ?? "").split(" ");
    const other = document.querySelector(`[name="${name}"]`);
    field.toggleAttribute(
      "hidden",
      other instanceof HTMLSelectElement && !values.includes(other.value),
    );
  }
}

reveal(document);
showDependentFields();
for (const part of document.querySelectorAll("[data-live]"))
  if (part instanceof HTMLElement) follow(part);
for (const form of document.querySelectorAll("form[data-tried]"))
  if (form instanceof HTMLFormElement) previewWhileTyping(form);
document.addEventListener("change", showDependentFields);
document.addEventListener("click", ({ target }) => {
  if (!(target instanceof HTMLButtonElement)) return;
  if (target.matches("[data-copy]")) void copy(target);
  if (target.matches("[data-theme-switch]")) switchTheme();
});
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  const types = target instanceof HTMLElement && target.matches("input, textarea, select");
  if (key !== "/" || types || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("[data-search]");
  if (!(search instanceof HTMLElement)) return;
  event.preventDefault();
  search.focus();
});
/** Opens the details element that the URL's fragment names. */
function openNamed() {
  const named = location.hash === "" ? null : document.getElementById(location.hash.slice(1));
  if (named instanceof HTMLDetailsElement) named.open = true;
}
addEventListener("hashchange", openNamed);
openNamed();
