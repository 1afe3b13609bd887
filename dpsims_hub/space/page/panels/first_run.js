// The first visit: one stroke that draws itself over the map, and a sentence; gone with the first thing done.

const SEEN = "dpsims-seen";
const GHOST_CLASSES = "tree|mountain|building|car|water|sky"; // the first that the model knows, our choice

function mountFirstRun(app) {
  const { state, find, root } = app;
  const hint = find("first-run");

  const isNew = () => {
    try {
      return !localStorage.getItem(SEEN);
    } catch {
      return false;
    }
  };
  const remember = () => {
    try {
      localStorage.setItem(SEEN, "1");
    } catch {
      // no storage in this browser: the hint comes again
    }
  };
  function end() {
    if (hint.hidden) return;
    hint.hidden = true;
    remember();
  }
  app.showFirstRun = () => {
    const id = findClass(state.model.classes, GHOST_CLASSES);
    if (!isNew() || id === null) return;
    find("first-run-text").textContent = `Pick ${state.className(id)}, drag here`;
    find("first-run-path").style.stroke = cssColour(state.colours[id]);
    hint.hidden = false;
  };
  root.addEventListener("pointerdown", end);
  document.addEventListener("keydown", end);
}
