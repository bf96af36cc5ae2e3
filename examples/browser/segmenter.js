// A reader of the files of sslts' export_onnx for browsers: it does what sslts/onnx_runner.py does, step by step.
// `ort` is the module of onnxruntime-web.

const FORMAT = 1; // of the metadata
const PIECE = 1 << 15; // samples of a long signal that one pass of the network keeps

export class Segmenter {
  // Open a model from its bytes.
  static async open(ort, bytes) {
    const told = readMetadata(bytes);
    if (!("format" in told)) throw new Error("The model holds no metadata of sslts; write it with segmenter.export_onnx(path).");
    if (told.format > FORMAT) throw new Error(`The model has format ${told.format}, this page knows ${FORMAT}; take the page of sslts ${told.version}.`);
    checkKinds(told);
    return new Segmenter(ort, await ort.InferenceSession.create(bytes), told);
  }

  constructor(ort, session, told) {
    this.ort = ort;
    this.session = session;
    this.told = told;
    this.labels = told.class_names ?? told.classes;
  }

  // Return the probabilities of a signal: one Float32Array for each output of the network. `channels` are Float64Arrays.
  async predictProba(channels, report = () => {}) {
    const length = channels[0].length;
    const x = channels.map((values, c) => normalize(values, c, this.told.normalization));
    let outputs = null;
    for (const [start, stop, keepStart, keepStop] of cutPieces(length, this.told.stride, this.told.receptive_field)) {
      const piece = new Float32Array(x.length * (stop - start));
      x.forEach((values, c) => piece.set(values.subarray(start, stop), c * (stop - start)));
      const signal = new this.ort.Tensor("float32", piece, [1, x.length, stop - start]);
      const answer = (await this.session.run({ signal })).probabilities;
      outputs ??= Array.from({ length: answer.dims[1] }, () => new Float32Array(length));
      outputs.forEach((values, k) => {
        const first = k * (stop - start) + keepStart - start;
        values.set(answer.data.subarray(first, first + keepStop - keepStart), keepStart);
      });
      report(keepStop / length);
    }
    if (outputs.some((values) => values.some(Number.isNaN))) throw new Error("The network returns NaN; fit and export it again.");
    return outputs;
  }

  // Return the segments of a signal, without the background: {start, end, label, score}.
  async predictSegments(channels, report) {
    const proba = await this.predictProba(channels, report);
    const codes = decode(this.told.decoder, proba);
    const owner = this.told.decoder.owner ?? this.told.classes.map((_, k) => k);
    const merged = mergeHalves(proba, owner, this.told.classes.length);
    return joinLabels(codes, merged, owner).filter((s) => this.told.classes[s.k] !== this.told.background)
      .map(({ k, ...segment }) => ({ ...segment, label: this.labels[k] }));
  }
}

// --- the file ----------------------------------------------------------------------------------------------------------

// Return the metadata of an ONNX file by name. onnxruntime-web does not offer it, but it is a field of the file.
function readMetadata(bytes) {
  const found = {};
  for (const [field, value] of readFields(bytes)) {
    if (field !== 14) continue; // metadata_props of ModelProto
    const texts = Object.fromEntries([...readFields(value)].map(([n, text]) => [n, new TextDecoder().decode(text)]));
    if (texts[1].startsWith("sslts.")) found[texts[1].slice(6)] = JSON.parse(texts[2]);
  }
  return found;
}

// Yield the number and the bytes of each field of a message of Protocol Buffers that has a length.
function* readFields(bytes) {
  let at = 0;
  const readNumber = () => {
    let value = 0, factor = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte > 127);
    return value;
  };
  while (at < bytes.length) {
    const tag = readNumber(), kind = tag % 8;
    if (kind === 2) {
      const size = readNumber();
      yield [Math.floor(tag / 8), bytes.subarray(at, at + size)];
      at += size;
    } else if (kind === 0) readNumber();
    else if (kind === 1 || kind === 5) at += kind === 1 ? 8 : 4;
    else throw new Error("This is not an ONNX file.");
  }
}

function checkKinds({ normalization, decoder }) {
  const fix = "take the page of the sslts that wrote the file.";
  if (!(String(normalization.kind) in NORMALIZATIONS)) throw new Error(`normalization "${normalization.kind}" is unknown; ${fix}`);
  if (!(decoder.kind in DECODERS)) throw new Error(`decoder "${decoder.kind}" is unknown; ${fix}`);
}

