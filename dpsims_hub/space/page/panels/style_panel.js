// The look of the photo: two looks by their numbers (seeds), and the mix of both.

function mountStylePanel(app) {
  const { state, find } = app;
  const fields = [["seed", "seed"], ["seed-b", "seedB"]];
  const mix = find("mix");

  function readSeed(field, key) {
    const value = Number(field.value);
    const fits = field.value.trim() !== "" && Number.isInteger(value) && value >= 0 && value <= state.model.max_seed;
    field.setAttribute("aria-invalid", String(!fits));
    if (!fits) app.notify(`The number of a look is a whole one from 0 to ${state.model.max_seed}.`, "alert", "seed");
    else app.settled("seed");
    if (fits && value !== state[key]) state.setStyle({ [key]: value }, key); // quick steps are one
  }

  for (const [id, key] of fields) {
    const field = find(id);
    field.addEventListener("change", () => readSeed(field, key));
    find(`new-${id}`).addEventListener("click", () => app.drawSeed(key));
  }
  // A new look B is invisible at a mix of 0, so the mix becomes a half.
  app.drawSeed = (key) => {
    const seed = newSeed(state.model);
    state.setStyle(key === "seedB" && !state.mix ? { seedB: seed, mix: 0.5 } : { [key]: seed });
    app.say(`Look ${seed}`);
  };
  mix.addEventListener("input", () => state.tryStyle({ mix: Number(mix.value) / 100 }));
  mix.addEventListener("change", () => state.commit("mix"));

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
    mix.setAttribute("aria-valuetext", `${percent} percent of look B`);
    find("mix-text").textContent = `${percent} %`;
    setSliderFill(mix);
  }

  state.on("style model", refresh);
}
