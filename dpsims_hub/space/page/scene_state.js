// What is being made: the map, the style and the tool in hand, with history. The page follows its events:
// "map" pixels changed, "commit" a change is complete, "style", "hand" (tool, class or size), "model", and those of
// single parts: "replaced" (by another map altogether), "drawn", "preview", "cursor", "colours", "photo".

function createSceneState(model) {
  const listeners = {};
  const history = createHistory();
  const state = {
    model, ids: null, width: 0, height: 0, tool: "brush", classId: 0, size: 8,
    seed: 0, seedB: 1, mix: 0, regions: [], version: 0, natural: true, colours: [],
    protectedIds: new Set(), history,
  };

  state.on = (names, listener) => names.split(" ").forEach((name) => (listeners[name] ||= []).push(listener));
  state.emit = (name, detail) => (listeners[name] || []).forEach((listener) => listener(detail));

  state.mapChanged = () => {
    state.version++;
    state.emit("map");
  };
  state.commit = (before) => {
    if (before) history.remember(before);
    state.emit("commit");
  };
  // One complete change: `change(ids)` paints and returns the number of changed pixels. Protected classes stay.
  state.edit = (change) => {
    const before = state.ids.slice();
    const changed = change(state.ids) - restoreProtected(state.ids, before, state.protectedIds);
    if (changed) {
      state.mapChanged();
      state.commit(before);
    }
    return changed;
  };
  state.travel = (direction) => {
    const ids = history[direction](state.ids);
    if (!ids) return false;
    state.ids = ids;
    state.mapChanged();
    state.commit();
    return true;
  };
  // Another map altogether: one step of history; re-rolled regions of the old map go with it.
  state.replaceMap = (ids) => {
    const before = state.ids;
    state.ids = ids;
    state.mapChanged();
    state.commit(before);
    state.emit("replaced");
    if (state.regions.length) state.setStyle({ regions: [] });
  };
  state.setStyle = (values) => {
    Object.assign(state, values);
    state.version++;
    state.emit("style");
  };
  state.setHand = (values) => {
    Object.assign(state, values);
    state.emit("hand");
  };
  state.setModel = (model, ids) => {
    const size = Math.max(2, Math.round(Math.min(model.width, model.height) / 12));
    const { width, height } = model;
    Object.assign(state, { model, ids, width, height, regions: [], classId: 0, size, protectedIds: new Set() });
    history.clear();
    state.version++;
    state.emit("model");
    state.emit("hand");
    state.emit("map");
    state.emit("style");
    state.emit("commit");
  };
  state.className = (id) => (id === state.model.ignore_index ? "Unknown" : state.model.classes[id].name);
  state.mapText = () => encodeMap(state.ids, state.width, state.height);
  // What every request to the server begins with.
  state.request = () => ({
    model: state.model.name, map: state.mapText(), seed: state.seed, seed_b: state.seedB, mix: state.mix,
    regions: state.regions,
  });
  return state;
}

function newSeed(model) {
  return Math.floor(Math.random() * (model.max_seed + 1));
}

// A decoded map as ids of this model, or an Error that says in one sentence why it does not fit.
function fittingMap(text, model) {
  const map = decodeMap(text);
  if (map.width !== model.width || map.height !== model.height) {
    throw new Error(
      `The map is ${map.width}x${map.height}, but ${model.title} paints ${model.width}x${model.height}.`,
    );
  }
  const wrong = map.ids.find((id) => id >= model.classes.length && id !== model.ignore_index);
  if (wrong !== undefined) {
    throw new Error(`The map holds class ${wrong}, but ${model.title} has ${model.classes.length} classes.`);
  }
  return map.ids;
}
