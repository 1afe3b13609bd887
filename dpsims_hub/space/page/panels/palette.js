// The list of classes, with search by name and alias.

const COLOURS = "dpsims-colours"; // key of the stored choice
const MANY_CLASSES = 12; // longer lists are grouped

// Whether each typed word is in the class's name or begins a word of an alias ("tree" must not find "street").
function matchesSearch(entry, wanted) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const name = entry.name.toLowerCase();
  const others = (entry.aliases || []).flatMap((alias) => [alias, ...alias.split(/[\s-]/)]);
  const begins = (word) => others.some((one) => one.toLowerCase().startsWith(word));
  return words.every((word) => name.includes(word) || begins(word));
}

// Positions of the classes found, in this order: equal names, equal aliases, names that begin with the text, that contain
// it, others.
function searchClasses(classes, wanted) {
  const text = wanted.trim().toLowerCase();
  const rank = (entry) => {
    const at = entry.name.toLowerCase().indexOf(text);
    if (entry.name.toLowerCase() === text) return 0;
    if ((entry.aliases || []).some((alias) => alias.toLowerCase() === text)) return 1;
    return at === 0 ? 2 : at > 0 ? 3 : 4;
  };
  const found = classes.map((entry, place) => place).filter((place) => matchesSearch(classes[place], text));
  return found.sort((p, q) => rank(classes[p]) - rank(classes[q]) || p - q);
}

function mountPalette(app) {
  const { state, find } = app;
  const list = find("classes");
  const search = find("search");
  let chips = [];

  const entries = () => [
    ...state.model.classes,
    { id: state.model.ignore_index, name: "Unknown", aliases: ["ignore", "void", "unlabelled", "nothing"] },
  ];

  app.chooseClass = (id) => {
    state.setHand({ classId: id });
    app.say(`Painting ${state.className(id)}`);
  };

  function build() {
    chips = entries().map(makeChip);
    list.replaceChildren(...arrange());
    const inOrder = [...list.querySelectorAll(".dps-chip")];
    moveWithArrows(inOrder, (chip) => app.chooseClass(Number(chip.dataset.id)));
    search.value = "";
    search.placeholder = `Search ${state.model.classes.length} classes`;
    list.dataset.many = String(state.model.classes.length > MANY_CLASSES);
    filter();
  }

  // All chips in order; those of a long list in titled groups, "Unknown" at the end.
  function arrange() {
    if (state.model.classes.length <= MANY_CLASSES) return chips;
    const groups = groupClasses(state.model.classes).map(([title, members]) => {
      const group = document.createElement("div");
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", title);
      group.className = "dps-class-group";
      const heading = document.createElement("p");
      heading.setAttribute("aria-hidden", "true");
      heading.textContent = title;
      group.append(heading, ...members.map((entry) => chips[entry.id]));
      return group;
    });
    return [...groups, chips[chips.length - 1]];
  }

  function makeChip(entry) {
    const chip = newClassButton(state, entry.id, () => app.chooseClass(entry.id));
    chip.setAttribute("role", "radio");
    chip.className = "dps-chip";
    const aliases = (entry.aliases || []).join(", ");
    if (aliases) chip.title = `${entry.name}: ${aliases}`;
    return chip;
  }

  function filter() {
    const found = searchClasses(entries(), search.value);
    const wanted = search.value.trim();
    chips.forEach((chip, place) => {
      chip.hidden = Boolean(wanted) && !found.includes(place);
      chip.style.order = wanted ? found.indexOf(place) : "";
    });
    list.dataset.empty = String(!found.length);
    list.dataset.searching = String(Boolean(wanted));
    const count = wanted ? `${found.length || "none"} found` : `${state.model.classes.length} classes`;
    find("search-count").textContent = count;
    return found;
  }

  function refresh() {
    const shown = chips.filter((chip) => !chip.hidden);
    const chosen = chips.find((chip) => Number(chip.dataset.id) === state.classId);
    markChosen(chips, chosen);
    const reachable = shown.includes(chosen) ? chosen : shown[0];
    if (reachable) reachable.tabIndex = 0;
    if (chosen && !chosen.hidden) keepInView(chosen);
    find("class-name").textContent = state.className(state.classId);
    find("swatch").style.background = cssColour(state.colours[state.classId]);
  }

  // scrollIntoView would move the page too.
  function keepInView(chip) {
    const box = list.getBoundingClientRect();
    const place = chip.getBoundingClientRect();
    if (place.top < box.top) list.scrollTop -= box.top - place.top + 4;
    if (place.bottom > box.bottom) list.scrollTop += place.bottom - box.bottom + 4;
    if (place.left < box.left) list.scrollLeft -= box.left - place.left + 4;
    if (place.right > box.right) list.scrollLeft += place.right - box.right + 4;
  }

  const recolour = () => {
    chips.forEach((chip) => (chip.firstChild.style.background = cssColour(state.colours[Number(chip.dataset.id)])));
    refresh();
  };

  const searchFor = (text) => {
    search.value = text;
    filter();
    refresh();
  };
  search.addEventListener("input", () => searchFor(search.value));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      const [first] = filter();
      if (first === undefined || !search.value.trim()) return;
      app.chooseClass(entries()[first].id);
      searchFor("");
      app.closeSheet();
      find("map").focus({ preventScroll: true }); // for painting with the keyboard
    } else if (event.key === "Escape" && search.value) {
      event.stopPropagation();
      searchFor("");
    }
  });
  app.setNatural = (natural) => {
    state.natural = natural;
    find("colours").value = natural ? "natural" : "dataset";
    state.emit("colours");
  };
  find("colours").addEventListener("change", (event) => {
    app.setNatural(event.target.value === "natural");
    store(COLOURS, event.target.value, ["localStorage"]);
  });
  state.natural = readStored(COLOURS, ["localStorage"]) !== "dataset";
  find("colours").value = state.natural ? "natural" : "dataset";
  state.on("model", build);
  state.on("model commit", () => chips.forEach((chip) => app.showKey(chip, Number(chip.dataset.id))));
  state.on("model colours", recolour);
  state.on("hand", refresh);
}
