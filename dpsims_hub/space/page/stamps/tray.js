// The menu of the stamps that the model has classes for, drawn in the colours of these classes.

function mountStampTray(app) {
  const { state, find } = app;
  const menu = find("stamps");

  function build() {
    const stamps = stampsOf(state.model.classes);
    menu.replaceChildren(...stamps.map(makeEntry));
    find("stamps-button").hidden = !stamps.length;
  }

  function makeEntry(stamp) {
    const [across, down] = stamp.grid;
    const paths = stamp.parts.map(({ id, path }) => `<path d="${path}" fill="${cssColour(state.colours[id])}"/>`);
    const picture = `<svg viewBox="-3 -3 ${across + 6} ${down + 6}" aria-hidden="true">${paths.join("")}</svg>`;
    const take = () => {
      menu.hidePopover();
      app.takeStamp(stamp.name);
    };
    const button = newButton(`${picture}<span></span><small></small>`, take, { stamp: stamp.name });
    const [, name, note] = button.children;
    name.textContent = capitalized(stamp.name);
    const painted = state.className(stamp.parts[0].id);
    note.textContent = painted.toLowerCase() === stamp.name ? "" : `paints ${painted}`;
    return button;
  }

  state.on("model colours", build);
  state.on("hand", () => (find("stamps-button").dataset.chosen = String(state.tool === "stamp")));
  placePopover(menu, find("stamps-button"));
}
