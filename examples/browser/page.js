// The page: reads a model and a CSV file, and shows the segments that the model finds.
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";
import { Segmenter } from "./segmenter.js";

ort.env.wasm.numThreads = 1; // more threads need a server that isolates the page (COOP and COEP headers)
const COLORS = ["#3572b0", "#c44e52", "#55a868", "#8172b2", "#ccb974", "#64b5cd"];
const MOST_ROWS = 100; // of the table on the page; the download has all
const get = (id) => document.getElementById(id);
let model = null, shown = null;

function say(text, isError = false) {
  get("status").textContent = text;
  get("status").className = isError ? "error" : "";
}

async function openModel(bytes, name) {
  model = await Segmenter.open(ort, bytes);
  const { n_channels: n, channel_names: names, sampling_rate: rate, fingerprint } = model.told;
  const channels = n === 1 && !names ? "one channel" : `${n} channels${names ? ` (${names.join(", ")})` : ""}`;
  const facts = [channels, rate ? `${rate} samples per second` : "", `fingerprint ${fingerprint.slice(0, 12)}`];
  get("model").textContent = `${name}: ${facts.filter(Boolean).join(", ")}.`;
}

// Return the names of the columns, or null, and the rows of a CSV file as text.
function readRows(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  if (!lines.length) throw new Error("The file is empty.");
  const separator = [";", "\t", ","].find((one) => lines[0].includes(one)) ?? ",";
  const rows = lines.map((line) => line.split(separator).map((cell) => cell.trim().replace(/^"|"$/g, "")));
  const hasNames = rows[0].some((cell) => cell === "" || Number.isNaN(Number(cell)));
  return hasNames ? [rows[0], rows.slice(1)] : [null, rows];
}

// Return which columns are the channels of the model.
function chooseColumns(names, n, { n_channels, channel_names }) {
  if (names && channel_names?.every((name) => names.includes(name))) return channel_names.map((name) => names.indexOf(name));
  const first = n === n_channels + 1 ? 1 : 0; // a first column more is the time
  if (n - first === n_channels) return Array.from({ length: n_channels }, (_, c) => c + first);
  const wanted = channel_names ? ` named ${channel_names.join(", ")}` : "";
  throw new Error(`The file has ${n} columns${names ? ` (${names.join(", ")})` : ""}; the model needs ${n_channels}${wanted}, and at most one of times before them.`);
}

function readChannels(text, told) {
  const [names, rows] = readRows(text), skipped = names ? 2 : 1;
  if (!rows.length) throw new Error("The file has no rows of numbers.");
  return chooseColumns(names, rows[0].length, told).map((column) => Float64Array.from(rows, (row, t) => {
    const value = row[column] ? Number(row[column]) : NaN;
    if (!Number.isFinite(value)) {
      throw new Error(`Row ${t + skipped} has "${row[column] ?? ""}" in column ${names?.[column] ?? column + 1}; fill or cut out missing values.`);
    }
    return value;
  }));
}

async function segment(text, name) {
  const channels = readChannels(text, model.told), begun = performance.now();
  say(`${name}: running the network ...`);
  const segments = await model.predictSegments(channels, (share) => say(`${name}: ${Math.round(100 * share)} % ...`));
  const seconds = (performance.now() - begun) / 1000;
  show(channels, segments);
  say(`${name}: ${channels[0].length.toLocaleString("en")} samples, ${segments.length} segments, ${seconds.toFixed(2)} s.`);
}

async function takeFile(file) {
  try {
    if (file.name.endsWith(".onnx")) return await openModel(new Uint8Array(await file.arrayBuffer()), file.name);
    if (!model) throw new Error("There is no model yet: put model.onnx beside this page, or drop one.");
    await segment(await file.text(), file.name);
  } catch (error) {
    get("result").hidden = true;
    say(`${file.name}: ${error.message}`, true);
  }
}

// --- what is shown -------------------------------------------------------------------------------------------------------

const describe = ({ start, end, label, score }) => {
  const rate = model.told.sampling_rate, row = { start, end, length: end - start, label, score: score.toFixed(6) };
  return rate ? { ...row, start_time: start / rate, end_time: end / rate, duration: (end - start) / rate } : row;
};
const colorOf = (label) => COLORS[model.labels.indexOf(label) % COLORS.length];

function fillTable(table, rows) {
  table.replaceChildren();
  if (!rows.length) return;
  const add = (parent, kind, content) => parent.appendChild(Object.assign(document.createElement(kind), { textContent: content ?? "" }));
  const head = add(add(table, "thead"), "tr");
  for (const name of Object.keys(rows[0])) add(head, "th", name);
  const body = add(table, "tbody");
  for (const row of rows) {
    const line = add(body, "tr");
    for (const value of Object.values(row)) add(line, "td", value);
  }
}

