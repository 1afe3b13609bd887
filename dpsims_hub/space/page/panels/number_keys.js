// The keys 1 to 9 and 0 choose the classes of a short list in order, or those of a long list that are in the map.

const KEY_SLOTS = 10;

// Ids by key for a map with the classes `present` (a Set). A class keeps its key while it is in the map; new classes get
// free keys, in the order of the list.
function nextKeySlots(slots, present, classes) {
  if (classes.length <= KEY_SLOTS) return classes.map((entry) => entry.id);
  const kept = Array.from({ length: KEY_SLOTS }, (_, at) => slots[at]);
  for (const { id } of classes) {
    if (!present.has(id) || kept.includes(id)) continue;
    const free = kept.findIndex((one) => one === undefined || !present.has(one));
    if (free < 0) break;
    kept[free] = id;
  }
  return kept;
}

function mountNumberKeys(app) {
  const { state } = app;
  let slots = [];

  const update = () => {
    slots = nextKeySlots(slots, new Set(state.ids), state.model.classes);
  };
  app.keyOf = (id) => {
    const at = slots.indexOf(id);
    return at < 0 ? "" : String((at + 1) % KEY_SLOTS);
  };
  app.classByKey = (key) => {
    const id = slots[(Number(key) + KEY_SLOTS - 1) % KEY_SLOTS];
    if (id !== undefined) app.chooseClass(id);
    else app.say(`No class of this map has the key ${key}`);
  };
  // Shows the key of a class in its button, in front of `before`, or removes it.
  app.showKey = (button, id, before = null) => {
    const key = app.keyOf(id);
    const old = button.querySelector("kbd");
    if ((old ? old.textContent : "") === key) return;
    if (old) old.remove();
    if (!key) return void button.removeAttribute("aria-keyshortcuts");
    button.setAttribute("aria-keyshortcuts", key);
    const mark = document.createElement("kbd");
    mark.setAttribute("aria-hidden", "true");
    mark.textContent = key;
    button.insertBefore(mark, before);
  };
  state.on("model", () => {
    slots = [];
    update();
  });
  state.on("commit", update);
}
