// Re-rolls: a class or one connected region gets the latents of another seed, the rest of the photo stays.

const MOST_REROLLS = 32; // the limit of the server

// How many parts of a photo may have other looks: none where the model has one noise for the whole photo.
function mostRerolls(model) {
  return model.regions ? MOST_REROLLS : 0;
}

function mountRerolls(app) {
  const { state, find } = app;

  function add(entry, isSame, what) {
    const others = state.regions.filter((one) => !isSame(one));
    const most = mostRerolls(state.model);
    if (others.length >= most) {
      const full = `${most} parts have another look already; reset them first.`;
      return void app.notify(most ? full : "This model has one look for the whole photo.", "alert", "rerolls");
    }
    state.setStyle({ regions: [...others, { ...entry, seed: newSeed(state.model) }] });
    app.say(`Another look for ${what}`);
  }

  app.rerollClass = (id) => add({ class: id }, (one) => one.class === id, state.className(id));
  app.rerollRegion = (place) => {
    const region = encodeMap(app.regionAt(place), state.width, state.height);
    add({ region }, (one) => one.region === region, `this ${state.className(app.classAt(place))}`);
  };

  find("regions-reset").addEventListener("click", () => {
    state.setStyle({ regions: [] });
    app.say("Looks reset");
    find("map").focus({ preventScroll: true });
  });
  state.on("style", () => {
    if (state.regions.length < mostRerolls(state.model)) app.settled("rerolls");
    find("own-looks").hidden = !state.regions.length;
  });
}
