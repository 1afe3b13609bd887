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

// Writes to each storage; returns whether one of them worked.
function store(key, text, storages = ["sessionStorage", "localStorage"]) {
  const kept = storages.filter((name) => {
    try {
      window[name].setItem(key, text);
      return true;
    } catch {
      return false;
    }
  });
  return kept.length > 0;
}

function mountDrafts(app) {
  const { state } = app;
  let waiting = null;
  let failed = false;
  let painted = false; // whether the visitor changed a scene of this model
  const untouched = new WeakSet(); // scenes of history that are examples: no drafts

  const save = () => {
    clearTimeout(waiting);
    waiting = null;
    painted ||= state.history.undoSteps > 0 && !untouched.has(state.history.now);
    if (!painted) return;
    // An unchanged scene of a link does not replace the visitor's own draft.
    const borrowed = app.linkedScene && state.history.now === app.linkedScene;
    const where = borrowed ? ["sessionStorage"] : undefined;
    failed = !store(DRAFT + state.model.name, JSON.stringify(state.request()), where);
    store(LAST_MODEL, state.model.name);
  };
  const saveSoon = () => {
    waiting ||= setTimeout(save, SAVE_MS);
  };

  // Shows a model with its first example.
  app.showExample = (model) => {
    state.setModel(model, { ids: firstScene(model) });
    untouched.add(state.history.now);
  };

  // {ids, style} of the model's draft, or null.
  app.readDraft = (model) => {
    try {
      const draft = JSON.parse(readStored(DRAFT + model.name));
      return draft && fittingScene(draft, model);
    } catch {
      return null; // damaged, or of a model that has changed since
    }
  };
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
  state.on("commit style", saveSoon);
  state.on("model", () => {
    painted = false;
    if (app.root.dataset.ready) store(LAST_MODEL, state.model.name);
  });
}
