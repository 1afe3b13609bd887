// Changes of whole classes: protect them against every tool, or replace one by another.

// The lock of a class in the legend.
function mountProtecting(app) {
  const { state } = app;

  app.protect = (id, wanted) => {
    if (wanted) state.protectedIds.add(id);
    else state.protectedIds.delete(id);
    app.say(`${state.className(id)} ${wanted ? "is protected" : "can be painted over"}`);
    state.emit("hand");
  };
  app.makeLock = (id) => {
    const locked = state.protectedIds.has(id);
    const name = state.className(id);
    const tip = locked ? `${name} is protected` : `Protect ${name}`;
    const button = newButton(iconMarkup("lock"), () => app.protect(id, !state.protectedIds.has(id)), { tip });
    button.className = "dps-legend-lock";
    button.setAttribute("aria-label", `Protect ${name}`);
    button.setAttribute("aria-pressed", String(locked));
    return button;
  };
}

// The options of a list of classes: those with these ids, or all and "Unknown".
function classOptions(state, ids = [...state.model.classes.map((entry) => entry.id), state.model.ignore_index]) {
  return ids.map((id) => new Option(state.className(id), id));
}

// Replaces a class by another in the whole map, as one step.
function mountReplacing(app) {
  const { state, find } = app;
  const menu = find("replace");
  const from = find("replace-from");
  const to = find("replace-to");

  function fill() {
    const inMap = countClasses(state.ids).map(([id]) => id);
    from.replaceChildren(...classOptions(state, inMap));
    to.replaceChildren(...classOptions(state));
    if (inMap.includes(state.classId)) from.value = state.classId;
    else to.value = state.classId;
    if (to.value === from.value) to.value = [...to.options].find((one) => one.value !== from.value).value;
  }
  function replace() {
    const [old, wanted] = [Number(from.value), Number(to.value)];
    menu.hidePopover();
    const changed = state.edit((ids) => replaceClass(ids, old, wanted));
    const names = `${state.className(old)} by ${state.className(wanted)}`;
    if (changed) app.say(`Replaced ${names}`);
    else if (state.protectedIds.has(old)) app.notify(`${state.className(old)} is protected; open its lock first.`);
    else app.say("Nothing to replace");
  }

  menu.addEventListener("beforetoggle", (event) => event.newState === "open" && fill());
  find("replace-run").addEventListener("click", replace);
  placePopover(menu, find("replace-button"));
}