// Yield the start and the stop of what is read for each piece, and of what is kept of it.
function* cutPieces(length, stride, field) {
  if (stride === null || field === null) return yield [0, length, 0, length];
  const halo = Math.ceil(field / stride) * stride;
  let core = Math.max(Math.floor(PIECE / stride) * stride, stride);
  if (length <= core + 2 * halo) core = length;
  for (let kept = 0; kept < length; ) {
    const stop = length - kept - core > halo ? kept + core : length;
    yield [Math.max(kept - halo, 0), Math.min(stop + halo, length), kept, stop];
    kept = stop;
  }
}

// --- normalization -----------------------------------------------------------------------------------------------------

const NORMALIZATIONS = {
  null: (values) => Float32Array.from(values),
  training: (values, c, told) => Float32Array.from(values, (v) => (v - told.location[c]) / told.scale[c]),
  recording: (values) => {
    let mean = 0, squares = 0, low = Infinity, high = -Infinity;
    for (const v of values) [mean, low, high] = [mean + (v - values[0]), Math.min(low, v), Math.max(high, v)];
    mean = values[0] + mean / values.length;
    for (const v of values) squares += (v - mean) ** 2;
    const scale = Math.sqrt(squares / values.length);
    return Float32Array.from(values, (v) => (high > low && scale > 0 ? (v - mean) / scale : 0));
  },
  local: (values, c, told) => standardizeLocally(values, Math.max(Math.floor(told.width / 2), 1)),
};

export function normalize(values, c, told) {
  return NORMALIZATIONS[String(told.kind)](values, c, told);
}

// Return a signal with mean 0 and standard deviation 1 over windows of 2 * half + 1 samples. A window is the end of one
// block and the beginning of the next; sums start anew in each block, so that they stay small.
function standardizeLocally(x, half) {
  const n = x.length, size = 2 * half + 1, out = new Float32Array(n);
  const changes = new Int32Array(n);
  for (let t = 1; t < n; t++) changes[t] = changes[t - 1] + (x[t] !== x[t - 1]);
  const at = (i) => x[Math.min(Math.max(i, 0), n - 1)];
  for (let block = -half; block + half < n; block += size) {
    const origin = at(block + size - 1); // window w of the block begins at block + w
    const ends = [new Float64Array(size + 1), new Float64Array(size + 1)];
    for (let w = size - 1; w >= 0; w--) {
      const d = block + w >= 0 && block + w < n ? x[block + w] - origin : 0;
      ends[0][w] = ends[0][w + 1] + d;
      ends[1][w] = ends[1][w + 1] + d * d;
    }
    let [sum, squares] = [0, 0]; // of the beginning of the next block
    for (let w = 0; w < size; w++) {
      if (w > 0 && block + size + w - 1 < n) {
        const d = x[block + size + w - 1] - origin;
        sum += d;
        squares += d * d;
      }
      const t = block + w + half;
      if (t < 0 || t >= n) continue;
      const low = Math.max(t - half, 0), high = Math.min(t + half + 1, n);
      const mean = (ends[0][w] + sum) / (high - low);
      const variance = (ends[1][w] + squares) / (high - low) - mean * mean;
      if (changes[high - 1] > changes[low] && variance > 0) out[t] = (x[t] - origin - mean) / Math.sqrt(variance);
    }
  }
  return out;
}

// --- decoding: probabilities, one array for each class, become one label for each sample -------------------------------

export function decode(told, proba) {
  return DECODERS[told.kind](told, proba);
}

const DECODERS = {
  Argmax: (told, proba) => Int32Array.from(proba[0], (_, t) => findBest(proba.length, (k) => proba[k][t])),
  Hysteresis: decodeByThresholds,
  DurationViterbi: decodeByDurations,
  OccurrenceDecoder: decodeHalves,
};

// Return the first k for which score(k) is largest.
function findBest(n, score) {
  let best = 0;
  for (let k = 1; k < n; k++) if (score(k) > score(best)) best = k;
  return best;
}

// Return the runs of equal values as [start, end, value].
function findRuns(values) {
  const runs = [];
  for (let start = 0, t = 1; t <= values.length; t++) {
    if (t < values.length && values[t] === values[start]) continue;
    runs.push([start, t, values[start]]);
    start = t;
  }
  return runs;
}

