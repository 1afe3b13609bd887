// The menu of example scenes: first drawn from their maps, then as photos, one after the other; and a random scene.

const SCENE_PAUSE_MS = 1500; // before a busy server is asked again

// A map as in a mirror.
function mirrored(ids, width) {
  return ids.map((_, at) => ids[at - (at % width) + width - 1 - (at % width)]);
}

function mountScenes(app) {
  const { state, find } = app;
  const menu = find("scenes");

  const sceneTitle = (name) => {
    const text = name.replace(/_/g, " ");
    return text.charAt(0).toUpperCase() + text.slice(1);
  };

  function build() {
    menu.replaceChildren(makeRandom(), ...state.model.examples.map(makeEntry));
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
    const picture = document.createElement("span");
    picture.className = "dps-scene-picture";
    picture.append(canvas);
    button.append(picture, title);
    button.addEventListener("click", () => {
      state.replaceMap(ids.slice());
      app.say(`Scene ${title.textContent}`);
      menu.hidePopover();
    });
    return button;
  }

  // A scene, perhaps mirrored, with a seed: another one each time.
  function makeRandom() {
    const button = document.createElement("button");
    button.type = "button";
    button.id = "dps-random";
    button.innerHTML = `<span class="dps-scene-picture">${iconMarkup("dice")}</span><span>Surprise me</span>`;
    button.addEventListener("click", () => {
      const { examples } = state.model;
      const ids = fittingMap(examples[Math.floor(Math.random() * examples.length)].map, state.model);
      const turned = Math.random() < 0.5 ? mirrored(ids, state.width) : ids;
      state.replaceMap(turned, { seed: newSeed(state.model), mix: 0 });
      app.say("A random scene");
      menu.hidePopover();
    });
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
    if (!picture || picture.querySelector("img")) return;
    const image = new Image();
    image.src = url;
    image.alt = "";
    picture.prepend(image);
  }

  state.on("model colours", build);
  menu.addEventListener("toggle", (event) => event.newState === "open" && loadPhotos());
  placePopover(menu, find("scenes-button"));
  placePopover(find("download"), find("download-button"));
}

const LEAST_MENU = 260; // pixels of height; where less is left under its button, a menu opens above it

// Popovers live above the page; this puts them under or above their button, within the window.
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
