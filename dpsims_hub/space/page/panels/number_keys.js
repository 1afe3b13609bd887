// The keys 1 to 9 and 0: all classes of a short list, in its order; of a long list those in this map.

const KEY_SLOTS = 10;

// Ids by key, {slots: [id, ...]}, once the map holds the classes `present` (a Set). A class keeps its key while it is in
// the map; classes that came take the keys that are free, in the order of the list.
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
  // Puts the key of a class behind `before` in its button, or takes it away.
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