function mergeHalves(proba, owner, n) {
  const merged = proba.slice(0, n).map((values) => values.slice());
  for (let c = n; c < owner.length; c++) proba[c].forEach((p, t) => (merged[owner[c]][t] += p));
  return merged;
}

// Decide the labels, then where the halves of each occurrence lie inside a label.
function decodeHalves(told, proba) {
  const { owner } = told;
  const labels = decode(told.labels, mergeHalves(proba, owner, told.n_classes));
  const inside = proba.map((values, c) => Float64Array.from(values, (p, t) => (owner[c] === labels[t] ? p + 1e-9 : 0)));
  for (let t = 0; t < labels.length; t++) {
    const sum = inside.reduce((total, values) => total + values[t], 0);
    inside.forEach((values) => (values[t] /= sum));
  }
  return decode(told.splitter, inside).map((code, t) => (owner[code] === labels[t] ? code : labels[t]));
}

function decodeByThresholds({ rules, background }, proba) {
  const n = proba[0].length;
  const claims = rules.map((rule, k) => {
    const bits = new Uint8Array(n), [onset, offset] = [rule.onset, rule.offset].map(Math.fround);
    for (let t = 0, on = 0; t < n; t++) bits[t] = on = proba[k][t] >= onset ? 1 : proba[k][t] < offset ? 0 : on;
    for (const [start, end, v] of findRuns(bits)) if (!v && end - start < rule.min_gap && start > 0 && end < n) bits.fill(1, start, end);
    for (const [start, end, v] of findRuns(bits)) if (v && end - start < rule.min_length) bits.fill(0, start, end);
    for (const [start, end, v] of findRuns(bits)) if (v) bits.fill(1, Math.max(start - rule.pad, 0), end + rule.pad);
    return bits;
  });
  const labels = new Int32Array(n);
  for (let t = 0; t < n; t++) {
    const claimed = claims.map((bits, k) => bits[t] && k !== background);
    if (claimed.some(Boolean)) labels[t] = findBest(rules.length, (k) => (claimed[k] ? proba[k][t] : -1));
    else labels[t] = background ?? findBest(rules.length, (k) => proba[k][t]);
  }
  const least = rules.map((rule, k) => (k === background ? 0 : rule.min_length));
  if (background === null) return mergeShortRuns(labels, least);
  for (const [start, end, v] of findRuns(labels)) if (end - start < least[v]) labels.fill(background, start, end);
  return labels;
}

// Give each short run the label before it; short runs at the start take the label of the first run that is long enough.
function mergeShortRuns(labels, least) {
  const runs = findRuns(labels), isLong = ([start, end, v]) => end - start >= least[v];
  let first = runs.findIndex((run, i) => isLong(run) || (i < runs.length - 1 && run[1] >= least[runs[0][2]]));
  if (first < 0) return labels.fill(runs[0][2]);
  let value = isLong(runs[first]) ? runs[first][2] : runs[0][2];
  runs.forEach((run) => {
    if (isLong(run)) value = run[2];
    labels.fill(value, run[0], run[1]);
  });
  return labels;
}

// --- the best segmentation, given ratings of lengths and neighbors (DurationViterbi) ------------------------------------

const SMALLEST = 1e-6, UNIT = 2 ** -20, DOUBTFUL = [0.3, 0.6, 1], GAP = 0.5, SURE = 6, WINDOW = 128;

