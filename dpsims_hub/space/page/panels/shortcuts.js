// Keyboard shortcuts. They are off in text fields, in dialogs and outside the painter.

const KEY_HELP = [
  ["B F R I V", "brush, fill, rectangle, pick, restyle"],
  ["E L P M", "ellipse, lasso, polygon, move a region"],
  ["T", "stamps; while one is chosen: X flips, [ ] scale, Enter places, Escape removes it"],
  ["[ ]", "smaller or larger brush"],
  ["1 – 9, 0", "the classes with these numbers: those of this map, or all of a short list"],
  ["/", "search the classes; Enter takes the first"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["A", "fill all"],
  ["S", "another look: a new photo of the same map"],
  ["C, O", "compare map and photo, paint on the photo"],
  ["Wheel, + -, Z", "zoom in and out, show all again"],
  ["Space and drag", "move the view; so does the middle button"],
  ["Arrows, Space", "on the map: move the cursor, apply the tool"],
  ["Alt+click", "pick the class under the pointer"],
  ["Shift", "brush: a line from where it was last; rectangle and ellipse: as wide as tall"],
  ["Two fingers", "move the view, zoom in and out"],
  ["Escape", "cancel a stroke, close a menu"],
];

// Opens a dialog at its top; the browser scrolls to the button that has the focus, which is at the end of a long one.
function showDialog(dialog) {
  dialog.showModal();
  dialog.scrollTop = 0;
}

const HELD_KEYS = ["[", "]", "+", "-", "="]; // sizes and zoom: these act on while they are held
const BRACKETS = { BracketLeft: "[", BracketRight: "]" };

// The key in lower case; on layouts of other scripts (Cyrillic, Greek) the Latin key at its place.
function latinKey({ key, code }) {
  if (key.length !== 1) return key;
  if (!/\p{L}/u.test(key) || /\p{Script=Latin}/u.test(key)) return key.toLowerCase();
  return /^Key[A-Z]$/.test(code) ? code.slice(3).toLowerCase() : BRACKETS[code] || key;
}

// Whether the key is a bracket that its layout gives with AltGr or Option; some browsers report AltGr as Ctrl+Alt.
function isComposed({ key, altKey, metaKey }) {
  return altKey && !metaKey && Object.values(BRACKETS).includes(key);
}

function mountShortcuts(app) {
  const { find, root } = app;
  const tools = { b: "brush", f: "fill", r: "rect", i: "pick", v: "reroll", e: "ellipse", l: "lasso", p: "polygon", m: "move" };
  const plain = {
    "[": () => app.resize(-1),
    "]": () => app.resize(1),
    "/": () => {
      app.openSheet();
      find("search").focus();
    },
    "?": () => showDialog(find("shortcuts")),
    a: app.fillAll,
    s: () => app.drawSeed("seed"),
    c: app.compare,
    o: app.paintOnPhoto,
    t: () => (find("stamps-button").hidden ? app.say("No stamps for this model") : find("stamps").showPopover()),
    "+": () => app.zoomBy(1.5),
    "=": () => app.zoomBy(1.5),
    "-": () => app.zoomBy(1 / 1.5),
    z: app.zoomReset,
  };

  app.isTyping = (target) =>
    target instanceof Element &&
    (target.isContentEditable || target.matches("textarea, select, input:not([type=range])"));
  const isElsewhere = (target) => target instanceof Element && target !== document.body && !root.contains(target);

  // Undo and redo go on while their keys are held.
  function withControl(event, key) {
    const redo = key === "y" || (key === "z" && event.shiftKey);
    if (!redo && key !== "z") return;
    event.preventDefault();
    app.travel(redo ? "redo" : "undo");
  }

  function onKey(event) {
    const { target } = event;
    const closes = root.querySelector(":popover-open:not(.dps-notices)");
    if (app.isTyping(target) || isElsewhere(target) || root.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && !closes && app.cancelStroke()) return;
    const key = latinKey(event);
    const composed = isComposed(event);
    if ((event.ctrlKey || event.metaKey) && !composed) return void withControl(event, key);
    if ((event.altKey && !composed) || app.isPainting() || event.defaultPrevented) return;
    const pressed = (key === "Enter" || key === " ") && target instanceof Element && target.closest("button");
    if (event.repeat && !HELD_KEYS.includes(key)) {
      if (pressed && key === "Enter") event.preventDefault(); // a held Enter presses a button once
      return;
    }
    if (!pressed && app.gestureKey(key)) return void event.preventDefault();
    if (tools[key]) app.chooseTool(tools[key]);
    else if (/^[0-9]$/.test(key)) app.classByKey(key);
    else if (plain[key]) plain[key]();
    else return;
    event.preventDefault();
  }

  for (const [keys, what] of KEY_HELP) {
    const term = document.createElement("dt");
    const meaning = document.createElement("dd");
    term.textContent = keys;
    meaning.textContent = what;
    find("keys").append(term, meaning);
  }
  for (const shown of root.querySelectorAll("[data-tip][data-key]")) shown.dataset.tip += `  (${shown.dataset.key})`;
  find("help").addEventListener("click", () => showDialog(find("shortcuts")));
  document.addEventListener("keydown", onKey);
}
