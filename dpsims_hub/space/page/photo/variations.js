// Four other looks of the same map: requested by a button, or one by one while the page is idle.

const VARIATIONS = 4;
const REST_BEFORE_LOOKS_MS = 1200;
const AFTER_LOST_REPLY_MS = 10000;
const EMPTY_NOTE = "The same map, four other photos";
const FRESH_NOTE = "Press one to take it";
const STALE_NOTE = "Of an earlier scene: make new ones";

function mountVariations(app) {
  const { state, find } = app;
  const list = find("variations");
  const button = find("four");
  let looks = []; // {photo, seed} of those made so far
  let madeOf = ""; // the scene of the looks; they are stale when it changes
  let run = 0; // answers of earlier runs are dropped
  let waiting = null;
  let refused = false; // whether the server answered with an error for this model

  const scene = () => JSON.stringify([state.model.name, state.mapText(), state.regions]);

  function show() {
    const places = Array.from({ length: VARIATIONS }, (_, place) =>
      looks[place] ? makeButton(looks[place], place) : document.createElement("i"),
    );
    renewRow(list, places, button);
    list.dataset.stale = "";
    judge();
    press();
  }

  function makeButton({ photo, seed }, place) {
    const take = () => {
      state.setStyle({ seed, mix: 0 });
      app.say(`Took look ${seed}`);
    };
    const one = newButton("", take, { seed, place, tip: `Take this look, number ${seed}` });
    one.append(newPicture(photo));
    return one;
  }

  function judge() {
    const stale = looks.length > 0 && madeOf !== scene();
    if (String(stale) === list.dataset.stale) return;
    list.dataset.stale = String(stale);
    find("four-note").textContent = !looks.length ? EMPTY_NOTE : stale ? STALE_NOTE : FRESH_NOTE;
    for (const one of list.querySelectorAll("button")) {
      const what = `Look ${Number(one.dataset.place) + 1} of ${VARIATIONS}, number ${one.dataset.seed}`;
      one.setAttribute("aria-label", stale ? `${what}, of an earlier scene` : what);
    }
  }

  function press() {
    for (const one of list.querySelectorAll("button")) {
      one.setAttribute("aria-pressed", String(Number(one.dataset.seed) === state.seed && !state.mix));
    }
  }

  async function ask() {
    if (button.disabled) return;
    const mine = ++run;
    button.disabled = true;
    list.dataset.waiting = "true";
    const seeds = Array.from({ length: VARIATIONS }, () => newSeed(state.model));
    const asked = scene();
    const reply = await app.ask("variations", { ...state.request(), count: VARIATIONS, seeds });
    button.disabled = false;
    list.dataset.waiting = "false";
    if (!reply || mine !== run) return;
    looks = reply.photos.map((photo, place) => ({ photo, seed: reply.seeds[place] }));
    madeOf = asked;
    show();
    app.say(`${looks.length} other looks are ready`);
  }

  // Looks made while the page is idle: the server refuses them while other photos are requested.
  const rests = () =>
    app.isQuick() && !app.isPainting() && app.photoOf === state.version && app.lane.state === "idle" && !document.hidden;

  async function fill() {
    waiting = null;
    if (button.disabled || refused || looks.length >= VARIATIONS || !rests()) return;
    const mine = ++run;
    const asked = scene();
    const request = { ...state.request(), seeds: [newSeed(state.model)], background: true };
    const reply = await app.server.variations(request).catch(() => null);
    if (mine !== run) return;
    if (reply && reply.photos) {
      if (madeOf !== asked) looks = [];
      madeOf = asked;
      looks.push({ photo: reply.photos[0], seed: reply.seeds[0] });
      show();
    }
    refused = Boolean(reply?.error);
    if (!waiting) fillSoon(!reply ? AFTER_LOST_REPLY_MS : reply.photos ? 0 : REST_BEFORE_LOOKS_MS);
  }
  function fillSoon(pause = REST_BEFORE_LOOKS_MS) {
    clearTimeout(waiting);
    waiting = looks.length < VARIATIONS ? setTimeout(fill, pause) : null;
  }

  button.addEventListener("click", ask);
  state.on("model", () => {
    run++;
    looks = [];
    refused = false;
    show();
  });
  state.on("style model", press);
  state.on("commit", judge);
  state.on("style commit model photo", () => fillSoon());
  document.addEventListener("visibilitychange", () => fillSoon());
}
