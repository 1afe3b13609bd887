// A row of earlier photos, one for each complete change; a press restores the scene.

const MOST_PAST = 8;
const PAST_PAUSE_MS = 900; // faster changes count as one

// The list with a new result at its front, without an older one of the same scene.
function withResult(past, result) {
  return [result, ...past.filter((one) => one.scene !== result.scene)].slice(0, MOST_PAST);
}

function mountPast(app) {
  const { state, find } = app;
  const row = find("past-row");
  const byModel = new Map();
  let waiting = null;

  const list = () => byModel.get(state.model.name) || [];

  function note() {
    waiting = null;
    if (app.isPainting() || app.photoOf !== state.version) return;
    const { map, seed, seed_b: seedB, mix, regions } = state.request();
    const scene = JSON.stringify({ map, seed, seedB, mix, regions, original: state.original });
    if (list().length && list()[0].scene === scene) return show();
    byModel.set(state.model.name, withResult(list(), { scene, photo: find("photo").src }));
    show();
  }
  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(note, PAST_PAUSE_MS);
  }
  function show() {
    find("past-note").hidden = list().length > 1;
    renewRow(row, list().map(makeButton), find("map"));
  }
  function makeButton({ scene, photo }, place) {
    const button = newButton("", () => restore(scene));
    button.setAttribute("aria-label", place ? `Earlier photo ${place}` : "The photo of now");
    button.setAttribute("aria-pressed", String(!place));
    button.append(newPicture(photo));
    return button;
  }
  function restore(scene) {
    const { map, regions, ...style } = JSON.parse(scene);
    state.replaceMap(fittingMap(map, state.model), { ...style, regions });
    app.say("Earlier photo restored");
  }

  state.on("photo", soon);
  state.on("model", () => {
    clearTimeout(waiting);
    show();
  });
}
