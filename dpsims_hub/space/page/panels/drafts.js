// Drafts: one painting per model is kept over reloads, changes of the model and restarts of the browser.
// Each tab prefers its own draft; a new tab opens the newest.

const DRAFT = "dpsims-draft:"; // + name of the model
const LAST_MODEL = "dpsims-model";
const SAVE_MS = 400;

// The value of a key, of the tab or else of the browser; null without a value or storage.
function readStored(key, storages = ["sessionStorage", "localStorage"]) {
  for (const name of storages) {
    try {
      const text = window[name].getItem(key);
      if (text) return text;
    } catch {
      // no storage of this kind in this browser
    }
  }
  return null;
}

// Writes to each storage; returns whether the last one, which keeps longest, took it.
function store(key, text, storages = ["sessionStorage", "localStorage"]) {
  const took = storages.map((name) => {
    try {
      window[name].setItem(key, text);
      return true;
    } catch {
      return false;
    }
  });
  return took.pop();
}

function mountDrafts(app) {
  const { state } = app;
  let waiting = null;
  let failed = false;
  let painted = false; // whether the visitor changed a scene of this model
  let lent = false; // whether a link brought a scene of this model
  let scene = null; // after the last complete change; the history is ahead of it while a model leaves
  const kept = new WeakSet(); // scenes that are only shown, examples and drafts: nothing to store
  const borrowed = new WeakSet(); // scenes of links: they do not replace the visitor's own draft
  let marks = null; // the set of the scenes made now
  const originals = new Map(); // by model, {text, original} of the last draft: the own photo is not stored

  const save = () => {
    clearTimeout(waiting);
    waiting = null;
    if (!painted && !lent) return;
    const where = painted && !borrowed.has(scene) ? undefined : ["sessionStorage"];
    const text = JSON.stringify(state.request());
    originals.set(state.model.name, { text, original: state.original });
    failed = !store(DRAFT + state.model.name, text, where);
    app.rememberModel(where);
  };
  const saveSoon = () => {
    waiting ||= setTimeout(save, SAVE_MS);
  };
  const note = () => {
    if (marks && state.history.now !== scene) marks.add(state.history.now);
    scene = state.history.now;
    lent ||= borrowed.has(scene);
    painted ||= !kept.has(scene) && !borrowed.has(scene);
    saveSoon();
  };
  const marking = (set, change) => {
    marks = set;
    try {
      change();
    } finally {
      marks = null;
    }
  };

  // Shows a model with a scene that is stored already, or its first example.
  app.showKept = (model, values = { ids: firstScene(model) }) => marking(kept, () => state.setModel(model, values));
  // Shows a model with a scene carried over from another model; what was kept or borrowed stays so.
  app.showCarried = (model, values, from) => {
    const set = [kept, borrowed].find((one) => one.has(from)) || null;
    marking(set, () => state.setModel(model, values));
  };
  // Makes a change to a scene that is not the visitor's own.
  app.borrow = (change) => marking(borrowed, change);

  // {ids, style} of the model's draft, or null.
  app.readDraft = (model) => {
    try {
      const text = readStored(DRAFT + model.name);
      const known = originals.get(model.name);
      const { ids, style } = fittingScene(JSON.parse(text), model);
      return { ids, style: { ...style, original: known?.text === text ? known.original : "" } };
    } catch {
      return null; // none, damaged, or of a model that has changed since
    }
  };
  app.rememberModel = (where) => store(LAST_MODEL, state.model.name, where);
  app.lastModel = () => {
    const name = readStored(LAST_MODEL);
    return app.models.some((one) => one.name === name) ? name : null;
  };

  window.addEventListener("pagehide", () => waiting && save());
  window.addEventListener("beforeunload", (event) => {
    if (waiting) save();
    if (failed) event.preventDefault();
  });
  state.on("leave", save);
  state.on("commit", note);
  state.on("style", saveSoon);
  state.on("model", () => {
    painted = lent = false;
    if (app.root.dataset.ready) app.rememberModel(["sessionStorage"]); // it may be a link's
  });
}
