// On phones: the class in hand and the last ones under the map, and all classes as a sheet from below.

const QUICK_CLASSES = 3;

function mountClassSheet(app) {
  const { state, find, root } = app;
  const sheet = find("side");
  const button = find("class-button");
  const list = find("quick");
  let recent = []; // ids of the last classes beside the one in hand; each keeps its place
  let hand = null; // the class in hand when it was last looked at
  let next = 0; // the place that is replaced next
  let scrolled = 0; // where the page was before the sheet came

  // A class that is taken up from the row leaves its place to the one before.
  function remember() {
    if (hand === null) begin();
    if (hand !== state.classId) {
      const place = recent.indexOf(state.classId);
      recent[place < 0 ? next : place] = hand;
      if (place < 0) next = (next + 1) % QUICK_CLASSES;
    }
    hand = state.classId;
    build();
  }

  // At the start: the largest classes of the map.
  function begin() {
    const all = [...countClasses(state.ids).map(([id]) => id), ...state.model.classes.map((entry) => entry.id)];
    recent = [...new Set(all)].filter((id) => id !== state.classId).slice(0, QUICK_CLASSES);
    hand = state.classId;
    next = 0;
  }

  function build() {
    list.replaceChildren(...recent.map(makeButton));
    find("class-button-name").textContent = state.className(state.classId);
    find("class-button-swatch").style.background = cssColour(state.colours[state.classId]);
  }

  function makeButton(id) {
    const one = document.createElement("button");
    one.type = "button";
    one.dataset.id = id;
    one.innerHTML = '<i aria-hidden="true"></i><span></span>';
    one.firstChild.style.background = cssColour(state.colours[id]);
    one.lastChild.textContent = state.className(id);
    one.addEventListener("click", () => app.chooseClass(id));
    return one;
  }

  // The map moves to the top of the window meanwhile, so that both are seen.
  function toggled(event) {
    const open = event.newState === "open";
    root.dataset.sheet = open ? "open" : "closed";
    button.setAttribute("aria-expanded", String(open));
    if (open) {
      scrolled = window.scrollY;
      sheet.style.maxHeight = `${Math.max(220, window.innerHeight - find("map-frame").offsetHeight - 16)}px`;
      find("map-frame").scrollIntoView({ block: "start" });
    } else {
      sheet.style.maxHeight = "";
      window.scrollTo(0, scrolled);
    }
  }
  const close = (app.closeSheet = () => sheet.popover && sheet.matches(":popover-open") && sheet.hidePopover());

  app.openSheet = () => sheet.popover && sheet.showPopover();
  button.addEventListener("click", () => sheet.togglePopover());
  sheet.addEventListener("toggle", (event) => event.target === sheet && toggled(event));
  find("classes").addEventListener("click", (event) => event.target.closest("button") && close());
  find("legend").addEventListener("click", (event) => event.target.closest(".dps-legend-pick") && close());
  find("sheet-close").addEventListener("click", close);
  state.on("layout", (layout) => {
    close();
    if (layout === "phone") sheet.setAttribute("popover", "auto");
    else sheet.removeAttribute("popover");
  });
  state.on("model", () => {
    hand = null;
  });
  state.on("hand", remember);
  state.on("colours", build);
}
