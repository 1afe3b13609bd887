// Re-rolls: a class or one connected region gets the latents of another seed, the rest of the photo stays.

const MOST_REROLLS = 32; // the limit of the server

// How many parts of a photo may have other looks: none where the model has one look for the whole photo.
function mostRerolls(model) {
  return model.regions ? MOST_REROLLS : 0;
}

// Whether a re-roll of a link, file or draft is one that the server takes: {class, seed} or {region, seed}.
function fitsReroll(entry, model) {
  const within = (value, end) => Number.isInteger(value) && value >= 0 && value < end;
  if (!entry || !within(entry.seed, model.max_seed + 1)) return false;
  const { class: id, region } = entry;
  if (region === undefined) return within(id, model.classes.length) || (id !== undefined && id === model.ignore_index);
  return id === undefined && isMask(region, model);
}

// Whether a text is a map of 0 and 1, of the model's size.
function isMask(text, model) {
  try {
    const { ids, width, height } = decodeMap(text);
    return width === model.width && height === model.height && ids.every((value) => value < 2);
  } catch {
    return false;
  }
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
