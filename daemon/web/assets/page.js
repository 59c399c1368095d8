// The pages work without this. It shows times in the browser's zone, and what changes while one looks.
"use strict";

const localTime = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: "short", timeStyle: "medium"
});

function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const time = new Date(element.dateTime);
    if (isNaN(time)) continue;
    element.title = element.textContent + " UTC";
    element.textContent = localTime.format(time);
  }
}

function showCopyButtons(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // made by the server, which has escaped what is in it
  showTimes(template.content);
  showCopyButtons(template.content);
  return template.content;
}

// What somebody has opened, chosen or scrolled to stays as it is while the part around it is replaced.
function replacePart(part, html) {
  const kept = (selector, name) => [...part.querySelectorAll(selector)].map((element) => element[name]);
  const give = (selector, name, values) => [...part.querySelectorAll(selector)].forEach((element, i) => {
    if (values[i] !== undefined) element[name] = values[i];
  });
  const open = kept("details", "open");
  const scrolled = kept(".scroll", "scrollLeft");
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceChildren(parsed(html));
  give("details", "open", open);
  give(".scroll", "scrollLeft", scrolled);
  if (focused) document.getElementById(focused)?.focus();
}

// Somebody is about to press something, or has typed something that is not sent yet.
function isBusy(part) {
  const active = document.activeElement;
  return (part.contains(active) && /^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(active.tagName)) ||
    [...part.querySelectorAll("input")].some((input) => input.value !== input.defaultValue);
}

// Whoever sees the end of what grows goes on seeing it.
function appendTo(part, html) {
  const sawEnd = (bottom) => bottom > 0 && bottom <= window.innerHeight + 40;
  const follows = sawEnd(part.getBoundingClientRect().bottom) && window.scrollY > 0;
  const rows = part.querySelector("tbody") ?? part;
  rows.append(parsed(html));
  if (follows) part.scrollIntoView({ block: "end" });
}

// The newest of what came for a part while somebody was busy with it: it is not sent again.
const held = new Map();

function show(part, html) {
  held.delete(part.id);
  if (isBusy(part)) held.set(part.id, html);
  else replacePart(part, html);
}

function showHeld() {
  for (const [id, html] of [...held]) show(document.getElementById(id), html);
}

function follow(address) {
  const events = new EventSource(address);
  const connection = document.getElementById("connection");
  events.onopen = () => { connection.textContent = ""; };
  events.onerror = () => { connection.textContent = connection.dataset.lost; };
  events.onmessage = (event) => {
    const { id, html, grows } = JSON.parse(event.data);
    const part = document.getElementById(id);
    if (!part) return;
    if (grows) appendTo(part, html);
    else show(part, html);
  };
}

showTimes(document);
if (document.body.dataset.live) follow(document.body.dataset.live);
showCopyButtons(document);
// The click that has taken the focus away is to find what it was on.
document.addEventListener("focusout", () => setTimeout(showHeld, 500));
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button)
    navigator.clipboard?.writeText(document.getElementById(button.dataset.copy).textContent);
});
