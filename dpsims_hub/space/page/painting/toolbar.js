// Tools, undo and redo, fill all, brush size.

const TOOL_NAMES = {
  brush: "Brush", fill: "Fill", rect: "Rectangle", pick: "Pick", reroll: "Restyle", ellipse: "Ellipse",
  lasso: "Lasso", polygon: "Polygon", move: "Move a region",
};

function mountToolbar(app) {
  const { state, find, root } = app;
  const buttons = [...root.querySelectorAll("[data-tool-button]")];
  const size = find("size");

  app.chooseTool = (tool) => {
    const before = state.tool in TOOL_NAMES ? state.tool : "brush"; // a stamp ends with another tool
    app.toolBeforePick = tool === "pick" && before !== "pick" ? before : null;
    state.setHand({ tool });
    app.say(TOOL_NAMES[tool]);
  };
  app.resize = (direction) => {
    const step = Math.max(1, Math.round(state.size * 0.15));
    const wanted = state.size + direction * step;
    state.setHand({ size: Math.min(Number(size.max), Math.max(1, wanted)) });
    app.say(`Brush ${state.size} pixels`);
  };
  app.travel = (direction) => {
    if (app.isPainting()) return;
    const done = state.travel(direction);
    app.say(done ? { undo: "Undone", redo: "Redone" }[direction] : `Nothing to ${direction}`);
  };
  app.fillAll = () => {
    const name = state.className(state.classId);
    app.say(state.edit((ids) => fillAll(ids, state.classId)) ? `All ${name}` : `All is ${name} already`);
  };

  const refresh = () => {
    const chosen = buttons.find((button) => button.dataset.toolButton === state.tool);
    markChosen(buttons, chosen);
    if (!chosen) buttons[0].tabIndex = 0; // the tool is a stamp
    size.max = Math.max(2, Math.round(Math.min(state.width, state.height) / 2));
    size.value = state.size;
    find("size-text").textContent = `${state.size} px`;
    setSliderFill(size);
  };
  const refreshHistory = () => {
    find("undo").disabled = !state.history.undoSteps;
    find("redo").disabled = !state.history.redoSteps;
  };

  for (const button of buttons) {
    button.addEventListener("click", () => app.chooseTool(button.dataset.toolButton));
  }
  moveWithArrows(buttons, (button) => app.chooseTool(button.dataset.toolButton));
  size.addEventListener("input", () => state.setHand({ size: Number(size.value) }));
  find("undo").addEventListener("click", () => app.travel("undo"));
  find("redo").addEventListener("click", () => app.travel("redo"));
  find("fill-all").addEventListener("click", app.fillAll);
  state.on("hand", refresh);
  state.on("commit", refreshHistory);
}

// Marks the chosen button of a radio group; Tab reaches it only.
function markChosen(buttons, chosen) {
  for (const button of buttons) {
    button.setAttribute("aria-checked", String(button === chosen));
    button.tabIndex = button === chosen ? 0 : -1;
  }
}

// Arrow keys within a radio group choose the next button, as is usual for radio groups.
function moveWithArrows(buttons, choose) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  for (const button of buttons) {
    button.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      const shown = buttons.filter((one) => !one.hidden);
      if (!step || !shown.length) return;
      event.preventDefault();
      const next = shown[(shown.indexOf(button) + step + shown.length) % shown.length];
      choose(next);
      next.focus();
    });
  }
}

// Tells CSS the value of a slider, for its coloured part.
function setSliderFill(slider) {
  const share = (slider.value - slider.min) / Math.max(1, slider.max - slider.min);
  slider.style.setProperty("--share", `${share * 100}%`);
}