// Round to the nearest whole number, halves to the even one.
function round(v) {
  const r = Math.round(v);
  return r - v === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

function decodeByDurations(told, proba) {
  const model = readModel(told), evidence = measureEvidence(proba), n = evidence.label.length;
  const labels = evidence.label.slice();
  for (const chain of planChains(model, evidence, n)) decideChain(model, evidence, chain, labels);
  return labels;
}

function readModel({ transition, lengths, weight, hop }) {
  const bytes = Uint8Array.from(atob(lengths), (c) => c.charCodeAt(0)), K = transition.length;
  const all = new Float64Array(bytes.buffer), G = all.length / K;
  const whole = transition.map((_, k) => all.subarray(k * G, (k + 1) * G));
  const part = whole.map((values) => {
    const best = values.slice();
    for (let g = G - 2; g >= 0; g--) best[g] = Math.max(best[g], best[g + 1]);
    return best.map((v) => Math.min(v, 0));
  });
  const ratings = transition.map((row) => row.map((one) => one ?? -Infinity));
  const isSoft = ratings.flat().filter((one) => one === -Infinity).length === K; // only then is a change certain
  return { K, G, whole, part, transition: ratings, weight, hop, isSoft };
}

// Return the best class of each sample, and exact sums of its margin and of the log-probability of each class.
function measureEvidence(proba) {
  const K = proba.length, n = proba[0].length, label = new Int32Array(n), margin = new Float64Array(n + 1);
  const total = proba.map(() => new Float64Array(n + 1)), logs = new Float32Array(K), floor = Math.fround(Math.log(SMALLEST));
  for (let t = 0; t < n; t++) {
    for (let k = 0; k < K; k++) logs[k] = Math.log(Math.max(Math.fround(proba[k][t]), Math.fround(SMALLEST)));
    const best = (label[t] = findBest(K, (k) => logs[k]));
    let second = floor;
    for (let k = 0; k < K; k++) {
      if (k !== best) second = Math.max(second, logs[k]);
      total[k][t + 1] = total[k][t] + round(logs[k] / UNIT) * UNIT;
    }
    margin[t + 1] = margin[t] + round(Math.fround(logs[best] - second) / UNIT) * UNIT;
  }
  return { label, margin, total };
}

// Return the stretches that need a decision, in chains: {steps, stop, sureStart, sureStop}.
function planChains(model, { label, margin }, n) {
  const need = Math.ceil(SURE / model.weight / UNIT) * UNIT, runs = findRuns(label), reach = 2 * model.hop;
  const sure = runs.map(([start, end]) => model.isSoft && margin[end] - margin[start] >= need);
  const change = [...runs.keys()].filter((i) => i && sure[i] && sure[i - 1]);
  const bounds = [0, ...change.map((i) => runs[i][0])], first = [0, ...change];
  const known = change.map((i) => searchSorted(margin, margin[runs[i][0]] + need));
  const chains = [];
  for (let i = 0; ; ) {
    let j = i;
    while (j < change.length && known[j] <= bounds[j] + reach) j++; // the next stretch longer than the latency, or the last
    for (let m = i; m < j; m++) {
      if (first[m + 1] - first[m] > 1) chains.push({ steps: [bounds[m]], stop: bounds[m + 1], sureStart: m > 0, sureStop: true });
    }
    const steps = [bounds[j]];
    for (let following = j + 1; ; ) {
      const s = steps.at(-1);
      while (following < bounds.length && bounds[following] <= s) following++;
      if (following < bounds.length && known[following - 1] <= s + reach) {
        chains.push({ steps, stop: bounds[following], sureStart: j > 0, sureStop: true });
        i = following;
        break;
      }
      if (s + reach > n) {
        const isOneRun = j > 0 && steps.length === 1 && runs.at(-1)[0] === s;
        if (s < n && !isOneRun) chains.push({ steps, stop: n, sureStart: j > 0, sureStop: false });
        return chains;
      }
      steps.push(s + model.hop);
    }
  }
}

// Return the first index at which sorted values are at least v.
function searchSorted(values, v) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < v) low = middle + 1;
    else high = middle;
  }
  return low;
}

function decideChain(model, evidence, { steps, stop, sureStart, sureStop }, labels) {
  const zeros = () => new Array(model.K).fill(0);
  let start = { score: zeros(), lasted: zeros(), cut: zeros().fill(true) }; // any class, which may have begun before
  if (sureStart) {
    const score = zeros().fill(-Infinity);
    score[evidence.label[steps[0]]] = 0;
    start = { score, lasted: zeros(), cut: zeros().fill(false) };
  }
  for (const s of steps.slice(0, -1)) {
    const found = findBestSegments(model, evidence, s, s + 2 * model.hop, start, -1);
    for (const { first, end, k } of found) labels.fill(k, s + Math.min(first, model.hop), s + Math.min(end, model.hop));
    start = restart(model, found, start);
  }
  const last = steps.at(-1), end = sureStop ? evidence.label[stop - 1] : -1;
  for (const one of findBestSegments(model, evidence, last, stop, start, end)) labels.fill(one.k, last + one.first, last + one.end);
}

