// The list of models. Each has its classes, size and scenes.

function mountModels(app) {
  const { state, find } = app;
  const list = find("model");
  let chosen = 0; // choices so far

  // Models of the same classes and size keep the map; others show their last draft or first example.
  app.switchModel = async (name, tells = true) => {
    const number = ++chosen;
    const model = name === state.model.name ? null : await app.ask("switch_model", { model: name });
    if (number !== chosen) return; // another one was chosen meanwhile
    if (model) {
      app.cancelStroke(true);
      const from = state.history.now;
      const { ids, seed, seedB, mix, original } = state;
      const regions = state.regions.slice(0, mostRerolls(model));
      const keeps = sameClasses(model, state.model);
      const draft = app.readDraft(model);
      if (draft || !keeps) app.showKept(model, draft || undefined);
      if (keeps) app.showCarried(model, { ids, style: { seed, seedB, mix, regions, original } }, from);
      else if (draft && tells) app.notify(`Your painting for ${model.title} is back.`);
      app.say(`Model ${model.title}`);
    }
    list.value = state.model.name;
  };

  list.replaceChildren(...app.models.map(({ name, title }) => new Option(title, name)));
  find("model-field").hidden = app.models.length < 2;
  list.addEventListener("change", async () => {
    const wanted = list.value;
    await app.switchModel(wanted);
    if (state.model.name === wanted) app.rememberModel();
  });
  state.on("model", () => (list.value = state.model.name));
}

function sameClasses(one, other) {
  const names = (model) => model.classes.map((entry) => entry.name).join("\n");
  const same = (key) => one[key] === other[key];
  return ["width", "height", "ignore_index"].every(same) && names(one) === names(other);
}

function firstScene(model) {
  const [example] = model.examples;
  return example ? fittingMap(example.map, model) : new Uint16Array(model.width * model.height);
}
