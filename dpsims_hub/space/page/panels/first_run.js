// The hint of the first visit: an animated stroke over the map and a sentence, until the first action.

const SEEN = "dpsims-seen";
const HINT_CLASSES = "tree|mountain|building|car|water|sky"; // the first that the model has; our choice

function mountFirstRun(app) {
  const { state, find, root } = app;
  const hint = find("first-run");

  function end() {
    if (hint.hidden) return;
    hint.hidden = true;
    store(SEEN, "1", ["localStorage"]);
  }
  app.showFirstRun = () => {
    const id = findClass(state.model.classes, HINT_CLASSES);
    if (readStored(SEEN, ["localStorage"]) || id === null) return;
    find("first-run-text").textContent = `Pick ${state.className(id)}, drag here`;
    find("first-run-path").style.stroke = cssColour(state.colours[id]);
    hint.hidden = false;
  };
  root.addEventListener("pointerdown", end);
  document.addEventListener("keydown", end);
}
