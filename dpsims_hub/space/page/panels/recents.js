// The last classes, above a long list.

const MOST_RECENTS = 6;

function withRecent(recents, id) {
  return [id, ...recents.filter((one) => one !== id)].slice(0, MOST_RECENTS);
}

function mountRecents(app) {
  const { state, find } = app;
  const row = find("recents");
  const byModel = new Map();
  let last = null; // [model, class] at the last change

  app.recentClasses = () => byModel.get(state.model.name) || [];

  function note() {
    const now = [state.model.name, state.classId];
    if (last && last[0] === now[0] && last[1] !== now[1]) byModel.set(now[0], withRecent(app.recentClasses(), now[1]));
    last = now;
    show();
  }
  function show() {
    const recents = app.recentClasses();
    row.hidden = state.model.classes.length <= MANY_CLASSES || !recents.length;
    row.replaceChildren(...recents.map(makeButton));
  }
  function makeButton(id) {
    const button = newClassButton(state, id, () => {
      app.chooseClass(id);
      const same = row.querySelector(`[data-id="${id}"]`); // of the new row
      if (same) same.focus();
    });
    button.setAttribute("aria-pressed", String(id === state.classId));
    return button;
  }
  state.on("hand", note);
  state.on("colours", show);
}
