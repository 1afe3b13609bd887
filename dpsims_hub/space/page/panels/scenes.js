// The menu of example scenes, first as maps, then as photos, and a random scene.

const SCENE_PAUSE_MS = 1500; // before the next request to a busy server

// A map, mirrored from left to right.
function mirrored(ids, width) {
  return ids.map((_, at) => ids[at - (at % width) + width - 1 - (at % width)]);
}

function mountScenes(app) {
  const { state, find } = app;
  const menu = find("scenes");

  function build() {
    menu.replaceChildren(makeRandom(), ...state.model.examples.map(makeEntry));
    find("scenes-button").hidden = !state.model.examples.length;
  }

  function makeEntry(example) {
    const title = capitalized(example.name.replace(/_/g, " "));
    const ids = fittingMap(example.map, state.model);
    const take = () => {
      state.replaceMap(ids.slice());
      app.say(`Scene ${title}`);
      menu.hidePopover();
    };
    const markup = '<span class="dps-scene-picture"><canvas></canvas></span><span></span>';
    const button = newButton(markup, take, { scene: example.name });
    drawMap(button.querySelector("canvas"), ids, state.width, state.height, state.colours);
    button.lastChild.textContent = title;
    return button;
  }

  // A random scene, perhaps mirrored, with a random seed.
  function makeRandom() {
    const markup = `<span class="dps-scene-picture">${iconMarkup("dice")}</span><span>Surprise me</span>`;
    const button = newButton(markup, () => {
      const { examples } = state.model;
      const ids = fittingMap(examples[Math.floor(Math.random() * examples.length)].map, state.model);
      const turned = Math.random() < 0.5 ? mirrored(ids, state.width) : ids;
      state.replaceMap(turned, { seed: newSeed(state.model), mix: 0 });
      app.say("A random scene");
      menu.hidePopover();
    });
    button.id = "dps-random";
    return button;
  }

  const photos = new Map(); // by model and scene, for as long as the page is open
  async function loadPhotos() {
    const model = state.model.name;
    for (const { name } of state.model.examples) {
      const key = `${model} ${name}`;
      while (!photos.has(key)) {
        if (!menu.matches(":popover-open") || state.model.name !== model) return;
        const reply = await app.server.scene_photo({ model, scene: name }).catch(() => null);
        if (reply && reply.photo) photos.set(key, reply.photo);
        else if (reply && reply.busy) await new Promise((done) => setTimeout(done, SCENE_PAUSE_MS));
        else return;
      }
      if (state.model.name === model) showPhoto(name, photos.get(key));
    }
  }
  function showPhoto(name, url) {
    const picture = menu.querySelector(`[data-scene="${name}"] .dps-scene-picture`);
    if (picture && !picture.querySelector("img")) picture.prepend(newPicture(url));
  }

  state.on("model colours", build);
  menu.addEventListener("toggle", (event) => event.newState === "open" && loadPhotos());
  placePopover(menu, find("scenes-button"));
  placePopover(find("download"), find("download-button"));
}

const LEAST_MENU = 260; // pixels of height; where less is left under its button, a menu opens above it

// Places a popover under or above its button, within the window.
function placePopover(popover, button) {
  button.setAttribute("aria-haspopup", "dialog");
  popover.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    const anchor = button.getBoundingClientRect();
    const left = Math.min(anchor.left, window.innerWidth - popover.offsetWidth - 8);
    const [above, below] = [anchor.top - 16, window.innerHeight - anchor.bottom - 16];
    const rises = below < Math.min(LEAST_MENU, popover.scrollHeight) && above > below;
    popover.style.left = `${Math.max(8, left)}px`;
    popover.style.top = rises ? "auto" : `${anchor.bottom + 6}px`;
    popover.style.bottom = rises ? `${window.innerHeight - anchor.top + 6}px` : "auto";
    popover.style.maxHeight = `${rises ? above : below}px`;
    const first = popover.querySelector("button, select");
    if (first) first.focus();
  });
  const hide = () => popover.matches(":popover-open") && popover.hidePopover();
  window.addEventListener("scroll", hide, { passive: true });
}
