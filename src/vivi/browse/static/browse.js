// What pages can do beyond links and forms: move cuts while the threshold is dragged, keys, play, drop.
"use strict";

document.documentElement.classList.add("scripted");

const byId = (id) => document.getElementById(id);
const numbers = (text) => (text ? text.split(" ").map(Number) : []);

// ---- Keys: / searches; j, k and the arrows go from shot to shot or from video to video; p plays.

function isTyping(target) {
  return target.closest("textarea, select, video, [contenteditable]") || (target.matches("input") && target.type !== "checkbox");
}

function goTo(step) {
  const stops = [...document.querySelectorAll("[data-stop]")];
  const now = document.activeElement.closest("[data-stop]");
  const seen = stops.findIndex((stop) => stop.getBoundingClientRect().bottom > 0);
  const next = stops[now ? stops.indexOf(now) + step : Math.max(seen, 0)];
  if (next) {
    (next.matches("[tabindex]") ? next : next.querySelector("a")).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const steps = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 };
  if (event.key === "/") byId("q").select();
  else if (event.key in steps) goTo(steps[event.key]);
  else if (event.key === "p") (document.activeElement.closest(".shot") || document).querySelector(".play")?.click();
  else return;
  event.preventDefault();
});

// ---- The page of a video.

function cutsOver(distances, threshold, least) {
  const found = [];
  for (let frame = 1; frame <= distances.length; frame += 1) {
    const before = found.length ? found[found.length - 1] : 0;
    if (distances[frame - 1] > threshold && before + least <= frame && frame <= distances.length + 1 - least) found.push(frame);
  }
  return found;
}