function show(channels, segments) {
  shown = { channels, segments, from: 0, to: channels[0].length };
  get("result").hidden = false;
  const rate = model.told.sampling_rate, unit = rate ? "s" : "samples";
  const found = model.labels.filter((_, k) => model.told.classes[k] !== model.told.background);
  fillTable(get("counts"), found.map((label) => {
    const own = segments.filter((one) => one.label === label), total = own.reduce((sum, one) => sum + one.end - one.start, 0);
    return { label, count: own.length, [`mean length (${unit})`]: own.length ? (total / own.length / (rate ?? 1)).toFixed(rate ? 3 : 1) : "" };
  }));
  get("counts").querySelectorAll("tbody tr").forEach((line, i) => {
    const key = Object.assign(document.createElement("span"), { className: "key" });
    key.style.background = colorOf(found[i]);
    line.firstChild.prepend(key);
  });
  const rows = segments.map(describe);
  fillTable(get("segments"), rows.slice(0, MOST_ROWS));
  const quote = (cell) => (/[",\n]/.test(cell) ? `"${String(cell).replaceAll('"', '""')}"` : cell);
  const lines = [Object.keys(rows[0] ?? { start: 0, end: 0, length: 0, label: 0, score: 0 }), ...rows.map(Object.values)];
  URL.revokeObjectURL(get("download").href);
  get("download").href = URL.createObjectURL(new Blob([lines.map((row) => row.map(quote).join(",")).join("\n") + "\n"], { type: "text/csv" }));
  draw();
}

function draw() {
  if (!shown) return;
  const canvas = get("plot"), scale = window.devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas;
  [canvas.width, canvas.height] = [width * scale, height * scale];
  const pen = canvas.getContext("2d"), { channels, segments, from, to } = shown, rowHeight = height / channels.length;
  pen.scale(scale, scale);
  const place = (t) => ((t - from) / (to - from)) * width;
  pen.globalAlpha = 0.3;
  for (const { start, end, label } of segments) {
    if (end <= from || start >= to) continue;
    pen.fillStyle = colorOf(label);
    pen.fillRect(place(start), 0, Math.max(place(end) - place(start), 1), height);
  }
  pen.globalAlpha = 1;
  pen.strokeStyle = getComputedStyle(document.body).color;
  channels.forEach((values, c) => {
    const part = values.subarray(Math.floor(from), Math.ceil(to)), low = part.reduce((a, b) => Math.min(a, b)), high = part.reduce((a, b) => Math.max(a, b));
    const level = (v) => (c + 0.95 - (0.9 * (v - low)) / (high - low || 1)) * rowHeight, step = Math.max((to - from) / width / 2, 1);
    pen.beginPath();
    for (let t = from; t < to; t += step) { // the least and the largest value of half a pixel
      const some = values.subarray(Math.floor(t), Math.max(Math.floor(t + step), Math.floor(t) + 1));
      for (const v of step > 1 ? [Math.min(...some), Math.max(...some)] : some) pen.lineTo(place(Math.floor(t)), level(v));
    }
    pen.stroke();
  });
}

function zoom(event) {
  event.preventDefault();
  const { from, to } = shown, n = shown.channels[0].length, center = from + (event.offsetX / get("plot").clientWidth) * (to - from);
  const size = Math.min(Math.max((to - from) * (event.deltaY > 0 ? 1.25 : 0.8), 20), n);
  moveTo(center - ((center - from) / (to - from)) * size, size);
}

function moveTo(from, size) {
  const n = shown.channels[0].length;
  shown.from = Math.min(Math.max(from, 0), n - size);
  shown.to = shown.from + size;
  draw();
}

get("plot").addEventListener("wheel", zoom, { passive: false });
get("plot").addEventListener("pointermove", (event) => {
  if (!event.buttons || !shown) return;
  const size = shown.to - shown.from;
  moveTo(shown.from - (event.movementX / get("plot").clientWidth) * size, size);
});
window.addEventListener("resize", draw);
get("file").addEventListener("change", (event) => event.target.files[0] && takeFile(event.target.files[0]).then(() => (event.target.value = "")));
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault(); // a browser would open the file
    get("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) takeFile(event.dataTransfer.files[0]);
  });
}

const answer = await fetch("model.onnx").catch(() => null);
if (answer?.ok) await openModel(new Uint8Array(await answer.arrayBuffer()), "model.onnx").catch((error) => say(error.message, true));
else get("model").textContent = "No model.onnx beside this page: drop a file of export_onnx first.";
