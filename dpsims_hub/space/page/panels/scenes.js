// The menu of example scenes; thumbnails are drawn from the maps themselves.

function mountScenes(app) {
  const { state, find } = app;
  const menu = find("scenes");

  const sceneTitle = (name) => {
    const text = name.replace(/_/g, " ");
    return text.charAt(0).toUpperCase() + text.slice(1);
  };

  function build() {
    menu.replaceChildren(...state.model.examples.map(makeEntry));
    find("scenes-button").hidden = !state.model.examples.length;
  }

  function makeEntry(example) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.scene = example.name;
    const canvas = document.createElement("canvas");
    const ids = fittingMap(example.map, state.model);
    drawMap(canvas, ids, state.width, state.height, state.colours);
    const title = document.createElement("span");
    title.textContent = sceneTitle(example.name);
    button.append(canvas, title);
    button.addEventListener("click", () => {
      state.replaceMap(ids.slice());
      app.say(`Scene ${title.textContent}`);
      menu.hidePopover();
    });
    return button;
  }

  state.on("model colours", build);
  placePopover(menu, find("scenes-button"));
  placePopover(find("download"), find("download-button"));
}

// Popovers live above the page; this puts them under their button, within the window.
function placePopover(popover, button) {
  button.setAttribute("aria-haspopup", "dialog");
  popover.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    const anchor = button.getBoundingClientRect();
    const left = Math.min(anchor.left, window.innerWidth - popover.offsetWidth - 8);
    popover.style.left = `${Math.max(8, left)}px`;
    popover.style.top = `${anchor.bottom + 6}px`;
    popover.style.maxHeight = `${window.innerHeight - anchor.bottom - 16}px`;
    const first = popover.querySelector("button, select");
    if (first) first.focus();
  });
  const hide = () => popover.matches(":popover-open") && popover.hidePopover();
  window.addEventListener("scroll", hide, { passive: true });
}