function inWords(seconds) {
  if (seconds < 60) return `${Number(seconds.toFixed(2))}\u00a0s`;
  const whole = Math.round(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${two(whole % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

class Desk {
  constructor(element) {
    const data = element.dataset;
    this.video = data.video;
    this.frames = Number(data.frames);
    this.rate = Number(data.rate);
    this.kind = data.kind;
    this.thumb = data.thumb;
    this.least = Number(data.least);
    this.distances = numbers(data.distances);
    this.known = { store: numbers(data.store), corrected: numbers(data.saved) };
    this.isSaved = document.querySelector('input[name="show"][value="corrected"]') !== null;
    this.first = Number(data.from);
    this.origin = data.origin;
    this.threshold = Number(data.threshold);
    this.marks = new Map(); // frame -> whether a shot begins there, where a person said so
    this.items = [...document.querySelectorAll("#strips li")];
    this.strips = byId("strips");
    this.form = byId("marks");
    this.blank = this.strips.querySelector(".shot").cloneNode(true);
    this.blank.querySelector(".strip").replaceChildren();
    this.shown = numbers(data.cuts).join();
    this.isLeaving = false;
    this.listen();
    this.showUnsaved(numbers(data.cuts));
  }

  listen() {
    byId("threshold").addEventListener("input", (event) => {
      this.threshold = Number(event.target.value);
      this.choose("threshold");
    });
    for (const radio of document.querySelectorAll('input[name="show"]')) radio.addEventListener("change", () => this.choose(radio.value));
    this.strips.addEventListener("change", (event) => {
      this.marks.set(Number(event.target.value), event.target.checked);
      this.show();
    });
    this.strips.addEventListener("click", (event) => this.play(event));
    byId("close").addEventListener("click", () => this.stop(true));
    byId("chart").addEventListener("click", (event) => this.find(event));
    this.form?.addEventListener("submit", () => { this.isLeaving = true; });
    window.addEventListener("beforeunload", (event) => { if (this.marks.size && !this.isLeaving) event.preventDefault(); });
  }

  choose(origin) {
    this.origin = origin;
    document.querySelector(`input[name="show"][value="${origin}"]`).checked = true;
    if (!this.waiting) {
      this.waiting = true;
      requestAnimationFrame(() => { this.waiting = false; this.show(); });
    }
  }

  cuts() {
    const found = new Set(this.origin === "threshold" ? cutsOver(this.distances, this.threshold, this.least) : this.known[this.origin]);
    for (const [frame, isCut] of this.marks) { if (isCut) found.add(frame); else found.delete(frame); }
    return [...found].sort((a, b) => a - b);
  }

  show() {
    const height = 100 - 100 * this.threshold;
    byId("value").textContent = this.threshold.toFixed(2);
    byId("limit").setAttribute("y1", height);
    byId("limit").setAttribute("y2", height);
    const cuts = this.cuts();
    if (cuts.join() === this.shown) return;
    this.shown = cuts.join();
    const store = new Set(this.known.store), now = new Set(cuts);
    const kept = cuts.filter((frame) => store.has(frame)), fresh = cuts.filter((frame) => !store.has(frame));
    const gone = this.known.store.filter((frame) => !now.has(frame));
    for (const [id, frames] of Object.entries({ kept, new: fresh, gone })) byId(id).setAttribute("d", frames.map((frame) => `M${frame} 0v10`).join(""));
    byId("over").setAttribute("d", cuts.map((frame) => `M${frame - 0.35} 100V${100 - 100 * this.distances[frame - 1]}h.7V100z`).join(""));
    this.showTally(cuts.length + 1, kept.length, fresh.length, gone.length);
    const limits = [0, ...cuts, this.frames];
    const runs = cuts.concat(0).map((_, at) => ({ number: at + 1, first: limits[at], length: limits[at + 1] - limits[at] }));
    this.showPictures(runs);
    this.showStrips(runs, now, store);
    this.showUnsaved(cuts);
  }

  showTally(shots, ...counts) {
    const tally = byId("tally");
    tally.querySelector("strong").textContent = `${shots} shot${shots === 1 ? "" : "s"}`;
    const words = ["as in the store", "new", "taken away"];
    tally.querySelectorAll(".key").forEach((key, at) => { key.textContent = `${counts[at]} ${words[at]}`; });
  }

  showPictures(runs) {
    const wide = runs.filter((run) => run.length * 40 >= this.frames);
    byId("pictures").replaceChildren(...wide.flatMap((run) => {
      const count = Math.min(run.length, Math.max(1, Math.round((12 * run.length) / this.frames)));
      const width = (100 * run.length) / this.frames / count;
      return Array.from({ length: count }, (_, at) => {
        const image = document.createElementNS("http://www.w3.org/2000/svg", "image");
        const left = (100 * run.first) / this.frames + at * width;
        const values = { x: `${left}%`, width: `${width - (at + 1 === count ? 0.2 : 0)}%`, height: 64, preserveAspectRatio: "xMidYMid slice" };
        for (const [name, value] of Object.entries(values)) image.setAttribute(name, value);
        image.setAttribute("href", this.thumb.replace("#", run.first + Math.floor(((2 * at + 1) * run.length) / (2 * count))));
        return image;
      });
    }));
  }

  showStrips(runs, now, store) {
    this.stop(false);
    const focused = document.activeElement;
    const isInside = this.strips.contains(focused);
    const top = isInside ? focused.getBoundingClientRect().top : 0;
    const last = this.first + this.items.length;
    const sections = runs.filter((run) => run.first < last && run.first + run.length > this.first).map((run) => this.section(run));
    for (const item of this.items) {
      const frame = Number(item.dataset.frame);
      const box = item.querySelector("input");
      if (box) box.checked = now.has(frame);
      item.className = now.has(frame) === store.has(frame) ? "" : now.has(frame) ? "new" : "gone";
    }
    this.strips.replaceChildren(...sections);
    if (isInside && this.strips.contains(focused)) {
      focused.focus({ preventScroll: true });
      window.scrollBy({ top: focused.getBoundingClientRect().top - top, behavior: "instant" });
    }
  }

  section(run) {
    const section = this.blank.cloneNode(true);
    const end = run.first + run.length;
    section.setAttribute("aria-label", `Shot ${run.number}`);
    section.querySelector(".title").textContent = `Shot ${run.number}`;
    section.querySelector("h3 .soft").textContent = `${inWords(run.first / this.rate)} to ${inWords(end / this.rate)}, ${run.length} frame${run.length === 1 ? "" : "s"}`;
    const play = section.querySelector(".play");
    play.href = `/preview/${this.video}/${run.first}-${run.length}.${this.kind}`;
    play.setAttribute("aria-label", `Play shot ${run.number}`);
    section.querySelector(".strip").append(...this.items.slice(Math.max(run.first - this.first, 0), end - this.first));
    return section;
  }

  showUnsaved(cuts) {
    if (!this.form) return;
    const last = this.first + this.items.length;
    byId("elsewhere").value = cuts.filter((frame) => frame < this.first || frame >= last).join(",");
    const saved = new Set(this.isSaved ? this.known.corrected : this.known.store), now = new Set(cuts);
    const changed = cuts.filter((frame) => !saved.has(frame)).length + [...saved].filter((frame) => !now.has(frame)).length;
    const what = this.isSaved ? "what is saved" : "the store";
    byId("unsaved").textContent = changed ? `${changed} cut${changed === 1 ? " differs" : "s differ"} from ${what}` : `the same as ${what}`;
  }

  play(event) {
    const link = event.target.closest(".play");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const player = byId("player");
    const video = player.querySelector("video");
    const isVideo = this.kind === "mp4" && video.canPlayType('video/mp4; codecs="avc1.42E01E"') !== "";
    const film = isVideo ? video : player.querySelector("img"); // without H.264 an animated picture is shown
    film.hidden = false;
    if (!isVideo) video.hidden = true;
    const shot = link.closest(".shot");
    shot.insertBefore(player, shot.querySelector(".strip"));
    player.hidden = false;
    byId("playing").textContent = shot.querySelector(".title").textContent;
    film.src = isVideo ? link.getAttribute("href") : link.getAttribute("href").replace(/mp4$/, "webp");
    if (isVideo) film.play().catch(() => {});
    player.scrollIntoView({ block: "nearest" });
  }

  stop(isAsked) {
    const player = byId("player");
    if (player.hidden) return;
    const shot = player.closest(".shot");
    player.hidden = true;
    for (const film of player.querySelectorAll("video, img")) film.removeAttribute("src");
    this.strips.before(player);
    if (isAsked && shot) shot.focus();
  }

  find(event) {
    const box = byId("chart").getBoundingClientRect();
    const frame = Math.min(this.frames - 1, Math.max(0, Math.round(((event.clientX - box.left) / box.width) * this.frames)));
    const item = byId(`frame-${frame}`);
    if (!item) return;
    item.querySelector("a").focus({ preventScroll: true });
    item.scrollIntoView({ block: "center" });
  }
}

if (byId("desk")) new Desk(byId("desk"));

// ---- A dropped or pasted picture is sent by the form that is there anyway.

const drop = document.querySelector("[data-drop]");
if (drop) {
  const send = (event, files) => {
    if (!files || !files.length) return;
    event.preventDefault();
    drop.querySelector("input").files = files;
    drop.requestSubmit();
  };
  document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => send(event, event.dataTransfer.files));
  document.addEventListener("paste", (event) => send(event, event.clipboardData.files));
}