// Return the start of the next stretch: the segment of the last decided sample goes on or ends there.
function restart(model, found, start) {
  const i = found.findLastIndex((one) => one.first < model.hop), { first, k } = found[i];
  const cut = i === 0 && start.cut[k], lasted = model.hop - first + (i === 0 ? start.lasted[k] : 0);
  const rating = (cut ? model.part : model.whole)[k][indexLength(model, lasted)];
  return {
    score: model.transition[k].map((one, other) => (other === k ? 0 : one + rating)),
    lasted: start.lasted.map((_, other) => (other === k ? lasted : 0)),
    cut: start.cut.map((_, other) => other === k && cut),
  };
}

function indexLength(model, length) {
  return Math.min(round(Math.log(Math.max(length, 1)) * 64), model.G - 1);
}

function rate(model, k, length, cut, isOpen) {
  if (cut && isOpen) return 0;
  return (cut || isOpen ? model.part : model.whole)[k][indexLength(model, length)];
}

// Return where a stretch may change, from 0 to its length.
function findEdges(model, { label, margin }, begin, stop) {
  const width = Math.max(Math.trunc(GAP / model.weight), 1), edges = [0];
  const countDoubts = (t) => DOUBTFUL.filter((level) => margin[t + 1] - margin[t] < level).length;
  let before = -1;
  for (let t = begin; t < stop - 1; t++) {
    const isRun = label[t + 1] !== label[t];
    if (!isRun && countDoubts(t + 1) === countDoubts(t)) continue;
    const cell = Math.floor((t - begin) / width);
    if (isRun || cell !== before) edges.push(t - begin + 1);
    before = cell;
  }
  return [...edges, stop - begin];
}

// Return the best segments of a stretch, from 0: {first, end, k}; end=-1: the last segment may go on.
function findBestSegments(model, evidence, begin, stop, start, end) {
  const { K } = model, edges = findEdges(model, evidence, begin, stop), most = edges.length - 1;
  const table = () => Array.from({ length: K }, () => new Float64Array(most + 1));
  const [entry, came, before] = [table(), table(), table()], oldest = new Array(K).fill(0);
  entry.forEach((row, k) => row.fill(-Infinity) && (row[0] = start.score[k]));
  const score = new Float64Array(K);
  for (let j = 1; j <= most; j++) {
    const low = Math.max(0, j - WINDOW), isOpen = j === most && end < 0;
    const rateFrom = (k, i) => {
      const length = edges[j] - edges[i] + (i === 0 ? start.lasted[k] : 0);
      return rate(model, k, length, i === 0 && start.cut[k], isOpen) + entry[k][i];
    };
    for (let k = 0; k < K; k++) {
      score[k] = -Infinity;
      came[k][j] = low;
      for (let i = low; i < j; i++) {
        const found = rateFrom(k, i);
        if (found > score[k]) [score[k], came[k][j]] = [found, i];
      }
      if (low) {
        if (rateFrom(k, low - 1) > rateFrom(k, oldest[k])) oldest[k] = low - 1;
        const found = rateFrom(k, oldest[k]);
        if (found > score[k]) [score[k], came[k][j]] = [found, oldest[k]];
      }
    }
    const totals = evidence.total.map((sums) => (sums[begin + edges[j]] - sums[begin]) * model.weight);
    for (let k = 0; k < K; k++) score[k] += totals[k];
    for (let k = 0; k < K; k++) {
      const enter = (from) => score[from] + model.transition[from][k], best = findBest(K, enter);
      before[k][j] = best;
      entry[k][j] = enter(best) - totals[k];
    }
  }
  const found = [];
  for (let k = end >= 0 ? end : findBest(K, (one) => score[one]), at = most; at > 0; ) {
    const first = came[k][at];
    found.push({ first: edges[first], end: edges[at], k });
    [k, at] = [before[k][first], first];
  }
  return found.reverse();
}

// --- segments ----------------------------------------------------------------------------------------------------------

// Join labels to segments; a code from K on begins a new occurrence of its owner's class.
function joinLabels(codes, proba, owner) {
  const found = [];
  for (let t = 0; t < codes.length; t++) {
    const k = owner[codes[t]], begins = codes[t] >= proba.length && codes[t] !== codes[t - 1];
    if (t === 0 || k !== owner[codes[t - 1]] || begins) found.push({ k, start: t, end: t, score: 0 });
    const open = found.at(-1);
    open.end = t + 1;
    open.score += proba[k][t];
  }
  return found.map((one) => ({ ...one, score: one.score / (one.end - one.start) }));
}
