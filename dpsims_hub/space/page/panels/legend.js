// The classes in the map with their shares: choose one, protect it, or give it another look.

const SHOWN_CLASSES = 40;

function shareText(count, total) {
  const percent = (100 * count) / total;
  return percent < 1 ? "<1 %" : `${Math.round(percent)} %`;
}

function mountLegend(app) {
  const { state, find } = app;
  const list = find("legend");
  let waiting = null;

  function count() {
    waiting = null;
    app.counts = countClasses(state.ids).slice(0, SHOWN_CLASSES);
    return app.counts;
  }

  function build() {
    const button = document.activeElement && document.activeElement.closest("#dps-legend button");
    const sameButton = button && `[data-id="${button.parentNode.dataset.id}"] .${button.className}`;
    list.replaceChildren(...count().map(([id, pixels]) => makeRow(id, pixels)));
    if (button) (list.querySelector(sameButton) || find("map")).focus();
  }

  // During a stroke the classes and their order often stay: then only the shares change.
  function update() {
    const counts = count();
    const rows = [...list.children];
    const same = counts.length === rows.length && counts.every(([id], at) => Number(rows[at].dataset.id) === id);
    if (!same) return build();
    return counts.forEach(([, pixels], at) => showShare(rows[at].firstChild, pixels));
  }

  function showShare(pick, pixels) {
    const text = shareText(pixels, state.ids.length);
    const share = pick.lastChild;
    if (share.textContent !== text) share.textContent = text;
    pick.style.setProperty("--share", `${Math.round((1000 * pixels) / state.ids.length) / 10}%`);
  }

  function makeRow(id, pixels) {
    const row = document.createElement("li");
    const name = state.className(id);
    row.dataset.id = id;
    row.innerHTML =
      '<button type="button" class="dps-legend-pick"><i aria-hidden="true"></i><span></span><b></b></button>' +
      `<button type="button" class="dps-legend-reroll">${iconMarkup("dice")}</button>`;
    const [pick, reroll] = row.children;
    row.insertBefore(app.makeLock(id), reroll);
    pick.children[0].style.background = cssColour(state.colours[id]);
    pick.children[1].textContent = name;
    showShare(pick, pixels);
    app.showKey(pick, id, pick.lastChild);
    pick.setAttribute("aria-pressed", String(id === state.classId));
    pick.addEventListener("click", () => app.chooseClass(id));
    reroll.setAttribute("aria-label", `Another look for ${name}`);
    reroll.dataset.tip = `Another look for ${name}`;
    reroll.disabled = id === state.model.ignore_index;
    reroll.setAttribute("aria-pressed", String(state.regions.some((one) => one.class === id)));
    reroll.addEventListener("click", () => app.rerollClass(id));
    return row;
  }

  const soon = () => (waiting ||= setTimeout(update, 120));
  state.on("map", soon);
  state.on("model commit hand style colours", build);
}
