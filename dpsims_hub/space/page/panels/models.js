// Several models: a list to choose from. Each brings its classes, size and scenes.

function mountModels(app) {
  const { state, find } = app;
  const list = find("model");

  app.switchModel = async (name) => {
    const model = await app.ask("switch_model", { model: name });
    if (model) {
      const keeps = sameClasses(model, state.model);
      state.setModel(model, keeps ? state.ids : firstScene(model));
      app.say(`Model ${model.title}`);
    }
    list.value = state.model.name;
  };

  list.replaceChildren(...app.models.map(({ name, title }) => new Option(title, name)));
  find("model-field").hidden = app.models.length < 2;
  list.addEventListener("change", () => app.switchModel(list.value));
  state.on("model", () => (list.value = state.model.name));
}

function sameClasses(one, other) {
  const names = (model) => model.classes.map((entry) => entry.name).join("\n");
  return one.width === other.width && one.height === other.height && names(one) === names(other);
}

function firstScene(model) {
  const [example] = model.examples;
  return example ? fittingMap(example.map, model) : new Uint16Array(model.width * model.height);
}
