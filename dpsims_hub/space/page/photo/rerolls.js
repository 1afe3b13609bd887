// Re-rolls: a class or one connected region gets the latents of another seed, the rest of the photo stays.

const MOST_REROLLS = 32; // the limit of the server

function mountRerolls(app) {
  const { state, find } = app;

  function add(entry, isSame, what) {
    const others = state.regions.filter((one) => !isSame(one));
    if (others.length >= MOST_REROLLS) {
      app.notify(`${MOST_REROLLS} parts have looks of their own already; reset them first.`, "alert", "rerolls");
      return;
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
    if (state.regions.length < MOST_REROLLS) app.settled("rerolls");
    find("own-looks").hidden = !state.regions.length;
  });
}
