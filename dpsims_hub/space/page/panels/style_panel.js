// Seed, style mix between two seeds, and four variations to choose from.

const VARIATIONS = 4;
const FRESH_NOTE = "Press one to adopt its seed";
const STALE_NOTE = "Of an earlier scene: make new ones";

function mountStylePanel(app) {
  const { state, find } = app;
  const fields = [["seed", "seed"], ["seed-b", "seedB"]];
  const mix = find("mix");
  const list = find("variations");

  function readSeed(field, key) {
    const value = Number(field.value);
    const fits = field.value.trim() !== "" && Number.isInteger(value) && value >= 0 && value <= state.model.max_seed;
    field.setAttribute("aria-invalid", String(!fits));
    if (!fits) app.notify(`A seed is a whole number from 0 to ${state.model.max_seed}.`, "alert", "seed");
    else app.settled("seed");
    if (fits && value !== state[key]) state.setStyle({ [key]: value });
  }

  for (const [id, key] of fields) {
    const field = find(id);
    field.addEventListener("change", () => readSeed(field, key));
    find(`new-${id}`).addEventListener("click", () => app.drawSeed(key));
  }
  // A new end B would not be seen at end A, so the mix goes half-way.
  app.drawSeed = (key) => {
    const seed = newSeed(state.model);
    state.setStyle(key === "seedB" && !state.mix ? { seedB: seed, mix: 0.5 } : { [key]: seed });
    app.say(`Seed ${seed}`);
  };
  mix.addEventListener("input", () => state.tryStyle({ mix: Number(mix.value) / 100 }));
  mix.addEventListener("change", () => state.commit("mix"));

  // Variations show the map and the re-rolls that they were made of; other ones make them stale.
  let madeOf = "";
  const scene = () => JSON.stringify([state.model.name, state.mapText(), state.regions]);
  const judge = () => {
    const stale = Boolean(madeOf) && madeOf !== scene();
    if (String(stale) === list.dataset.stale) return;
    list.dataset.stale = String(stale);
    if (madeOf) find("four-note").textContent = stale ? STALE_NOTE : FRESH_NOTE;
    for (const button of list.querySelectorAll("button")) name(button, stale);
  };
  const name = (button, stale) => {
    const what = `Variation ${Number(button.dataset.place) + 1}, seed ${button.dataset.seed}`;
    button.setAttribute("aria-label", stale ? `${what}, of an earlier scene` : what);
  };

  async function fourVariations() {
    const button = find("four");
    if (button.disabled) return;
    button.disabled = true;
    list.dataset.waiting = "true";
    const seeds = Array.from({ length: VARIATIONS }, () => newSeed(state.model));
    const asked = scene();
    const reply = await app.ask("variations", { ...state.request(), count: VARIATIONS, seeds });
    button.disabled = false;
    list.dataset.waiting = "false";
    if (!reply) return;
    list.replaceChildren(...reply.photos.map((photo, place) => makeVariation(photo, reply.seeds[place], place)));
    madeOf = asked;
    list.dataset.stale = "";
    judge();
    app.say(`${reply.photos.length} variations are ready`);
    refresh();
  }

  function makeVariation(photo, seed, place) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.seed = seed;
    button.dataset.place = place;
    name(button, false);
    button.dataset.tip = `Adopt seed ${seed}`;
    const image = new Image();
    image.src = photo;
    image.alt = "";
    button.append(image);
    button.addEventListener("click", () => {
      state.setStyle({ seed, mix: 0 });
      app.say(`Adopted seed ${seed}`);
    });
    return button;
  }

  function refresh() {
    for (const [id, key] of fields) {
      const field = find(id);
      field.max = state.model.max_seed;
      if (document.activeElement !== field || Number(field.value) !== state[key]) field.value = state[key];
      field.setAttribute("aria-invalid", "false");
    }
    app.settled("seed");
    const percent = Math.round(state.mix * 100);
    mix.value = percent;
    mix.setAttribute("aria-valuetext", `${percent} percent of seed B`);
    find("mix-text").textContent = `${percent} %`;
    setSliderFill(mix);
    for (const button of list.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.seed) === state.seed && !state.mix));
    }
  }

  find("four").addEventListener("click", fourVariations);
  state.on("model", () => {
    showPlaceholders(list);
    madeOf = "";
    list.dataset.stale = "false";
    find("four-note").textContent = "the same map with four new seeds";
  });
  state.on("style model", refresh);
  state.on("commit", judge);
}

function showPlaceholders(list) {
  list.replaceChildren(...Array.from({ length: VARIATIONS }, () => document.createElement("i")));
}
