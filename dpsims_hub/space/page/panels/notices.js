// Announcements for screen readers, and visible messages: over the photo, or in an open dialog, outside of which nothing
// can be pressed. An alert stays until it is closed or its cause has ended.

const NOTICE_SECONDS = 7;
const MOST_NOTICES = 3;

function mountNotices(app) {
  const { find, root } = app;
  const list = find("notices");
  const home = list.parentNode;
  const spoken = find("say");

  app.say = (text) => {
    spoken.textContent = ""; // else screen readers do not repeat an equal text
    setTimeout(() => (spoken.textContent = text), 30);
  };

  // `app.settled(cause)` removes the alerts with that cause. Alerts of the cause "attempt" also go with the next attempt
  // or complete change of the scene.
  app.notify = (text, kind = "status", cause = "") => {
    for (const old of [...list.children]) {
      if (old.dataset.text === text || (cause && old.dataset.cause === cause)) old.remove();
    }
    const notice = document.createElement("div");
    notice.className = `dps-notice dps-${kind}`;
    notice.setAttribute("role", kind);
    notice.dataset.text = text;
    notice.dataset.cause = cause;
    const words = document.createElement("p");
    words.textContent = text;
    const close = newButton(iconMarkup("close"), () => drop(notice));
    close.className = "dps-notice-close";
    close.setAttribute("aria-label", "Close this message");
    notice.append(words, close);
    list.append(notice);
    while (list.children.length > MOST_NOTICES) list.firstChild.remove();
    show();
    if (kind === "status") setTimeout(() => drop(notice), NOTICE_SECONDS * 1000);
  };
  const drop = (notice) => {
    notice.remove();
    show();
  };
  app.settled = (cause) => [...list.children].filter((one) => one.dataset.cause === cause).forEach(drop);

  function show() {
    const dialog = root.querySelector("dialog[open]");
    if (list.parentNode !== (dialog || home)) (dialog || home).prepend(list);
    list.popover = dialog ? null : "manual"; // a popover is above everything in all browsers
    if (!dialog) list.togglePopover(list.children.length > 0);
    place();
  }
  for (const dialog of root.querySelectorAll("dialog")) dialog.addEventListener("close", show);

  // At the top of the photo, below a caption that lies on it, or at the top of the window where the photo is not visible.
  // The slider of a comparison, which fills the photo, begins below the messages.
  function place() {
    const frame = find("photo-frame");
    const box = frame.getBoundingClientRect();
    const top = Math.max(box.top, frame.parentNode.firstElementChild.getBoundingClientRect().bottom) + 6;
    const inSight = box.top >= 0 && top + 94 < window.innerHeight;
    list.style.top = `${inSight ? top : 6}px`;
    list.style.left = `${box.left + 6}px`;
    list.style.width = `${Math.min(420, box.width - 12)}px`;
    const covers = list.matches(":popover-open") && inSight;
    frame.style.setProperty("--covered", covers ? `${list.getBoundingClientRect().bottom - box.top}px` : "0px");
  }
  const follow = () => list.children.length && place();
  window.addEventListener("scroll", follow, { passive: true });
  window.addEventListener("resize", () => setTimeout(follow)); // after the layout
  app.state.on("layout", () => setTimeout(follow));
  app.state.on("commit", () => app.settled("attempt"));

  // Calls a server function other than the live photo. After an error it shows a message and gives null, unless
  // `otherwise(sentence)` handles the refusal and gives true.
  app.ask = async (name, request, otherwise = null) => {
    app.root.dataset.busy = "true";
    const reply = await app.server[name](request).catch(() => undefined);
    app.root.dataset.busy = "false";
    if (!reply) app.notify("The server cannot be reached. Your painting is safe on this page.", "alert", "connection");
    else app.settled("connection");
    if (reply && reply.busy) app.notify("The server is busy; please try again in a moment.", "alert", "attempt");
    else if (reply && !reply.error) return reply;
    else if (reply && !(otherwise && (await otherwise(reply.error)))) app.notify(reply.error, "alert", "attempt");
    return null;
  };
}
