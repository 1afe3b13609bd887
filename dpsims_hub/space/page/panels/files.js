// Opens label maps, downloads of this page and photos (by button or drop), and saves downloads.

const LARGEST_FILE = 8e6; // bytes, as on the server
const LARGEST_PHOTO = 1024; // pixels of the longer side that are sent; our choice: models take 256
const PHOTO_TYPES = ["image/jpeg", "image/webp"]; // never label maps
const LIKE_A_PHOTO = /looks? like a photo/; // in the server's refusal of a map

function readBase64(file, name) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] || "");
    reader.onerror = () => reject(new Error(`${name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}

// A photo scaled down to `LARGEST_PHOTO`, upright; the file itself if it is small or the browser cannot decode it.
async function smallPhoto(file) {
  const photo = await createImageBitmap(file).catch(() => null);
  if (!photo) return file;
  const scale = Math.min(1, LARGEST_PHOTO / Math.max(photo.width, photo.height));
  if (scale === 1 && file.size <= LARGEST_FILE) return file;
  const side = (length) => Math.max(1, Math.round(length * scale));
  const canvas = new OffscreenCanvas(side(photo.width), side(photo.height));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  photo.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}

function mountFiles(app) {
  const { state, find, root } = app;

  // Restores the scene of a file that this page saved; returns whether it was one.
  async function openOwn(file) {
    const scene = await sceneOfFile(file);
    if (!scene) return false;
    if (!app.hasModel(scene.model) && scene.kind === "map") return false; // its ids may fit another model
    try {
      if (!app.hasModel(scene.model)) throw new Error(`It was made with ${scene.model}, which is not here.`);
      await app.openScene(scene);
      app.notify(`Opened the scene of ${file.name}.`);
    } catch (problem) {
      app.notify(`${file.name} cannot be opened. ${problem.message}`, "alert", "attempt");
    }
    return true;
  }

  let opened = 0; // files so far; an answer about an earlier one is late

  async function open(file, reading) {
    const number = ++opened;
    const { name: model, title } = state.model;
    if ((await openOwn(file)) || number !== opened) return;
    const sent = reading === "read_photo" ? await smallPhoto(file) : file;
    if (number !== opened) return;
    if (sent.size > LARGEST_FILE) {
      const size = (Math.ceil(sent.size / 1e5) / 10).toFixed(1); // rounded up, so that it is above the limit
      app.notify(`${file.name} has ${size} MB; the limit is 8 MB.`, "alert", "attempt");
      return;
    }
    try {
      const data = await readBase64(sent, file.name);
      const isLate = () => number !== opened || model !== state.model.name;
      const offers = async (refusal) => {
        if (isLate()) return false;
        if (await app.offerRepair(file.name, data)) return true;
        if (isLate() || !app.hasSegmenter || !LIKE_A_PHOTO.test(refusal)) return false;
        await open(file, "read_photo");
        return true;
      };
      const reply = await app.ask(reading, { model, file: file.name, data }, reading === "read_map" ? offers : null);
      if (!reply || number !== opened) return;
      if (model !== state.model.name) throw new Error(`${file.name} was read for ${title}; open it again.`);
      if (reply.cropped) return void app.offerShape(file.name, data, reply.note);
      state.replaceMap(fittingMap(reply.map, state.model), { original: reply.photo || "" });
      app.notify(reply.note || `Opened ${file.name}.`);
    } catch (problem) {
      app.notify(problem.message, "alert", "attempt");
    }
  }

  function connect(button, field, reading) {
    find(button).addEventListener("click", () => {
      const refusal = reading === "read_photo" && state.model.no_photos;
      if (refusal) app.notify(refusal, "alert", "attempt");
      else find(field).click();
    });
    find(field).addEventListener("change", async (event) => {
      const [file] = event.target.files;
      if (file) await open(file, reading);
      event.target.value = ""; // the same file may be opened again
    });
  }
  connect("open", "file", "read_map");
  connect("open-photo", "photo-file", "read_photo");

  let depth = 0; // each child element sends dragenter and dragleave
  const holdsFiles = (event) => [...event.dataTransfer.types].includes("Files");
  const mark = (by) => {
    depth = by ? Math.max(0, depth + by) : 0;
    root.dataset.drop = String(depth > 0);
  };
  root.addEventListener("dragenter", (event) => holdsFiles(event) && mark(1));
  root.addEventListener("dragleave", (event) => holdsFiles(event) && mark(-1));
  root.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  root.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    mark(0);
    const [file] = event.dataTransfer.files;
    if (file) open(file, app.hasSegmenter && PHOTO_TYPES.includes(file.type) ? "read_photo" : "read_map");
  });

  let scale = 1;
  async function download(kind) {
    find("download").hidePopover();
    const shown = { palette: state.natural ? "natural" : "data set", colours: state.colours };
    const reply = await app.ask("download", { ...state.request(), ...shown, kind, scale });
    app.save(reply);
  }
  // Saves the file in an answer of the server, or nothing if there is none.
  app.save = (reply) => {
    if (!reply) return;
    const link = document.createElement("a");
    link.href = reply.data;
    link.download = reply.name;
    link.click();
    app.say(`Saved ${reply.name}`);
  };
  for (const button of find("download").querySelectorAll("[data-kind]")) {
    button.addEventListener("click", () => download(button.dataset.kind));
  }
  const scales = [...find("download").querySelectorAll("[data-scale]")];
  const chooseScale = (button) => {
    scale = Number(button.dataset.scale);
    markChosen(scales, button);
  };
  scales.forEach((button) => button.addEventListener("click", () => chooseScale(button)));
  moveWithArrows(scales, chooseScale);
  chooseScale(scales[0]);
  state.on("model", () => {
    for (const one of scales) {
      const times = Number(one.dataset.scale);
      one.lastElementChild.textContent = `${times * state.width} x ${times * state.height} px`;
    }
  });
}
