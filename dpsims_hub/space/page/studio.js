// Starts the page. Gradio runs this once per page, with `element`, `props` and `server` in scope.

// Writes changed values only, because each write makes the browser compute styles again.
function mirror(element, values) {
  for (const [name, value] of Object.entries(values)) {
    if (element.dataset[name] !== String(value)) element.dataset[name] = value;
  }
}

function mirrorState(app) {
  const { state, root } = app;
  mirror(root, {
    model: state.model.name, tool: state.tool, class: state.classId, size: state.size, seed: state.seed,
    seedB: state.seedB, mix: state.mix, regions: state.regions.length, version: state.version,
    undo: state.history.undoSteps, redo: state.history.redoSteps, photoOf: app.photoOf,
  });
}

// Read-only access to the state, for tests and the console.
function showState(app) {
  const { state, find } = app;
  const hook = {
    get map() { return state.mapText(); },
    get ids() { return Array.from(state.ids); },
    get width() { return state.width; },
    get height() { return state.height; },
    get model() { return structuredClone(state.model); },
    get regions() { return structuredClone(state.regions); },
    get photo() { return find("photo").src; },
    get timings() { return structuredClone(app.timings); },
    cell: (x, y) => {
      const box = find("map").getBoundingClientRect();
      const pixel = { x: box.width / state.width, y: box.height / state.height };
      return { x: box.left + (x + 0.5) * pixel.x, y: box.top + (y + 0.5) * pixel.y };
    },
  };
  Object.defineProperty(window, "dpsims", { value: Object.freeze(hook), configurable: true });
}

function startStudio(element, props, server) {
  const root = element.querySelector(".dps");
  const state = createSceneState(props.model);
  const app = {
    root, state, server, models: props.models, get hasSegmenter() { return !state.model.no_photos; },
    find: (id) => root.querySelector(`#dps-${id}`),
  };
  app.mirror = () => mirrorState(app);
  drawIcons(root);
  [
    mountNotices, mountView, mountLayout, mountZoom, mountStrokes, mountCompare, mountOriginal, mountPointers,
    mountGestures, mountDrawnShapes, mountMoveRegion, mountPlacing, mountProtecting, mountReplacing,
    mountToolbar, mountNumberKeys, mountPalette, mountRecents, mountClassSheet, mountLegend, mountRerolls,
    mountRerollList, mountHover, mountLivePhoto, mountFinePhoto, mountStylePanel, mountVariations, mountPast, mountScenes,
    mountStampTray, mountFiles, mountMapRepair, mountPaletteExport, mountDrafts, mountModels, mountSharing,
    mountShortcuts, mountFirstRun,
  ].forEach((mount) => mount(app));
  state.on("map commit style hand model photo", app.mirror);
  showState(app);

  openFirst(app, props.model);
}

// The first scene: that of a link, else the last draft, else the first example.
async function openFirst(app, first) {
  const { state } = app;
  const last = app.lastModel();
  const isOther = last && last !== first.name && !hasLink();
  const model = (isOther && (await app.ask("switch_model", { model: last }))) || first;
  const draft = app.readDraft(model);
  app.showKept(model, draft || undefined);
  const linked = await app.openLink();
  if (draft && !linked) app.notify("Your painting is back as you left it.");
  if (!draft && !linked) app.showFirstRun();
  app.root.dataset.ready = "true";
}

startStudio(element, props, server);
