// What the page tells: announcements for screen readers, and messages that everybody sees.

const NOTICE_SECONDS = 7;
const MOST_NOTICES = 3;

function mountNotices(app) {
  const { find } = app;
  const list = find("notices");
  const spoken = find("say");

  app.say = (text) => {
    spoken.textContent = "";
    setTimeout(() => (spoken.textContent = text), 30); // an emptied region makes readers repeat equal texts
  };

  app.notify = (text, kind = "status") => {
    for (const old of list.children) if (old.dataset.text === text) old.remove();
    const notice = document.createElement("div");
    notice.className = `dps-notice dps-${kind}`;
    notice.setAttribute("role", kind);
    notice.dataset.text = text;
    const words = document.createElement("p");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "dps-notice-close";
    close.setAttribute("aria-label", "Close this message");
    close.innerHTML = iconMarkup("close");
    close.addEventListener("click", () => drop(notice));
    notice.append(words, close);
    list.append(notice);
    while (list.children.length > MOST_NOTICES) list.firstChild.remove();
    list.showPopover(); // above everything, also in browsers where a container would hold fixed elements
    if (kind === "status") setTimeout(() => drop(notice), NOTICE_SECONDS * 1000);
  };
  const drop = (notice) => {
    notice.remove();
    if (!list.children.length) list.hidePopover();
  };

  // Asks the server for something that is not a live photo; gives null after telling what went wrong.
  // `otherwise(sentence)` may answer a refusal in another way; it then gives true.
  app.ask = async (name, request, otherwise = null) => {
    app.root.dataset.busy = "true";
    const reply = await app.server[name](request).catch(() => undefined);
    app.root.dataset.busy = "false";
    if (!reply) app.notify("The server cannot be reached. Your painting is safe on this page.", "alert");
    else if (reply.busy) app.notify("The server is busy; please try again in a moment.", "alert");
    else if (!reply.error) return reply;
    else if (!otherwise || !(await otherwise(reply.error))) app.notify(reply.error, "alert");
    return null;
  };
}
