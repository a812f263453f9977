// What the console does beyond its pages: shows what goes on while it does, previews while one types, copies, and keeps a theme. Every
// page works without it.

/** How often something that changes is looked at, in ms, where the page does not say it. */
const OFTEN = 5_000;
/** After the last key, in ms. */
const TYPED = 500;

/** @param {Response} response @returns {Promise<Document | undefined>} */
async function pageIn(response) {
  // The session has ended: the page itself is led to where one signs in.
  if (response.redirected) location.reload();
  if (!response.ok || response.redirected) return undefined;
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

/** Has a part of the page looked at again for as long as the page says that it changes. @param {HTMLElement} part */
function follow(part) {
  const wait = Number(part.dataset.every ?? OFTEN);
  setTimeout(async () => {
    if (!part.isConnected) return;
    // Nobody looks; or somebody is in it, with the keys or the pointer, and would lose his place.
    const isHeld =
      part.contains(document.activeElement) || part.querySelector("details[open] table:hover");
    if (document.hidden || isHeld) return follow(part);
    try {
      const page = await pageIn(await fetch(location.href, { headers: { accept: "text/html" } }));
      const main = page?.querySelector(`[data-live="${part.dataset.live}"]`);
      if (page && !main) return location.reload(); // it has come to its end
      if (main instanceof HTMLElement) {
        keepOpen(part, main);
        part.replaceWith(main);
        reveal(main);
        return follow(main);
      }
    } catch {
      // It is away, or this machine is: asked again.
    }
    follow(part);
  }, wait);
}

/** What somebody has unfolded stays so. @param {HTMLElement} before @param {HTMLElement} after */
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
    timer = setTimeout(() => void preview().catch(() => {}), TYPED);
  });
}

/** @param {HTMLButtonElement} button */
async function copy(button) {
  const text = button.parentElement?.querySelector("code")?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy manually"; // it may not
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2_000);
}

/** Light, dark, or as the machine has it. */
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

/** What only a script can do is shown where there is one. @param {ParentNode} part */
function reveal(part) {
  for (const button of part.querySelectorAll("[data-copy], [data-theme-switch]"))
    button.removeAttribute("hidden");
}

/** A field that counts only where another is of some values. */
function showWhatCounts() {
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
showWhatCounts();
for (const part of document.querySelectorAll("[data-live]"))
  if (part instanceof HTMLElement) follow(part);
for (const form of document.querySelectorAll("form[data-tried]"))
  if (form instanceof HTMLFormElement) previewWhileTyping(form);
document.addEventListener("change", showWhatCounts);
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
/** What a link names is unfolded. */
function unfold() {
  const named = location.hash === "" ? null : document.getElementById(location.hash.slice(1));
  if (named instanceof HTMLDetailsElement) named.open = true;
}
addEventListener("hashchange", unfold);
unfold();
