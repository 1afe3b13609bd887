// On phones: the chosen class and the last ones under the map, and a sheet of all classes.

const QUICK_CLASSES = 3;

function mountClassSheet(app) {
  const { state, find, root } = app;
  const sheet = find("side");
  const button = find("class-button");
  const list = find("quick");
  let recent = []; // ids of the last classes besides the chosen one; each keeps its place
  let hand = null; // the class that was chosen before
  let next = 0; // the place that is replaced next
  let scrolled = 0; // the page's scroll position before the sheet opened

  // A class that is chosen from the row gives its place to the previous one.
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
    renewRow(list, recent.map((id) => newClassButton(state, id, () => app.chooseClass(id))), button);
    find("class-button-name").textContent = state.className(state.classId);
    find("class-button-swatch").style.background = cssColour(state.colours[state.classId]);
  }

  // While the sheet is open the map is at the top of the window, so that both are visible: the sheet below it or, in a wide
  // window, on its left.
  function toggled(event) {
    const open = event.newState === "open";
    root.dataset.sheet = open ? "open" : "closed";
    button.setAttribute("aria-expanded", String(open));
    if (open) {
      scrolled = window.scrollY;
      const below = Math.max(220, window.innerHeight - find("map-frame").offsetHeight - 16);
      sheet.style.maxHeight = root.clientWidth < PHONE_WIDTH ? `${below}px` : "";
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
