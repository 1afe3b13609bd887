// Links that contain the whole scene.

const LONG_LINK = 8000; // characters; some programs cut longer links

function sceneFragment(request) {
  const parts = { ...request, regions: JSON.stringify(request.regions) };
  return Object.entries(parts).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
}

// The scene in a fragment ("#model=..."), or null without one; throws an Error when it is damaged.
function readFragment(fragment) {
  const parts = {};
  for (const pair of fragment.replace(/^#/, "").split("&")) {
    const at = pair.indexOf("=");
    if (at > 0) parts[pair.slice(0, at)] = decodeURIComponent(pair.slice(at + 1));
  }
  if (!parts.map) return null;
  return { ...parts, regions: JSON.parse(parts.regions || "[]") };
}

function hasLink() {
  return /[#&]map=/.test(location.hash);
}

// A scene of a link or file as values of the state; throws an Error with one sentence when it does not fit the model.
function fittingScene(scene, model) {
  const seed = (value) => {
    const number = Number(value || 0);
    const fits = Number.isInteger(number) && number >= 0 && number <= model.max_seed;
    if (!fits) throw new Error("The number of its look (its seed) is none.");
    return number;
  };
  const rerolls = Array.isArray(scene.regions) ? scene.regions : [];
  const regions = rerolls.filter((one) => fitsReroll(one, model)).slice(0, mostRerolls(model));
  const mix = Number(scene.mix || 0);
  return {
    ids: fittingMap(scene.map, model),
    style: { seed: seed(scene.seed), seedB: seed(scene.seed_b), mix: mix >= 0 && mix <= 1 ? mix : 0, regions },
  };
}

// A scene whose model the server does not give now.
class OutOfReach extends Error {}

function mountSharing(app) {
  const { state, find } = app;

  async function share() {
    const fragment = sceneFragment(state.request());
    const address = `${location.origin}${location.pathname}${location.search}#${fragment}`;
    const long = address.length > LONG_LINK;
    const kept = "The link holds the map and its look; nothing is stored on the server.";
    find("link-text").value = address;
    let copied = true;
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      copied = false;
    }
    const size = `It has ${Math.ceil(address.length / 1000)} thousand characters; some apps cut such long links.`;
    find("link-note").textContent = `${copied ? "Copied." : "Copy it from here."} ${kept}${long ? ` ${size}` : ""}`;
    showDialog(find("link"));
    find("link-text").select();
  }

  // Opens the scene of the page's address, with its model; returns whether there was one.
  app.openLink = async () => {
    let scene;
    try {
      scene = readFragment(location.hash);
    } catch {
      scene = {};
    }
    if (!scene) return false;
    const { hash } = location;
    const used = () => {
      if (location.hash === hash) history.replaceState(history.state, "", location.pathname + location.search);
    };
    try {
      await app.openScene(scene, app.borrow);
      used();
      app.notify("Opened the scene of the link. Undo brings back what was here.");
      return true;
    } catch (problem) {
      const again = problem instanceof OutOfReach; // then a reload may open it
      if (again && location.hash !== hash) return false; // a later link is on its way
      if (!again) used();
      const what = again ? "The link cannot be opened." : "The link does not fit this model.";
      app.notify(`${what} ${problem.message}`, "alert", "attempt");
      return false;
    }
  };

  // Opens a scene of a link or file, with its model if it is here; throws an Error when it does not fit. The change of the
  // scene is made by `make`.
  app.hasModel = (name) => app.models.some((one) => one.name === name);
  app.openScene = async (scene, make = (change) => change()) => {
    const other = scene.model !== state.model.name && app.models.find((one) => one.name === scene.model);
    if (other) await app.switchModel(scene.model, false);
    if (other && scene.model !== state.model.name) {
      throw new OutOfReach(`Its model ${other.title} cannot be reached now; try again.`);
    }
    const { ids, style } = fittingScene(scene, state.model);
    make(() => state.replaceMap(ids, style));
    if (scene.palette) app.setNatural(scene.palette === "natural");
  };

  find("share").addEventListener("click", share);
  window.addEventListener("hashchange", app.openLink);
}
