// The state of the page: map, style, current tool and history. Its events: "map" (pixels changed), "commit" (a change is
// complete), "style", "hand" (tool, class or size), "leave" (before another model), "model" (after it), "replacing" (before
// another map), and those of single parts: "drawn", "preview", "cursor", "colours", "photo", "layout", "zoom".

function createSceneState(model) {
  const listeners = {};
  const history = createHistory();
  const state = {
    model, ids: null, width: 0, height: 0, tool: "brush", classId: 0, size: 8,
    seed: 0, seedB: 1, mix: 0, regions: [], version: 0, natural: true, colours: [],
    original: "", // the visitor's photo that the map was made from, a data URL; in this page only
    protectedIds: new Set(), history,
  };

  state.on = (names, listener) => names.split(" ").forEach((name) => (listeners[name] ||= []).push(listener));
  state.emit = (name, detail) => (listeners[name] || []).forEach((listener) => listener(detail));

  const scene = () => {
    const { model, seed, seedB, mix, original } = state;
    const known = history.now || { ids: [], regions: [] };
    const ids = sameNumbers(known.ids, state.ids) ? known.ids : state.ids.slice();
    const regions = JSON.stringify(known.regions) === JSON.stringify(state.regions) ? known.regions : state.regions;
    return { model, ids, seed, seedB, mix, regions, original };
  };
  state.mapChanged = () => {
    state.version++;
    state.emit("map");
  };
  // Ends a change: one step of history, if there was a change. See `history.record` for the kind.
  state.commit = (kind = "") => {
    const after = scene();
    if (Object.keys(after).some((key) => after[key] !== history.now[key])) history.record(after, kind);
    state.emit("commit");
  };
  // Makes one complete change: `change(ids)` paints and returns the number of changed pixels. Protected classes stay.
  state.edit = (change) => {
    const changed = change(state.ids) - restoreProtected(state.ids, history.now.ids, state.protectedIds);
    if (changed) {
      state.mapChanged();
      state.commit();
    }
    return changed;
  };
  // Replaces the map and its re-rolled regions, as one step of history.
  state.replaceMap = (ids, style = {}) => {
    state.emit("replacing");
    Object.assign(state, { ids, regions: [], original: "", ...style });
    state.version++;
    state.emit("map");
    state.emit("style");
    state.commit();
  };
  // Sets the style while a slider moves; `commit` ends the change.
  state.tryStyle = (values) => {
    Object.assign(state, values);
    state.version++;
    state.emit("style");
  };
  state.setStyle = (values, kind = "") => {
    state.tryStyle(values);
    state.commit(kind);
  };
  state.setHand = (values) => {
    Object.assign(state, values);
    state.emit("hand");
  };
  function show(values) {
    const isOther = values.model !== state.model || !state.ids;
    if (isOther && state.ids) state.emit("leave");
    Object.assign(state, values, { ids: values.ids.slice() });
    state.version++;
    if (isOther) takeModel();
    state.emit("map");
    state.emit("style");
  }
  function takeModel() {
    const { width, height } = state.model;
    const size = Math.max(2, Math.round(Math.min(width, height) / 12));
    Object.assign(state, { width, height, classId: usefulClass(state.model), size, protectedIds: new Set() });
    state.emit("model");
    state.emit("hand");
  }
  // Shows a model with a map and perhaps a style, as one step of history.
  state.setModel = (model, { ids, style = {} }) => {
    const isFirst = !state.ids;
    const { seed, seedB, mix } = state;
    show({ model, ids, seed, seedB, mix, regions: [], original: "", ...style });
    if (isFirst) history.begin(scene());
    state.commit();
  };
  state.travel = (direction) => {
    const values = history[direction]();
    if (!values) return false;
    show(values);
    state.emit("commit");
    return true;
  };
  state.className = (id) => (id === state.model.ignore_index ? "Unknown" : state.model.classes[id].name);
  state.mapText = () => encodeMap(state.ids, state.width, state.height);
  // The scene in a request to the server.
  state.request = () => ({
    model: state.model.name, map: state.mapText(), seed: state.seed, seed_b: state.seedB, mix: state.mix,
    regions: state.regions,
  });
  return state;
}

const NO_THING = new RegExp(
  "^(unlabel+ed|unlabel+ed area|void|background|unknown|ignored?|others?|nothing|none|static|dynamic" +
    "|ego vehicle|rectification border|out of roi)$",
  "i",
);

// The first class: one whose name is none of `NO_THING`.
function usefulClass(model) {
  const entry = model.classes.find(({ name }) => !NO_THING.test(name.trim()));
  return (entry || model.classes[0]).id;
}

function newSeed(model) {
  return Math.floor(Math.random() * (model.max_seed + 1));
}

// The ids of a map string; throws an Error with one sentence when it does not fit the model.
function fittingMap(text, model) {
  const map = decodeMap(text);
  if (map.width !== model.width || map.height !== model.height) {
    throw new Error(
      `The map is ${map.width}x${map.height}, but ${model.title} paints ${model.width}x${model.height}.`,
    );
  }
  const present = countClasses(map.ids).map(([id]) => id);
  const wrong = present.find((id) => id >= model.classes.length && id !== model.ignore_index);
  if (wrong !== undefined) {
    throw new Error(`The map holds class ${wrong}, but ${model.title} has ${model.classes.length} classes.`);
  }
  return map.ids;
}
