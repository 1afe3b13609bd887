// The dialog for an inexact map file: a table of its values and their classes, and the choice between crop and bands.
// The preview is the server's result; the page's map changes with "Use this map" only.

function mountMapRepair(app) {
  const { state, find } = app;
  const dialog = find("repair");
  const rows = find("repair-rows");
  const whole = find("repair-whole");
  let file = null; // {name, data, model, reading}
  let made = null; // the answer for the present choices
  let asked = 0;
  let pending = null; // ends with the last preview

  // Opens the dialog for a refused map; returns whether it is open.
  app.offerRepair = async (name, data) => {
    const model = state.model.name;
    const found = await app.server.inspect_map({ model, file: name, data }).catch(() => null);
    if (!found || found.error || found.busy || model !== state.model.name) return false;
    const others = found.more ? ` ${found.more} further values become the nearest class, or unknown.` : "";
    begin({ name, data, model, reading: "repair_map" }, inexact(name, found));
    rows.replaceChildren(...found.values.map(makeRow));
    find("repair-more").textContent = others.trim();
    return true;
  };
  app.offerShape = (name, data, note) => {
    rows.replaceChildren();
    find("repair-more").textContent = "";
    begin({ name, data, model: state.model.name, reading: "read_map" }, note);
  };

  function inexact(name, found) {
    const kind = found.values[0].value.startsWith("#") ? "colours" : "numbers";
    return `${name} has ${kind} that are not exactly those of ${state.model.title}. Say here what each means.`;
  }

  function begin(newFile, note) {
    file = newFile;
    whole.checked = false;
    find("repair-note").textContent = note;
    dialog.dataset.table = String(file.reading === "repair_map");
    showDialog(dialog);
    setTimeout(renew);
  }

  function makeRow({ value, share, distance, class: id }) {
    const row = document.createElement("tr");
    row.dataset.value = value;
    row.innerHTML = '<th scope="row"><i aria-hidden="true"></i><span></span></th><td></td><td></td><td></td>';
    const [name, part, off, becomes] = row.children;
    if (value.startsWith("#")) name.firstChild.style.background = value;
    else name.firstChild.hidden = true;
    name.lastChild.textContent = value;
    part.textContent = shareText(share, 1);
    off.textContent = value.startsWith("#") ? String(Math.round(distance)) : "";
    const choice = document.createElement("select");
    choice.replaceChildren(...classOptions(state));
    choice.value = id;
    choice.setAttribute("aria-label", `Class for ${value}`);
    choice.addEventListener("change", renew);
    becomes.append(choice);
    return row;
  }

  const table = () =>
    Object.fromEntries([...rows.children].map((row) => [row.dataset.value, Number(row.querySelector("select").value)]));

  const renew = () => (pending = preview());
  async function preview() {
    made = null;
    const number = ++asked;
    const request = { model: file.model, file: file.name, data: file.data, whole: whole.checked };
    if (file.reading === "repair_map") request.table = table();
    const reply = await app.ask(file.reading, request);
    if (number !== asked || !reply || file.model !== state.model.name) return;
    made = reply;
    const ids = fittingMap(reply.map, state.model);
    drawMap(find("repair-preview"), ids, state.width, state.height, state.colours);
    dialog.dataset.made = String(number);
  }

  find("repair-use").addEventListener("click", async () => {
    await pending;
    if (!made) return; // an alert says why
    dialog.close();
    if (file.model !== state.model.name) {
      app.notify(`${file.name} was read for another model; open it again.`, "alert", "attempt");
      return;
    }
    state.replaceMap(fittingMap(made.map, state.model));
    app.notify(made.note || `Opened ${file.name}.`);
  });
  whole.addEventListener("change", renew);
  dialog.addEventListener("close", () => asked++);
}

// Class colours as palette files of painting programs, in the menu of downloads.
function mountPaletteExport(app) {
  const { state, find } = app;
  for (const button of find("download").querySelectorAll("[data-palette]")) {
    button.addEventListener("click", async () => {
      find("download").hidePopover();
      app.save(await app.ask("palette", { model: state.model.name, kind: button.dataset.palette }));
    });
  }
}
